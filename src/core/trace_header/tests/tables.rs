//! What is written about whom, by example.

use super::{answers, check, envelope, longest_line, written};
use crate::core::{
    policy::SpfAnswers,
    spf::{Identity, SpfCheck, SpfResult},
};

#[test]
fn mail_of_an_honest_sender() {
    let envelope = envelope("192.0.2.1", b"mta.example.com", b"<joe@example.com>");
    let spf = answers(
        SpfCheck {
            mechanism: Some("ip4:192.0.2.0/24".to_owned()),
            ..check(Identity::MailFrom, "example.com", SpfResult::Pass)
        },
        SpfCheck {
            problem: Some("`mta.example.com` publishes no SPF record".to_owned()),
            ..check(Identity::Helo, "mta.example.com", SpfResult::None)
        },
    );
    let (received_spf, authentication_results) = written(&envelope, &spf);
    assert_eq!(
        received_spf,
        [
            "pass (mx.example.org: example.com lets 192.0.2.1 send its mail)\n \
             client-ip=192.0.2.1; envelope-from=\"joe@example.com\"; helo=mta.example.com;\n \
             receiver=mx.example.org; identity=mailfrom; mechanism=\"ip4:192.0.2.0/24\"",
            "none (mx.example.org: mta.example.com has no SPF record)\n \
             client-ip=192.0.2.1; helo=mta.example.com; receiver=mx.example.org;\n \
             identity=helo; problem=\"`mta.example.com` publishes no SPF record\"",
        ]
    );
    assert_eq!(
        authentication_results,
        "mx.example.org; spf=pass smtp.mailfrom=example.com;\n spf=none reason=\"`mta.example.com` publishes no SPF record\"\n \
         smtp.helo=mta.example.com"
    );
}

/// RFC 5322 section 2.1.1: no line should be longer than 78 octets, whatever the length of the words.
#[test]
fn lines_are_short() {
    for length in 1..60 {
        let domain = format!("{}.example", "a".repeat(length));
        let sender = format!("<joe@{domain}>");
        let envelope = envelope("2001:db8::1", domain.as_bytes(), sender.as_bytes());
        let spf = answers(
            SpfCheck {
                problem: Some(format!("`{domain}` publishes no SPF record")),
                ..check(Identity::MailFrom, &domain, SpfResult::None)
            },
            SpfCheck {
                mechanism: Some(format!("a:{}", &domain[..length])),
                ..check(Identity::Helo, &domain, SpfResult::Neutral)
            },
        );
        let (received_spf, authentication_results) = written(&envelope, &spf);
        // The longest word is `envelope-from="joe@...";`, with the blank before it.
        let allowed = 78.max(length + "  envelope-from=\"joe@.example\";".len());
        for value in &received_spf {
            assert!(longest_line("Received-SPF", value) <= allowed, "{value}");
        }
        assert!(
            longest_line("Authentication-Results", &authentication_results) <= allowed,
            "{authentication_results}"
        );
    }
}

/// RFC 7208 section 2.4: it is checked as postmaster@HELO.
#[test]
fn the_null_sender_is_told_of_once() {
    let envelope = envelope("2001:db8::1", b"mta.example.com", b"<>");
    let mail_from = SpfCheck {
        mechanism: Some("-all".to_owned()),
        ..check(Identity::MailFrom, "mta.example.com", SpfResult::Fail)
    };
    let helo = SpfCheck {
        identity: Identity::Helo,
        ..mail_from.clone()
    };
    let (received_spf, authentication_results) = written(&envelope, &answers(mail_from, helo));
    assert_eq!(
        received_spf,
        ["fail (mx.example.org: null sender, so HELO is asked:\n \
             mta.example.com does not let 2001:db8::1 send its mail)\n \
             client-ip=\"2001:db8::1\"; envelope-from=\"postmaster@mta.example.com\";\n \
             helo=mta.example.com; receiver=mx.example.org; identity=mailfrom;\n \
             mechanism=-all"]
    );
    assert_eq!(
        authentication_results,
        "mx.example.org; spf=fail\n smtp.mailfrom=mta.example.com"
    );
}

#[test]
fn nothing_was_checked() {
    let envelope = envelope("192.0.2.1", b"mta.example.com", b"<joe@example.com>");
    let (received_spf, authentication_results) = written(&envelope, &SpfAnswers::default());
    assert_eq!(received_spf, [""; 0]);
    assert_eq!(authentication_results, "mx.example.org; none");
}

/// Which name server failed is not for the eyes of those whom the mail is forwarded to.
#[test]
fn our_name_servers_are_not_named() {
    let envelope = envelope("192.0.2.1", b"a.example.com", b"<joe@example.com>");
    let silent = |identity| SpfCheck {
        problem: Some("10.0.0.53 did not answer".to_owned()),
        ..check(identity, "example.com", SpfResult::Temperror)
    };
    let spf = answers(silent(Identity::MailFrom), silent(Identity::Helo));
    let (received_spf, authentication_results) = written(&envelope, &spf);
    let all = format!("{} {authentication_results}", received_spf.join(" ")).replace('\n', "");
    assert!(!all.contains("10.0.0.53"), "{all}");
    assert_eq!(all.matches("DNS did not answer").count(), 4, "{all}");
}

/// The address stands in Received-SPF, where its octets allow it; the domain that was asked in Authentication-Results.
#[test]
fn senders() {
    for (mail_from, domain, envelope_from, mailfrom) in [
        (
            "joe@example.com",
            "example.com",
            Some("joe@example.com"),
            "example.com",
        ),
        // What BATV, SRS and VERP make of it, and every other octet that a local part can hold.
        (
            "prvs=1=a@example.com",
            "example.com",
            Some("prvs=1=a@example.com"),
            "example.com",
        ),
        (
            "SRS0=h=t=own.test=joe@example.com",
            "example.com",
            Some("SRS0=h=t=own.test=joe@example.com"),
            "example.com",
        ),
        (
            "a+b=c.test@example.com",
            "example.com",
            Some("a+b=c.test@example.com"),
            "example.com",
        ),
        (
            "a.!#$%&'*+-/=?^_`{|}~@example.com",
            "example.com",
            Some("a.!#$%&'*+-/=?^_`{|}~@example.com"),
            "example.com",
        ),
        (
            "a..b@example.com",
            "example.com",
            Some("a..b@example.com"),
            "example.com",
        ),
        (
            r#""a b"@example.com"#,
            "example.com",
            Some(r#"\"a b\"@example.com"#),
            "example.com",
        ),
        (
            r#""a@b"@example.com"#,
            "example.com",
            Some(r#"\"a@b\"@example.com"#),
            "example.com",
        ),
        (
            r#""x\"; spf=pass"@example.com"#,
            "example.com",
            Some(r#"\"x\\\"; spf=pass\"@example.com"#),
            "example.com",
        ),
        // RFC 8616 section 5: UTF-8 as it is, and domains in their ASCII form.
        (
            "дима@почта.example",
            "xn--80a1acny.example",
            Some("дима@xn--80a1acny.example"),
            "xn--80a1acny.example",
        ),
        (
            "büro+ä@example.com",
            "example.com",
            Some("büro+ä@example.com"),
            "example.com",
        ),
        (
            "用户@example.com",
            "example.com",
            Some("用户@example.com"),
            "example.com",
        ),
        // What changes how the rest looks, and what no address can hold, is not written as another address.
        ("a\u{202e}b@example.com", "example.com", None, "example.com"),
        ("a\u{feff}@example.com", "example.com", None, "example.com"),
        ("a\u{85}@example.com", "example.com", None, "example.com"),
        ("a\x07@example.com", "example.com", None, "example.com"),
        // Domains that RFC 8601 does not allow.
        ("a@localhost", "localhost", Some("a@localhost"), "localhost"),
        (
            "a@_x.example.com",
            "_x.example.com",
            Some("a@_x.example.com"),
            "_x.example.com",
        ),
        (
            "a@[192.0.2.1]",
            "[192.0.2.1]",
            Some("a@[192.0.2.1]"),
            r#""[192.0.2.1]""#,
        ),
        (
            "a@[IPv6:2001:db8::1]",
            "[ipv6:2001:db8::1]",
            Some("a@[IPv6:2001:db8::1]"),
            r#""[ipv6:2001:db8::1]""#,
        ),
        ("postmaster", "postmaster", Some("postmaster"), "postmaster"),
    ] {
        assert_sender(mail_from.as_bytes(), domain, envelope_from, mailfrom);
    }
    // ISO 8859-1, which no header can hold.
    assert_sender(b"b\xfcro@example.com", "example.com", None, "example.com");
}

fn assert_sender(mail_from: &[u8], domain: &str, envelope_from: Option<&str>, mailfrom: &str) {
    let envelope = envelope("2001:db8::1", b"h.example", mail_from);
    let spf = SpfAnswers {
        mail_from: Some(check(Identity::MailFrom, domain, SpfResult::Neutral).into()),
        ..SpfAnswers::default()
    };
    let (received_spf, authentication_results) = written(&envelope, &spf);
    let part = envelope_from.map(|address| format!("envelope-from=\"{address}\";"));
    match part {
        Some(part) => assert!(received_spf[0].contains(&part), "{part} {received_spf:?}"),
        None => assert!(
            !received_spf[0].contains("envelope-from"),
            "{received_spf:?}"
        ),
    }
    let part = format!(" smtp.mailfrom={mailfrom}");
    assert!(
        authentication_results.ends_with(&part),
        "{part} {authentication_results}"
    );
}

/// The null sender is checked as postmaster@HELO, which is not an address where HELO is not a name.
#[test]
fn the_null_sender_of_an_odd_helo() {
    for (helo, envelope_from) in [
        (
            &b"mx.example.com"[..],
            Some("envelope-from=\"postmaster@mx.example.com\";"),
        ),
        (
            "почта.example".as_bytes(),
            Some("envelope-from=\"postmaster@почта.example\";"),
        ),
        (
            b"[192.0.2.1]",
            Some("envelope-from=\"postmaster@[192.0.2.1]\";"),
        ),
        (b"b\xfcro", None),
        (b"a\tb", None),
    ] {
        let spf = SpfAnswers {
            mail_from: Some(check(Identity::MailFrom, "mx.example.com", SpfResult::None).into()),
            ..SpfAnswers::default()
        };
        let (received_spf, _) = written(&envelope("192.0.2.1", helo, b"<>"), &spf);
        let value = &received_spf[0];
        match envelope_from {
            Some(part) => assert!(value.contains(part), "{value}"),
            None => assert!(!value.contains("envelope-from"), "{value}"),
        }
    }
}

#[test]
fn names_in_helo() {
    for (helo, domain, written_helo, smtp_helo) in [
        (
            "MX.Example.COM",
            "mx.example.com",
            "MX.Example.COM",
            "mx.example.com",
        ),
        (
            "mx.example.com.",
            "mx.example.com",
            "\"mx.example.com.\"",
            "mx.example.com",
        ),
        ("localhost", "localhost", "localhost", "localhost"),
        (
            "[192.0.2.1]",
            "[192.0.2.1]",
            "\"[192.0.2.1]\"",
            "\"[192.0.2.1]\"",
        ),
        (
            "a; spf=pass",
            "a; spf=pass",
            "\"a; spf=pass\"",
            "\"a; spf=pass\"",
        ),
        ("a\tb", "a\\x09b", "\"a\\\\x09b\"", "\"a\\\\x09b\""),
        ("", "", "\"\"", "\"\""),
    ] {
        let envelope = envelope("192.0.2.1", helo.as_bytes(), b"<a@example.com>");
        let spf = SpfAnswers {
            helo: Some(check(Identity::Helo, domain, SpfResult::Neutral).into()),
            ..SpfAnswers::default()
        };
        let (received_spf, authentication_results) = written(&envelope, &spf);
        let part = format!("helo={written_helo};");
        assert!(received_spf[0].contains(&part), "{part} {received_spf:?}");
        let part = format!(" smtp.helo={smtp_helo}");
        assert!(
            authentication_results.ends_with(&part),
            "{part} {authentication_results}"
        );
    }
}
