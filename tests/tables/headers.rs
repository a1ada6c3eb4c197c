//! The header stage as tables: an envelope, headers, what DNS said; the verdict on each recipient.

use backstop::core::{
    policy::{Policy, Tag, settle},
    spf::SpfResult::{Fail, None as Without, Pass, Permerror, Softfail},
    verdict::{Action, Mode, Reason, Rule, Verdict},
};

use crate::scenario::{self, DSN, Scenario, words};

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
  - {header: Subject, match: 'lottery', when: null_sender, action: discard}
";

fn policy() -> Policy {
    scenario::policy(SITE, &[])
}

fn mail() -> Scenario {
    let headers = "From: Jane <jane@example.com>\nSubject: hello\n";
    scenario::mail().listed(&["info"]).headers(headers)
}

/// What the headers decide.
fn outcome(policy: &Policy, sent: &Scenario) -> String {
    let judgement = sent.stages(policy).headers;
    words(&judgement.expect("it is refused before").verdict)
}

fn holds(table: &[(Scenario, &str)]) {
    let policy = policy();
    for (number, (sent, expected)) in table.iter().enumerate() {
        assert_eq!(outcome(&policy, sent), *expected, "row {number}: {sent:?}");
    }
}

/// RFC 5321 section 4.5.5.
#[test]
fn the_null_sender_is_for_notifications() {
    holds(&[
        (mail().from("").headers(DSN), "accept nothing_found"),
        (mail().from(""), "reject not_a_notification"),
        (mail().from("").client("192.0.2.77"), "accept nothing_found"),
        (
            mail().from("").client("10.0.0.1"),
            "accept outgoing_network",
        ),
        (
            mail().from("").to("postmaster@example.org"),
            "accept exempt_postmaster",
        ),
        (
            mail().from("").to("abuse@example.org"),
            "accept exempt_recipient",
        ),
        // A bounce that its tag proves is one, however odd its headers.
        (mail().from("").tag(Tag::Valid), "accept nothing_found"),
    ]);
}

#[test]
fn a_bounce_with_a_sender_is_answered_as_a_bounce() {
    let daemon = |rcpt| {
        mail()
            .from("mailer-daemon@mx.example.com")
            .headers(DSN)
            .to(rcpt)
    };
    holds(&[
        (daemon("info@example.org"), "accept nothing_found"),
        (daemon("noreply@example.org"), "reject never_sends"),
        (daemon("anything@example.org"), "reject catch_all_bounce"),
        (mail().to("anything@example.org"), "accept nothing_found"),
    ]);
}

#[test]
fn strangers_do_not_write_in_our_name() {
    holds(&[
        (
            mail().headers("From: boss@example.org\n"),
            "reject header_from_forged",
        ),
        (
            mail().headers("From: x@y.example\nFrom: Boss <boss@EXAMPLE.org>\n"),
            "reject header_from_forged",
        ),
        (
            mail().headers("From: \"boss@example.org\" <x@evil.example>\n"),
            "reject header_from_forged",
        ),
        (
            mail().headers("From: All: a@b.example, boss@example.org;\n"),
            "reject header_from_forged",
        ),
        (
            mail().headers("From: =?utf-8?Q?boss=40example.org?= <x@evil.example>\n"),
            "reject header_from_forged",
        ),
        (
            mail().headers("From: boss@notexample.org\n"),
            "accept nothing_found",
        ),
        (
            mail().headers("Subject: no From: at all\n"),
            "accept nothing_found",
        ),
        // Who may: our own servers by SPF, a forwarder, a list that the file names; each with SPF that passes.
        (
            mail()
                .from("jane@example.org")
                .headers("From: jane@example.org\n"),
            "accept nothing_found",
        ),
        (
            mail()
                .client("203.0.113.5")
                .headers("From: jane@example.org\n"),
            "accept nothing_found",
        ),
        (
            mail()
                .from("a@lists.example.net")
                .headers("From: jane@example.org\n"),
            "accept nothing_found",
        ),
        (
            mail()
                .from("a@lists.example.net")
                .spf(Softfail)
                .headers("From: jane@example.org\n"),
            "reject header_from_forged",
        ),
        (
            mail()
                .client("10.0.0.1")
                .headers("From: jane@example.org\n"),
            "accept outgoing_network",
        ),
    ]);
}

/// What passes SPF vouches for its own line of names alone, and each domain of ours in From: needs a voucher.
#[test]
fn one_domain_of_ours_does_not_vouch_for_another() {
    const DOMAINS: &str =
        "own-a.test, own-b.test, sub.own-a.test, other.own-a.test, a.sub.own-a.test, .below.test";
    // What is refused at RCPT has no headers.
    let file = format!(
        "mode: enforce\nlocal: {{domains: [{DOMAINS}]}}\nspf: {{trusted_forwarders: [203.0.113.0/24]}}\n\
         forgery: {{mail_from: accept, header_from: reject, mailing_lists: [lists.example.net]}}\n"
    );
    let policy = scenario::policy(&file, &[]);
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
        // What lies below is its owner's, listed or not; what lies above may be a registry's.
        ("joe@new.own-a.test", "ceo@own-a.test", accepted),
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
        ("<> new.own-a.test", "MAILER-DAEMON@own-a.test", accepted),
        ("<> xown-a.test", "MAILER-DAEMON@own-a.test", forged),
    ] {
        let (from, helo) = from.split_once(' ').unwrap_or((from, "mx.example.com"));
        let sent = |client, spf| {
            let sent = mail().client(client).helo(helo);
            match from {
                "<>" => sent
                    .from("")
                    .helo_spf(spf)
                    .headers(&DSN.replace("MAILER-DAEMON@mx.example.com", header)),
                _ => sent
                    .from(from)
                    .spf(spf)
                    .headers(&format!("From: {header}\n")),
            }
        };
        let found = outcome(&policy, &sent("192.0.2.1", Pass));
        assert_eq!(found, expected, "{from} {header:.80}");
        // Without SPF nothing vouches, and a forwarder does for all.
        let of_a_stranger = header.contains("xown-a");
        let without = if of_a_stranger { accepted } else { forged };
        for spf in [Without, Softfail, Permerror] {
            let found = outcome(&policy, &sent("192.0.2.1", spf));
            assert_eq!(found, without, "{from} {header:.80} {spf}");
        }
        let forwarded = outcome(&policy, &sent("203.0.113.5", Fail));
        assert!(!forwarded.starts_with("reject"), "{from} {forwarded}");
    }
}

#[test]
fn header_rules_see_decoded_values_of_the_mail_they_are_for() {
    holds(&[
        (
            mail().headers("Subject: Grand CASINO\n"),
            "reject header_rule",
        ),
        (
            mail().headers("Subject: =?iso-8859-1?Q?Cas=69no?=\n"),
            "reject header_rule",
        ),
        (
            mail().headers("Subject: Grand cas\n ino\n"),
            "accept nothing_found",
        ),
        (
            mail().headers("Subject: hi\nSubject: casino\n"),
            "reject header_rule",
        ),
        (
            mail().headers("Subject: your receipt\n"),
            "accept nothing_found",
        ),
        (
            mail().headers("X-Mailer: BulkMaster 3\n"),
            "quarantine header_rule",
        ),
        (
            mail()
                .headers("X-Mailer: BulkMaster 3\n")
                .to("a@elsewhere.example"),
            "accept nothing_found",
        ),
        (
            mail().headers("X-Mailer: not bulk\n"),
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
