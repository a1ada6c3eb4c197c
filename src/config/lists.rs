//! Tests that every list of addresses, domains or patterns rejects the patterns of other programs, and says what to
//! write instead.

use serde_yaml::Value;

use super::{
    keys::keys_at,
    parse,
    shipped::{PLACES, set},
};

/// The other keys that entries of lists need.
const NEEDED: &str = "local: {domains: [example.org]}\n\
    null_sender: {never_send: {addresses: [noreply]}}\n\
    recipients: [{domain: example.org, known: [{addresses: [a]}], rules: [{match: x}]}]\n\
    headers: [{header: Subject, match: x, action: tag}]\n";

/// The places of lists whose entries satisfy this.
fn places(is_such: impl Fn(&[&str]) -> bool) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for place in PLACES {
        for key in keys_at(place) {
            let at = [*place, &[key.as_str(), "[]"]].concat();
            if is_such(&at) {
                found.push(at.into_iter().map(str::to_owned).collect());
            }
        }
    }
    found
}

/// Whether the type of an entry there accepts `yes` and not `no`.
fn reads(at: &[&str], yes: &str, no: &str) -> bool {
    let at: Vec<String> = at.iter().map(|step| (*step).to_owned()).collect();
    said(&at, yes).is_ok() && said(&at, no).is_err()
}

/// What loading says about a file with this entry there.
fn said(place: &[String], entry: &str) -> Result<(), String> {
    let mut file: Value = serde_yaml::from_str(NEEDED).unwrap();
    set(&mut file, place, serde_yaml::from_str(entry).unwrap());
    let text = serde_yaml::to_string(&file).unwrap();
    let config = parse("m.yaml".as_ref(), &text);
    config.map(|_| ()).map_err(|wrong| wrong.to_string())
}

#[test]
fn no_list_of_addresses_takes_what_would_never_match() {
    let places = places(|at| keys_at(at) == ["match", "domain"]);
    let named: Vec<_> = places.iter().map(|place| place.join(".")).collect();
    for expected in [
        "null_sender.never_send.addresses.[]",
        "null_sender.exempt.recipients.[]",
        "exempt.recipients.[]",
        "outbound.forwarded.no_dsn.[]",
        "recipients.[].known.[].addresses.[]",
        "proof.batv.except.senders.[]",
        "siege.accounts.except.[]",
    ] {
        assert!(named.iter().any(|name| name == expected), "{named:?}");
    }
    for place in &places {
        for (entry, write) in [
            ("'*@example.org'", "'@example.org'"),
            ("'*'", "{match: '.*'}"),
            (
                "news*@example.org",
                "{match: 'news.*', domain: example.org}",
            ),
            (
                "news-?@example.org",
                "{match: 'news-.', domain: example.org}",
            ),
            (
                "news@*.example.org",
                "{match: 'news', domain: .example.org}",
            ),
            ("'@*.example.org'", "'@.example.org'"),
            ("'*.example.org'", "'@.example.org'"),
            ("/^shop-.*$/", "{match: 'shop-.*'}"),
            (
                "'/^shop-.*@example\\.org$/'",
                "{match: 'shop-.*', domain: example.org}",
            ),
            ("^shop-.*$", "{match: 'shop-.*'}"),
            (
                "sales|info@example.org",
                "{match: 'sales|info', domain: example.org}",
            ),
            ("{match: 'shop-*'}", "'shop-.*'"),
            ("{match: '/^shop-.*$/'}", "'shop-.*'"),
            (
                "{match: '^shop-.*@example\\.org$'}",
                "{match: 'shop-.*', domain: example.org}",
            ),
            ("{match: x, domain: '*.example.org'}", ".example.org"),
            ("<joe@example.org>", "user@example.org"),
            ("a@example.org,b@example.org", "user@example.org"),
            (".example.org", "'@.example.org'"),
        ] {
            let wrong = said(place, entry).expect_err(entry);
            let help = wrong.split_once("help: ").map_or("", |(_, help)| help);
            assert!(help.contains(write), "{place:?} {entry}: {wrong}");
        }
        assert!(said(place, "example.org").is_err(), "{place:?}");
        for entry in [
            "user@example.org",
            "user",
            "joe.doe",
            "joe doe@example.org",
            "'\"news*\"@example.org'",
            "'\"/^shop-.*$/\"'",
            "{match: 'shop-.*'}",
            "{match: '^shop-.*$', domain: example.org}",
        ] {
            let read = said(place, entry);
            assert!(read.is_ok(), "{place:?} {entry}: {}", read.unwrap_err());
        }
    }
}

#[test]
fn no_list_of_domains_takes_what_would_never_match() {
    let places = places(|at| reads(at, ".lists.example", "user@lists.example"));
    let named: Vec<_> = places.iter().map(|place| place.join(".")).collect();
    for expected in [
        "local.domains.[]",
        "forgery.mailing_lists.[]",
        "headers.[].domains.[]",
        "proof.batv.except.recipients.[]",
    ] {
        assert!(named.iter().any(|name| name == expected), "{named:?}");
    }
    for place in &places {
        for (entry, write) in [
            ("'*.lists.example'", ".lists.example for all names below"),
            ("lists.*", "expected"),
            ("/^lists/", "expected"),
            ("'@lists.example'", "expected"),
        ] {
            let wrong = said(place, entry).expect_err(entry);
            assert!(wrong.contains(write), "{place:?} {entry}: {wrong}");
        }
    }
}

#[test]
fn no_other_name_is_taken_for_a_pattern() {
    for (place, entry) in [
        ("recipients.[].rules.[].match", "/^shop-.*$/"),
        ("recipients.[].rules.[].match", "/shop-.*/i"),
        ("recipients.[].rules.[].match", "shop-*"),
        ("recipients.[].rules.[].match", "'*'"),
        ("recipients.[].rules.[].match", "'*-shop'"),
        ("recipients.[].domain", "'*.example.org'"),
        ("spf.trusted_forwarders.[]", "'*.forwarder.example'"),
        ("spf.domains", "{'*.bank.example': {fail: tag}}"),
        ("exempt.clients.[]", "192.0.2.*"),
        ("null_sender.exempt.clients.[]", "192.0.2.*"),
        ("local.networks.[]", "192.0.2.*"),
        ("local.daemons.[]", "'*'"),
        ("local.daemons.[]", "ORIG*"),
        ("headers.[].header", "X-*"),
    ] {
        let path: Vec<String> = place.split('.').map(str::to_owned).collect();
        assert!(said(&path, entry).is_err(), "{place} {entry}");
    }
    for (place, entry) in [
        ("recipients.[].rules.[].match", "shop-.*"),
        ("recipients.[].rules.[].match", "'(a|b)*'"),
        ("recipients.[].rules.[].match", "'[0-9]*'"),
        ("recipients.[].rules.[].match", "'x{0,}'"),
        ("recipients.[].rules.[].match", "'^shop-.*$'"),
    ] {
        let path: Vec<String> = place.split('.').map(str::to_owned).collect();
        assert_eq!(said(&path, entry), Ok(()), "{place} {entry}");
    }
}
