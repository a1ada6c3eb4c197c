//! Which questions are asked, and in which rounds: nobody is asked in vain, and what does not depend on each other is asked
//! together.

use std::sync::Arc;

use super::{
    decided,
    sent::{BOUNCE, DSN, MAIL, SITE, Sent, answer, message, word},
    world::{NOW, policy, rcpt},
};
use crate::core::{
    address::ReversePath,
    envelope::{Client, Envelope},
    header::Headers,
    message::{Answer, Message, Negotiated, Question, RcptTo},
    outside::Outside,
    siege::State,
    spf::{Identity, SpfCheck, SpfResult},
};

/// The questions of each round, in words.
type Rounds = Vec<Vec<String>>;

#[test]
fn an_answer_that_did_not_come_is_told_from_one_that_did() {
    for (result, unanswered) in [
        (SpfResult::Temperror, true),
        (SpfResult::Permerror, false),
        (SpfResult::Pass, false),
    ] {
        let check = SpfCheck::new(Identity::Helo, "mx.example".to_owned(), result);
        for answer in [Answer::Spf(Arc::new(check)), Answer::SpfResult(result)] {
            assert_eq!(answer.is_unanswered(), unanswered, "{result}");
        }
    }
    for (answer, unanswered) in [
        (Answer::Unanswered(Outside::Dns), true),
        (Answer::NotAsked, false),
        (Answer::Holds(false), false),
        (Answer::Listings(Vec::new()), false),
        (Answer::Signatures(Vec::new()), false),
    ] {
        assert_eq!(answer.is_unanswered(), unanswered);
    }
}

/// Who answers at each stage knows nothing but what the line says.
fn rounds(sent: Sent) -> (Rounds, Rounds) {
    let mut message = message(sent);
    let mut rcpt = rcpt(sent.rcpt.as_bytes());
    rcpt.recipient.refused = sent.refused.then(|| "5.1.1".to_owned());
    let mut asked = Rounds::new();
    let mut answer = answering(sent, &mut asked);
    let _ = decided(&mut message, &mut answer, |message| {
        message.rcpt(&rcpt, NOW)
    });
    drop(answer);
    let behind = behind_rcpt(message, sent);
    (asked, behind)
}

/// Answers as the line says, and notes what is asked.
fn answering(
    sent: Sent,
    asked: &mut Rounds,
) -> impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)> {
    move |_, questions| {
        asked.push(questions.iter().map(word).collect());
        let answered = |question: Question| {
            let answer = answer(&question, sent);
            (question, answer)
        };
        questions.into_iter().map(answered).collect()
    }
}

fn behind_rcpt(mut message: Message, sent: Sent) -> Rounds {
    let mut asked = Rounds::new();
    if message.accepted().is_empty() || sent.headers.is_empty() {
        return asked;
    }
    let mut answer = answering(sent, &mut asked);
    let _ = decided(&mut message, &mut answer, |message| message.data(NOW));
    let headers = sent.headers.replace('\n', "\r\n");
    let (headers, _) = Headers::parse(headers.as_bytes());
    for header in headers.iter() {
        message.header(header.name(), header.value());
    }
    let stage = |message: &mut Message| message.end_of_headers(true, NOW);
    let _ = decided(&mut message, &mut answer, stage);
    message.body(sent.body.replace('\n', "\r\n").as_bytes());
    let _ = decided(&mut message, &mut answer, |message| {
        message.end_of_content(NOW)
    });
    let stage = |message: &mut Message| message.end(Negotiated::ALL, NOW);
    let _ = decided(&mut message, &mut answer, stage);
    drop(answer);
    asked
}

fn shown(rounds: &Rounds) -> String {
    let rounds: Vec<String> = rounds.iter().map(|round| round.join(", ")).collect();
    rounds.join("; ")
}

#[test]
fn at_rcpt() {
    let fail = SpfResult::Fail;
    for (what, sent, expected) in [
        ("mail", MAIL, "spf helo, spf mailfrom, known, siege"),
        (
            "SPF that fails may be a forwarder's",
            Sent { spf: fail, ..MAIL },
            "spf helo, spf mailfrom, known, siege; forwarder one.example, forwarder two.example",
        ),
        (
            "so may a claim on our domain",
            Sent {
                from: "jane@example.org",
                ..MAIL
            },
            "spf helo, spf mailfrom, known, siege; forwarder one.example, forwarder two.example",
        ),
        (
            "a forwarder by its network needs no domain",
            Sent {
                site: ("one.example", "192.0.2.0/24"),
                spf: fail,
                ..MAIL
            },
            "spf helo, spf mailfrom, known, siege",
        ),
        (
            "the null sender is postmaster@HELO, and lists are for it",
            BOUNCE,
            "lists, spf helo, known, siege",
        ),
        (
            "outgoing",
            Sent {
                client: "10.0.0.1",
                ..MAIL
            },
            "siege",
        ),
        (
            "refused by the MTA",
            Sent {
                refused: true,
                ..MAIL
            },
            "siege",
        ),
        (
            "an exempt client",
            Sent {
                client: "192.0.2.99",
                ..MAIL
            },
            "siege",
        ),
        (
            "an exempt recipient",
            Sent {
                rcpt: "abuse@example.org",
                ..MAIL
            },
            "spf helo, spf mailfrom, siege",
        ),
        (
            "postmaster",
            Sent {
                rcpt: "postmaster@example.org",
                ..BOUNCE
            },
            "lists, spf helo, siege",
        ),
        (
            "a domain without lists",
            Sent {
                rcpt: "x@example.net",
                ..MAIL
            },
            "spf helo, spf mailfrom, siege",
        ),
        (
            "no siege is watched",
            Sent {
                site: ("watch: true", "watch: false"),
                ..MAIL
            },
            "spf helo, spf mailfrom, known",
        ),
        (
            "besieged: only who was learned passes the catch-all",
            Sent {
                siege: State::Siege,
                ..MAIL
            },
            "spf helo, spf mailfrom, known, siege; learned",
        ),
        (
            "besieged: the catch-all takes no bounces on quiet days either",
            Sent {
                site: (
                    "mail: accept, bounces: accept}",
                    "mail: accept, bounces: reject}",
                ),
                siege: State::Siege,
                ..BOUNCE
            },
            "lists, spf helo, known, siege",
        ),
        (
            "besieged: who is exempt need not be learned",
            Sent {
                rcpt: "abuse@example.org",
                siege: State::Siege,
                ..MAIL
            },
            "spf helo, spf mailfrom, siege",
        ),
        (
            "besieged: the catch-all takes mail all the same",
            Sent {
                site: (
                    "watch: true, catch_all: {mail: reject",
                    "watch: true, catch_all: {mail: accept",
                ),
                siege: State::Siege,
                ..MAIL
            },
            "spf helo, spf mailfrom, known, siege",
        ),
        (
            "besieged: what is refused anyway costs the store nothing",
            Sent {
                spf: fail,
                siege: State::Siege,
                ..MAIL
            },
            "spf helo, spf mailfrom, known, siege; forwarder one.example, forwarder two.example",
        ),
        (
            "a client without an address",
            Sent { client: "", ..MAIL },
            "known, siege",
        ),
        (
            "a wrong tag: mail may have been sent with it",
            Sent {
                rcpt: "prvs=0123abcdef=any@example.org",
                ..BOUNCE
            },
            "wrong tags; last sent; one more; lists, spf helo, known, siege",
        ),
        (
            "guesses are not counted",
            Sent {
                site: ("guess_limit: 3", "guess_limit: 0"),
                rcpt: "prvs=0123abcdef=any@example.org",
                ..BOUNCE
            },
            "last sent; one more; lists, spf helo, known, siege",
        ),
        (
            "nothing but our signatures could prove it",
            Sent {
                site: (
                    "watermark: {sign: true}\n  ledger: {remember: true}\n  dkim: {verify: true, dkim2: true}",
                    "dkim: {verify: true}",
                ),
                rcpt: "prvs=0123abcdef=any@example.org",
                ..BOUNCE
            },
            "wrong tags; signatures left; one more; lists, spf helo, known, siege",
        ),
        (
            "with a sender no tag is refused",
            Sent {
                rcpt: "prvs=0123abcdef=any@example.org",
                ..MAIL
            },
            "wrong tags; spf helo, spf mailfrom, known, siege",
        ),
    ] {
        let (asked, _) = rounds(sent);
        assert_eq!(shown(&asked), expected, "{what}");
    }
}

const RETURNED: &str = "--b\nContent-Type: message/delivery-status\n\nFinal-Recipient: rfc822; bob@friend.example\n\
    Action: failed\n\n--b\nContent-Type: message/rfc822\n\nReceived: from a (a [192.0.2.7]) by b\n\
    Received: from a (a [192.0.2.8]) by b\nFrom: jane@example.org\nMessage-ID: <1@example.org>\n\nhello\n--b--\n";
const TWO: &str = "--b\nContent-Type: message/rfc822\n\nFrom: jane@example.org\nMessage-ID: <1@example.org>\n\nhello\n\
    --b\nContent-Type: message/rfc822\n\nFrom: jane@example.org\nMessage-ID: <2@example.org>\n\nhello\n--b--\n";
pub(super) const REPORT: &str = "From: bob@friend.example\nSubject: complaint\n\
    Content-Type: multipart/report; report-type=feedback-report; boundary=b\n";
const REPLY: &str =
    "From: bob@friend.example\nAuto-Submitted: auto-replied\nIn-Reply-To: <1@example.org>\n";

#[test]
fn behind_rcpt_cheap_proofs_are_looked_for_before_dear_ones() {
    for (what, sent, expected) in [
        (
            "mail with a sender",
            Sent {
                headers: "Subject: hello\n",
                ..MAIL
            },
            "",
        ),
        (
            "mail that is let in while all is calm may be learned from",
            Sent {
                spf: SpfResult::Pass,
                headers: "Subject: hello\n",
                ..MAIL
            },
            "siege",
        ),
        (
            "a bounce",
            Sent {
                headers: DSN,
                body: RETURNED,
                ..BOUNCE
            },
            "ledger; signatures 0; chain; spf of 192.0.2.7, spf of 192.0.2.8; last sent",
        ),
        (
            "one that returns nothing",
            Sent {
                headers: DSN,
                body: "Sorry.\n",
                ..BOUNCE
            },
            "chain; last sent",
        ),
        (
            "one that returns two messages",
            Sent {
                headers: DSN,
                body: TWO,
                ..BOUNCE
            },
            "ledger; signatures 0; signatures 1; chain; last sent",
        ),
        (
            "the store is not waited for twice",
            Sent {
                headers: DSN,
                body: RETURNED,
                missing: "ledger",
                ..BOUNCE
            },
            "signatures 0; chain; spf of 192.0.2.7, spf of 192.0.2.8",
        ),
        (
            "a tag that must be there, and is not, ends it at DATA",
            Sent {
                site: ("guess_limit: 3", "guess_limit: 3, required: true"),
                headers: DSN,
                body: RETURNED,
                ..BOUNCE
            },
            "last sent",
        ),
        (
            "a report: its author may have signed it",
            Sent {
                headers: REPORT,
                body: "Sorry.\n",
                ..BOUNCE
            },
            "chain; author's signature, last sent",
        ),
        (
            "unless the host vouches for its author",
            Sent {
                headers: REPORT,
                body: "Sorry.\n",
                spf: SpfResult::Pass,
                ..BOUNCE
            },
            "chain; last sent",
        ),
        (
            "a reply with a sender: does the ledger know all that could be answered?",
            Sent {
                headers: REPLY,
                body: "I am away.\n",
                ..MAIL
            },
            "ledger; chain; remembers all, last sent; forged",
        ),
    ] {
        let (_, asked) = rounds(sent);
        let mut expected = expected.to_owned();
        if sent.missing == "ledger" {
            expected = format!("ledger; {expected}");
        }
        assert_eq!(shown(&asked), expected, "{what}");
    }
}

/// A late answer is ignored: what was decided without it stands.
#[test]
fn the_first_answer_counts() {
    let policy = Arc::new(policy(SITE));
    let envelope = Envelope {
        client: Client {
            address: "192.0.2.1".parse().ok(),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(b"bob@friend.example"),
    };
    let mut message = Message::new("1a".to_owned(), policy, envelope, "mx".to_owned());
    let rcpt: RcptTo = rcpt(b"jane@example.org");
    let mut late = Vec::new();
    let mut answer = |_: &Message, questions: Vec<Question>| {
        late.extend(questions.clone());
        let unanswered = |question: Question| {
            let answer = question
                .outside()
                .map_or(Answer::NotAsked, Answer::Unanswered);
            (question, answer)
        };
        questions.into_iter().map(unanswered).collect()
    };
    let judged = decided(&mut message, &mut answer, |message| {
        message.rcpt(&rcpt, NOW)
    });
    assert_eq!(judged.judgement.verdict.unanswered, Some(Outside::Dns));
    let spf = message.spf().cloned();
    for question in late {
        let found = SpfCheck::new(
            crate::core::spf::Identity::MailFrom,
            "friend.example".to_owned(),
            SpfResult::Pass,
        );
        message.answer(question, Answer::Spf(found.into()));
    }
    assert_eq!(message.spf().cloned(), spf);
}
