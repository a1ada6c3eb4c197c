//! Automatic replies that have a sender, as a table.

use backstop::core::{
    policy::{Tag, WasLearned::Yes},
    proof::{
        ProofKind,
        evidence::{Evidence, Outside, ProofResult},
    },
};

use crate::scenario::{Scenario, mail, policy, words};

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

/// What its content decides, where the rule for such replies is `rule`.
fn told(rule: &str, ledger: bool, reply: &Scenario) -> String {
    let changes = [("with_sender: reject", &*format!("with_sender: {rule}"))];
    let mut policy = policy(SITE, &changes);
    policy.proof.ledger.remember = ledger;
    let judgement = reply.stages(&policy).content;
    judgement.map_or("not read".to_owned(), |judgement| words(&judgement.verdict))
}

/// Whose mail the ledger has for long enough.
fn remembered(domains: &[&str]) -> Evidence {
    let remembered = domains.iter().map(|domain| domain.parse().unwrap());
    Evidence {
        remembered: remembered.collect(),
        ..Evidence::default()
    }
}

#[test]
fn a_reply_with_a_sender_answers_mail_of_ours_or_is_told() {
    let joe = || {
        mail()
            .from("bob@friend.example")
            .to("joe@example.org")
            .listed(&["joe"])
            .headers(OUT_OF_OFFICE)
            .found(ProofKind::Ledger, ProofResult::Absent)
            .evidence(remembered(&["example.org"]))
            .sent_lately(Ok(true))
    };
    let caught = || joe().to("any@example.org").sent_lately(Ok(false));
    let found = |result| joe().found(ProofKind::Ledger, result);
    let (refused, passes) = ("reject unproven", "accept nothing_found");
    let holds = |rule: &str, table: &[(&str, Scenario, &str)]| {
        for (what, reply, expected) in table {
            assert_eq!(told(rule, true, reply), *expected, "{rule}: {what}");
        }
    };
    holds(
        "reject",
        &[
            ("not ours", joe(), refused),
            ("not ours, caught", caught(), refused),
            ("by its loop", joe().headers(CLOSED), refused),
            ("ours", found(ProofResult::Counts), "accept ledger"),
            ("ours, often", found(ProofResult::Replayed), passes),
            ("ours, again", found(ProofResult::Repeated), passes),
            (
                "the ledger is young",
                joe().evidence(remembered(&[])),
                passes,
            ),
            ("young, caught", caught().evidence(remembered(&[])), passes),
            (
                "young, besieged",
                caught().evidence(remembered(&[])).besieged(Yes),
                passes,
            ),
            ("sends elsewhere", joe().sent_lately(Ok(false)), passes),
            (
                "the store is down",
                joe().sent_lately(Err(Outside::Store)),
                passes,
            ),
            (
                "it was down",
                caught().found(ProofKind::Ledger, ProofResult::Unanswered(Outside::Store)),
                passes,
            ),
            (
                "DNS is down",
                found(ProofResult::Unanswered(Outside::Dns)),
                "tempfail unproven",
            ),
            ("a person", joe().headers(PERSON), "not read"),
            (
                "no answer",
                joe().headers("From: bob@friend.example\nAuto-Submitted: auto-replied\n"),
                "not read",
            ),
            ("its tag", joe().tag(Tag::Valid), "not read"),
            ("besieged, strict", caught().besieged(Yes), refused),
            ("abuse", caught().to("abuse@example.org"), "not read"),
        ],
    );
    holds(
        "tag",
        &[
            ("by default", joe(), "tag unproven"),
            ("besieged, known", joe().besieged(Yes), "tag unproven"),
            ("besieged", caught().besieged(Yes), "tempfail unproven"),
            (
                "besieged, who helps",
                caught().besieged(Yes).to("noc@example.org"),
                "tag unproven",
            ),
        ],
    );
    holds(
        "accept",
        &[
            ("accepted", joe(), "not read"),
            (
                "besieged, accepted",
                caught().besieged(Yes),
                "tempfail unproven",
            ),
        ],
    );
    assert_eq!(told("reject", false, &joe()), "not read", "no ledger");
}
