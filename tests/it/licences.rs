//! Backstop is GPL-3.0-or-later: whatever is linked into it must be compatible, and come from crates.io. What may, says
//! `.github/deny.toml`, which is cargo-deny's file; this holds Cargo.lock to it where cargo-deny is not installed.
//!
//! Advisories and yanked versions are not looked at: RustSec's database and crates.io's yank marks can't be had offline.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use regex::Regex;
use toml_edit::{Array, DocumentMut, InlineTable, Item};

use crate::package::{packages, text, word};

const FILE: &str = ".github/deny.toml";

static DENY: LazyLock<DocumentMut> = LazyLock::new(|| {
    let text = text(FILE);
    text.parse()
        .unwrap_or_else(|error| panic!("{FILE}: {error}"))
});

/// What stands in a section of the file under this key.
fn said(section: &str, key: &str) -> &'static Item {
    let said = DENY.get(section).and_then(|section| section.get(key));
    said.unwrap_or_else(|| panic!("{FILE}: no {key} in [{section}]"))
}

fn list(section: &str, key: &str) -> &'static Array {
    said(section, key).as_array().unwrap()
}

fn texts(section: &str, key: &str) -> BTreeSet<&'static str> {
    let list = list(section, key).iter();
    list.map(|value| value.as_str().unwrap()).collect()
}

/// The crates of `bans.deny`: those of which one version may be there, and those of which none may.
fn banned(only_once: bool) -> impl Iterator<Item = (&'static str, &'static InlineTable)> {
    let bans = list("bans", "deny").iter();
    let bans = bans.map(|ban| ban.as_inline_table().unwrap());
    bans.filter(move |ban| ban.contains_key("deny-multiple-versions") == only_once)
        .map(|ban| (ban["crate"].as_str().unwrap(), ban))
}

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
    for key in ["unknown-registry", "unknown-git"] {
        assert_eq!(said("sources", key).as_str(), Some("deny"), "{key}");
    }
    for package in packages() {
        match package["source"].as_str() {
            None => assert_eq!(
                word(package, "license"),
                "GPL-3.0-or-later",
                "{}",
                word(package, "name")
            ),
            Some(source) => {
                let registry = source.strip_prefix("registry+").unwrap_or_default();
                let is_known = texts("sources", "allow-registry").contains(registry);
                assert!(is_known, "{}: {source}", word(package, "name"));
            }
        }
    }
}

#[test]
fn banned_crates_stay_out() {
    let names: BTreeSet<&str> = packages()
        .iter()
        .map(|package| word(package, "name"))
        .collect();
    for (name, ban) in banned(false) {
        assert!(
            !names.contains(name),
            "{name}: {}; `cargo tree -i {name}` tells who brings it",
            ban["reason"].as_str().unwrap()
        );
    }
    assert!(banned(false).count() > 3);
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
    for (name, _) in banned(true) {
        let found = versions.get(name).map_or(0, Vec::len);
        assert!(
            found <= 1,
            "{name}: {:?}; `cargo tree -d` tells who brings them",
            versions[name]
        );
    }
    assert!(banned(true).count() > 3);
}

#[test]
fn what_is_archived_is_named_with_its_version() {
    let archived = Regex::new(r"(?m)^# - (\S+) (\S+): \w").unwrap();
    let file = text(FILE);
    let named: Vec<(&str, &str)> = archived
        .captures_iter(&file)
        .map(|row| (row.get(1).unwrap().as_str(), row.get(2).unwrap().as_str()))
        .collect();
    assert!(!named.is_empty(), "{FILE}");
    let linked: BTreeSet<(&str, &str)> = packages()
        .iter()
        .map(|package| (word(package, "name"), word(package, "version")))
        .collect();
    for crate_ in named {
        assert!(linked.contains(&crate_), "{FILE}: {crate_:?} is not linked");
    }
    let deprecated = linked
        .iter()
        .filter(|(_, version)| version.contains("deprecated"));
    for (name, version) in deprecated {
        let line = format!("# - {name} {version}: ");
        assert!(file.contains(&line), "{FILE} lacks `{line}`");
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
    let allowed = texts("licenses", "allow");
    let Some(licence) = words.next() else {
        return false;
    };
    match words.next_if_eq(&"WITH").and_then(|_| words.next()) {
        Some(exception) => allowed.contains(format!("{licence} WITH {exception}").as_str()),
        None => allowed.contains(licence),
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
