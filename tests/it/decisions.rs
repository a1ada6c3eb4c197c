//! The policy as tables: a configuration, an envelope and what DNS said; the verdict, its reason and its reply.

use std::{net::Ipv4Addr, path::Path};

use backstop::{
    config,
    core::{
        address::{Mailbox, ReversePath},
        dnsbl::Listing,
        envelope::{Client, Envelope, Recipient},
        outside::{Outside, Unanswered},
        policy::{Case, Judgement, Policy, SpfAnswers, Vouched},
        recipients::Known,
        reply::Reply,
        spf::{Identity, SpfCheck, SpfResult},
    },
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, .sub.example.org], networks: [10.0.0.0/8]}
spf:
  trusted_forwarders: [203.0.113.0/24, forwarder.example]
  domains: {soft.example: {fail: tag}, test.example: {fail: {action: reject, monitor: true}}}
null_sender:
  never_send: [noreply@example.org]
  exempt: {clients: [192.0.2.77], recipients: [list@example.org]}
exempt: {clients: [192.0.2.99], recipients: [abuse]}
recipients:
  - domain: example.org
    known: [{addresses: [info, jane]}]
    rules:
      - {match: 'shop-[0-9]+', bounces: reject}
      - {match: 'old-.*', mail: reject, bounces: {action: reject, monitor: true}}
    catch_all: {mail: accept, bounces: reject}
  - domain: a.sub.example.org
    known: [{addresses: [info]}]
    unknown: {mail: reject, bounces: reject}
";

/// One line of a table: who sends what to whom, and what DNS says of it.
struct Sent {
    client: &'static str,
    login: bool,
    from: &'static str,
    helo_spf: SpfResult,
    spf: SpfResult,
    forwarder: bool,
    earlier: usize,
    known: Known,
    listings: &'static [Listing],
    rcpt: &'static str,
    refused: bool,
}

/// Mail of a stranger against whom nothing speaks.
const MAIL: Sent = Sent {
    client: "192.0.2.1",
    login: false,
    from: "user@example.com",
    helo_spf: SpfResult::None,
    spf: SpfResult::Pass,
    forwarder: false,
    earlier: 0,
    known: Known::NotListed,
    listings: &[],
    rcpt: "info@example.org",
    refused: false,
};
const BOUNCE: Sent = Sent { from: "", ..MAIL };

fn policy(yaml: &str) -> Policy {
    config::parse(Path::new("decisions.yaml"), yaml)
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
        .policy
}

fn check(identity: Identity, domain: &str, result: SpfResult) -> SpfCheck {
    SpfCheck::new(identity, domain.to_owned(), result)
}

fn judge(policy: &Policy, sent: &Sent) -> (Judgement, Envelope) {
    let client = Client {
        address: sent.client.parse().ok(),
        local: sent.client == "this host",
        helo: Some(b"mx.example.com".to_vec()),
        login: sent.login.then(|| b"jane".to_vec()),
        ..Client::default()
    };
    let envelope = Envelope {
        client,
        reverse_path: ReversePath::from_bytes(sent.from.as_bytes()),
    };
    let domain = envelope
        .reverse_path
        .domain()
        .map_or("mx.example.com".to_owned(), ToString::to_string);
    let spf = SpfAnswers {
        helo: Some(check(Identity::Helo, "mx.example.com", sent.helo_spf)),
        mail_from: Some(check(Identity::MailFrom, &domain, sent.spf)),
        forwarder: match sent.forwarder {
            true => Vouched::Yes("forwarder.example".to_owned()),
            false => Vouched::No,
        },
    };
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(sent.rcpt.as_bytes()),
        refused: sent.refused.then(|| "5.1.1".to_owned()),
    };
    let case = Case {
        envelope: &envelope,
        spf: &spf,
        recipient: &recipient,
        tag: None,
        earlier: sent.earlier,
        known: &sent.known,
        listings: sent.listings,
        siege: None,
    };
    (policy.judge(&case), envelope)
}

/// `verdict reason`, then what enforcing would do, then the codes of the reply.
fn outcome(policy: &Policy, sent: &Sent) -> String {
    let (Judgement { verdict, checks }, envelope) = judge(policy, sent);
    assert!(!checks.is_empty(), "a verdict without a check");
    let would = verdict
        .would
        .map(|action| format!(" would={action}"))
        .unwrap_or_default();
    let reply = Reply::to(&verdict, envelope.client.address)
        .map(|reply| format!(" {} {}", reply.code, reply.enhanced_text()))
        .unwrap_or_default();
    format!("{} {}{would}{reply}", verdict.action, verdict.reason.code())
}

fn holds(table: Vec<(Sent, &str)>) {
    let policy = policy(SITE);
    for (number, (sent, expected)) in table.into_iter().enumerate() {
        assert_eq!(
            outcome(&policy, &sent),
            expected,
            "row {number}: <{}> to <{}>",
            sent.from,
            sent.rcpt
        );
    }
}

#[test]
fn outgoing_mail_is_never_judged() {
    let forged = || Sent {
        from: "jane@example.org",
        spf: SpfResult::Fail,
        ..MAIL
    };
    holds(vec![
        (
            Sent {
                login: true,
                ..forged()
            },
            "accept outgoing_authenticated",
        ),
        (
            Sent {
                client: "10.1.2.3",
                ..forged()
            },
            "accept outgoing_network",
        ),
        (
            Sent {
                client: "this host",
                ..forged()
            },
            "accept outgoing_local",
        ),
        // No address is no sign of being ours.
        (
            Sent {
                client: "unknown",
                ..forged()
            },
            "tempfail client_unknown 451 4.7.1",
        ),
        (
            Sent {
                client: "unknown",
                login: true,
                ..forged()
            },
            "accept outgoing_authenticated",
        ),
        (
            Sent {
                client: "unknown",
                rcpt: "postmaster@example.org",
                ..forged()
            },
            "accept exempt_postmaster",
        ),
        (
            Sent {
                client: "10.1.2.3",
                rcpt: "noreply@example.org",
                ..BOUNCE
            },
            "accept outgoing_network",
        ),
    ]);
}

/// RFC 7208 section 8 and RFC 7372.
#[test]
fn spf_results_are_answered() {
    holds(vec![
        (MAIL, "accept nothing_found"),
        (
            Sent {
                spf: SpfResult::Fail,
                ..MAIL
            },
            "reject spf_fail 550 5.7.23",
        ),
        (
            Sent {
                spf: SpfResult::Softfail,
                ..MAIL
            },
            "tag spf_softfail",
        ),
        (
            Sent {
                spf: SpfResult::Neutral,
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                spf: SpfResult::None,
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                spf: SpfResult::Temperror,
                ..MAIL
            },
            "tempfail spf_temperror 451 4.7.24",
        ),
        (
            Sent {
                spf: SpfResult::Permerror,
                ..MAIL
            },
            "tag spf_permerror",
        ),
        (
            Sent {
                helo_spf: SpfResult::Fail,
                ..MAIL
            },
            "reject spf_helo_fail 550 5.7.23",
        ),
        (
            Sent {
                helo_spf: SpfResult::Temperror,
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                spf: SpfResult::Fail,
                helo_spf: SpfResult::Fail,
                ..BOUNCE
            },
            "reject spf_helo_fail 550 5.7.23",
        ),
        (
            Sent {
                from: "a@soft.example",
                spf: SpfResult::Fail,
                ..MAIL
            },
            "tag spf_fail",
        ),
        (
            Sent {
                from: "a@test.example",
                spf: SpfResult::Fail,
                ..MAIL
            },
            "tag spf_fail would=reject",
        ),
        // A monitored rule and a tag don't end the walk: what comes after still acts.
        (
            Sent {
                from: "a@soft.example",
                spf: SpfResult::Fail,
                rcpt: "old-1@example.org",
                ..MAIL
            },
            "reject rule_mail 550 5.7.1",
        ),
    ]);
}

#[test]
fn trusted_forwarders_are_spared_spf() {
    let forwarded = || Sent {
        spf: SpfResult::Fail,
        ..MAIL
    };
    holds(vec![
        (
            Sent {
                client: "203.0.113.9",
                ..forwarded()
            },
            "accept nothing_found",
        ),
        (
            Sent {
                forwarder: true,
                ..forwarded()
            },
            "accept nothing_found",
        ),
        (
            Sent {
                forwarder: true,
                from: "jane@example.org",
                ..forwarded()
            },
            "accept nothing_found",
        ),
        // Forwarded or not, a bounce to an address that never sends is none of ours.
        (
            Sent {
                client: "203.0.113.9",
                rcpt: "noreply@example.org",
                ..BOUNCE
            },
            "reject never_sends 550 5.7.1",
        ),
    ]);
}

#[test]
fn our_own_domains_are_not_for_strangers() {
    let ours = || Sent {
        from: "jane@example.org",
        ..MAIL
    };
    holds(vec![
        (
            Sent {
                spf: SpfResult::Pass,
                ..ours()
            },
            "accept nothing_found",
        ),
        (
            Sent {
                spf: SpfResult::None,
                ..ours()
            },
            "reject mail_from_forged 550 5.7.1",
        ),
        (
            Sent {
                spf: SpfResult::Softfail,
                ..ours()
            },
            "reject mail_from_forged 550 5.7.1",
        ),
        (
            Sent {
                spf: SpfResult::Permerror,
                ..ours()
            },
            "reject mail_from_forged 550 5.7.1",
        ),
        (
            Sent {
                spf: SpfResult::Fail,
                ..ours()
            },
            "reject spf_fail 550 5.7.23",
        ),
        // Our own DNS failure never refuses.
        (
            Sent {
                spf: SpfResult::Temperror,
                ..ours()
            },
            "tempfail spf_temperror 451 4.7.24",
        ),
        (
            Sent {
                from: "x@deep.sub.example.org",
                spf: SpfResult::None,
                ..MAIL
            },
            "reject mail_from_forged 550 5.7.1",
        ),
        (
            Sent {
                from: "x@badexample.org",
                spf: SpfResult::None,
                ..MAIL
            },
            "accept nothing_found",
        ),
    ]);
    let lenient = policy(
        "{mode: enforce, local: {domains: [example.org]}, spf: {mail_from: {temperror: accept}}}",
    );
    let unsure = Sent {
        spf: SpfResult::Temperror,
        ..ours()
    };
    assert_eq!(
        outcome(&lenient, &unsure),
        "tempfail mail_from_forged 451 4.7.24"
    );
}

/// RFC 5321 sections 4.5.1, 4.5.3.1.10 and 4.5.5.
#[test]
fn the_null_sender_has_rules_of_its_own() {
    let known = || Known::Listed("inline".to_owned());
    holds(vec![
        (
            Sent {
                known: known(),
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Sent {
                known: known(),
                earlier: 1,
                ..BOUNCE
            },
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        (
            Sent {
                known: known(),
                earlier: 1,
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                rcpt: "noreply@example.org",
                ..BOUNCE
            },
            "reject never_sends 550 5.7.1",
        ),
        // Both MTAs deliver it there.
        (
            Sent {
                rcpt: "noreply%example.org@example.org",
                ..BOUNCE
            },
            "reject never_sends 550 5.7.1",
        ),
        (
            Sent {
                rcpt: "NoReply@Example.ORG",
                ..BOUNCE
            },
            "reject never_sends 550 5.7.1",
        ),
        (
            Sent {
                rcpt: "noreply@example.org",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                rcpt: "noreply@example.org",
                client: "192.0.2.77",
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Sent {
                rcpt: "list@example.org",
                earlier: 3,
                ..BOUNCE
            },
            "accept nothing_found",
        ),
    ]);
}

/// RFC 5782.
#[test]
fn hosts_that_send_backscatter_are_known_by_lists() {
    const LISTED: &[Listing] = &[Listing::Listed(Ipv4Addr::new(127, 0, 0, 2))];
    const NOT_LISTED: &[Listing] = &[Listing::NotListed];
    const DEAD: &[Listing] = &[Listing::Unanswered(Unanswered {
        outside: Outside::Dns,
        why: String::new(),
    })];
    let known = || Known::Listed("inline".to_owned());
    let policy = policy(&format!(
        "{SITE}\ndnsbl: [{{zone: ips.example, action: reject}}]"
    ));
    for (sent, expected) in [
        (
            Sent {
                listings: LISTED,
                known: known(),
                ..BOUNCE
            },
            "reject dnsbl 550 5.7.1",
        ),
        (
            Sent {
                listings: NOT_LISTED,
                known: known(),
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Sent {
                listings: DEAD,
                known: known(),
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Sent {
                listings: LISTED,
                rcpt: "postmaster@example.org",
                ..BOUNCE
            },
            "accept exempt_postmaster",
        ),
        (
            Sent {
                listings: LISTED,
                client: "192.0.2.77",
                known: known(),
                ..BOUNCE
            },
            "accept nothing_found",
        ),
    ] {
        assert_eq!(
            outcome(&policy, &sent),
            expected,
            "{:?} to <{}>",
            sent.listings,
            sent.rcpt
        );
    }
    let (stranger, recipient) = (
        envelope("192.0.2.1", "jane@example.com"),
        recipient("info@example.org"),
    );
    assert!(
        !policy.needs_dnsbl(&stranger, &recipient),
        "lists are for null senders alone"
    );
    assert!(policy.needs_dnsbl(&envelope("192.0.2.1", ""), &recipient));
    assert!(policy.needs_dnsbl(
        &envelope("192.0.2.1", "MAILER-DAEMON@example.com"),
        &recipient
    ));
    assert!(!policy.needs_dnsbl(&envelope("10.0.0.1", ""), &recipient));
}

fn envelope(client: &str, from: &str) -> Envelope {
    Envelope {
        client: Client {
            address: client.parse().ok(),
            helo: Some(b"mx.example.com".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(from.as_bytes()),
    }
}

fn recipient(address: &str) -> Recipient {
    Recipient {
        mailbox: Mailbox::from_bytes(address.as_bytes()),
        refused: None,
    }
}

#[test]
fn some_are_always_reachable() {
    let hostile = || Sent {
        spf: SpfResult::Fail,
        helo_spf: SpfResult::Fail,
        ..MAIL
    };
    holds(vec![
        (
            Sent {
                rcpt: "postmaster@example.org",
                ..hostile()
            },
            "accept exempt_postmaster",
        ),
        (
            Sent {
                rcpt: "POSTMASTER",
                ..hostile()
            },
            "accept exempt_postmaster",
        ),
        (
            Sent {
                rcpt: "abuse@a.sub.example.org",
                ..hostile()
            },
            "accept exempt_recipient",
        ),
        (
            Sent {
                rcpt: "nobody@example.org",
                client: "192.0.2.99",
                ..hostile()
            },
            "accept exempt_client",
        ),
        // Structure counts all the same, but never refuses them for good.
        (
            Sent {
                rcpt: "postmaster@example.org",
                earlier: 1,
                ..BOUNCE
            },
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
    ]);
    let strict = policy("{mode: enforce, null_sender: {extra_recipients: reject}}");
    let second = Sent {
        rcpt: "postmaster@example.org",
        earlier: 1,
        ..BOUNCE
    };
    assert_eq!(
        outcome(&strict, &second),
        "tempfail null_sender_extra_recipient 452 4.5.3"
    );
    let second = Sent {
        earlier: 1,
        ..BOUNCE
    };
    assert_eq!(
        outcome(&strict, &second),
        "reject null_sender_extra_recipient 554 5.5.3"
    );
}

#[test]
fn recipients_are_answered_by_class() {
    let known = || Known::Listed("inline".to_owned());
    let gone = || Known::Unanswered(Unanswered::directory("list: no such file"));
    holds(vec![
        (
            Sent {
                known: known(),
                rcpt: "jane@example.org",
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Sent {
                rcpt: "shop-17@example.org",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                rcpt: "shop-17@example.org",
                ..BOUNCE
            },
            "reject rule_bounce 550 5.7.1",
        ),
        (
            Sent {
                rcpt: "old-x@example.org",
                ..MAIL
            },
            "reject rule_mail 550 5.7.1",
        ),
        (
            Sent {
                rcpt: "old-x@example.org",
                ..BOUNCE
            },
            "tag rule_bounce would=reject",
        ),
        (
            Sent {
                rcpt: "anything@example.org",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                rcpt: "anything@example.org",
                ..BOUNCE
            },
            "reject catch_all_bounce 550 5.7.1",
        ),
        (
            Sent {
                rcpt: "anything@a.sub.example.org",
                ..MAIL
            },
            "reject unknown_mail 550 5.1.1",
        ),
        (
            Sent {
                rcpt: "anything@a.sub.example.org",
                ..BOUNCE
            },
            "reject unknown_bounce 550 5.1.1",
        ),
        (
            Sent {
                rcpt: "anything@elsewhere.example",
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        // A list that can't be read delays what it might have let in, and refuses nobody.
        (
            Sent {
                known: gone(),
                rcpt: "jane@a.sub.example.org",
                ..MAIL
            },
            "tempfail directory_unavailable 451 4.3.0",
        ),
        (
            Sent {
                known: gone(),
                rcpt: "jane@example.org",
                ..MAIL
            },
            "accept nothing_found",
        ),
        (
            Sent {
                refused: true,
                rcpt: "guess@example.org",
                ..BOUNCE
            },
            "accept refused_by_mta",
        ),
        // Nor is anything learned or signed for one that a user of ours named in vain.
        (
            Sent {
                refused: true,
                client: "10.0.0.1",
                rcpt: "guess@example.org",
                ..MAIL
            },
            "accept refused_by_mta",
        ),
    ]);
}

#[test]
fn monitoring_refuses_nothing_and_tells_all() {
    let monitored = policy(&SITE.replace("mode: enforce", "mode: monitor"));
    for (sent, expected) in [
        (
            Sent {
                spf: SpfResult::Fail,
                ..MAIL
            },
            "tag spf_fail would=reject",
        ),
        (
            Sent {
                spf: SpfResult::Temperror,
                ..MAIL
            },
            "tag spf_temperror would=tempfail",
        ),
        (
            Sent {
                earlier: 1,
                ..BOUNCE
            },
            "tag null_sender_extra_recipient would=tempfail",
        ),
        (
            Sent {
                rcpt: "noreply@example.org",
                ..BOUNCE
            },
            "tag never_sends would=reject",
        ),
        (
            Sent {
                rcpt: "anything@example.org",
                ..BOUNCE
            },
            "tag catch_all_bounce would=reject",
        ),
        // The first that would have acted is told, not an earlier tag.
        (
            Sent {
                spf: SpfResult::Softfail,
                rcpt: "old-x@example.org",
                ..MAIL
            },
            "tag rule_mail would=reject",
        ),
        (MAIL, "accept nothing_found"),
    ] {
        assert_eq!(
            outcome(&monitored, &sent),
            expected,
            "<{}> to <{}>",
            sent.from,
            sent.rcpt
        );
    }
}

#[test]
fn dns_is_not_asked_for_what_is_not_judged() {
    let policy = policy(SITE);
    let envelope = |client: &str| Envelope {
        client: Client {
            address: client.parse().ok(),
            helo: Some(b"x".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::Null,
    };
    let recipient = |refused: Option<&str>| Recipient {
        mailbox: Mailbox::from_bytes(b"a@example.org"),
        refused: refused.map(Into::into),
    };
    assert!(policy.needs_spf(&envelope("192.0.2.1"), &recipient(None)));
    assert!(!policy.needs_spf(&envelope("192.0.2.1"), &recipient(Some("5.1.1"))));
    assert!(!policy.needs_spf(&envelope("192.0.2.99"), &recipient(None)));
    assert!(!policy.needs_spf(&envelope("10.0.0.1"), &recipient(None)));
}
