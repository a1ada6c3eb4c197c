//! RFC 7208 sections 5.3 to 5.7: what matches.

use super::{Session, V4, V6, check_record, check_record_over, zone::Zone, zone_of};
use crate::core::spf::{Identity, SpfResult};

const ZONE: &str = "
    example.org A 192.0.2.77
    example.org AAAA 2001:db8::77
    example.org MX 10 mx1.example.org
    example.org MX 20 mx2.example.org
    mx1.example.org A 198.51.100.1
    mx2.example.org A 192.0.2.1
    mx2.example.org AAAA 2001:db8::1
    only4.example A 192.0.2.1
    only6.example AAAA 2001:db8::1
    nullmx.example MX 0
    nullmx.example A 192.0.2.1
    192.0.2.1 PTR host.sub.example.org
    2001:db8::1 PTR host.sub.example.org.
    host.sub.example.org A 192.0.2.1
    host.sub.example.org AAAA 2001:db8::1
";

/// 5: addresses are compared within the client's family, over the prefix length; IPv4-mapped is IPv4.
#[test]
fn addresses() {
    for (term, v4, v6) in [
        ("a", false, false),
        ("a/24", true, false),
        ("a//64", false, true),
        ("a/24//64", true, true),
        ("a/25", true, false),
        ("a/26", false, false),
        ("a/0", true, false),
        ("a//0", false, true),
        ("a:only4.example", true, false),
        ("a:only6.example", false, true),
        ("a:only6.example/0", false, true),
        ("a:only4.example//0", true, false),
        ("a:nowhere.example/0//0", false, false),
        ("mx", true, true),
        ("mx/24//64", true, true),
        ("mx:only4.example", false, false),
        ("mx:nullmx.example", false, false),
        ("ptr", true, true),
        ("ptr:sub.example.org", true, true),
        ("ptr:host.SUB.example.org", true, true),
        ("ptr:b.example.org", false, false),
        ("ptr:ub.example.org", false, false),
        ("exists:only4.example", true, true),
        ("exists:only6.example", false, false),
        ("ip4:192.0.2.1", true, false),
        ("ip4:192.0.2.77/24", true, false),
        ("ip4:198.51.100.1/0", true, false),
        ("ip4:192.0.2.0/32", false, false),
        ("ip6:2001:DB8::/32", false, true),
        ("ip6:2001:db8::2/127", false, false),
        ("ip6:::/0", false, true),
        ("ip6:::ffff:192.0.2.1", false, false),
        ("ip6:::ffff:0:0/96", false, false),
    ] {
        for (client, matched) in [(V4, v4), (V6, v6), ("::ffff:192.0.2.1", v4)] {
            let check = check_record(&format!("v=spf1 ~{term} -all"), ZONE, client);
            let expected = if matched {
                (SpfResult::Softfail, format!("~{term}"))
            } else {
                (SpfResult::Fail, "-all".to_owned())
            };
            assert_eq!(
                (check.result, check.mechanism.unwrap()),
                expected,
                "{client} {term}"
            );
        }
    }
}

/// 5.5: names are validated; errors there are no errors; the names after the tenth are ignored.
#[test]
fn ptr() {
    let eleven: String = (0..11)
        .map(|n| format!("192.0.2.1 PTR n{n}.example.org\n"))
        .collect();
    for (what, zone, result) in [
        ("no name", String::new(), SpfResult::Fail),
        (
            "not true",
            "192.0.2.1 PTR mx1.example.org".to_owned(),
            SpfResult::Fail,
        ),
        ("PTR fails", "192.0.2.1 DEAD".to_owned(), SpfResult::Fail),
        (
            "one A fails",
            "192.0.2.1 PTR dead.example.org\n192.0.2.1 PTR ok.example.org
            dead.example.org DEAD\nok.example.org A 192.0.2.1"
                .to_owned(),
            SpfResult::Pass,
        ),
        (
            "strange names",
            "192.0.2.1 PTR \n192.0.2.1 PTR a..example.org\n192.0.2.1 PTR \u{e4}.example.org
            192.0.2.1 PTR ok.example.org\nok.example.org A 192.0.2.1"
                .to_owned(),
            SpfResult::Pass,
        ),
        (
            "the tenth",
            format!("{eleven}n9.example.org A 192.0.2.1"),
            SpfResult::Pass,
        ),
        (
            "the eleventh",
            format!("{eleven}n10.example.org A 192.0.2.1"),
            SpfResult::Fail,
        ),
    ] {
        assert_eq!(
            check_record("v=spf1 ptr -all", &zone, V4).result,
            result,
            "{what}"
        );
    }
}

/// 7.3: for `%{p}`, the domain itself, else one below it, else any validated name, else "unknown".
#[test]
fn the_validated_name() {
    let names = "
        192.0.2.1 PTR false.example.org
        192.0.2.1 PTR other.example
        192.0.2.1 PTR sub.example.org
        192.0.2.1 PTR EXAMPLE.org
        other.example A 192.0.2.1
    ";
    for (more, expected) in [
        (
            "sub.example.org A 192.0.2.1\nexample.org A 192.0.2.1",
            "example.org",
        ),
        (
            "sub.example.org A 192.0.2.1\nfalse.example.org DEAD",
            "sub.example.org",
        ),
        ("", "other.example"),
        ("other.example DEAD", "unknown"),
        ("192.0.2.1 DEAD", "unknown"),
    ] {
        let zone = zone_of(
            "v=spf1 exists:%{p}.x.example -all",
            &format!("{names}{more}"),
        );
        check_record_over(&zone, V4);
        let last = zone.asked().last().unwrap().clone();
        assert_eq!(last, format!("A {expected}.x.example"), "{more}");
    }
}

/// 4.8 leaves a malformed target open: it matches nothing, asks nothing and counts as no void lookup. What a
/// stranger puts into HELO or the local part is asked as it stands, or not at all.
#[test]
fn strange_targets() {
    let long = "a".repeat(64);
    for (local, asked) in [
        ("bounce+tag=x", Some("bounce+tag=x.l.example")),
        ("User/%$!#&'*^`{|}~", Some("user/%$!#&'*^`{|}~.l.example")),
        ("\"a b\"", Some("\"a b\".l.example")),
        ("\"a\\\"b\"", Some("\"a\\\"b\".l.example")),
        ("\"a@b\"", Some("\"a@b\".l.example")),
        ("a.b", Some("a.b.l.example")),
        ("a..b", None),
        (".a", None),
        ("a.", None),
        ("a\0b", None),
        ("a\tb", None),
        ("a\x7fb", None),
        ("grün", None),
        (&long, None),
        (&"x.".repeat(10_000), None),
    ] {
        for term in ["exists", "a", "mx", "ptr"] {
            let zone = zone_of(&format!("v=spf1 {term}:%{{l}}.l.example -all"), "");
            let sender = format!("{local}@example.org");
            let check = Session::new(V4, "h", &sender).check(Identity::MailFrom, &zone);
            assert_eq!(check.result, SpfResult::Fail, "{term} {local}");
            let questions = zone.asked();
            match asked {
                Some(name) if term != "ptr" => {
                    assert!(questions[1].ends_with(name), "{questions:?}");
                    assert_eq!(check.void_lookups, 1, "{term} {local}");
                }
                Some(_) => assert_eq!(questions[1], "PTR 192.0.2.1"),
                None => {
                    assert_eq!(questions, ["TXT example.org"], "{term} {local}");
                    assert_eq!(
                        (check.lookups, check.void_lookups),
                        (1, 0),
                        "{term} {local}"
                    );
                }
            }
        }
    }
    for helo in ["h", "[IPv6:::1]", "a..b", "", "a b", "\u{ff}"] {
        let zone = zone_of("v=spf1 a:%{h} -all", "");
        let check = Session::new(V4, helo, "user@example.org").check(Identity::MailFrom, &zone);
        assert_eq!(check.result, SpfResult::Fail, "{helo}");
        assert_eq!(zone.asked(), ["TXT example.org"], "{helo}");
    }
}

/// RFC 8616 section 4: terms with %{s} or %{l} match nothing where the local part is not ASCII; and U-labels expand to A-labels.
#[test]
fn internationalized_senders() {
    for (record, result, asked) in [
        ("v=spf1 exists:%{l}.example ~all", SpfResult::Softfail, 1),
        ("v=spf1 exists:%{S}.example ~all", SpfResult::Softfail, 1),
        (
            "v=spf1 include:%{l1r-}.example ~all",
            SpfResult::Softfail,
            1,
        ),
        ("v=spf1 exists:%{o}.example ~all", SpfResult::Pass, 2),
        ("v=spf1 exists:%{h}.example ~all", SpfResult::Pass, 2),
    ] {
        let mut zone = Zone::new("xn--bcher-kva.example.example A 127.0.0.2");
        zone.add_txt("xn--bcher-kva.example", record.as_bytes());
        let check = Session::new(V4, "bücher.example", "grün@bücher.example")
            .check(Identity::MailFrom, &zone);
        assert_eq!(check.result, result, "{record}");
        assert_eq!(zone.asked().len(), asked, "{record}");
    }
}
