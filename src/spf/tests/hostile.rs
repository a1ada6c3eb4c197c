//! Records, senders and HELOs that were written to break something.

use std::time::Duration;

use lab::process::cpu_time;
use proptest::prelude::*;

use super::{Session, SpfQuery, V4, V6, at_once, check_mail_from, zone::Zone, zone_of};
use crate::{
    core::{
        address::ReversePath,
        spf::{Identity, SpfCheck, SpfResult},
    },
    spf::limits::{MAX_EXPLANATION, MAX_QUOTE, TRACE_LINES},
};

/// A check can be spawned: its future goes from thread to thread.
#[test]
fn checks_are_send() {
    fn is_send<T: Send>(_: T) {}
    let query = SpfQuery {
        client: V4.parse().unwrap(),
        helo: b"",
        mail_from: &ReversePath::Null,
        now: std::time::UNIX_EPOCH,
        receiver: "",
        traced: false,
    };
    is_send(check_mail_from(&Zone::default(), &query));
    is_send(super::check_helo(&Zone::default(), &query));
}

/// What a check hands on is printable, one-line and bounded, whatever came in.
fn assert_tame(check: &SpfCheck) {
    assert!(check.trace.len() <= TRACE_LINES + 1);
    let texts = [&check.explanation, &check.mechanism, &check.problem];
    let texts = texts
        .into_iter()
        .flatten()
        .chain(&check.trace)
        .chain([&check.domain]);
    for text in texts {
        assert!(
            text.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{text:?}"
        );
        // A line quotes a term, a name and what the term expands to.
        assert!(text.len() <= 13 * MAX_QUOTE, "{}", text.len());
    }
    assert!(
        check
            .explanation
            .as_ref()
            .is_none_or(|text| text.len() <= MAX_EXPLANATION)
    );
    assert!(check.lookups <= 10 && check.void_lookups <= 3);
    let needs_problem = matches!(
        check.result,
        SpfResult::None | SpfResult::Temperror | SpfResult::Permerror
    );
    assert_eq!(check.problem.is_some(), needs_problem);
    assert_eq!(check.mechanism.is_none(), needs_problem);
}

/// 64 KiB, as long as a TXT record can be, cost moments.
#[test]
fn long_records() {
    let local = ".".repeat(1000) + "@example.org";
    for (term, result) in [
        ("ip4:10.0.0.1 ", SpfResult::Neutral),
        ("x=%{s}%{l}%{i} ", SpfResult::Neutral),
        ("      ", SpfResult::Neutral),
        ("a ", SpfResult::Permerror),
        ("exists:%{l1}%{s}.x.example ", SpfResult::Neutral),
        ("%", SpfResult::Permerror),
        ("%{", SpfResult::Permerror),
        ("redirect=a.b ", SpfResult::Permerror),
    ] {
        let zone = zone_of(&format!("v=spf1 {}", term.repeat(65_000 / term.len())), "");
        let start = cpu_time();
        let check =
            at_once(Session::new(V4, "h", &local).check_once(Identity::MailFrom, &zone, true));
        assert!(cpu_time() - start < Duration::from_secs(5), "{term}");
        assert_tame(&check);
        // Ten terms are evaluated, then the limit is met.
        let result = if term.starts_with("exists") {
            SpfResult::Permerror
        } else {
            result
        };
        assert_eq!(check.result, result, "{term}");
    }
    for macros in ["%{l1}", "%{s1}", "%{l999r.-+,/_=}", "%{L}"] {
        let spec = macros.repeat(6_000 / macros.len());
        let terms = format!("exists:{spec}.x.example ").repeat(10);
        let zone = zone_of(&format!("v=spf1 {terms}"), "");
        let start = cpu_time();
        assert_tame(&at_once(Session::new(V4, "h", &local).check_once(
            Identity::MailFrom,
            &zone,
            true,
        )));
        assert!(cpu_time() - start < Duration::from_secs(5), "{macros}");
    }
}

/// Pieces of records, so that chance comes deep.
fn term() -> impl Strategy<Value = String> {
    let domain = prop::sample::select(vec![
        "%{d}",
        "%{l}.x.example",
        "%{h}",
        "%{s}.%{o}",
        "%{p}.example",
        "%{ir}.%{v}.arpa",
        "%{L2r-+}.x.example",
        "b.example",
        "c.example",
        "dead.example",
        "a..b",
        "%{l}%{l}%{l}%{l}%{l}%{l}.x.example",
        "%%%_%-",
        "x",
    ]);
    let name = prop::sample::select(vec![
        "a:",
        "mx:",
        "ptr:",
        "exists:",
        "include:",
        "redirect=",
        "exp=",
        "x=",
        "ip4:",
        "",
    ]);
    let qualifier = prop::sample::select(vec!["", "+", "-", "~", "?"]);
    let prefix = prop::sample::select(vec!["", "", "", "/24", "//64", "/0//0", "/99"]);
    prop_oneof![
        4 => (qualifier, name, domain, prefix)
            .prop_map(|(qualifier, name, domain, prefix)| format!("{qualifier}{name}{domain}{prefix}")),
        2 => prop::sample::select(vec!["all", "-all", "a", "mx", "ptr", "ip4:192.0.2.1", "ip6:2001:db8::/32"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// No record, sender, HELO or name of a host brings a check down, or makes it ask for what is no name: the
    /// zone asserts what its questions look like.
    #[test]
    fn nothing_panics(
        records in prop::collection::vec(prop::collection::vec(term(), 0..8), 3),
        raw in prop::collection::vec(any::<u8>(), 0..200),
        explanation in "[ -~]{0,40}(%\\{[sldoiphcrtvSLDOIPHCRTV][0-9]{0,2}r?[-.+,/_=]{0,2}\\})?[ -~]{0,10}",
        helo in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[a-z.]{0,20}\\.example".prop_map(String::into_bytes),
        ],
        local in prop::collection::vec(any::<u8>(), 0..300),
        host in "[ -~]{0,60}",
        six in any::<bool>(),
    ) {
        let mut zone = Zone::new(&format!(
            "dead.example DEAD\nb.example A 192.0.2.2\nb.example MX 1 {host}\nb.example MX 2 c.example
            {V4} PTR {host}\n{V6} PTR b.example\nb.example AAAA {V6}"
        ));
        for (name, terms) in ["example.org", "b.example", "c.example"].iter().zip(&records) {
            zone.add_txt(name, format!("v=spf1 {}", terms.join(" ")).as_bytes());
        }
        zone.add_txt("x.example", explanation.as_bytes());
        zone.add_txt("raw.example", &[b"v=spf1 ", raw.as_slice()].concat());
        for domain in [b"@example.org".as_slice(), b"@raw.example", b"", &raw] {
            let session = Session {
                client: if six { V6 } else { V4 },
                helo: &helo,
                mail_from: &[&local, domain].concat(),
            };
            assert_tame(&session.check(Identity::MailFrom, &zone));
            assert_tame(&session.check(Identity::Helo, &zone));
        }
        // Ten terms ask 1 name, or 1 and its 10 exchanges or names; then there are TXT and the explanation.
        prop_assert!(zone.asked().len() <= 8 * (10 * 11 + 20));
    }
}
