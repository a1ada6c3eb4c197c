//! Automatic replies that have a sender, as a table.

use backstop::core::{
    address::{Mailbox, ReversePath},
    envelope::Recipient,
    header::Headers,
    policy::{Case, HeaderFacts, Siege, SpfAnswers, Tag, Vouched, WasLearned},
    proof::{
        ProofKind,
        evidence::{Evidence, Outside, ProofFinding, ProofResult},
    },
    recipients::Known,
    trace_header::Forgeries,
};

use crate::{proof::envelope, site};

const SITE: &str = "
mode: enforce
local: {domains: [example.org]}
recipients:
  - domain: example.org
    known: [{addresses: [joe]}]
    catch_all: {mail: accept, bounces: reject}
proof: {dkim: {verify: true}, unproven_replies: reject, unproven_replies_with_sender: reject}
";
const OUT_OF_OFFICE: &str = "From: bob@friend.example\nSubject: Re: x\nAuto-Submitted: auto-replied\nIn-Reply-To: <1@example.org>\n";
/// `shared/cases/notification/27` in short.
const CLOSED: &str = "From: info@closed.example\nX-Loop: info@closed.example\nReferences: <1@example.org>\nSubject: closed\n";
const PERSON: &str = "From: bob@friend.example\nSubject: Re: x\nIn-Reply-To: <1@example.org>\n";

#[derive(Clone)]
struct Reply {
    headers: &'static str,
    rcpt: &'static str,
    found: ProofResult,
    remembered: bool,
    sent_lately: Result<bool, Outside>,
    siege: bool,
    tag: Option<Tag>,
    rule: &'static str,
    ledger: bool,
}

fn told(reply: &Reply) -> String {
    let mut policy = site::policy(
        SITE,
        &[(
            "with_sender: reject",
            &format!("with_sender: {}", reply.rule),
        )],
    );
    policy.proof.ledger.remember = reply.ledger;
    let envelope = envelope("192.0.2.1", "bob@friend.example");
    let recipient = Recipient {
        mailbox: Mailbox::from_bytes(reply.rcpt.as_bytes()),
        refused: None,
    };
    let known = match reply.rcpt {
        "joe@example.org" => Known::Listed("inline".to_owned()),
        _ => Known::NotListed,
    };
    let case = Case {
        envelope: &envelope,
        spf: &SpfAnswers::default(),
        recipient: &recipient,
        tag: reply.tag,
        earlier: 0,
        known: &known,
        listings: &[],
        siege: reply.siege.then_some(Siege {
            learned: WasLearned::Yes,
        }),
    };
    let (headers, _) = Headers::parse(reply.headers.as_bytes());
    let sender = ReversePath::from_bytes(b"bob@friend.example");
    let facts = HeaderFacts::of(&sender, headers, Forgeries::new("mx.example.org"));
    if !policy.needs_content(&case, &facts) {
        return "not read".to_owned();
    }
    let evidence = Evidence {
        findings: vec![ProofFinding {
            kind: ProofKind::Ledger,
            result: reply.found,
            text: String::new(),
        }],
        remembered: reply
            .remembered
            .then(|| "example.org".parse().unwrap())
            .into_iter()
            .collect(),
        ..Evidence::default()
    };
    let verdict = policy
        .judge_content(&case, &facts, &evidence, reply.sent_lately, &Vouched::No)
        .verdict;
    format!("{} {}", verdict.action, verdict.reason.code())
}

#[test]
fn a_reply_with_a_sender_answers_mail_of_ours_or_is_told() {
    let joe = Reply {
        headers: OUT_OF_OFFICE,
        rcpt: "joe@example.org",
        found: ProofResult::Absent,
        remembered: true,
        sent_lately: Ok(true),
        siege: false,
        tag: None,
        rule: "reject",
        ledger: true,
    };
    let caught = Reply {
        rcpt: "any@example.org",
        sent_lately: Ok(false),
        ..joe.clone()
    };
    let (refused, passes) = ("reject unproven", "accept nothing_found");
    for (what, reply, expected) in [
        ("not ours", joe.clone(), refused),
        ("not ours, caught", caught.clone(), refused),
        (
            "by its loop",
            Reply {
                headers: CLOSED,
                ..joe.clone()
            },
            refused,
        ),
        (
            "ours",
            Reply {
                found: ProofResult::Counts,
                ..joe.clone()
            },
            "accept ledger",
        ),
        (
            "ours, often",
            Reply {
                found: ProofResult::Replayed,
                ..joe.clone()
            },
            passes,
        ),
        (
            "ours, again",
            Reply {
                found: ProofResult::Repeated,
                ..joe.clone()
            },
            passes,
        ),
        (
            "the ledger is young",
            Reply {
                remembered: false,
                ..joe.clone()
            },
            passes,
        ),
        (
            "young, caught",
            Reply {
                remembered: false,
                ..caught.clone()
            },
            passes,
        ),
        (
            "young, besieged",
            Reply {
                remembered: false,
                siege: true,
                ..caught.clone()
            },
            passes,
        ),
        (
            "sends elsewhere",
            Reply {
                sent_lately: Ok(false),
                ..joe.clone()
            },
            passes,
        ),
        (
            "the store is down",
            Reply {
                sent_lately: Err(Outside::Store),
                ..joe.clone()
            },
            passes,
        ),
        (
            "it was down",
            Reply {
                found: ProofResult::Unanswered(Outside::Store),
                ..caught.clone()
            },
            passes,
        ),
        (
            "DNS is down",
            Reply {
                found: ProofResult::Unanswered(Outside::Dns),
                ..joe.clone()
            },
            "tempfail unproven",
        ),
        (
            "no ledger",
            Reply {
                ledger: false,
                ..joe.clone()
            },
            "not read",
        ),
        (
            "a person",
            Reply {
                headers: PERSON,
                ..joe.clone()
            },
            "not read",
        ),
        (
            "no answer",
            Reply {
                headers: "From: bob@friend.example\nAuto-Submitted: auto-replied\n",
                ..joe.clone()
            },
            "not read",
        ),
        (
            "its tag",
            Reply {
                tag: Some(Tag::Valid),
                ..joe.clone()
            },
            "not read",
        ),
        (
            "by default",
            Reply {
                rule: "tag",
                ..joe.clone()
            },
            "tag unproven",
        ),
        (
            "accepted",
            Reply {
                rule: "accept",
                ..joe.clone()
            },
            "not read",
        ),
        (
            "besieged, known",
            Reply {
                rule: "tag",
                siege: true,
                ..joe.clone()
            },
            "tag unproven",
        ),
        (
            "besieged",
            Reply {
                rule: "tag",
                siege: true,
                ..caught.clone()
            },
            "tempfail unproven",
        ),
        (
            "besieged, accepted",
            Reply {
                rule: "accept",
                siege: true,
                ..caught.clone()
            },
            "tempfail unproven",
        ),
        (
            "besieged, strict",
            Reply {
                siege: true,
                ..caught.clone()
            },
            refused,
        ),
        (
            "besieged, who helps",
            Reply {
                rule: "tag",
                siege: true,
                rcpt: "noc@example.org",
                ..caught.clone()
            },
            "tag unproven",
        ),
        (
            "abuse",
            Reply {
                rcpt: "abuse@example.org",
                ..caught
            },
            "not read",
        ),
    ] {
        assert_eq!(told(&reply), expected, "{what}");
    }
}
