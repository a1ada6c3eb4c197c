//! What becomes of messages from RCPT to their end, by what is answered; and what they leave behind.

use super::{
    decided,
    questions::{BOUNCE, DSN, MAIL, SITE, Sent, answer, message, word},
    world::{NOW, content, policy, rcpt},
};
use crate::core::{
    address::Mailbox,
    header::Headers,
    learned::Learned,
    message::{Answer, Effects, Message, Negotiated, Question},
    outside::Outside,
    proof::{
        DAY, Keys,
        dkim::{SignatureResult, Signed, SignedFields},
        ledger::{self, Hashed, Remembered},
        uses::Use,
    },
    siege::State,
    spf::SpfResult,
    verdict::{Mode, Verdict},
};

/// The watermark that [`content`] returns, by what is the matter with it; none; only a Message-ID of others.
const VALID: u8 = 1;
const EXPIRED: u8 = 2;
const WRONG: u8 = 3;
const NONE: u8 = 4;
const OTHERS: u8 = 5;

/// Answers by the word of their question, in place of those that say nothing.
type Answers<'a> = &'a [(&'a str, Answer)];

/// The verdict on each recipient with its reason, and what is left behind.
fn course(sent: Sent, recipients: &[&str], answers: Answers<'_>) -> String {
    let mut message = message(sent);
    let answer = &mut |_: &Message, questions: Vec<Question>| {
        let answered = |question: Question| {
            let mut given = answers.iter();
            let given = given.find(|(of, _)| *of == word(&question));
            let answer =
                given.map_or_else(|| answer(&question, sent), |(_, answer)| answer.clone());
            (question, answer)
        };
        questions.into_iter().map(answered).collect()
    };
    let mut verdicts: Vec<Option<Verdict>> = Vec::new();
    let mut left = Effects::default();
    for recipient in recipients {
        let rcpt = rcpt(recipient.as_bytes());
        let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
        left.hits.extend(judged.effects.hits);
        verdicts.push((!judged.is_kept).then_some(judged.judgement.verdict));
    }
    if !message.accepted().is_empty() {
        let ended = behind_rcpt(&mut message, sent, answer);
        left.hits.extend(ended.hits);
        left = Effects {
            hits: left.hits,
            ..ended
        };
    }
    let mut accepted = message.accepted().iter();
    let words = verdicts.into_iter().map(|refused| {
        let verdict = refused.or_else(|| accepted.next().map(|one| one.verdict.clone()));
        let verdict = verdict.unwrap();
        let would = verdict.would.map(|would| format!(" (would {would})"));
        let (action, reason) = (verdict.action, verdict.reason.code());
        format!("{action} {reason}{}", would.unwrap_or_default())
    });
    let mut words: Vec<String> = words.collect();
    words.extend(left.hits.iter().map(|hit| format!("hit {:?}", hit.hit)));
    words.extend(left.learn.iter().map(|learn| match learn.sent {
        true => "learned as sender".to_owned(),
        false => "learned".to_owned(),
    }));
    words.extend(
        left.remember
            .map(|sent| format!("ledger: {}", sent.recipient_count)),
    );
    words.extend(
        left.leaves
            .map(|(domain, count)| format!("{count} from {domain}")),
    );
    words.extend(left.sample.map(|_| "sample".to_owned()));
    words.join(", ")
}

fn behind_rcpt(
    message: &mut Message,
    sent: Sent,
    answer: &mut impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)>,
) -> Effects {
    let _ = decided(message, answer, |message| message.data(NOW));
    if message.refusal().is_none() && !sent.headers.is_empty() {
        let (headers, _) = Headers::parse(sent.headers.replace('\n', "\r\n").as_bytes());
        for header in headers.iter() {
            message.header(header.name(), header.value());
        }
        let _ = message.end_of_headers(true);
        message.body(sent.body.replace('\n', "\r\n").as_bytes());
    }
    if message.refusal().is_none() {
        let _ = decided(message, answer, |message| message.end_of_content(NOW));
    }
    if message.refusal().is_some() || sent.headers.is_empty() {
        return message.broken_off(NOW);
    }
    let stage = |message: &mut Message| message.end(Negotiated::ALL, NOW);
    decided(message, answer, stage).effects
}

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
        recipients: hash.into_iter().collect(),
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
    let lines: [(&str, u8, State, Answers<'_>, &str); 21] = [
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

#[test]
fn one_answer_stands_for_all_recipients() {
    let rules = |rules: &'static str| Sent {
        site: ("dnsbl:", rules),
        spf: SpfResult::Pass,
        headers: "Subject: spam\n",
        ..MAIL
    };
    let ours = "headers: [{header: Subject, match: spam, when: always, action: reject, domains: [example.org]}]\ndnsbl:";
    let both = "headers: [{header: Subject, match: spam, when: always, action: reject, domains: [example.org]}, \
        {header: Subject, match: spam, when: always, action: tempfail, domains: [example.net]}]\ndnsbl:";
    let dropped = "headers: [{header: Subject, match: spam, when: always, action: reject, domains: [example.org]}, \
        {header: Subject, match: spam, when: always, action: discard, domains: [example.net]}]\ndnsbl:";
    for (sent, recipients, expected) in [
        (rules(ours), &["jane@example.org"][..], "reject header_rule"),
        (
            rules(ours),
            &["jane@example.org", "x@example.net"],
            "tag header_rule (would reject), accept nothing_found",
        ),
        (
            rules(both),
            &["jane@example.org", "x@example.net"],
            "tempfail header_rule, tempfail header_rule",
        ),
        (
            rules(dropped),
            &["jane@example.org", "x@example.net"],
            "reject header_rule, discard header_rule",
        ),
    ] {
        assert_eq!(course(sent, recipients, &[]), expected, "{recipients:?}");
    }
}

#[test]
fn a_forwarder_that_is_not_known_for_sure_refuses_nothing() {
    let sent = Sent {
        site: (
            "mail_from: {fail: reject}",
            "helo: {fail: accept}\n  mail_from: {fail: reject}",
        ),
        spf: SpfResult::Fail,
        headers: "Subject: hello\n",
        ..MAIL
    };
    let pass = Answer::SpfResult(SpfResult::Pass);
    let late = Answer::Unanswered(Outside::Dns);
    let (one, two) = ("forwarder one.example", "forwarder two.example");
    let lines: [(Answers<'_>, &str); 5] = [
        (&[], "reject spf_fail"),
        (&[(one, pass.clone())], "accept nothing_found"),
        (&[(two, pass.clone())], "accept nothing_found"),
        (&[(one, late.clone())], "tempfail spf_fail"),
        (&[(one, late), (two, pass)], "accept nothing_found"),
    ];
    for (answers, expected) in lines {
        let found = course(sent, &["jane@example.org"], answers);
        assert_eq!(found, expected, "{answers:?}");
    }
}

#[test]
fn addresses_are_learned_from_welcome_mail() {
    let mail = Sent {
        spf: SpfResult::Pass,
        headers: "Subject: hello\n",
        ..MAIL
    };
    let any = "any@example.org";
    let tagged = Sent {
        site: (
            "dnsbl:",
            "headers: [{header: Subject, match: hello, when: always, action: tag}]\ndnsbl:",
        ),
        ..mail
    };
    let listed = &[(
        "known",
        Answer::Known(crate::core::recipients::Known::Listed("l".to_owned())),
    )];
    let lines: [(&str, Sent, &str, Answers<'_>, &str); 9] = [
        (
            "a person whose domain vouches for its host",
            mail,
            any,
            &[],
            "accept nothing_found, learned",
        ),
        (
            "one that does not",
            Sent {
                spf: SpfResult::None,
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "who is on a list",
            mail,
            any,
            listed,
            "accept nothing_found",
        ),
        (
            "something spoke against it",
            tagged,
            any,
            &[],
            "tag header_rule",
        ),
        (
            "more than usual comes",
            Sent {
                siege: State::Alert,
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "a callout",
            Sent {
                headers: "",
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "nothing is to be learned",
            Sent {
                site: ("watch: true", "watch: false"),
                ..mail
            },
            any,
            &[],
            "accept nothing_found",
        ),
        (
            "outgoing mail: its sender",
            Sent {
                client: "10.1.1.1",
                from: "jane@example.org",
                ..mail
            },
            "bob@friend.example",
            &[],
            "accept outgoing_network, learned as sender, ledger: 1, 1 from example.org",
        ),
        (
            "outgoing mail of others' domains",
            Sent {
                client: "10.1.1.1",
                ..mail
            },
            "bob@friend.example",
            &[],
            "accept outgoing_network",
        ),
    ];
    for (what, sent, recipient, answers, expected) in lines {
        assert_eq!(course(sent, &[recipient], answers), expected, "{what}");
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
