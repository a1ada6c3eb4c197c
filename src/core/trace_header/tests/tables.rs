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
        "mx.example.org; spf=pass\n smtp.mailfrom=joe@example.com; spf=none reason=\"`mta.example.com` publishes\n \
         no SPF record\" smtp.helo=mta.example.com"
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
        "mx.example.org; spf=fail\n smtp.mailfrom=postmaster@mta.example.com"
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

#[test]
fn senders() {
    let plus = "a+b@example.com";
    for (mail_from, domain, envelope_from, mailfrom) in [
        // What most mail looks like, and what BATV and SRS make of it.
        (plus, "example.com", r#""a+b@example.com""#, plus),
        (
            "prvs=1=a@example.com",
            "example.com",
            r#""prvs=1=a@example.com""#,
            r#""prvs=1=a@example.com""#,
        ),
        // What only a quoted-string can hold stays out of the header that machines read.
        (
            r#""a b"@example.com"#,
            "example.com",
            r#""\"a b\"@example.com""#,
            "example.com",
        ),
        (
            r#""x\"; spf=pass"@example.com"#,
            "example.com",
            r#""\"x\\\"; spf=pass\"@example.com""#,
            "example.com",
        ),
        (
            "дима@почта.example",
            "xn--80a1acny.example",
            r#""\\xd0\\xb4\\xd0\\xb8\\xd0\\xbc\\xd0\\xb0@xn--80a1acny.example""#,
            "xn--80a1acny.example",
        ),
        (
            "a..b@example.com",
            "example.com",
            r#""a..b@example.com""#,
            "example.com",
        ),
        (
            "100%@example.com",
            "example.com",
            r#""100%@example.com""#,
            "100%@example.com",
        ),
        // Domains that are none for RFC 8601.
        (
            "a@localhost",
            "localhost",
            r#""a@localhost""#,
            r#""a@localhost""#,
        ),
        (
            "a@_x.example.com",
            "_x.example.com",
            r#""a@_x.example.com""#,
            r#""a@_x.example.com""#,
        ),
        (
            "a@[192.0.2.1]",
            "[192.0.2.1]",
            r#""a@[192.0.2.1]""#,
            r#""[192.0.2.1]""#,
        ),
        ("postmaster", "postmaster", r#""postmaster""#, "postmaster"),
    ] {
        let envelope = envelope("192.0.2.1", b"h.example", mail_from.as_bytes());
        let spf = SpfAnswers {
            mail_from: Some(check(Identity::MailFrom, domain, SpfResult::Neutral)),
            ..SpfAnswers::default()
        };
        let (received_spf, authentication_results) = written(&envelope, &spf);
        let part = format!("envelope-from={envelope_from};");
        assert!(received_spf[0].contains(&part), "{part} {received_spf:?}");
        let part = format!(" smtp.mailfrom={mailfrom}");
        assert!(
            authentication_results.ends_with(&part),
            "{part} {authentication_results}"
        );
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
            helo: Some(check(Identity::Helo, domain, SpfResult::Neutral)),
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
