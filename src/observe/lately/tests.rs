use super::*;
use crate::core::{
    address::{Mailbox, ReversePath},
    proof::{ProofKind, evidence::Outcome},
    verdict::{Mode, Outgoing, Reason, Rule, Verdict},
};

const NOON: u64 = 1_799_625_600;

fn refused(mode: Mode) -> Verdict {
    Verdict::of(Rule::new(Action::Reject), mode, Reason::NeverSends)
}

fn note(lately: &Lately, verdict: &Verdict, rcpt: &str, now: u64) {
    let decision = Decision {
        id: "1a",
        queue_id: None,
        client: "192.0.2.1".parse().ok(),
        helo: None,
        mail_from: &ReversePath::from_bytes(b"<ann@example.com>"),
        rcpt: &Mailbox::from_bytes(rcpt.as_bytes()),
        verdict,
        spf: None,
        batv: None,
        signed: &[],
    };
    lately.decided(&decision, now);
}

#[test]
fn an_hour_is_kept_and_no_more() {
    let lately = Lately::default();
    lately.keep(Kept::Masked);
    for minute in 0..90 {
        note(
            &lately,
            &refused(Mode::Enforce),
            "joe@example.org",
            NOON + 60 * minute,
        );
    }
    let hour = lately.hour(NOON + 60 * 89);
    assert_eq!(hour.minutes.len(), 60);
    assert_eq!(hour.tally().of(Answered::Refused), 60);
    assert_eq!(hour.reasons, [(Answered::Refused, "never_sends", 60)]);
    assert_eq!(hour.latest.len(), LATEST);
    // It ends when nothing comes any more.
    assert_eq!(lately.hour(NOON + 60 * 119).tally().judged(), 30);
    assert_eq!(lately.hour(NOON + 60 * 1000).tally().judged(), 0);
    assert_eq!(lately.memory().minutes.len(), 60);
}

#[test]
fn each_verdict_is_counted_as_what_it_is() {
    let lately = Lately::default();
    lately.keep(Kept::Masked);
    let proven = Verdict {
        proof: Some(Outcome::by(ProofKind::Batv)),
        ..Verdict::accept(Reason::NothingFound)
    };
    let by_mta = Verdict::accept(Reason::RefusedByMta {
        status: "5.1.1".to_owned(),
    });
    let outgoing = Verdict::accept(Reason::Outgoing(Outgoing::Network));
    let tag = Verdict::of(Rule::new(Action::Tag), Mode::Enforce, Reason::NeverSends);
    for (verdict, answered) in [
        (refused(Mode::Enforce), Answered::Refused),
        (refused(Mode::Monitor), Answered::WouldRefuse),
        (Verdict::internal(), Answered::Deferred),
        (proven, Answered::Accepted),
        (by_mta, Answered::RefusedByMta),
        (outgoing, Answered::Outgoing),
        (tag, Answered::Tagged),
    ] {
        note(&lately, &verdict, "joe@example.org", NOON);
        assert_eq!(lately.hour(NOON).tally().of(answered), 1, "{answered:?}");
    }
    let hour = lately.hour(NOON);
    assert_eq!(hour.tally().judged(), 6);
    assert_eq!(hour.proofs, [("batv", 1)]);
    assert_eq!(
        hour.latest.len(),
        5,
        "neither what is outgoing nor what the MTA refused"
    );
}

#[test]
fn a_flood_is_one_row_and_hides_nothing() {
    let lately = Lately::default();
    lately.keep(Kept::Masked);
    note(
        &lately,
        &Verdict::accept(Reason::NothingFound),
        "ann@example.org",
        NOON,
    );
    for number in 0..1000 {
        let rcpt = format!("x{number}@example.org");
        note(&lately, &refused(Mode::Enforce), &rcpt, NOON + number / 100);
    }
    let latest = lately.hour(NOON + 10).latest;
    let rows: Vec<_> = latest.iter().map(|one| (&*one.rcpt, one.times)).collect();
    assert_eq!(rows, [("x…@example.org", 1000), ("a…@example.org", 1)]);
    // A minute later it is another row.
    note(
        &lately,
        &refused(Mode::Enforce),
        "joe@example.org",
        NOON + 200,
    );
    assert_eq!(lately.hour(NOON + 200).latest.len(), 3);
}

#[test]
fn addresses_are_kept_only_where_the_file_says_so() {
    let lately = Lately::default();
    let rcpt = |lately: &Lately| {
        note(lately, &refused(Mode::Enforce), "joe@example.org", NOON);
        let latest = lately.hour(NOON).latest;
        latest
            .first()
            .map(|one| (one.rcpt.clone(), one.mail_from.clone()))
    };
    assert_eq!(rcpt(&lately), None);
    lately.keep(Kept::Masked);
    let pair = |rcpt: &str, from: &str| Some((rcpt.to_owned(), from.to_owned()));
    assert_eq!(rcpt(&lately), pair("j…@example.org", "a…@example.com"));
    lately.keep(Kept::Addresses);
    assert_eq!(rcpt(&lately), pair("joe@example.org", "ann@example.com"));
    lately.keep(Kept::Nothing);
    assert_eq!(rcpt(&lately), None);
}
