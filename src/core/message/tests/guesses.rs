//! Wrong tags: each is counted once, and taken back once another proof shows that it was no guess.

use std::sync::Arc;

use super::{
    decided,
    world::{NOW, message_of, policy, rcpt},
};
use crate::core::{
    message::{Answer, Guess, Message, Question},
    policy::Tag,
    proof::{guesses::Guesser, ledger::Remembered, uses::Use},
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org]}
forgery: {header_from: accept}
headers: [{header: Subject, match: spam, when: always, action: reject}]
proof:
  key_file: /etc/backstop/keys
  batv: {sign: true, guess_limit: 3}
  ledger: {remember: true}
  dkim: {verify: false}
";
const CLIENT: &str = "192.0.2.1";
const DSN: &str = "multipart/report; report-type=delivery-status; boundary=b";
const RETURNED: &str = "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: jane@example.org\r\n\
    Message-ID: <1@example.org>\r\n\r\nhello\r\n--b--\r\n";

struct Sent {
    from: &'static str,
    client: &'static str,
    subject: &'static str,
    content_type: &'static str,
    /// The ledger knows what it returns.
    is_ours: bool,
}

const BOUNCE: Sent = Sent {
    from: "",
    client: CLIENT,
    subject: "failure notice",
    content_type: DSN,
    is_ours: false,
};

/// What was counted at RCPT, at the end of the headers and at the end of the content.
fn counted(sent: &Sent) -> (usize, Vec<Guess>, Vec<Guess>, bool) {
    let mut message = message_of(Arc::new(policy(SITE)), sent.client, sent.from);
    let mut at_rcpt = 0;
    let mut answer = |_: &Message, questions: Vec<Question>| {
        let answered = |question: Question| {
            let answer = match &question {
                Question::WrongTag(_) => {
                    at_rcpt += 1;
                    Answer::WrongTags(1)
                }
                Question::WrongTags(_) => Answer::WrongTags(0),
                Question::Sent(_) => Answer::Sent(sent.is_ours.then(|| Remembered {
                    at: NOW - 100,
                    recipient_count: 0,
                    sender: None,
                    recipients: Vec::new(),
                    hosts: Vec::new(),
                })),
                Question::Use { .. } => Answer::Use(Use::Counted { times: 1, limit: 5 }),
                Question::LastSent(_) => Answer::LastSent(None),
                _ => Answer::NotAsked,
            };
            (question, answer)
        };
        questions.into_iter().map(answered).collect()
    };
    let rcpt = rcpt(b"prvs=0123abcdef=jane@example.org");
    let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
    assert!(decided(&mut message, &mut answer, stage).is_kept);
    let _ = decided(&mut message, &mut answer, |message| message.data(NOW));
    message.header(b"Subject", sent.subject.as_bytes());
    message.header(b"Content-Type", sent.content_type.as_bytes());
    let stage = |message: &mut Message| message.end_of_headers(true, NOW);
    let (_, at_headers) = decided(&mut message, &mut answer, stage);
    let reads = message.reads_content();
    message.body(RETURNED.as_bytes());
    let stage = |message: &mut Message| message.end_of_content(NOW);
    let (_, at_content) = decided(&mut message, &mut answer, stage);
    (at_rcpt, at_headers, at_content, reads)
}

#[test]
fn a_wrong_tag_is_counted_once_and_forgiven_once() {
    let guesser = Guesser {
        client: CLIENT.parse().unwrap(),
        domain: "example.org".parse().unwrap(),
    };
    let wrong = vec![Guess::Wrong(guesser.clone())];
    let forgiven = vec![Guess::Forgiven(guesser)];
    let nothing = Vec::new;
    let with_sender = Sent {
        from: "mailer-daemon@friend.example",
        ..BOUNCE
    };
    for (what, sent, expected) in [
        ("a bounce", BOUNCE, (1, nothing(), nothing(), true)),
        (
            "one that proves to be ours",
            Sent {
                is_ours: true,
                ..BOUNCE
            },
            (1, nothing(), forgiven.clone(), true),
        ),
        (
            "a bounce with a sender: its headers show what it is",
            with_sender,
            (0, wrong.clone(), nothing(), true),
        ),
        (
            "one that proves to be ours",
            Sent {
                from: "mailer-daemon@friend.example",
                is_ours: true,
                ..BOUNCE
            },
            (0, wrong.clone(), forgiven, true),
        ),
        (
            "no bounce: people answer to the address that they see",
            Sent {
                from: "bob@friend.example",
                content_type: "text/plain",
                subject: "hello",
                ..BOUNCE
            },
            (0, nothing(), nothing(), false),
        ),
        (
            "refused by its headers: nothing is read",
            Sent {
                from: "mailer-daemon@friend.example",
                subject: "spam",
                is_ours: true,
                ..BOUNCE
            },
            (0, wrong, nothing(), false),
        ),
        (
            "a stored message, whose client is not known",
            Sent {
                client: "0.0.0.0",
                is_ours: true,
                ..BOUNCE
            },
            (0, nothing(), nothing(), true),
        ),
    ] {
        assert_eq!(counted(&sent), expected, "{what}");
    }
}

/// With a sender, a tag counts once the headers show a bounce: until then no more are looked at than the limit.
#[test]
fn one_message_tries_no_more_tags_than_a_client_may() {
    for (before, from, looked_at) in [
        (0, "bounces@friend.example", 3),
        (2, "bounces@friend.example", 1),
        (3, "bounces@friend.example", 0),
    ] {
        let mut message = message_of(Arc::new(policy(SITE)), CLIENT, from);
        let mut answer = |_: &Message, questions: Vec<Question>| {
            let answered = |question: Question| {
                let answer = match &question {
                    Question::WrongTags(_) => Answer::WrongTags(before),
                    _ => Answer::NotAsked,
                };
                (question, answer)
            };
            questions.into_iter().map(answered).collect()
        };
        let mut verified = 0;
        for number in 0..40 {
            let rcpt = rcpt(format!("prvs=0123{number:06x}=jane@example.org").as_bytes());
            let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
            let judged = decided(&mut message, &mut answer, stage);
            verified += usize::from(judged.addressed.tag != Some(Tag::Unverified));
        }
        assert_eq!(verified, looked_at, "{before} {from}");
        let _ = decided(&mut message, &mut answer, |message| message.data(NOW));
        message.header(b"Subject", b"failure notice");
        message.header(b"Content-Type", DSN.as_bytes());
        let stage = |message: &mut Message| message.end_of_headers(true, NOW);
        let (_, guesses) = decided(&mut message, &mut answer, stage);
        assert_eq!(guesses.len(), looked_at, "{before} {from}");
    }
}
