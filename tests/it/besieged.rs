//! What is answered while a domain is besieged, as tables; and what the sensors take notice of.

use backstop::core::{
    address::{Mailbox, ReversePath},
    dnsbl::Listing,
    envelope::Recipient,
    header::Headers,
    header_rules::Matches,
    outside::Unanswered,
    policy::{Case, HeaderFacts, Judgement, Policy, Siege, SpfAnswers, Tag, Vouched, WasLearned},
    proof::{
        ProofKind,
        evidence::{Evidence, Outside, ProofFinding, ProofResult},
    },
    recipients::Known,
    reply::Reply,
    siege::Hit,
    spf::{Identity, SpfCheck, SpfResult},
    trace_header::Forgeries,
    verdict::{Reason, Verdict},
};

use crate::proof::envelope;

const SITE: &str = "
mode: enforce
local: {domains: [example.org], networks: [10.0.0.0/8]}
exempt: {recipients: [abuse]}
null_sender: {exempt: {clients: [192.0.2.77]}, never_send: [noreply@example.org]}
recipients:
  - domain: example.org
    known: [{addresses: [jane]}]
    rules: [{match: 'shop-.*', mail: accept, bounces: accept}]
    catch_all: {mail: accept, bounces: accept}
dnsbl: [{zone: ips.backscatterer.org, action: tag}]
proof: {unproven: tag}
";

fn policy(changes: &[(&str, &str)]) -> Policy {
    crate::site::policy(SITE, changes)
}

/// A recipient's case, and how it is judged.
struct Asked<'a> {
    client: &'a str,
    from: &'a str,
    rcpt: &'a str,
    tag: Option<Tag>,
    earlier: usize,
    listed: bool,
    unreadable: bool,
    siege: Option<WasLearned>,
}

const BOUNCE: Asked<'static> = Asked {
    client: "192.0.2.1",
    from: "",
    rcpt: "joe@example.org",
    tag: None,
    earlier: 0,
    listed: false,
    unreadable: false,
    siege: Some(WasLearned::No),
};

impl Asked<'_> {
    fn judged(&self, judge: impl Fn(&Case<'_>) -> Judgement) -> Judgement {
        let envelope = envelope(self.client, self.from);
        let recipient = Recipient {
            mailbox: Mailbox::from_bytes(self.rcpt.as_bytes()),
            refused: None,
        };
        let known = match recipient.mailbox.local() {
            b"jane" => Known::Listed("inline".to_owned()),
            _ if self.unreadable => Known::Unanswered(Unanswered::directory("no such file")),
            _ => Known::NotListed,
        };
        let listing = match self.listed {
            true => Listing::Listed("127.0.0.2".parse().unwrap()),
            false => Listing::NotListed,
        };
        judge(&Case {
            envelope: &envelope,
            spf: &SpfAnswers::default(),
            recipient: &recipient,
            tag: self.tag,
            earlier: self.earlier,
            known: &known,
            listings: &[listing],
            siege: self.siege.map(|learned| Siege { learned }),
        })
    }

    fn at_rcpt(&self, policy: &Policy) -> String {
        told(&self.judged(|case| policy.judge(case)))
    }
}

/// The verdict, its reason, what enforcing would do, and the codes of the reply.
fn told(judgement: &Judgement) -> String {
    let verdict = &judgement.verdict;
    let would = verdict.would.map(|action| format!(" would={action}"));
    let reply = Reply::to(verdict, "192.0.2.1".parse().ok()).map(|reply| {
        let text = reply.to_string();
        format!(" {}", text.get(..9).unwrap().replace('-', " "))
    });
    format!(
        "{} {}{}{}",
        verdict.action,
        verdict.reason.code(),
        would.unwrap_or_default(),
        reply.unwrap_or_default()
    )
}

#[test]
fn the_catch_all_is_closed_to_all_but_those_who_were_known_or_learned() {
    let policy = policy(&[]);
    let mail = Asked {
        from: "bob@friend.example",
        ..BOUNCE
    };
    for (asked, outcome) in [
        (BOUNCE, "reject siege_catch_all_bounce 550 5.7.1"),
        (
            Asked {
                siege: None,
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Asked {
                siege: Some(WasLearned::Yes),
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        // The store does not tell: nobody is refused for that.
        (
            Asked {
                siege: Some(WasLearned::Unanswered),
                ..BOUNCE
            },
            "tempfail siege_catch_all_bounce 450 4.7.1",
        ),
        // A list does not tell: he may be on it.
        (
            Asked {
                unreadable: true,
                ..BOUNCE
            },
            "tempfail siege_catch_all_bounce 450 4.7.1",
        ),
        (
            Asked {
                rcpt: "jane@example.org",
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Asked {
                rcpt: "shop-1@example.org",
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Asked {
                rcpt: "postmaster@example.org",
                ..BOUNCE
            },
            "accept exempt_postmaster",
        ),
        (
            Asked {
                rcpt: "abuse@example.org",
                ..BOUNCE
            },
            "accept exempt_recipient",
        ),
        (
            Asked {
                client: "192.0.2.77",
                ..BOUNCE
            },
            "accept nothing_found",
        ),
        (
            Asked {
                client: "10.0.0.1",
                ..BOUNCE
            },
            "accept outgoing_network",
        ),
        // A tag has proven it already, whatever the store says.
        (
            Asked {
                tag: Some(Tag::Valid),
                ..BOUNCE
            },
            "accept batv",
        ),
        (
            Asked {
                tag: Some(Tag::Valid),
                siege: Some(WasLearned::Unanswered),
                ..BOUNCE
            },
            "accept batv",
        ),
        // What never sends is refused as before, and by its own name.
        (
            Asked {
                rcpt: "noreply@example.org",
                ..BOUNCE
            },
            "reject never_sends 550 5.7.1",
        ),
        (mail, "tempfail siege_catch_all_mail 450 4.7.1"),
        (
            Asked {
                siege: Some(WasLearned::Yes),
                from: "bob@friend.example",
                ..BOUNCE
            },
            "accept nothing_found",
        ),
    ] {
        assert_eq!(
            asked.at_rcpt(&policy),
            outcome,
            "{} -> {}, {:?}",
            asked.from,
            asked.rcpt,
            asked.siege
        );
    }
}

#[test]
fn null_senders_are_answered_more_strictly() {
    let policy = policy(&[]);
    let to = |rcpt| Asked {
        rcpt,
        siege: Some(WasLearned::Yes),
        ..BOUNCE
    };
    for (asked, outcome) in [
        // What it returns may prove it: that is not known before the message came.
        (
            Asked {
                listed: true,
                ..to("jane@example.org")
            },
            "tag dnsbl",
        ),
        (
            Asked {
                earlier: 1,
                ..to("jane@example.org")
            },
            "reject siege_extra_recipient 554 5.5.3",
        ),
        (
            Asked {
                earlier: 1,
                tag: Some(Tag::Valid),
                ..to("jane@example.org")
            },
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        (
            Asked {
                earlier: 1,
                siege: None,
                ..to("jane@example.org")
            },
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        // Who must stay reachable is never refused for his company.
        (
            Asked {
                earlier: 1,
                ..to("postmaster@example.org")
            },
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
        // Mail of a person goes to as many as he likes; lists are not asked about it.
        (
            Asked {
                earlier: 1,
                from: "bob@friend.example",
                ..to("jane@example.org")
            },
            "accept nothing_found",
        ),
    ] {
        let rcpt = asked.rcpt;
        assert_eq!(asked.at_rcpt(&policy), outcome, "{rcpt} {:?}", asked.siege);
    }
}

#[test]
fn each_answer_is_a_rule_of_its_own() {
    for (siege, asked, outcome) in [
        (
            "siege: {catch_all: {bounces: {action: reject, monitor: true}}}",
            BOUNCE,
            "tag siege_catch_all_bounce would=reject",
        ),
        (
            "siege: {catch_all: {bounces: accept}}",
            BOUNCE,
            "accept nothing_found",
        ),
        (
            "siege: {catch_all: {mail: reject}}",
            Asked {
                from: "bob@friend.example",
                ..BOUNCE
            },
            "reject siege_catch_all_mail 550 5.7.1",
        ),
        // Where nothing in a message can prove it, a listed host is answered before it comes.
        (
            "siege: {listed: tempfail}\nproof: {dkim: {verify: false}}",
            Asked {
                listed: true,
                siege: Some(WasLearned::Yes),
                ..BOUNCE
            },
            "tempfail siege_listed 450 4.7.1",
        ),
        (
            "proof: {dkim: {verify: false}}",
            Asked {
                listed: true,
                siege: None,
                ..BOUNCE
            },
            "tag dnsbl",
        ),
        (
            "proof: {dkim: {verify: false}}",
            Asked {
                listed: true,
                tag: Some(Tag::Valid),
                siege: Some(WasLearned::Yes),
                ..BOUNCE
            },
            "accept batv",
        ),
        // What the siege lets pass is answered as on other days.
        (
            "siege: {extra_recipients: accept}",
            Asked {
                earlier: 1,
                siege: Some(WasLearned::Yes),
                ..BOUNCE
            },
            "tempfail null_sender_extra_recipient 452 4.5.3",
        ),
    ] {
        let policy = policy(&[("proof: {unproven: tag}", siege)]);
        assert_eq!(asked.at_rcpt(&policy), outcome, "{siege}");
    }
    let monitored = policy(&[("mode: enforce", "mode: monitor")]);
    assert_eq!(
        BOUNCE.at_rcpt(&monitored),
        "tag siege_catch_all_bounce would=reject"
    );
}

fn evidence(found: &[(ProofKind, ProofResult)]) -> Evidence {
    let findings = found.iter().map(|&(kind, result)| ProofFinding {
        kind,
        result,
        text: String::new(),
    });
    Evidence {
        findings: findings.collect(),
        ..Evidence::default()
    }
}

fn content(
    policy: &Policy,
    case: &Case<'_>,
    facts: &HeaderFacts,
    evidence: &Evidence,
) -> Judgement {
    policy.judge_content(case, facts, evidence, Ok(false), &Vouched::No)
}

fn notification() -> HeaderFacts {
    facts("multipart/report; report-type=delivery-status; boundary=x")
}

fn facts(content_type: &str) -> HeaderFacts {
    let mut headers = Headers::new();
    headers.push(b"Content-Type", content_type.as_bytes());
    HeaderFacts::of(
        &ReversePath::Null,
        headers,
        Forgeries::new("mx.example.org"),
    )
}

#[test]
fn what_proves_nothing_is_refused_and_what_proves_something_is_not() {
    let policy = policy(&[]);
    let notification = notification();
    for (siege, found, outcome) in [
        (
            true,
            (ProofKind::Dkim, ProofResult::Absent),
            "reject siege_unproven 550 5.7.1",
        ),
        (
            false,
            (ProofKind::Dkim, ProofResult::Absent),
            "tag unproven",
        ),
        (true, (ProofKind::Dkim, ProofResult::Counts), "accept dkim"),
        (
            true,
            (ProofKind::Ledger, ProofResult::Replayed),
            "reject siege_unproven 550 5.7.1",
        ),
        (
            true,
            (ProofKind::Watermark, ProofResult::Wrong),
            "reject watermark_wrong 550 5.7.1",
        ),
        // A flood brings copies, too.
        (
            true,
            (ProofKind::Dkim, ProofResult::CountsUnlisted),
            "reject siege_unproven 550 5.7.1",
        ),
        (
            false,
            (ProofKind::Dkim, ProofResult::CountsUnlisted),
            "accept dkim_unlisted",
        ),
        // It was accepted before, and is again, a little later.
        (
            true,
            (ProofKind::Ledger, ProofResult::Repeated),
            "tempfail proof_repeated 451 4.7.1",
        ),
        (
            false,
            (ProofKind::Ledger, ProofResult::Repeated),
            "tempfail proof_repeated 451 4.7.1",
        ),
        // What did not answer will: nothing is lost.
        (
            true,
            (ProofKind::Dkim, ProofResult::Unanswered(Outside::Dns)),
            "tempfail siege_unproven 451 4.7.1",
        ),
        (
            true,
            (ProofKind::Ledger, ProofResult::Unanswered(Outside::Store)),
            "tempfail siege_unproven 451 4.7.1",
        ),
        (
            false,
            (ProofKind::Ledger, ProofResult::Unanswered(Outside::Store)),
            "tag unproven",
        ),
    ] {
        let asked = Asked {
            rcpt: "jane@example.org",
            siege: siege.then_some(WasLearned::No),
            ..BOUNCE
        };
        let evidence = evidence(&[found]);
        let judgement = asked.judged(|case| content(&policy, case, &notification, &evidence));
        assert_eq!(told(&judgement), outcome, "{siege} {found:?}");
    }
}

/// What they get does not depend on the siege: neither what proves a bounce, nor what is done for want of the store.
#[test]
fn those_who_help_get_after_data_what_they_get_on_other_days() {
    let notification = notification();
    for unproven in ["tag", "reject"] {
        let policy = policy(&[("unproven: tag", &format!("unproven: {unproven}"))]);
        for found in [
            (ProofKind::Dkim, ProofResult::CountsUnlisted),
            (ProofKind::Dkim, ProofResult::Absent),
            (ProofKind::Ledger, ProofResult::Unanswered(Outside::Store)),
            (ProofKind::Watermark, ProofResult::Wrong),
            (ProofKind::Batv, ProofResult::Unanswered(Outside::Store)),
        ] {
            let evidence = evidence(&[found]);
            for rcpt in ["hostmaster", "noc", "security", "Noc+x"] {
                let rcpt = &format!("{rcpt}@example.org");
                let [calm, besieged] = [None, Some(WasLearned::No)].map(|siege| {
                    let asked = Asked {
                        rcpt,
                        siege,
                        ..BOUNCE
                    };
                    told(&asked.judged(|case| content(&policy, case, &notification, &evidence)))
                });
                assert_eq!(calm, besieged, "{rcpt} {unproven} {found:?}");
            }
        }
    }
}

#[test]
fn a_listed_host_is_refused_unless_its_bounce_proves_to_be_ours() {
    let policy = policy(&[("unproven: tag", "unproven: tag}\nsiege: {unproven: accept")]);
    let notification = notification();
    for (siege, found, outcome) in [
        (true, ProofResult::Absent, "reject siege_listed 550 5.7.1"),
        (true, ProofResult::Wrong, "reject siege_listed 550 5.7.1"),
        (
            true,
            ProofResult::Unanswered(Outside::Dns),
            "tempfail siege_listed 450 4.7.1",
        ),
        (true, ProofResult::Counts, "accept dkim"),
        (false, ProofResult::Absent, "tag unproven"),
    ] {
        let asked = Asked {
            rcpt: "jane@example.org",
            listed: true,
            siege: siege.then_some(WasLearned::No),
            ..BOUNCE
        };
        assert_eq!(asked.at_rcpt(&policy), "tag dnsbl");
        let evidence = evidence(&[(ProofKind::Dkim, found)]);
        let judgement = asked.judged(|case| content(&policy, case, &notification, &evidence));
        assert_eq!(told(&judgement), outcome, "{siege} {found:?}");
    }
    // What is no notification may return something too.
    let nothing = facts("text/plain");
    for (found, outcome) in [
        (ProofResult::Absent, "reject siege_listed 550 5.7.1"),
        (ProofResult::Counts, "accept dkim"),
    ] {
        let asked = Asked {
            rcpt: "jane@example.org",
            listed: true,
            ..BOUNCE
        };
        let matches = Matches::new(&[], &nothing.headers);
        let judgement = asked.judged(|case| policy.judge_headers(case, &nothing, &matches));
        assert_eq!(told(&judgement), "accept nothing_found");
        let evidence = evidence(&[(ProofKind::Dkim, found)]);
        let judgement = asked.judged(|case| content(&policy, case, &nothing, &evidence));
        assert_eq!(told(&judgement), outcome);
    }
}

#[test]
fn the_reply_says_why_today_and_not_yesterday() {
    let policy = policy(&[]);
    let judgement = BOUNCE.judged(|case| policy.judge(case));
    let reply = Reply::to(&judgement.verdict, None).unwrap().to_string();
    let text: Vec<_> = reply
        .split("\r\n")
        .filter_map(|line| line.get(10..))
        .collect();
    let text = text.join(" ");
    assert!(
        text.contains("flooded with bounces of forged mail"),
        "{text}"
    );
}

/// The hit that a verdict is.
fn sensed(policy: &Policy, asked: &Asked<'_>, verdict: &Verdict) -> Option<Hit> {
    let envelope = envelope(asked.client, asked.from);
    let mailbox = Mailbox::from_bytes(asked.rcpt.as_bytes());
    let sensed = policy.sensed(&envelope, &mailbox, verdict);
    sensed.map(|(domain, hit)| {
        assert_eq!(domain.as_str(), "example.org");
        hit
    })
}

#[test]
fn refusals_and_what_proves_nothing_are_sensed_in_either_mode() {
    for mode in ["mode: enforce", "mode: monitor"] {
        let policy = policy(&[
            ("mode: enforce", mode),
            (
                "catch_all: {mail: accept, bounces: accept}",
                "catch_all: {mail: reject, bounces: reject}",
            ),
        ]);
        let calm = Asked {
            siege: None,
            ..BOUNCE
        };
        for (asked, hit) in [
            (calm, Some(Hit::Refused)),
            (BOUNCE, Some(Hit::Refused)),
            (
                Asked {
                    rcpt: "jane@example.org",
                    ..BOUNCE
                },
                None,
            ),
            // Mail with a sender is no backscatter, and what goes out no flood.
            (
                Asked {
                    from: "bob@friend.example",
                    ..BOUNCE
                },
                None,
            ),
            (
                Asked {
                    client: "10.0.0.1",
                    ..BOUNCE
                },
                None,
            ),
            (
                Asked {
                    rcpt: "joe@elsewhere.example",
                    ..BOUNCE
                },
                None,
            ),
            // We can't tell, so it counts for nothing.
            (
                Asked {
                    unreadable: true,
                    siege: None,
                    ..BOUNCE
                },
                None,
            ),
        ] {
            let verdict = asked.judged(|case| policy.judge(case)).verdict;
            assert_eq!(sensed(&policy, &asked, &verdict), hit, "{mode} {verdict:?}");
        }
        let jane = Asked {
            rcpt: "jane@example.org",
            ..BOUNCE
        };
        for (found, hit) in [
            ((ProofKind::Dkim, ProofResult::Absent), Some(Hit::Unproven)),
            (
                (ProofKind::Watermark, ProofResult::Wrong),
                Some(Hit::Forged),
            ),
            ((ProofKind::Dkim, ProofResult::Counts), None),
            // Proven, and accepted a moment ago.
            ((ProofKind::Dkim, ProofResult::Repeated), None),
            // It is no more than weak.
            (
                (ProofKind::Dkim, ProofResult::CountsUnlisted),
                Some(Hit::Unproven),
            ),
            (
                (ProofKind::Dkim, ProofResult::Unanswered(Outside::Dns)),
                None,
            ),
        ] {
            let (notification, evidence) = (notification(), evidence(&[found]));
            let judge = |case: &Case<'_>| content(&policy, case, &notification, &evidence);
            let verdict = jane.judged(judge).verdict;
            assert_eq!(sensed(&policy, &jane, &verdict), hit, "{mode} {verdict:?}");
        }
    }
}

/// What the MTA refuses itself is the clearest sign of a joe job.
#[test]
fn what_the_mta_refused_is_sensed() {
    let policy = policy(&[]);
    let (bounce, mail) = (
        envelope("192.0.2.1", ""),
        envelope("192.0.2.1", "bob@friend.example"),
    );
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(b"x1@example.org"),
        refused: Some("5.1.1".to_owned()),
    };
    for (envelope, hit) in [(&bounce, Some(Hit::Refused)), (&mail, None)] {
        let judgement = policy.judge(&Case {
            envelope,
            spf: &SpfAnswers::default(),
            recipient: &recipient,
            tag: None,
            earlier: 0,
            known: &Known::NotListed,
            listings: &[],
            siege: None,
        });
        let sensed = policy.sensed(envelope, &recipient.mailbox, &judgement.verdict);
        assert_eq!(sensed.map(|(_, hit)| hit), hit);
    }
}

/// DNS that does not answer says nothing of the mail.
#[test]
fn our_own_failures_are_not_sensed() {
    let spf = "spf: {helo: {temperror: tempfail}}";
    let policy = policy(&[("proof: {unproven: tag}", spf)]);
    let envelope = envelope("192.0.2.1", "");
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(b"jane@example.org"),
        refused: None,
    };
    let helo = "mx.example.com".to_owned();
    let spf = SpfAnswers {
        helo: Some(SpfCheck::new(Identity::Helo, helo, SpfResult::Temperror)),
        ..SpfAnswers::default()
    };
    let judgement = policy.judge(&Case {
        envelope: &envelope,
        spf: &spf,
        recipient: &recipient,
        tag: None,
        earlier: 0,
        known: &Known::NotListed,
        listings: &[],
        siege: None,
    });
    assert_eq!(judgement.verdict.reason.code(), "spf_helo_temperror");
    let sensed = policy.sensed(&envelope, &recipient.mailbox, &judgement.verdict);
    assert_eq!(sensed, None);
    let internal = policy.sensed(&envelope, &recipient.mailbox, &Verdict::internal());
    assert_eq!(internal, None);
    // The MTA refused it: for the recipient's sake, or since it could not look.
    for (status, sensed) in [("5.1.1", Some(Hit::Refused)), ("4.3.0", None)] {
        let refused = Verdict::accept(Reason::RefusedByMta {
            status: status.to_owned(),
        });
        let hit = policy.sensed(&envelope, &recipient.mailbox, &refused);
        assert_eq!(hit.map(|(_, hit)| hit), sensed, "{status}");
    }
}

#[test]
fn recipients_of_one_mailing_are_one() {
    let policy = policy(&[]);
    let key = |rcpt: &str| {
        policy.sensed_recipient(&Recipient {
            mailbox: Mailbox::from_bytes(rcpt.as_bytes()),
            refused: None,
        })
    };
    assert_eq!(key("joe@example.org"), key("JOE+x@Example.ORG"));
    assert_eq!(key("shop-1@example.org"), key("shop-2@example.org"));
    assert_ne!(key("joe@example.org"), key("jane@example.org"));
    assert_ne!(key("joe@example.org"), key("shop-1@example.org"));
}
