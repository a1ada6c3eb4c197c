//! Tests the shipped `milter.yaml` against the code: the same defaults, every key, and examples that work.

use std::{collections::BTreeSet, path::Path};

use super::{Config, Diagnostic, keys::keys_at, parse};
use crate::directory::Source;

const SHIPPED: &str = include_str!("../../milter.yaml");

/// All places with keys, except the long form of actions.
pub(crate) const PLACES: &[&[&str]] = &[
    &[],
    &["socket"],
    &["local"],
    &["local", "domains", "[]"],
    &["local", "domains", "[]", "sql"],
    &["local", "domains", "[]", "ldap"],
    &["dns"],
    &["spf"],
    &["spf", "helo"],
    &["spf", "mail_from"],
    &["spf", "domains", "example.org"],
    &["forgery"],
    &["null_sender"],
    &["null_sender", "never_send"],
    &["null_sender", "exempt"],
    &["exempt"],
    &["recipients", "[]"],
    &["recipients", "[]", "known", "[]"],
    &["recipients", "[]", "known", "[]", "sql"],
    &["recipients", "[]", "known", "[]", "ldap"],
    &["recipients", "[]", "rules", "[]"],
    &["recipients", "[]", "catch_all"],
    &["recipients", "[]", "unknown"],
    &["tenants"],
    &["tenants", "sql"],
    &["tenants", "ldap"],
    &["dnsbl", "[]"],
    &["headers", "[]"],
    &["outbound"],
    &["outbound", "forwarded"],
    &["proof"],
    &["proof", "batv"],
    &["proof", "batv", "except"],
    &["proof", "watermark"],
    &["proof", "ledger"],
    &["proof", "dkim"],
    &["proof", "dkim", "keys", "[]"],
    &["report"],
    &["siege"],
    &["siege", "catch_all"],
    &["siege", "learn"],
    &["siege", "accounts"],
    &["observe"],
    &["drain"],
    &["log"],
];

fn read(text: &str) -> Config {
    parse(Path::new("milter.yaml"), text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"))
}

fn without_places(config: Config) -> String {
    let config = Config {
        warnings: Vec::new(),
        ..config
    };
    format!("{config:#?}")
}

#[test]
fn it_says_what_a_file_without_keys_says() {
    assert_eq!(without_places(read(SHIPPED)), without_places(read("{}")));
}

#[test]
fn no_place_with_keys_is_forgotten_here() {
    for place in PLACES {
        let keys = keys_at(place);
        assert!(!keys.is_empty(), "{place:?}");
        for key in &keys {
            let below = [*place, &[key.as_str()]].concat();
            let in_list = [below.clone(), vec!["[]"]].concat();
            // An action has a form with keys, and so has a pattern for addresses. The file explains them once.
            let is_answer =
                |keys: &[String]| keys == ["action", "monitor"] || keys == ["match", "domain"];
            for deeper in [below, in_list] {
                let found = keys_at(&deeper);
                assert!(
                    found.is_empty() || is_answer(&found) || PLACES.contains(&deeper.as_slice()),
                    "{deeper:?} has keys {found:?}"
                );
            }
        }
    }
}

#[test]
fn every_key_stands_in_it() {
    // An example may replace a default that is written with more keys.
    let alone = blocks()
        .into_iter()
        .map(|block| uncommented(SHIPPED, &block));
    let texts: Vec<serde_yaml::Value> = [SHIPPED.to_owned(), with_all_examples()]
        .into_iter()
        .chain(alone)
        .map(|text| serde_yaml::from_str(&text).unwrap())
        .collect();
    for place in PLACES {
        let shown: BTreeSet<_> = texts
            .iter()
            .flat_map(|text| shown_at(text, place))
            .collect();
        for key in keys_at(place) {
            // The results of SPF are spelled out above; the examples for single domains name some of them.
            let spelled_out_above = place.starts_with(&["spf", "domains"]);
            assert!(
                shown.contains(&key) || spelled_out_above,
                "{key} is missing at {place:?}, where there is {shown:?}"
            );
        }
    }
}

#[test]
fn every_example_works() {
    for block in blocks() {
        let text = uncommented(SHIPPED, &block);
        // Lists of recipients need their domains.
        let text = if text.contains("\n  domains: []\n") {
            text.replace(
                "\n  domains: []\n",
                "\n  domains: [example.org, example.net]\n",
            )
        } else {
            text
        };
        let config = read(&text);
        // An example shows one thing, without another that belongs to it.
        let expected = ["no mail to", "under siege, mail to all"];
        let unexpected = |warning: &&Diagnostic| {
            !expected
                .iter()
                .any(|begin| warning.message.starts_with(begin))
        };
        let warnings: Vec<_> = config.warnings.iter().filter(unexpected).collect();
        assert!(warnings.is_empty(), "{warnings:?}");
    }
    assert!(blocks().len() >= 10);
}

/// The keys that the text has at a place, in all items of lists together.
fn shown_at(value: &serde_yaml::Value, place: &[&str]) -> BTreeSet<String> {
    let Some((step, rest)) = place.split_first() else {
        return value
            .as_mapping()
            .into_iter()
            .flat_map(|map| map.keys())
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect();
    };
    match (*step, value) {
        ("[]", serde_yaml::Value::Sequence(items)) => {
            items.iter().flat_map(|item| shown_at(item, rest)).collect()
        }
        ("example.org", serde_yaml::Value::Mapping(map)) => {
            map.values().flat_map(|item| shown_at(item, rest)).collect()
        }
        (key, value) => value
            .get(key)
            .map(|value| shown_at(value, rest))
            .unwrap_or_default(),
    }
}

/// Puts a value into a file, with the maps and lists above it.
pub(crate) fn set(value: &mut serde_yaml::Value, place: &[String], answer: serde_yaml::Value) {
    let Some((step, rest)) = place.split_first() else {
        *value = answer;
        return;
    };
    if step == "[]" {
        if !value.is_sequence() {
            *value = Vec::<serde_yaml::Value>::new().into();
        }
        let items = value.as_sequence_mut().unwrap();
        // Extends an entry with keys; adds an entry without keys.
        if rest.is_empty() || items.is_empty() {
            items.push(serde_yaml::Value::Null);
        }
        return set(items.last_mut().unwrap(), rest, answer);
    }
    if !value.is_mapping() {
        *value = serde_yaml::Mapping::new().into();
    }
    let map = value.as_mapping_mut().unwrap();
    let below = map.entry(step.as_str().into());
    set(below.or_insert(serde_yaml::Value::Null), rest, answer);
}

/// Adjacent example lines: the number of the first, and of the one after the last.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    end: usize,
}

fn example(line: &str) -> Option<(usize, &str)> {
    let comment = line.trim_start();
    let indentation = line.len() - comment.len();
    Some((indentation, comment.strip_prefix("#   ")?))
}

fn blocks() -> Vec<Block> {
    let lines: Vec<_> = SHIPPED.lines().collect();
    let is_example = |at: usize| lines.get(at).is_some_and(|line| example(line).is_some());
    (0..lines.len())
        .filter(|&at| is_example(at) && (at == 0 || !is_example(at - 1)))
        .map(|first| Block {
            first,
            end: (first..).find(|&at| !is_example(at)).unwrap(),
        })
        .collect()
}

/// The text with one block in use, without the nearest lines above it that set the same keys, as the head of the file
/// explains.
fn uncommented(text: &str, block: &Block) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for at in block.first..block.end {
        let (indentation, rest) = example(&lines[at]).unwrap();
        let live = format!("{}{rest}", " ".repeat(indentation));
        if rest.starts_with(|c: char| c.is_ascii_lowercase()) {
            let key = rest.split(':').next().unwrap();
            let key = format!("{}{key}:", " ".repeat(indentation));
            let old = (0..block.first)
                .rev()
                .find(|&at| lines[at].starts_with(&key))
                .unwrap_or_else(|| panic!("no default above `{live}`"));
            lines[old].clear();
            for below in &mut lines[old + 1..block.first] {
                let text = below.trim_start();
                let depth = below.len() - text.len();
                if text.starts_with('#') {
                    continue;
                }
                if !text.is_empty() && depth <= indentation {
                    break;
                }
                below.clear();
            }
        }
        lines[at] = live;
    }
    lines.join("\n") + "\n"
}

fn with_all_examples() -> String {
    blocks()
        .iter()
        .fold(SHIPPED.to_owned(), |text, block| uncommented(&text, block))
}

/// The manual page of the file.
const PAGE: &str = include_str!("../../packaging/man/milter.yaml.5");

/// The keys of the manual page, each with its text.
fn page_entries() -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let blocks = PAGE.split("\n.It Va ").skip(1);
    for block in blocks {
        let (names, text) = block.split_once('\n').unwrap();
        let text = text.split("\n.El").next().unwrap();
        for name in names.split(" , ") {
            entries.push((name.to_owned(), text.to_owned()));
        }
    }
    entries
}

/// The name of a key in the manual page.
fn page_name(place: &[&str], key: &str) -> String {
    let steps = place.iter().copied().filter(|step| *step != "[]");
    steps.chain([key]).collect::<Vec<_>>().join(".")
}

/// What the text of an entry says after this label.
fn labelled<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let value = text.split(&format!("{label}:\n.Ql ")).nth(1)?;
    value.lines().next()?.strip_suffix(" .")
}

#[test]
fn the_manual_page_has_each_key_with_its_default() {
    let entries = page_entries();
    let shipped: serde_yaml::Value = serde_yaml::from_str(SHIPPED).unwrap();
    let mut names = BTreeSet::new();
    for place in PLACES {
        for key in keys_at(place) {
            let below = [*place, &[key.as_str()]].concat();
            let name = page_name(place, &key);
            // The keys of a section have entries, the section has none.
            let is_section = PLACES.contains(&below.as_slice());
            let is_domain = place.starts_with(&["spf", "domains"]);
            if is_domain {
                continue;
            }
            names.insert(name.clone());
            let entry = entries.iter().find(|(entry, _)| *entry == name);
            let Some((_, text)) = entry else {
                assert!(
                    is_section || PLACES.contains(&[&below[..], &["[]"]].concat().as_slice()),
                    "milter.yaml(5) lacks `{name}`"
                );
                continue;
            };
            assert!(text.contains("\nExample:\n.Ql "), "{name}: no example");
            let value = below
                .iter()
                .try_fold(&shipped, |value, step| value.get(*step));
            if let Some(value) = value {
                let default = labelled(text, "Default").map(|text| text.replace("\\(dq", "\""));
                let default = default.unwrap_or_else(|| panic!("{name}: no default"));
                let default: serde_yaml::Value = serde_yaml::from_str(&default).unwrap();
                assert_eq!(&default, value, "{name}");
            }
        }
    }
    for (name, _) in entries {
        // The long form of a key of `siege` that the file writes as one line.
        let is_known = names.contains(&name);
        assert!(
            is_known,
            "milter.yaml(5) has `{name}`, and the file does not"
        );
    }
}

/// The defaults of `sql` and `ldap` are in the manual page only.
#[test]
fn the_manual_page_has_the_defaults_of_directories() {
    let text = "local: {domains: [example.org]}\n\
                recipients: [{domain: example.org, known: [\
                {sql: {url: 'sqlite:/x', query: 'SELECT :address'}}, \
                {ldap: {url: 'ldap://127.0.0.1', base: '', filter: '(mail=:address)'}}]}]";
    let config = read(text);
    let [Source::Sql(sql), Source::Ldap(ldap)] = &config.directories[0].sources[..] else {
        panic!("{:?}", config.directories);
    };
    let entries = page_entries();
    let says = |key: &str, default: &str| {
        let name = format!("recipients.known.{key}");
        let entry = entries.iter().find(|(entry, _)| *entry == name);
        let (_, text) = entry.unwrap_or_else(|| panic!("{name}"));
        assert_eq!(labelled(text, "Default"), Some(default), "{name}");
    };
    says("sql.connections", &sql.connections.to_string());
    for (key, sql, ldap) in [
        ("timeout", sql.timeout, ldap.timeout),
        ("cache_known", sql.cache_known, ldap.cache_known),
        ("cache_unknown", sql.cache_unknown, ldap.cache_unknown),
    ] {
        says(&format!("sql.{key}"), &sql.to_string());
        says(&format!("ldap.{key}"), &ldap.to_string());
    }
    let rows = "tenants: {allow: [mode], sql: {url: 'sqlite:/x', query: 'SELECT mode FROM t WHERE d = :domain'}}";
    let rows = read(rows).tenants.sql.unwrap();
    let of_rows = |key: &str, default: String| {
        let entry = entries.iter().find(|(entry, _)| entry == key);
        let (_, text) = entry.unwrap_or_else(|| panic!("{key}"));
        assert_eq!(labelled(text, "Default"), Some(&*default), "{key}");
    };
    of_rows("tenants.sql.timeout", rows.timeout.to_string());
    of_rows("tenants.sql.cache", rows.cache.to_string());
    says("ldap.start_tls", &ldap.start_tls.to_string());
    says("ldap.scope", "sub");
}
