//! What bounces prove from RCPT to their end, by what is answered.

use super::{
    course::{self, Answers, answering, course},
    decided,
    sent::{BOUNCE, DSN, SITE, Sent, message},
    world::{NOW, content, policy, rcpt},
};
use crate::core::{
    address::Mailbox,
    learned::Learned,
    message::{Answer, Message, Question},
    outside::Outside,
    proof::{
        DAY, Keys,
        dkim::{SignatureResult, Signed, SignedFields},
        ledger::{self, Hashed, Remembered},
        uses::Use,
    },
    siege::State,
    verdict::Mode,
};

/// The watermark that [`content`] returns, by what is the matter with it; none; only a Message-ID of others.
const VALID: u8 = 1;
const EXPIRED: u8 = 2;
const WRONG: u8 = 3;
const NONE: u8 = 4;
const OTHERS: u8 = 5;

/// A bounce that returns a message of ours, or of others.
fn bounce(returns: u8) -> Sent {
    let body = content(returns, &policy(SITE));
    Sent {
        headers: DSN,
        body: Box::leak(body.into_boxed_str()),
        ..BOUNCE
    }
}

fn keys() -> Keys {
    policy(SITE).proof.keys
}

/// The ledger has it, sent so many days ago to one recipient.
fn remembered(days: u64, recipient: &str) -> Answer {
    let address = ledger::address(&Mailbox::from_bytes(recipient.as_bytes()));
    let hash = ledger::hash(&keys(), Hashed::Recipient, &address);
    Answer::Sent(Some(Remembered {
        at: NOW - days * DAY,
        recipient_count: 1,
        sender: None,
        recipients: hash.into_iter().collect(),
        hosts: Vec::new(),
    }))
}

fn signed(result: SignatureResult, recipient: &str) -> Answer {
    Answer::Signatures(vec![Signed {
        domain: "example.org".parse().unwrap(),
        selector: "s".to_owned(),
        outcome: result,
        signed_at: None,
        message: SignedFields {
            message_id: Some(b"<1@example.org>".to_vec()),
            date: Some(NOW),
            recipients: vec![Mailbox::from_bytes(recipient.as_bytes())],
        },
    }])
}

#[test]
fn bounces_prove_themselves() {
    const RULES: (&str, &str) = (
        "unproven_replies_with_sender: reject",
        "unproven_replies_with_sender: reject\n  unproven: reject\n  weak_evidence: ignore",
    );
    let store_down = || Answer::Unanswered(Outside::Store);
    let counted = || ("use", Answer::Use(Use::Counted { times: 1, limit: 5 }));
    let lines: [(&str, u8, State, Answers<'_>, &str); 22] = [
        (
            "nothing",
            OTHERS,
            State::Calm,
            &[],
            "reject unproven, hit Unproven, sample",
        ),
        (
            "a watermark",
            VALID,
            State::Calm,
            &[counted()],
            "accept watermark",
        ),
        (
            "that is old",
            EXPIRED,
            State::Calm,
            &[],
            "reject watermark_expired, hit Forged, sample",
        ),
        (
            "that is wrong",
            WRONG,
            State::Calm,
            &[],
            "reject watermark_wrong, hit Forged, sample",
        ),
        (
            "used as often as it may be",
            VALID,
            State::Calm,
            &[("use", Answer::Use(Use::TooOften { limit: 5 }))],
            "reject proof_replayed, hit Unproven, sample",
        ),
        (
            "used minutes ago",
            VALID,
            State::Calm,
            &[("use", Answer::Use(Use::TooSoon))],
            "tempfail proof_repeated",
        ),
        (
            "not to be used up",
            VALID,
            State::Calm,
            &[("use", Answer::NotAsked)],
            "accept watermark",
        ),
        (
            "nobody counts it",
            VALID,
            State::Calm,
            &[("use", store_down())],
            "accept watermark",
        ),
        (
            "the ledger says that it went to another",
            VALID,
            State::Calm,
            &[("ledger", remembered(1, "carl@friend.example"))],
            "reject unproven, hit Unproven, sample",
        ),
        (
            "the ledger",
            NONE,
            State::Calm,
            &[("ledger", remembered(1, "bob@friend.example")), counted()],
            "accept ledger",
        ),
        (
            "that keeps it no more",
            NONE,
            State::Calm,
            &[("ledger", remembered(400, "bob@friend.example"))],
            "reject unproven, hit Unproven, sample",
        ),
        (
            "that is away: a tag on calm days",
            NONE,
            State::Calm,
            &[("ledger", store_down())],
            "tag unproven",
        ),
        (
            "in a flood, later",
            NONE,
            State::Siege,
            &[
                ("ledger", store_down()),
                ("learned", Answer::Learned(Some(used(9)))),
            ],
            "tempfail siege_unproven",
        ),
        (
            "a signature",
            NONE,
            State::Calm,
            &[
                (
                    "signatures 0",
                    signed(SignatureResult::Whole, "bob@friend.example"),
                ),
                counted(),
            ],
            "accept dkim",
        ),
        (
            "of a message to another",
            NONE,
            State::Calm,
            &[
                (
                    "signatures 0",
                    signed(SignatureResult::Whole, "carl@friend.example"),
                ),
                counted(),
            ],
            "accept dkim_unlisted",
        ),
        (
            "which is weak in a flood",
            NONE,
            State::Siege,
            &[
                (
                    "signatures 0",
                    signed(SignatureResult::Whole, "carl@friend.example"),
                ),
                ("learned", Answer::Learned(Some(used(9)))),
                counted(),
            ],
            "reject siege_unproven, hit Unproven, sample",
        ),
        (
            "that is too old",
            NONE,
            State::Calm,
            &[(
                "signatures 0",
                signed(SignatureResult::Expired, "bob@friend.example"),
            )],
            "reject unproven, hit Unproven, sample",
        ),
        (
            "that says too little",
            NONE,
            State::Calm,
            &[(
                "signatures 0",
                signed(SignatureResult::Weak, "bob@friend.example"),
            )],
            "reject unproven, hit Unproven, sample",
        ),
        (
            "of which DNS has no key at the moment",
            NONE,
            State::Calm,
            &[("signatures 0", Answer::Unanswered(Outside::Dns))],
            "tempfail unproven",
        ),
        (
            "besieged: the catch-all takes who was in use before",
            OTHERS,
            State::Siege,
            &[("learned", Answer::Learned(Some(used(1))))],
            "reject siege_catch_all_bounce, hit Refused",
        ),
        (
            "and those that sent",
            VALID,
            State::Siege,
            &[
                (
                    "learned",
                    Answer::Learned(Some(Learned {
                        last_sent: Some(1),
                        ..used(0)
                    })),
                ),
                counted(),
            ],
            "accept watermark",
        ),
        (
            "the store that would know is away",
            VALID,
            State::Siege,
            &[("learned", store_down())],
            "tempfail siege_catch_all_bounce, hit Refused",
        ),
    ];
    for (what, returns, siege, answers, expected) in lines {
        let site = RULES;
        let sent = Sent {
            site,
            siege,
            ..bounce(returns)
        };
        assert_eq!(
            course(sent, &["any@example.org"], answers),
            expected,
            "{what}"
        );
    }
}

fn used(days: u32) -> Learned {
    Learned {
        days,
        last_accepted: Some(1),
        last_sent: None,
    }
}

#[test]
fn weak_evidence_is_of_the_days_that_the_ledger_keeps() {
    let site = (
        "unproven_replies_with_sender: reject",
        "unproven_replies_with_sender: reject\n  unproven: reject\n  weak_evidence: accept",
    );
    let keep = policy(SITE).proof.ledger.keep_days();
    for (days, expected) in [
        (0, "accept weak_evidence"),
        (keep, "accept weak_evidence"),
        (keep + 1, "reject unproven, hit Unproven, sample"),
    ] {
        let sent = Sent {
            site,
            ..bounce(OTHERS)
        };
        let last = Answer::LastSent(Some(NOW - days * DAY));
        let found = course(sent, &["any@example.org"], &[("last sent", last)]);
        assert_eq!(found, expected, "{days}");
    }
}

/// A domain's owner may watch first: what would be refused is noted all the same.
#[test]
fn monitoring_counts_what_it_accepts() {
    let sent = Sent {
        site: ("mode: enforce", "mode: monitor"),
        ..bounce(WRONG)
    };
    assert_eq!(policy(SITE).mode, Mode::Enforce);
    assert_eq!(
        course(sent, &["any@example.org"], &[]),
        "tag watermark_wrong (would reject), hit Forged, sample"
    );
}

/// A use is kept for as long as the proof can count.
#[test]
fn uses_are_kept_from_now_on() {
    let sent = bounce(VALID);
    let mut message = message(sent);
    let mut kept = Vec::new();
    let mut answered = answering(sent, &[]);
    let answer = &mut |message: &Message, questions: Vec<Question>| {
        for question in &questions {
            if let Question::Use { until, .. } = question {
                kept.push(*until);
            }
        }
        answered(message, questions)
    };
    let rcpt = rcpt(b"any@example.org");
    let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
    let _ = decided(&mut message, answer, |message| message.data(NOW));
    course::content(&mut message, sent, answer);
    let _ = decided(&mut message, answer, |message| message.end_of_content(NOW));
    assert_eq!(kept, [NOW + policy(SITE).proof.uses_kept()]);
}
