//! Which recipients may share a transaction, as a table; and who is reached whatever happens.

use backstop::core::{
    address::Mailbox,
    envelope::Recipient,
    policy::{Case, Policy, Siege, SpfAnswers, Tag, Vouched, WasLearned},
    recipients::Known,
    spf::{Identity, SpfCheck, SpfResult},
};

use crate::{proof::envelope, site};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, example.net], networks: [10.0.0.0/8]}
spf: {trusted_forwarders: [203.0.113.0/24], mail_from: {fail: tag, temperror: tag}}
forgery: {header_from: reject}
null_sender: {extra_recipients: accept, never_send: {addresses: [noreply], action: tempfail}, exempt: {recipients: [lists]}}
exempt: {clients: [192.0.2.77], recipients: [abuse, open]}
recipients:
  - domain: example.org
    known: [{addresses: [joe, jane]}]
    rules: [{match: 'shop-.*', bounces: accept}, {match: 'desk-.*', mail: accept}]
    catch_all: {mail: accept, bounces: reject}
headers:
  - {header: Subject, match: casino, domains: [example.net], action: reject}
";

#[derive(Clone, Copy)]
struct To(&'static str, Option<Tag>, bool);

fn with<T>(client: &str, from: &str, result: SpfResult, to: To, ask: impl Fn(&Case<'_>) -> T) -> T {
    let To(rcpt, tag, siege) = to;
    let envelope = envelope(client, from);
    let domain = from
        .split_once('@')
        .map_or("mx.example.com", |(_, domain)| domain);
    let check = |identity| Some(SpfCheck::new(identity, domain.to_owned(), result));
    let spf = SpfAnswers {
        helo: check(Identity::Helo),
        mail_from: check(Identity::MailFrom),
        forwarder: Vouched::No,
    };
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(rcpt.as_bytes()),
        refused: None,
    };
    let known = match rcpt {
        "joe@example.org" | "jane@example.org" => Known::Listed("inline".to_owned()),
        _ => Known::NotListed,
    };
    ask(&Case {
        envelope: &envelope,
        spf: &spf,
        recipient: &recipient,
        tag,
        earlier: 0,
        known: &known,
        listings: &[],
        siege: siege.then_some(Siege {
            learned: WasLearned::Yes,
        }),
    })
}

/// Whether the second recipient is asked to come again alone.
fn parted(policy: &Policy, client: &str, from: &str, result: SpfResult, pair: (To, To)) -> bool {
    let first = with(client, from, result, pair.0, |case| policy.company(case));
    let judgement = with(client, from, result, pair.1, |case| {
        policy.parted(case, first)
    });
    judgement.is_some_and(|judgement| {
        let verdict = judgement.verdict;
        assert_eq!(verdict.reason.code(), "other_recipients");
        let reply = backstop::core::reply::Reply::to(&verdict, None).unwrap();
        assert!(
            reply.to_string().starts_with("452-4.5.3 ")
                || reply.to_string().starts_with("452 4.5.3 ")
        );
        true
    })
}

#[test]
fn recipients_whose_answers_could_differ_do_not_share_a_suspect_message() {
    let policy = site::policy(SITE, &[]);
    let to = |rcpt| To(rcpt, None, false);
    let joe = to("joe@example.org");
    let (all, bounces, none) = (
        (true, true, false),
        (true, false, false),
        (false, false, false),
    );
    for (other, (null, fails, passes)) in [
        (to("jane@example.org"), none),
        (to("abuse@example.org"), all),
        (to("open@example.org"), all),
        (to("postmaster@example.org"), all),
        // The rule for headers is for that domain alone.
        (to("joe@example.net"), all),
        (to("lists@example.org"), bounces),
        (to("any@example.org"), bounces),
        (to("noreply@example.org"), bounces),
        // Bounces that prove nothing are accepted to the first, and to the second they are not.
        (to("shop-7@example.org"), bounces),
        (to("desk-7@example.org"), none),
        (to("joe@elsewhere.example"), bounces),
        (To("jane@example.org", Some(Tag::Valid), false), bounces),
        (To("jane@example.org", None, true), bounces),
    ] {
        for pair in [(joe, other), (other, joe)] {
            let what = format!("{} {}", pair.0.0, pair.1.0);
            let asked = |client, from, result| parted(&policy, client, from, result, pair);
            let stranger = "192.0.2.1";
            assert_eq!(asked(stranger, "", SpfResult::Pass), null, "<> {what}");
            let daemon = "mailer-daemon@mx.example.com";
            if other.1.is_none() {
                assert_eq!(
                    asked(stranger, daemon, SpfResult::Pass),
                    null,
                    "daemon {what}"
                );
            }
            for result in SpfResult::ALL {
                let expected = if result == SpfResult::Pass {
                    passes
                } else {
                    fails
                };
                let found = asked(stranger, "bob@friend.example", result);
                assert_eq!(found, expected, "{result} {what}");
                // Who is not judged, or may forward.
                for client in ["10.0.0.1", "203.0.113.5"] {
                    assert!(
                        !asked(client, "bob@friend.example", result),
                        "{client} {what}"
                    );
                }
                assert!(
                    !asked("192.0.2.77", "bob@friend.example", result)
                        || other.0 == "joe@example.net"
                );
            }
        }
    }
    // Whom a siege refuses nothing does not share with those whom it refuses bounces.
    let besieged = |rcpt| To(rcpt, None, true);
    let (noc, ann) = (besieged("noc@example.net"), besieged("ann@example.net"));
    for (pair, expected) in [
        ((noc, ann), true),
        ((ann, noc), true),
        ((ann, besieged("bea@example.net")), false),
    ] {
        for from in ["", "mailer-daemon@mx.example.com"] {
            let found = parted(&policy, "192.0.2.1", from, SpfResult::Pass, pair);
            assert_eq!(found, expected, "{from} {} {}", pair.0.0, pair.1.0);
        }
    }
    // Where nothing is refused after DATA, or nothing at all, nobody is parted.
    let pair = (joe, to("abuse@example.org"));
    for changes in [
        &[("mode: enforce", "mode: monitor")][..],
        &[
            (
                "header_from: reject",
                "header_from: {action: reject, monitor: true}",
            ),
            ("domains: [example.net], action: reject", "action: tag"),
        ],
    ] {
        let policy = site::policy(SITE, changes);
        assert!(!parted(
            &policy,
            "192.0.2.1",
            "bob@friend.example",
            SpfResult::Fail,
            pair
        ));
    }
}

#[test]
fn those_who_help_are_reached_under_siege() {
    let file = "
mode: enforce
local: {domains: [example.org]}
recipients:
  - domain: example.org
    known: [{addresses: [joe]}]
    catch_all: {mail: accept, bounces: accept}
siege: {catch_all: {mail: tempfail, bounces: reject}}
";
    let policy = site::policy(file, &[]);
    for (rcpt, mail, bounce) in [
        (
            "any@example.org",
            "tempfail siege_catch_all_mail",
            "reject siege_catch_all_bounce",
        ),
        (
            "xnoc@example.org",
            "tempfail siege_catch_all_mail",
            "reject siege_catch_all_bounce",
        ),
        (
            "hostmaster@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "Security@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "noc+ticket@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "\"noc\"@example.org",
            "accept nothing_found",
            "accept nothing_found",
        ),
        (
            "abuse@example.org",
            "accept exempt_recipient",
            "accept exempt_recipient",
        ),
        (
            "postmaster@example.org",
            "accept exempt_postmaster",
            "accept exempt_postmaster",
        ),
    ] {
        for (from, expected) in [("bob@friend.example", mail), ("", bounce)] {
            let told = with(
                "192.0.2.1",
                from,
                SpfResult::Pass,
                To(rcpt, None, false),
                |case| {
                    let siege = Some(Siege {
                        learned: WasLearned::No,
                    });
                    let verdict = policy.judge(&Case { siege, ..*case }).verdict;
                    format!("{} {}", verdict.action, verdict.reason.code())
                },
            );
            assert_eq!(told, expected, "{from} {rcpt}");
        }
    }
}

/// abuse@ is exempt unless the file names others.
#[test]
fn abuse_is_exempt_by_default() {
    for (exempt, expected) in [
        ("", "accept exempt_recipient"),
        ("exempt: {}", "accept exempt_recipient"),
        ("exempt: {clients: [192.0.2.7]}", "accept exempt_recipient"),
        ("exempt: {recipients: [open]}", "reject spf_fail"),
        ("exempt: {recipients: []}", "reject spf_fail"),
    ] {
        let policy = site::policy(
            &format!("mode: enforce\nlocal: {{domains: [example.org]}}\n{exempt}\n"),
            &[],
        );
        let to = To("abuse@example.org", None, false);
        let verdict = with(
            "192.0.2.1",
            "a@friend.example",
            SpfResult::Fail,
            to,
            |case| policy.judge(case).verdict,
        );
        let told = format!(
            "{} {}",
            verdict.action,
            verdict.reason.code().replace("spf_helo_", "spf_")
        );
        assert_eq!(told, expected, "{exempt}");
    }
}
