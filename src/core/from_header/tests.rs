use std::time::Duration;

use lab::process::cpu_time;
use proptest::prelude::*;

use super::*;

fn claims(message: &[u8]) -> Claims {
    Claims::of(&Headers::parse(message).0)
}

fn texts(mailboxes: &[Mailbox]) -> Vec<String> {
    let text = |mailbox: &Mailbox| mailbox.to_bytes().escape_ascii().to_string();
    mailboxes.iter().map(text).collect()
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// From:, its addresses, what is displayed beside them, whether it is grammatical.
type Row = (
    &'static [u8],
    &'static [&'static str],
    &'static [&'static str],
    bool,
);

#[test]
fn every_claim_is_found() {
    let rows: &[Row] = &[
        (b"joe@example.org", &["joe@example.org"], &[], true),
        (b"<joe@Example.ORG.>", &["joe@example.org"], &[], true),
        (
            b"Joe Q. Public <joe@example.org>",
            &["joe@example.org"],
            &[],
            true,
        ),
        (
            b"\"Public, Joe\" <joe@example.org>, b@example.com",
            &["joe@example.org", "b@example.com"],
            &[],
            true,
        ),
        (
            b"joe@example.org (Joe (the) Public)",
            &["joe@example.org"],
            &[],
            true,
        ),
        (
            b"joe@example.org (Joe \\) Public)",
            &["joe@example.org"],
            &[],
            true,
        ),
        (
            b"\"Joe \\\" Public\" <joe@example.org>",
            &["joe@example.org"],
            &[],
            true,
        ),
        // Names that hold an address.
        (
            b"\"joe@example.org\" <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"\"'joe@example.org' via list\" <l@list.example>",
            &["l@list.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"joe@example.org <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            false,
        ),
        (
            b"<x@evil.example> joe@example.org",
            &["x@evil.example"],
            &["joe@example.org"],
            false,
        ),
        (
            b"\"joe\\@example.org\" <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"x@evil.example (joe@example.org)",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"\"<joe@example.org>\" <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"=?utf-8?Q?Joe_=3Cjoe=40example.org=3E?= <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"=?utf-8?B?am9lQGV4YW1wbGUub3Jn?=\n <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"=?utf-8?Q?joe=40exam?= =?utf-8?Q?ple.org?= <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            "joe＠example．org <x@evil.example>".as_bytes(),
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            "joe@exam\u{200b}ple.org <x@evil.example>".as_bytes(),
            &["x@evil.example"],
            &["joe@example.org"],
            false,
        ),
        // An address that is an encoded word.
        (
            b"=?utf-8?Q?joe=40example.org?=",
            &["joe@example.org"],
            &[],
            false,
        ),
        (
            b"<=?utf-8?Q?joe=40example.org?=>",
            &["joe@example.org"],
            &[],
            true,
        ),
        // Groups.
        (
            b"Us: joe@example.org, B <b@example.com>; c@example.net",
            &["joe@example.org", "b@example.com", "c@example.net"],
            &[],
            true,
        ),
        (
            b"joe@example.org: x@evil.example;",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (b"undisclosed:;", &[], &[], false),
        (b"mailto:joe@example.org", &["joe@example.org"], &[], true),
        // Obsolete and quoted forms, routes, comments in the midst.
        (b"joe @ example . org", &["joe@example.org"], &[], true),
        (
            b"joe(a)@(b)example(c).(d)org",
            &["joe@example.org"],
            &[],
            true,
        ),
        (
            b"<joe (a) @ example . org>",
            &["joe@example.org"],
            &[],
            true,
        ),
        (
            b"<@a.example,@b.example:joe@example.org>",
            &["joe@example.org"],
            &[],
            true,
        ),
        (
            b"\"joe b\"@example.org",
            &["\\\"joe b\\\"@example.org"],
            &[],
            true,
        ),
        (b",, joe@example.org,,", &["joe@example.org"], &[], true),
        (b"joe@[192.0.2.1]", &["joe@[192.0.2.1]"], &[], true),
        (
            b"joe@[IPv6:2001:db8::1]",
            &["joe@[IPv6:2001:db8::1]"],
            &[],
            true,
        ),
        // Two readings.
        (
            b"<joe@example.org> <x@evil.example>",
            &["joe@example.org", "x@evil.example"],
            &[],
            false,
        ),
        (
            b"<joe@example.org>@evil.example",
            &["joe@example.org"],
            &[],
            false,
        ),
        (
            b"joe@example.org@evil.example",
            &["joe@example.org@evil.example"],
            &["joe@example.org", "example.org@evil.example"],
            true,
        ),
        (
            b"joe@example.org x@evil.example",
            &["joe@example.org", "x@evil.example"],
            &[],
            false,
        ),
        (b"<<joe@example.org>>", &["joe@example.org"], &[], false),
        (
            b"Public, Joe <joe@example.org>",
            &["Public", "joe@example.org"],
            &[],
            false,
        ),
        // Out of balance.
        (
            b"\"joe@example.org <x@evil.example>",
            &["joe@example.org", "x@evil.example"],
            &[],
            false,
        ),
        (b"(joe@example.org", &["joe@example.org"], &[], false),
        (b"<joe@example.org", &["joe@example.org"], &[], false),
        (b"joe@example.org>", &["joe@example.org"], &[], false),
        (b"<\"joe@example.org>", &["joe@example.org"], &[], false),
        (b"[joe@example.org", &["joe@example.org"], &[], false),
        // Without an address.
        (b"", &[], &[], false),
        (b"<>", &[], &[], false),
        (b"Mail Delivery System <>", &[], &[], false),
        (b"\"Joe\"", &[], &[], false),
        (b"Mail Delivery System", &[], &[], false),
        (b"MAILER-DAEMON", &["MAILER-DAEMON"], &[], false),
        // Names of other scripts.
        (
            "joe@b\u{fc}cher.example".as_bytes(),
            &["joe@xn--bcher-kva.example"],
            &[],
            true,
        ),
        (
            "\"joe@BÜCHER.example\" <x@evil.example>".as_bytes(),
            &["x@evil.example"],
            &["joe@xn--bcher-kva.example"],
            true,
        ),
        (b"J\xf6 <joe@example.org>", &["joe@example.org"], &[], true),
        // A group whose name is an address, of which programs show the one or the other; an octet that ends a text in C.
        (
            b"<joe@example.org>:<x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"<x@evil.example>:<joe@example.org>",
            &["joe@example.org"],
            &["x@evil.example"],
            true,
        ),
        (
            b"joe@example.org\x00@evil.example",
            &["joe@example.org\\x00@evil.example"],
            &["joe@example.org"],
            true,
        ),
        // Letters that look like others: what is written counts, and what is seen.
        (
            "\"joe@ex\u{430}mple.org\" <x@evil.example>".as_bytes(),
            &["x@evil.example"],
            &["joe@xn--exmple-4nf.org", "joe@example.org"],
            true,
        ),
        (
            "\"j\u{43e}e@example.org\" <x@evil.example>".as_bytes(),
            &["x@evil.example"],
            &["j\\xd0\\xbee@example.org", "joe@example.org"],
            true,
        ),
        (
            "joe@ex\u{430}mple.org".as_bytes(),
            &["joe@xn--exmple-4nf.org"],
            &["joe@example.org"],
            true,
        ),
        (
            b"joe@xn--exmple-4nf.org",
            &["joe@xn--exmple-4nf.org"],
            &["joe@example.org"],
            true,
        ),
        (
            "joe\u{ff20}\u{1d41e}\u{1d431}ample\u{3002}o\u{ad}rg <x@evil.example>".as_bytes(),
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"=?utf-8?Q?joe=40exa=E2=80=8Bmple=2Eorg?= <x@evil.example>",
            &["x@evil.example"],
            &["joe@example.org"],
            true,
        ),
        (
            b"joe@b\xfccher.example",
            &["joe@b\\xfccher.example"],
            &["joe@xn--bcher-kva.example"],
            true,
        ),
    ];
    let mut wrong = Vec::new();
    for (from, addresses, displayed, parses) in rows {
        let found = claims(&[b"From: ".as_slice(), from, b"\n\n"].concat());
        let from = from.escape_ascii();
        let expected = (owned(addresses), owned(displayed), *parses);
        let read = (
            texts(&found.addresses),
            texts(&found.displayed),
            !found.unparsable,
        );
        if read != expected {
            wrong.push(format!("{from}: {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn all_from_headers_are_read() {
    let found = claims(
        b"FROM: a@example.com\nfrom : \"b@example.org\" <c@example.net>\nFrom: b@example.org\n\n",
    );
    assert_eq!(found.from_headers, 3);
    assert_eq!(
        texts(&found.addresses),
        ["a@example.com", "c@example.net", "b@example.org"]
    );
    assert_eq!(texts(&found.displayed), [""; 0]);
    assert_eq!(claims(b"Subject: no From\n\n"), Claims::default());
}

#[test]
fn claims_are_bounded() {
    let list: String = (0..200).map(|n| format!("a{n}@example.org,")).collect();
    let found = claims(format!("From: {list}\n\n").as_bytes());
    assert_eq!((found.addresses.len(), found.cut), (MAX_ADDRESSES, true));
    for (count, cut) in [(16, false), (17, true)] {
        let message = "X: y\n".repeat(1000) + &"From: joe@example.org\n".repeat(count);
        let found = claims(message.as_bytes());
        assert_eq!((found.from_headers, found.cut), (16, cut));
    }
    let long = claims(format!("From: {}@example.org\n\n", "a".repeat(50_000)).as_bytes());
    assert_eq!(long.addresses[0].domain().unwrap().as_str(), "example.org");
    assert!(long.addresses[0].to_bytes().len() <= MAX_ADDRESS);
}

#[test]
fn hostile_headers_cost_linear_time() {
    for unit in [
        "(",
        ")",
        "\"",
        "<",
        ">",
        "<\"",
        "<\">",
        "<(",
        "(\\",
        "[",
        "]",
        ",",
        ":",
        ";",
        "@",
        ".@",
        "a@b,",
        "a@b ",
        "\\\"",
        "=?",
        "=?utf-8?Q?=40?=",
        "a@\u{e4}",
        "\u{e4}.",
        "xn--",
        "xn--a.",
        "<a@b",
        "\"<",
        "a@b<",
    ] {
        let line = unit.repeat(60_000 / unit.len());
        let begun = cpu_time();
        claims(format!("From: {line}\n\n").as_bytes());
        claims(format!("From: a@{line}\n\n").as_bytes());
        // Quadratic time would be minutes in this unoptimised build.
        assert!(
            cpu_time() - begun < Duration::from_secs(4),
            "{unit}: {:?}",
            cpu_time() - begun
        );
    }
}

proptest! {
    #[test]
    fn any_from_is_read(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "<", ">", "\"", "(", ")", "[", "]", ",", ";", ":", "\\", "@", ".", " ", "joe", "example.org",
                    "joe@example.org", "=?utf-8?Q?", "?=", "=40", "xn--", "\u{e4}", "\u{ff20}",
                ])
                .prop_map(|piece| piece.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..3),
            ],
            0..40,
        ),
    ) {
        let mut headers = Headers::new();
        headers.push(b"From", &pieces.concat());
        let found = Claims::of(&headers);
        prop_assert!(found.addresses.len() <= MAX_ADDRESSES && found.displayed.len() <= MAX_ADDRESSES);
        prop_assert!(found.displayed.iter().all(|mailbox| mailbox.domain().is_some()));
    }

    /// Whatever stands before and after it, a bracketed address is claimed or at least displayed.
    #[test]
    fn no_garbage_hides_an_address(before in "[ -~]{0,30}", after in "[ -~]{0,30}") {
        let mut headers = Headers::new();
        headers.push(b"From", format!("{before} <joe@example.org> {after}").as_bytes());
        let found = Claims::of(&headers);
        let ours = |mailbox: &Mailbox| mailbox.domain().is_some_and(|domain| domain.as_str() == "example.org");
        prop_assert!(found.addresses.iter().chain(&found.displayed).any(ours), "{found:?}");
    }
}
