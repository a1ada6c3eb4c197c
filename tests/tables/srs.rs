//! Bounces to SRS addresses as tables: left to the daemon where one runs, and ordinary everywhere else; and what a rule of
//! `recipients` says expressly.

use backstop::core::{
    address::Mailbox,
    header::Headers,
    policy::{Policy, Vouched},
    proof::{
        DAY, ProofKind,
        coverage::CoverageCount,
        evidence::{Evidence, Outcome, ProofResult},
    },
};

use crate::scenario::{DSN, Scenario, TODAY, bounce, mail, policy_with_keys, words};

const SITE: &str = "
mode: enforce
local: {domains: [own.test, other.test, .own.test], networks: [10.0.0.0/8]}
null_sender:
  never_send: ['@own.test', '@other.test']
  srs: [own.test]
recipients:
  - domain: own.test
    known: [{addresses: [jane]}]
    unknown: {mail: reject, bounces: reject}
  - domain: other.test
    known: [{addresses: [jane]}]
    catch_all: {mail: reject, bounces: reject}
proof:
  key_file: /etc/backstop/keys
  batv: {sign: true}
  unproven: reject
  unproven_replies: reject
";
const SRS0: &str = "SRS0=Ab1c=Q7=remote.test=kim";
const SRS1: &str = "SRS1=Ab1c=fwd.test==Ab1c=Q7=remote.test=kim";
const AWAY: &str = "From: bob@remote.test\nSubject: Out of office\nAuto-Submitted: auto-replied\n";

fn policy(changes: &[(&str, &str)]) -> Policy {
    policy_with_keys(SITE, changes)
}

fn to(rcpt: &str) -> Scenario {
    bounce().to(rcpt).listed(&["jane"])
}

/// What stands after all stages, with the word for its proof.
fn found(policy: &Policy, from: &str, rcpt: &str, headers: &str, besieged: bool) -> String {
    let sent = to(rcpt)
        .from(from)
        .headers(headers)
        .siege(besieged)
        .found(ProofKind::Dkim, ProofResult::Absent);
    let verdict = sent.verdict(policy);
    let proof = verdict.proof.as_ref();
    let proof = proof.map_or("-".to_owned(), ToString::to_string);
    format!("{} {proof}", words(&verdict))
}

/// What only its content shows to be a bounce is one here, too; and a report's signature is asked.
#[test]
fn the_content_of_what_comes_to_srs_addresses_is_read() {
    let policy = policy(&[(
        "null_sender:\n",
        "null_sender:\n  not_a_notification: reject\n  unauthenticated_reports: reject\n",
    )]);
    let report = "From: r@isp.test\nContent-Type: multipart/report; report-type=tlsrpt\n";
    let signed = Vouched::Yes("signed".to_owned());
    for (headers, status, signed, expected) in [
        ("Subject: hello\n", true, &Vouched::No, "accept srs"),
        (
            "Subject: hello\n",
            false,
            &Vouched::No,
            "reject not_a_notification",
        ),
        (report, true, &signed, "accept srs"),
        (report, false, &signed, "accept nothing_found"),
        (report, false, &Vouched::No, "reject unauthenticated_report"),
    ] {
        let evidence = Evidence {
            status,
            ..Evidence::default()
        };
        let sent = to(&format!("{SRS0}@own.test"))
            .headers(headers)
            .evidence(evidence)
            .author(signed.clone());
        let content = sent.stages(&policy).content;
        let verdict = content.expect("it is not read").verdict;
        let found = match verdict.proof {
            Some(Outcome::Srs) => "accept srs".to_owned(),
            _ => words(&verdict),
        };
        assert_eq!(found, expected, "{sent:?}");
    }
}

/// Nobody waits for content that decides nothing: the headers show a bounce, or the domain is not ours.
#[test]
fn the_content_of_what_is_not_ours_to_judge_is_not_read() {
    let policy = policy(&[]);
    let srs = format!("{SRS0}@own.test");
    for (from, rcpt, headers) in [
        ("", &*srs, DSN),
        ("", &srs, AWAY),
        ("mailer-daemon@mx.remote.test", &srs, DSN),
        ("", "kim@elsewhere.test", DSN),
        ("", "kim@elsewhere.test", AWAY),
    ] {
        let stages = to(rcpt).from(from).headers(headers).stages(&policy);
        assert!(
            stages.headers.is_some() && stages.content.is_none(),
            "{from} {rcpt}"
        );
    }
}

#[test]
fn bounces_to_srs_addresses_are_left_to_the_daemon_that_makes_them() {
    let plain = policy(&[]);
    let required = policy(&[("{sign: true}", "{sign: true, required: true}")]);
    let caught = policy(&[("unknown: {mail", "catch_all: {mail")]);
    let nobody = policy(&[("  srs: [own.test]\n", "")]);
    let unlisted = policy(&[("domain: own.test", "domain: sub.own.test")]);
    for local in [
        SRS0,
        SRS1,
        "srs0=ab1c=q7=remote.test=kim",
        "SRS0+Ab1c=Q7=remote.test=kim",
    ] {
        let srs = format!("{local}@own.test");
        for policy in [&plain, &required, &caught, &unlisted] {
            for besieged in [false, true] {
                for (from, headers, expected) in [
                    ("", DSN, "accept srs srs"),
                    ("", AWAY, "accept srs srs"),
                    // Some send bounces with a sender of their own.
                    ("mailer-daemon@mx.remote.test", DSN, "accept srs srs"),
                    ("postmaster@mx.remote.test", DSN, "accept srs srs"),
                    ("bob@remote.test", AWAY, "accept nothing_found -"),
                ] {
                    let found = found(policy, from, &srs, headers, besieged);
                    assert_eq!(found, expected, "<{from}> {srs} {besieged}");
                }
            }
        }
        for besieged in [false, true] {
            let found = |policy, from, to: &str| found(policy, from, to, DSN, besieged);
            // Where no daemon runs, a stranger would only have to make one up.
            assert_eq!(found(&nobody, "", &srs), "reject never_sends -");
            let elsewhere = format!("{local}@other.test");
            assert_eq!(found(&plain, "", &elsewhere), "reject never_sends -");
            let below = format!("{local}@x.own.test");
            let expected = if besieged {
                "reject siege_unproven unproven"
            } else {
                "reject unproven unproven"
            };
            assert_eq!(found(&plain, "", &below), expected);
        }
    }
    for local in [
        "SRS0=x",
        "SRS0",
        "SRS0=Ab1c=Q7=remote.test",
        "SRS2=Ab1c=Q7=remote.test=kim",
        "kim",
    ] {
        let to = format!("{local}@own.test");
        assert_eq!(
            found(&plain, "", &to, DSN, false),
            "reject never_sends -",
            "{local}"
        );
    }
    // What is no notification is none at such an address either.
    let to = format!("{SRS0}@own.test");
    let found = found(
        &plain,
        "",
        &to,
        "From: bob@remote.test\nSubject: Hello\n",
        false,
    );
    assert_eq!(found, "tag not_a_notification srs");
}

/// A rule that names such addresses goes before; what it leaves out it doesn't say.
#[test]
fn a_rule_that_takes_bounces_takes_those_that_prove_nothing() {
    let rules = |rule: &str| {
        let rules = format!("rules: [{rule}]\n    unknown:");
        policy(&[
            ("  srs: [own.test]\n", ""),
            (
                "  never_send: ['@own.test', '@other.test']\n",
                "  never_send: []\n",
            ),
            ("unknown:", &rules),
        ])
    };
    let required = |rule: &str| {
        let mut policy = rules(rule);
        policy.proof.batv.required = true;
        policy
    };
    let shop = "shop-1@own.test";
    for (rule, besieged, proven, tagless) in [
        (
            "{match: 'shop-.*', bounces: accept}",
            false,
            "accept rule_bounce unproven",
            "accept rule_bounce unproven",
        ),
        (
            "{match: 'shop-.*', bounces: accept}",
            true,
            "accept rule_bounce unproven",
            "accept rule_bounce unproven",
        ),
        (
            "{match: 'shop-.*', mail: reject, bounces: {action: accept}}",
            false,
            "accept rule_bounce unproven",
            "accept rule_bounce unproven",
        ),
        (
            "{match: 'shop-.*'}",
            false,
            "reject unproven unproven",
            "reject unproven unproven",
        ),
        (
            "{match: 'shop-.*', mail: accept}",
            true,
            "reject siege_unproven unproven",
            "reject siege_unproven unproven",
        ),
        (
            "{match: 'shop-.*', bounces: tag}",
            false,
            "reject unproven unproven",
            "reject unproven unproven",
        ),
        (
            "{match: 'shop-.*', bounces: reject}",
            false,
            "reject rule_bounce -",
            "reject rule_bounce -",
        ),
        (
            "{match: 'other', bounces: accept}",
            false,
            "reject unknown_bounce -",
            "reject unknown_bounce -",
        ),
    ] {
        assert_eq!(
            found(&rules(rule), "", shop, DSN, besieged),
            proven,
            "{rule}"
        );
        assert_eq!(
            found(&required(rule), "", shop, DSN, besieged),
            tagless,
            "{rule}"
        );
    }
    // With a list that knows the address, no rule is asked.
    let listed = rules("{match: 'jane', bounces: accept}");
    let found = found(&listed, "", "jane@own.test", DSN, false);
    assert_eq!(found, "reject unproven unproven");
}

/// What `backstop check` suggests the key by.
#[test]
fn srs_addresses_that_the_file_knows_nothing_of_are_counted() {
    let policy = policy(&[]);
    let words = |count: Option<CoverageCount>| {
        count.map(|count| {
            let (domain, seen) = count.texts();
            format!("{} {domain} {seen}", count.kind())
        })
    };
    for (client, from, rcpt, counted) in [
        (
            "192.0.2.1",
            "",
            format!("{SRS0}@other.test"),
            Some("srs other.test bounced"),
        ),
        (
            "192.0.2.1",
            "",
            format!("{SRS1}@other.test"),
            Some("srs other.test bounced"),
        ),
        // However many names a stranger makes up, it is one of the file's.
        (
            "192.0.2.1",
            "",
            format!("{SRS0}@a.b.own.test"),
            Some("srs own.test bounced"),
        ),
        ("192.0.2.1", "", format!("{SRS0}@own.test"), None),
        ("192.0.2.1", "", format!("{SRS0}@foreign.test"), None),
        ("192.0.2.1", "", "SRS0=x@other.test".to_owned(), None),
        (
            "192.0.2.1",
            "bob@remote.test",
            format!("{SRS0}@other.test"),
            None,
        ),
        ("10.0.0.1", "", format!("{SRS0}@other.test"), None),
    ] {
        let rcpt = Mailbox::from_bytes(rcpt.as_bytes());
        let found = words(policy.unknown_srs(&mail().client(client).from(from).envelope(), &rcpt));
        assert_eq!(found.as_deref(), counted, "{from} {rcpt:?}");
    }
    let (headers, _) = Headers::parse(b"From: kim@remote.test\r\n\r\n");
    for (from, counted) in [
        (format!("{SRS0}@other.test"), Some("srs other.test sent")),
        (format!("{SRS0}@own.test"), None),
        ("jane@other.test".to_owned(), None),
    ] {
        let envelope = mail().client("10.0.0.1").from(&from).envelope();
        let departure = policy.departure(&envelope, [], &headers, TODAY * DAY);
        let counts = policy.coverage(&envelope, &headers, &departure);
        let srs = counts.into_iter().find(|count| count.kind() == "srs");
        assert_eq!(words(srs).as_deref(), counted, "{from}");
    }
}
