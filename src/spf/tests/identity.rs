//! RFC 7208 sections 2.3, 2.4 and 4.3: who is checked, and which domains can be.

use super::{Session, V4, V6, zone::Zone};
use crate::core::spf::{Identity, SpfResult};

const ZONE: &str = "
    example.org TXT v=spf1 -all exp=why.example.org
    helo.example TXT v=spf1 ~all
    a.helo.example TXT v=spf1 -all exp=why.example.org
    xn--bcher-kva.example TXT v=spf1 -all exp=why.example.org
    why.example.org TXT %{s} %{o} %{d} %{h}
    localhost TXT v=spf1 +all
";

/// 2.4: "When the reverse-path is null, this document defines the "MAIL FROM" identity to be the mailbox composed
/// of the local-part "postmaster" and the "HELO" identity".
#[test]
fn the_null_sender_is_postmaster_at_helo() {
    for null in ["", "<>", " <> "] {
        let check =
            Session::new(V4, "a.helo.example", null).check(Identity::MailFrom, &Zone::new(ZONE));
        assert_eq!(check.identity, Identity::MailFrom);
        assert_eq!(check.domain, "a.helo.example");
        assert_eq!(check.result, SpfResult::Fail);
        assert_eq!(
            check.explanation.as_deref(),
            Some("postmaster@a.helo.example a.helo.example a.helo.example a.helo.example")
        );
    }
}

/// 2.3: the HELO identity is checked for itself, whatever MAIL FROM says.
#[test]
fn helo_is_its_own_identity() {
    let session = Session::new(V4, "helo.example", "user@example.org");
    let helo = session.check(Identity::Helo, &Zone::new(ZONE));
    assert_eq!(
        (helo.identity, helo.result),
        (Identity::Helo, SpfResult::Softfail)
    );
    assert_eq!(helo.domain, "helo.example");
    let mail_from = session.check(Identity::MailFrom, &Zone::new(ZONE));
    assert_eq!(
        (mail_from.identity, mail_from.result),
        (Identity::MailFrom, SpfResult::Fail)
    );
}

/// 4.3: "If the <sender> has no local-part, substitute the string "postmaster" for the local-part"; and the sender
/// in the macros: its local part as sent, its domain in the form that compares.
#[test]
fn senders() {
    for (mail_from, explanation) in [
        (
            "@example.org",
            "postmaster@example.org example.org example.org h",
        ),
        (
            "<@example.org>",
            "postmaster@example.org example.org example.org h",
        ),
        (
            "User+X@Example.ORG",
            "User+X@example.org example.org example.org h",
        ),
        (
            "user@example.org.",
            "user@example.org example.org example.org h",
        ),
        (
            "\"a@b\"@example.org",
            "\"a@b\"@example.org example.org example.org h",
        ),
        (
            "<@relay.example,@b:user@example.org>",
            "user@example.org example.org example.org h",
        ),
        (
            "user@bücher.example",
            "user@xn--bcher-kva.example xn--bcher-kva.example xn--bcher-kva.example h",
        ),
    ] {
        let check = Session::new(V4, "h", mail_from).check(Identity::MailFrom, &Zone::new(ZONE));
        assert_eq!(check.result, SpfResult::Fail, "{mail_from}");
        assert_eq!(
            check.explanation.as_deref(),
            Some(explanation),
            "{mail_from}"
        );
    }
}

/// 4.3: "If the <domain> is malformed (e.g., label longer than 63 characters, zero-length label not at the end,
/// etc.) or is not a multi-label domain name, or if the DNS lookup returns "Name Error" (RCODE 3 [...]),
/// check_host() immediately returns the result "none"".
#[test]
fn malformed_domains_are_none() {
    let long_label = format!("{}.example.org", "a".repeat(64));
    let long_name = vec!["a".repeat(63); 4].join(".") + ".org";
    for domain in [
        "localhost",
        "localhost.",
        "[192.0.2.1]",
        "[IPv6:2001:db8::1]",
        "a..example.org",
        ".example.org",
        "example.org..",
        ".",
        "",
        " ",
        "exa mple.org",
        "example.org\0",
        "a\r\nb.org",
        "exa%mple.org",
        &long_label,
        &long_name,
    ] {
        let zone = Zone::new(ZONE);
        let session = Session::new(V6, domain, "");
        let checks = [
            session.check(Identity::Helo, &zone),
            session.check(Identity::MailFrom, &zone),
            Session::new(V6, "h", &format!("user@{domain}")).check(Identity::MailFrom, &zone),
        ];
        for check in checks {
            assert_eq!(check.result, SpfResult::None, "{domain:?}");
            assert_eq!(check.mechanism, None);
            let problem = check.problem.unwrap();
            let what = match check.domain.as_str() {
                "" => "no name was given",
                _ => "not a fully qualified domain name",
            };
            assert!(problem.contains(what), "{problem}");
            assert!(
                problem.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{problem}"
            );
            assert!(problem.len() < 400);
        }
        assert_eq!(zone.asked(), [""; 0], "{domain:?}");
    }
    for sender in ["postmaster", "<postmaster>", "a b"] {
        let check =
            Session::new(V4, "helo.example", sender).check(Identity::MailFrom, &Zone::new(ZONE));
        assert_eq!(check.result, SpfResult::None, "{sender}");
    }
    let check =
        Session::new(V4, "h", "user@nowhere.example").check(Identity::MailFrom, &Zone::new(ZONE));
    assert_eq!(check.result, SpfResult::None);
    assert_eq!(
        check.problem.as_deref(),
        Some("nowhere.example publishes no SPF record")
    );
    assert_eq!((check.lookups, check.void_lookups), (0, 0));
}

/// RFC 3696 section 2 and the like: what can be a domain can be one in HELO too.
#[test]
fn unusual_domains_are_domains() {
    for (helo, result) in [
        ("HELO.Example.", SpfResult::Softfail),
        ("_x.example", SpfResult::None),
        ("192.0.2.1", SpfResult::None),
    ] {
        let zone = Zone::new(ZONE);
        let check = Session::new(V4, helo, "").check(Identity::Helo, &zone);
        assert_eq!(check.result, result, "{helo}");
        assert_eq!(zone.asked().len(), 1, "{helo}");
    }
}
