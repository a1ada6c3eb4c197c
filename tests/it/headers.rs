//! The header stage as tables: an envelope, headers, what DNS said; the verdict on each recipient.

use std::path::Path;

use backstop::{
    config,
    core::{
        address::{Mailbox, ReversePath},
        envelope::{Client, Envelope, Recipient},
        header::Headers,
        header_rules::Matches,
        policy::{Case, HeaderFacts, Policy, SpfAnswers, Tag, Vouched, settle},
        recipients::Known,
        spf::{Identity, SpfCheck, SpfResult},
        trace_header::Forgeries,
        verdict::{Action, Mode, Reason, Rule, Verdict},
    },
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
spf: {trusted_forwarders: [203.0.113.0/24]}
proof: {dkim: {verify: false}}
forgery: {header_from: reject, mailing_lists: [lists.example.net]}
null_sender:
  not_a_notification: reject
  never_send: [noreply@example.org]
  exempt: {clients: [192.0.2.77]}
exempt: {recipients: [abuse]}
recipients:
  - domain: example.org
    known: [{addresses: [info]}]
    catch_all: {mail: accept, bounces: reject}
headers:
  - {header: Subject, match: 'casino', action: reject, text: 'No games'}
  - {header: Subject, match: 'receipt', when: notification, action: tag}
  - {header: X-Mailer, match: '^bulk', when: mail, domains: [example.org], action: quarantine}
  - {header: Subject, match: 'lottery', when: null_sender, action: {{never}}}
";

const DSN: &str = "From: MAILER-DAEMON@mx.example.com\nSubject: Undelivered Mail Returned to Sender\n\
    Auto-Submitted: auto-replied\nContent-Type: multipart/report; report-type=delivery-status; boundary=x\n";

struct Sent {
    client: &'static str,
    helo: &'static str,
    from: &'static str,
    spf: SpfResult,
    rcpt: &'static str,
    tag: Option<Tag>,
    headers: &'static str,
}

const MAIL: Sent = Sent {
    client: "192.0.2.1",
    helo: "mx.example.com",
    from: "jane@example.com",
    spf: SpfResult::Pass,
    rcpt: "info@example.org",
    tag: None,
    headers: "From: Jane <jane@example.com>\nSubject: hello\n",
};

fn policy() -> Policy {
    config::parse(
        Path::new("headers.yaml"),
        &SITE.replace("{{never}}", "discard"),
    )
    .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    .policy
}

fn outcome(policy: &Policy, sent: &Sent) -> String {
    let envelope = Envelope {
        client: Client {
            address: sent.client.parse().ok(),
            helo: Some(sent.helo.as_bytes().to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(sent.from.as_bytes()),
    };
    let domain = envelope
        .reverse_path
        .domain()
        .map_or(sent.helo.to_owned(), ToString::to_string);
    let spf = SpfAnswers {
        helo: None,
        mail_from: Some(SpfCheck::new(Identity::MailFrom, domain, sent.spf)),
        forwarder: Vouched::No,
    };
    let (headers, _) = Headers::parse(sent.headers.as_bytes());
    let facts = HeaderFacts::of(
        &envelope.reverse_path,
        headers,
        Forgeries::new("mx.example.org"),
    );
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(sent.rcpt.as_bytes()),
        refused: None,
    };
    let known = match sent.rcpt {
        "info@example.org" => Known::Listed("inline".to_owned()),
        _ => Known::NotListed,
    };
    let case = Case {
        envelope: &envelope,
        spf: &spf,
        recipient: &recipient,
        tag: sent.tag,
        earlier: 0,
        known: &known,
        listings: &[],
        siege: None,
    };
    let verdict = policy
        .judge_headers(
            &case,
            &facts,
            &Matches::new(&policy.headers, &facts.headers),
        )
        .verdict;
    format!("{} {}", verdict.action, verdict.reason.code())
}

fn holds(table: &[(Sent, &str)]) {
    let policy = policy();
    for (number, (sent, expected)) in table.iter().enumerate() {
        assert_eq!(
            outcome(&policy, sent),
            *expected,
            "row {number}: {}",
            sent.headers
        );
    }
}

/// RFC 5321 section 4.5.5.
#[test]
fn the_null_sender_is_for_notifications() {
    holds(&[
        (
            Sent {
                from: "",
                headers: DSN,
                ..MAIL
            },
            "accept nothing_found",
        ),
        (Sent { from: "", ..MAIL }, "reject not_a_notification"),
        (
            Sent {
                from: "",
                client: "192.0.2.77",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                from: "",
                client: "10.0.0.1",
                ..MAIL
            },
            "accept outgoing_network",
        ),
        (
            Sent {
                from: "",
                rcpt: "postmaster@example.org",
                ..MAIL
            },
            "accept exempt_postmaster",
        ),
        (
            Sent {
                from: "",
                rcpt: "abuse@example.org",
                ..MAIL
            },
            "accept exempt_recipient",
        ),
        // A bounce that its tag proves is one, however odd its headers.
        (
            Sent {
                from: "",
                tag: Some(Tag::Valid),
                ..MAIL
            },
            "accept nothing_found",
        ),
    ]);
}

#[test]
fn a_bounce_with_a_sender_is_answered_as_a_bounce() {
    let daemon = |rcpt| Sent {
        from: "mailer-daemon@mx.example.com",
        headers: DSN,
        rcpt,
        ..MAIL
    };
    holds(&[
        (daemon("info@example.org"), "accept nothing_found"),
        (daemon("noreply@example.org"), "reject never_sends"),
        (daemon("anything@example.org"), "reject catch_all_bounce"),
        (
            Sent {
                rcpt: "anything@example.org",
                ..MAIL
            },
            "accept nothing_found",
        ),
    ]);
}

#[test]
fn strangers_do_not_write_in_our_name() {
    holds(&[
        (
            Sent {
                headers: "From: boss@example.org\n",
                ..MAIL
            },
            "reject header_from_forged",
        ),
        (
            Sent {
                headers: "From: x@y.example\nFrom: Boss <boss@EXAMPLE.org>\n",
                ..MAIL
            },
            "reject header_from_forged",
        ),
        (
            Sent {
                headers: "From: \"boss@example.org\" <x@evil.example>\n",
                ..MAIL
            },
            "reject header_from_forged",
        ),
        (
            Sent {
                headers: "From: All: a@b.example, boss@example.org;\n",
                ..MAIL
            },
            "reject header_from_forged",
        ),
        (
            Sent {
                headers: "From: =?utf-8?Q?boss=40example.org?= <x@evil.example>\n",
                ..MAIL
            },
            "reject header_from_forged",
        ),
        (
            Sent {
                headers: "From: boss@notexample.org\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                headers: "Subject: no From: at all\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
        // Who may: our own servers by SPF, a forwarder, a list that the file names; each with SPF that passes.
        (
            Sent {
                from: "jane@example.org",
                headers: "From: jane@example.org\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                client: "203.0.113.5",
                headers: "From: jane@example.org\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                from: "a@lists.example.net",
                headers: "From: jane@example.org\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                from: "a@lists.example.net",
                spf: SpfResult::Softfail,
                headers: "From: jane@example.org\n",
                ..MAIL
            },
            "reject header_from_forged",
        ),
        (
            Sent {
                client: "10.0.0.1",
                headers: "From: jane@example.org\n",
                ..MAIL
            },
            "accept outgoing_network",
        ),
    ]);
}

/// What passes SPF vouches for its own line of names alone, and each domain of ours in From: needs a voucher.
#[test]
fn one_domain_of_ours_does_not_vouch_for_another() {
    const DOMAINS: &str =
        "own-a.test, own-b.test, sub.own-a.test, other.own-a.test, a.sub.own-a.test, .below.test";
    let policy = config::parse(
        Path::new("forgery.yaml"),
        &format!(
            "mode: enforce\nlocal: {{domains: [{DOMAINS}]}}\nspf: {{trusted_forwarders: [203.0.113.0/24]}}\n\
             forgery: {{header_from: reject, mailing_lists: [lists.example.net]}}\n"
        ),
    )
    .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
    .policy;
    let many: String = (0..70).map(|n| format!("a{n}@own-a.test, ")).collect();
    let (accepted, forged) = ("accept nothing_found", "reject header_from_forged");
    for (from, header, expected) in [
        ("joe@own-a.test", "ceo@own-a.test", accepted),
        ("joe@own-a.test", "ceo@OWN-A.test", accepted),
        ("joe@own-b.test", "ceo@own-a.test", forged),
        ("joe@own-a.test", "ceo@own-b.test", forged),
        // Below and above.
        ("joe@own-a.test", "ceo@sub.own-a.test", accepted),
        ("joe@own-a.test", "ceo@a.sub.own-a.test", accepted),
        ("joe@sub.own-a.test", "ceo@own-a.test", accepted),
        ("joe@a.sub.own-a.test", "ceo@own-a.test", accepted),
        ("joe@sub.own-a.test", "ceo@own-b.test", forged),
        // Beside each other.
        ("joe@sub.own-a.test", "ceo@other.own-a.test", forged),
        ("joe@other.own-a.test", "ceo@a.sub.own-a.test", forged),
        ("joe@a.below.test", "ceo@b.below.test", forged),
        ("joe@a.below.test", "ceo@b.a.below.test", accepted),
        // A name that only ends alike, and one that is not in local.domains.
        ("joe@own-a.test", "ceo@xown-a.test", accepted),
        ("joe@xown-a.test", "ceo@own-a.test", forged),
        ("joe@new.own-a.test", "ceo@own-a.test", forged),
        ("joe@below.test", "ceo@a.below.test", forged),
        // Each address needs a voucher, wherever it stands.
        ("joe@own-a.test", "a@own-a.test, b@own-b.test", forged),
        ("joe@own-b.test", "a@own-a.test, b@own-b.test", forged),
        ("joe@own-a.test", "a@own-a.test, b@sub.own-a.test", accepted),
        ("joe@own-a.test", "a@own-a.test, x@else.example", accepted),
        ("joe@own-a.test", "a@own-a.test\nFrom: b@own-b.test", forged),
        ("joe@own-a.test", "All: a@own-a.test, b@own-b.test;", forged),
        (
            "joe@own-a.test",
            "\"ceo@own-b.test\" <joe@own-a.test>",
            forged,
        ),
        ("joe@own-a.test", "joe@own-a.test (ceo@own-b.test)", forged),
        (
            "joe@own-a.test",
            "=?utf-8?Q?ceo=40own-b.test?= <joe@own-a.test>",
            forged,
        ),
        (
            "joe@own-a.test",
            "\"a@sub.own-a.test\" <joe@own-a.test>",
            accepted,
        ),
        // What is not read may be another's.
        ("joe@own-a.test", many.as_str(), forged),
        ("joe@lists.example.net", many.as_str(), accepted),
        // Lists and forwarders bring the mail of all our users.
        (
            "joe@lists.example.net",
            "a@own-a.test, b@own-b.test",
            accepted,
        ),
        ("joe@other.example", "a@own-a.test", forged),
        // The null sender is whoever HELO names.
        ("<>", "a@own-a.test", forged),
        ("<> own-a.test", "MAILER-DAEMON@own-a.test", accepted),
        ("<> mx.below.test", "MAILER-DAEMON@mx.below.test", accepted),
        ("<> sub.own-a.test", "MAILER-DAEMON@own-a.test", accepted),
        ("<> own-b.test", "MAILER-DAEMON@own-a.test", forged),
        ("<> new.own-a.test", "MAILER-DAEMON@own-a.test", forged),
        ("<> xown-a.test", "MAILER-DAEMON@own-a.test", forged),
    ] {
        let (from, helo) = from.split_once(' ').unwrap_or((from, MAIL.helo));
        let headers = match from {
            "<>" => DSN.replace("MAILER-DAEMON@mx.example.com", header),
            _ => format!("From: {header}\n"),
        };
        let sent = |client, spf| Sent {
            client,
            from,
            helo,
            spf,
            headers: Box::leak(headers.clone().into_boxed_str()),
            ..MAIL
        };
        let found = outcome(&policy, &sent(MAIL.client, SpfResult::Pass));
        assert_eq!(found, expected, "{from} {header:.80}");
        // Without SPF nothing vouches, and a forwarder does for all.
        let of_a_stranger = header.contains("xown-a");
        let without = if of_a_stranger { accepted } else { forged };
        for spf in [SpfResult::None, SpfResult::Softfail, SpfResult::Permerror] {
            let found = outcome(&policy, &sent(MAIL.client, spf));
            assert_eq!(found, without, "{from} {header:.80} {spf}");
        }
        let forwarded = outcome(&policy, &sent("203.0.113.5", SpfResult::Fail));
        assert!(!forwarded.starts_with("reject"), "{from} {forwarded}");
    }
}

#[test]
fn header_rules_see_decoded_values_of_the_mail_they_are_for() {
    holds(&[
        (
            Sent {
                headers: "Subject: Grand CASINO\n",
                ..MAIL
            },
            "reject header_rule",
        ),
        (
            Sent {
                headers: "Subject: =?iso-8859-1?Q?Cas=69no?=\n",
                ..MAIL
            },
            "reject header_rule",
        ),
        (
            Sent {
                headers: "Subject: Grand cas\n ino\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                headers: "Subject: hi\nSubject: casino\n",
                ..MAIL
            },
            "reject header_rule",
        ),
        (
            Sent {
                headers: "Subject: your receipt\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                headers: "X-Mailer: BulkMaster 3\n",
                ..MAIL
            },
            "quarantine header_rule",
        ),
        (
            Sent {
                headers: "X-Mailer: BulkMaster 3\n",
                rcpt: "a@elsewhere.example",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                headers: "X-Mailer: not bulk\n",
                ..MAIL
            },
            "accept nothing_found",
        ),
    ]);
}

/// After DATA a refusal hits every recipient, so it needs every recipient's verdict.
#[test]
fn nobody_loses_mail_by_anothers_verdict() {
    let verdict = |action| Verdict::of(Rule::new(action), Mode::Enforce, Reason::NeverSends);
    let settled = |actions: &[Action]| {
        let mut verdicts: Vec<Verdict> = actions.iter().map(|action| verdict(*action)).collect();
        settle(&mut verdicts);
        verdicts
            .iter()
            .map(|verdict| verdict.action)
            .collect::<Vec<_>>()
    };
    use Action::{Accept, Discard, Quarantine, Reject, Tag, Tempfail};
    assert_eq!(settled(&[Reject]), [Reject]);
    assert_eq!(settled(&[Reject, Reject]), [Reject, Reject]);
    assert_eq!(settled(&[Reject, Tempfail]), [Tempfail, Tempfail]);
    assert_eq!(settled(&[Reject, Accept]), [Tag, Accept]);
    assert_eq!(settled(&[Tempfail, Quarantine]), [Tag, Quarantine]);
    assert_eq!(settled(&[Reject, Discard]), [Reject, Discard]);
    assert_eq!(settled(&[Discard, Accept]), [Discard, Accept]);
}
