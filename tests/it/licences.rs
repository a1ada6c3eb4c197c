//! Backstop is GPL-3.0-or-later: whatever is linked into it must be compatible, and come from crates.io.
//!
//! Advisories and yanked versions are not looked at: RustSec's database and crates.io's yank marks can't be had offline.
//! `cargo audit`, where there is a network, does that.

use std::collections::{BTreeMap, BTreeSet};

use crate::package::{packages, word};

/// Licences whose terms GPL-3.0-or-later keeps (the Free Software Foundation's list), by their SPDX names.
const COMPATIBLE: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "GPL-3.0-or-later",
    "ISC",
    "LGPL-2.1-or-later",
    "LGPL-3.0-or-later",
    "MIT",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    // Fedora's list: like zlib's, with a clause on names. Of libbz2-rs-sys, which says so.
    "bzip2-1.0.6",
];

/// Crates that must not creep in, and why.
const BANNED: &[(&str, &str)] = &[
    (
        "openssl-sys",
        "brings the system's OpenSSL; TLS here is rustls",
    ),
    (
        "native-tls",
        "brings the system's OpenSSL; TLS here is rustls",
    ),
    (
        "libmilter-sys",
        "the C libmilter queues callbacks; the milter crate is pure Rust",
    ),
    ("async-std", "a second runtime beside tokio"),
    ("smol", "a second runtime beside tokio"),
];

/// Crates of which two versions would be two copies of one state, or of one C library.
const ONCE: &[&str] = &[
    "libsqlite3-sys",
    "rusqlite",
    "ring",
    "tokio",
    "log",
    "hickory-proto",
];

#[test]
fn every_licence_is_compatible_with_gpl_3_or_later() {
    let foreign: Vec<String> = packages()
        .iter()
        .filter(|package| !allows(word(package, "license")))
        .map(|package| {
            format!(
                "{} {}: {}",
                word(package, "name"),
                word(package, "version"),
                package["license"]
            )
        })
        .collect();
    assert!(
        foreign.is_empty(),
        "not known to be compatible:\n{}",
        foreign.join("\n")
    );
}

#[test]
fn every_crate_is_ours_or_from_crates_io() {
    for package in packages() {
        match package["source"].as_str() {
            None => assert_eq!(
                word(package, "license"),
                "GPL-3.0-or-later",
                "{}",
                word(package, "name")
            ),
            Some(source) => assert_eq!(
                source,
                "registry+https://github.com/rust-lang/crates.io-index",
                "{}",
                word(package, "name")
            ),
        }
    }
}

#[test]
fn banned_crates_stay_out() {
    let names: BTreeSet<&str> = packages()
        .iter()
        .map(|package| word(package, "name"))
        .collect();
    for (name, why) in BANNED {
        assert!(
            !names.contains(name),
            "{name}: {why}; `cargo tree -i {name}` tells who brings it"
        );
    }
}

#[test]
fn what_holds_state_is_there_once() {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages() {
        versions
            .entry(word(package, "name"))
            .or_default()
            .push(word(package, "version"));
    }
    for name in ONCE {
        let found = versions.get(name).map_or(0, Vec::len);
        assert!(
            found <= 1,
            "{name}: {:?}; `cargo tree -d` tells who brings them",
            versions[name]
        );
    }
}

/// Whether an SPDX expression (or crates.io's older `A/B`) leaves us a licence that we may take.
fn allows(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let words = expression.replace('(', " ( ").replace(')', " ) ");
    let mut words = words.split_whitespace().peekable();
    let allowed = either(&mut words);
    allowed && words.next().is_none()
}

fn either<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let mut allowed = both(words);
    while words.next_if_eq(&"OR").is_some() {
        allowed |= both(words);
    }
    allowed
}

fn both<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
    let mut allowed = one(words);
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words);
    }
    allowed
}

fn one<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let allowed = either(words);
        return allowed && words.next() == Some(")");
    }
    let Some(licence) = words.next() else {
        return false;
    };
    match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
        Some(exception) => COMPATIBLE.contains(&format!("{licence} WITH {exception}").as_str()),
        None => COMPATIBLE.contains(&licence),
    }
}

#[test]
fn licence_expressions() {
    for (expression, allowed) in [
        ("MIT", true),
        ("MIT/Apache-2.0", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("Apache-2.0 WITH LLVM-exception OR Proprietary", true),
        ("Proprietary OR MIT AND Proprietary", false),
        ("(MIT OR Proprietary) AND Proprietary", false),
        ("MIT WITH Commons-Clause", false),
        ("GPL-2.0-only", false),
        ("MIT)", false),
        ("(MIT", false),
        ("", false),
    ] {
        assert_eq!(allows(expression), allowed, "{expression}");
    }
}
