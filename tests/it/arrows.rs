//! The house of `src/lib.rs`: dependencies point one way, each foreign protocol is named by one layer, files stay small.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item, ItemMod, Macro, UseTree, visit::Visit};

use crate::package::{self, own, word};

/// From the top down; a layer may use those in the rows below its own.
const LAYERS: &[&[&str]] = &[
    &["main", "lib"],
    &["cli"],
    &["setup"],
    &["config"],
    &["milter"],
    &["engine"],
    &["dns", "directory", "dkim", "mailstore", "observe", "store"],
    &["spf", "server", "maillog"],
    &["core"],
];

/// Crates that only these layers may name.
const HOME: &[(&str, &[&str])] = &[
    ("milter", &["milter"]),
    ("bzip2", &["mailstore"]),
    ("quick_xml", &["mailstore"]),
    ("rawzip", &["mailstore"]),
    ("flate2", &["mailstore"]),
    ("lz4_flex", &["mailstore"]),
    ("lzma_rust2", &["mailstore"]),
    ("ruzstd", &["mailstore"]),
    ("hickory_resolver", &["dns"]),
    ("mail_auth", &["dkim"]),
    ("redis", &["store"]),
    // Two uses that share nothing: a file of our own, and databases of others.
    ("sqlx", &["store", "directory"]),
    ("ldap3", &["directory"]),
    // The certificates that an LDAP server's is held against, for ldap3 takes no file.
    ("rustls", &["directory"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("indicatif", &["cli"]),
    ("mail_builder", &["cli"]),
    ("maud", &["cli"]),
    // Who counts something gives numbers; what they look like to the world is one layer's.
    ("prometheus_client", &["observe"]),
    ("hyper", &["observe"]),
    ("hyper_util", &["observe"]),
    ("http_body_util", &["observe"]),
];

/// All that a layer may name beside std and the layers below it, where that is little.
const ONLY: &[(&str, &[&str])] = &[
    (
        "core",
        &[
            "aho_corasick",
            "data_encoding",
            "hmac",
            "humantime",
            "idna",
            "unicase",
            "ipnet",
            "psl",
            "mail_parser",
            "memchr",
            "postcard",
            "regex",
            "regex_syntax",
            "serde",
            "sha1",
            "sha2",
            "thiserror",
            "unicode_normalization",
            "unicode_security",
        ],
    ),
    ("spf", &["futures_util", "ipnet"]),
    ("maillog", &["jiff", "memchr", "serde"]),
    (
        "mailstore",
        &[
            "bzip2",
            "flate2",
            "lz4_flex",
            "lzma_rust2",
            "quick_xml",
            "rawzip",
            "ruzstd",
            "thiserror",
        ],
    ),
];

/// The most lines that a file of `src` may have.
const LONGEST_FILE: usize = 450;

#[test]
fn dependencies_point_one_way() {
    let mut wrong = BTreeSet::new();
    for (source, names) in SOURCES.iter() {
        for target in &names.layers {
            if *target != source.layer && rank(target) <= rank(&source.layer) {
                wrong.insert(format!("{}: names crate::{target}", source.path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "arrows that point up or sideways: {wrong:#?}"
    );
}

#[test]
fn foreign_protocols_are_named_where_they_belong() {
    let mut wrong = BTreeSet::new();
    for (source, names) in SOURCES.iter() {
        for name in &names.crates {
            let home = HOME
                .iter()
                .find(|(of, _)| of == name)
                .map(|(_, home)| *home);
            let only = ONLY
                .iter()
                .find(|(of, _)| *of == source.layer)
                .map(|(_, only)| *only);
            if home.is_some_and(|home| !home.contains(&source.layer.as_str()))
                || only.is_some_and(|only| !only.contains(&name.as_str()))
            {
                wrong.insert(format!("{}: names {name}", source.path.display()));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "crates that have no business there: {wrong:#?}"
    );
}

#[test]
fn files_are_small() {
    let long: Vec<String> = SOURCES
        .iter()
        .map(|(source, _)| (source.path.display(), source.text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {LONGEST_FILE} lines: {long:#?}");
}

/// The compiler does the looking; what could be lost without a word is that it is told to.
#[test]
fn unsafe_code_is_forbidden() {
    let manifest = package::text("Cargo.toml");
    assert!(manifest.contains("\n[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    assert!(manifest.contains("\n[lints]\nworkspace = true\n"));
    assert!(package::text("tests/lab/src/lib.rs").contains("\n#![forbid(unsafe_code)]\n"));
}

#[test]
fn names_are_found_wherever_they_stand() {
    let source = Source {
        path: PathBuf::from("src/dns/cache/ttl.rs"),
        layer: "dns".to_owned(),
        text: "use crate::{core::spf, observe as o};
               use std::{fmt, net::IpAddr};
               use super::super::super::config::Settings;
               use hickory_resolver as resolver;
               mod inner { use super::super::super::super::cli; }
               fn f(x: crate::engine::X) -> ::serde::Y { log::warn!(\"{}\", regex::escape(x)); }
               #[cfg(test)] mod tests { use crate::main; use proptest::prelude::*; }"
            .to_owned(),
    };
    let names = source.names();
    let set = |words: &[&str]| {
        words
            .iter()
            .map(|&word| word.to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        names.layers,
        set(&["cli", "config", "core", "engine", "observe"])
    );
    assert_eq!(
        names.crates,
        set(&["hickory_resolver", "log", "regex", "serde"])
    );
}

struct Source {
    /// From the package's root.
    path: PathBuf,
    layer: String,
    text: String,
}

/// What a file names, tests aside.
#[derive(Default)]
struct Names {
    layers: BTreeSet<String>,
    /// Of our dependencies, as the code writes them.
    crates: BTreeSet<String>,
    dependencies: BTreeSet<String>,
    /// How many `super` lead from here to the crate's root.
    depth: usize,
}

impl Source {
    fn names(&self) -> Names {
        let file = syn::parse_file(&self.text)
            .unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let mut names = Names {
            dependencies: dependencies(),
            depth: depth(&self.path),
            ..Names::default()
        };
        names.visit_file(&file);
        names
    }
}

impl Names {
    fn path(&mut self, segments: &[String]) {
        let supers = segments
            .iter()
            .take_while(|segment| *segment == "super")
            .count();
        let in_crate = match segments.first().map(String::as_str) {
            Some("crate") => segments.get(1),
            Some("super") if supers == self.depth => segments.get(supers),
            Some(first) => {
                if self.dependencies.contains(first) {
                    self.crates.insert(first.to_owned());
                }
                None
            }
            None => None,
        };
        self.layers.extend(in_crate.cloned());
    }

    fn tree(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(before, &path.tree);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
            UseTree::Name(name) => {
                self.path(&[before.as_slice(), &[name.ident.to_string()]].concat())
            }
            UseTree::Rename(name) => {
                self.path(&[before.as_slice(), &[name.ident.to_string()]].concat())
            }
            UseTree::Glob(_) => self.path(before),
        }
    }

    /// What is called inside `log::warn!(...)` and its like, where syn sees tokens only.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut segments: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        segments.clear();
                    }
                    segments.push(ident.to_string());
                    colons = 0;
                    if segments.len() > 1 {
                        self.path(&segments);
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    segments.clear();
                    self.tokens(group.stream());
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => segments.clear(),
            }
        }
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_cfg_test) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        self.depth += 1;
        syn::visit::visit_item_mod(self, module);
        self.depth -= 1;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&mut Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if segments.len() > 1 {
            self.path(&segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|path| path.is_ident("test"))
}

/// The row of a layer; the lower it stands, the greater.
fn rank(layer: &str) -> usize {
    LAYERS
        .iter()
        .position(|row| row.contains(&layer))
        .unwrap_or_else(|| panic!("{layer} is no layer; src/lib.rs and this test must know it"))
}

/// `src/dns/cache.rs` and `src/dns/cache/mod.rs` are two modules deep.
fn depth(path: &Path) -> usize {
    let stem = path.file_stem().unwrap();
    let parts = path.components().count() - 1;
    if ["mod", "lib", "main"].iter().any(|name| stem == *name) {
        parts - 1
    } else {
        parts
    }
}

fn dependencies() -> BTreeSet<String> {
    own()["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|dependency| match dependency["rename"].as_str() {
            Some(name) => name.replace('-', "_"),
            None => word(dependency, "name").replace('-', "_"),
        })
        .collect()
}

/// All there are, with what they name.
static SOURCES: LazyLock<Vec<(Source, Names)>> = LazyLock::new(|| {
    let named = sources().into_iter().map(|source| {
        let names = source.names();
        (source, names)
    });
    named.collect()
});

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&package::path("src"), &mut paths);
    assert!(paths.len() > 20, "{paths:?}");
    paths
        .into_iter()
        .map(|path| {
            let relative = path
                .strip_prefix(env!("CARGO_MANIFEST_DIR"))
                .unwrap()
                .to_owned();
            let layer = relative.components().nth(1).unwrap().as_os_str();
            let layer = Path::new(layer)
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let text = fs::read_to_string(&path).unwrap();
            Source {
                path: relative,
                layer,
                text,
            }
        })
        .collect()
}

/// Files and folders named `tests` hold tests only.
fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                collect(&path, into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            into.push(path);
        }
    }
}
