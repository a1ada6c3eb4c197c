//! What `backstop spf` shows of a check, step by step.

use super::{Session, V4, V6, check_record_over, zone::Zone, zone_of};
use crate::core::spf::Identity;

fn trace(record: &str, zone_lines: &str, client: &str) -> Vec<String> {
    check_record_over(&zone_of(record, zone_lines), client).trace
}

#[test]
fn each_step_has_its_line() {
    let record = "v=spf1 a:%{d} mx exists:no.example ptr a:a..b ~all";
    let zone = "
        example.org A 198.51.100.1
        example.org MX 10 mx1.example.org
        mx1.example.org A 198.51.100.2
        192.0.2.1 PTR host.example.org
        host.example.org DEAD
    ";
    assert_eq!(
        trace(record, zone, V4),
        [
            "mailfrom: user@example.org from 192.0.2.1, HELO mail.example.org",
            &format!("TXT example.org: {} octets", record.len()),
            &format!("example.org: {record}"),
            "example.org: `a:%{d}`: expands to example.org",
            "A example.org: 198.51.100.1",
            "example.org: `a:%{d}`: no match (DNS terms 1, void 0)",
            "MX example.org: 10 mx1.example.org",
            "A mx1.example.org: 198.51.100.2",
            "example.org: `mx`: no match (DNS terms 2, void 0)",
            "A no.example: nothing (void)",
            "example.org: `exists:no.example`: no match (DNS terms 3, void 1)",
            "PTR 192.0.2.1: host.example.org",
            "no answer: A host.example.org: SERVFAIL",
            "example.org: `ptr`: no match (DNS terms 4, void 1)",
            "example.org: `a:a..b`: expands to `a..b`, which is no domain name",
            "example.org: `a:a..b`: no match (DNS terms 5, void 1)",
            "example.org: `~all`: softfail (DNS terms 5, void 1)",
        ]
    );
}

#[test]
fn a_check_that_comes_to_nothing_says_so() {
    let neutral = trace("v=spf1 a", "example.org AAAA 2001:db8::2", V6);
    assert_eq!(
        neutral.get(3..).unwrap_or_default(),
        [
            "AAAA example.org: 2001:db8::2",
            "example.org: `a`: no match (DNS terms 1, void 0)",
            "example.org: nothing matches",
        ]
    );
    for (helo, begin) in [
        ("", "mailfrom: user@example.org from 192.0.2.1, no HELO"),
        (
            "localhost",
            "mailfrom: user@example.org from 192.0.2.1, HELO localhost",
        ),
    ] {
        let session = Session::new(V4, helo, "user@example.org");
        let check = session.check(Identity::MailFrom, &Zone::new(""));
        assert_eq!(check.trace, [begin, "TXT example.org: nothing (void)"]);
    }
    for (helo, line) in [
        (
            "localhost",
            "helo: `localhost` is not a fully qualified domain name, so no SPF record can be asked for",
        ),
        (
            "",
            "helo: no name was given, so no SPF record can be asked for",
        ),
    ] {
        let check =
            Session::new(V4, helo, "user@example.org").check(Identity::Helo, &Zone::new(""));
        assert_eq!(check.trace, [line]);
    }
}

/// Twelve answers are listed, and the rest is counted.
#[test]
fn many_answers_are_counted() {
    for (addresses, end) in [(12, "198.51.100.12"), (13, "198.51.100.12, and 1 more")] {
        let zone: String = (1..=addresses)
            .map(|at| format!("example.org A 198.51.100.{at}\n"))
            .collect();
        let lines = trace("v=spf1 a", &zone, V4);
        let line = lines.get(3).unwrap();
        assert!(
            line.starts_with("A example.org: 198.51.100.1, 198.51.100.2, ") && line.ends_with(end),
            "{line}"
        );
    }
}
