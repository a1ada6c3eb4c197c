//! What is left of a message where a stage ends before it has decided, and of one that is judged twice.

use std::sync::Arc;

use super::{
    decided,
    world::{NOW, policy, rcpt},
};
use crate::core::{
    address::ReversePath,
    envelope::{Client, Envelope},
    message::{Answer, Message, Question, Step},
    notification::Notification,
    outside::Outside,
    verdict::Reason,
};

const SITE: &str = "
mode: enforce
local: {domains: [example.org]}
spf: {mail_from: {temperror: accept}}
proof:
  key_file: /etc/backstop/keys
  batv: {sign: true, required: true}
  ledger: {remember: true}
  dkim: {verify: false}
";

fn bounce() -> Message {
    let envelope = Envelope {
        client: Client {
            address: "192.0.2.1".parse().ok(),
            helo: Some(b"mx.friend.example".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::Null,
    };
    let (policy, host) = (Arc::new(policy(SITE)), "mx.example.org".to_owned());
    Message::new("1a".to_owned(), policy, envelope, host)
}

/// Nobody answers.
fn silent(_: &Message, questions: Vec<Question>) -> Vec<(Question, Answer)> {
    let unanswered = |question: Question| {
        let outside = question.outside();
        let answer = outside.map_or(Answer::WrongTags(0), Answer::Unanswered);
        (question, answer)
    };
    questions.into_iter().map(unanswered).collect()
}

/// A callout goes away before DATA.
#[test]
fn whoever_came_to_data_is_no_callout() {
    for comes in [false, true] {
        let mut message = bounce();
        let rcpt = rcpt(b"jane@example.org");
        let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
        assert!(decided(&mut message, &mut silent, stage).is_kept);
        if comes {
            assert!(matches!(message.data(NOW), Step::Ask(_)));
            message.fail();
        }
        let effects = message.broken_off(NOW);
        let [accepted] = message.accepted() else {
            panic!("{:?}", message.accepted());
        };
        let callout = Notification::of_no_data(&ReversePath::Null);
        let expected = callout.filter(|_| !comes);
        assert_eq!(accepted.verdict.notification, expected);
        assert_eq!(accepted.verdict.reason == Reason::Internal, comes);
        assert_eq!(!effects.attack.is_empty(), comes);
    }
}

/// That the store was down for the one policy is no answer for the other.
#[test]
fn another_policy_asks_the_store_itself() {
    let mut message = bounce();
    let rcpt = rcpt(b"prvs=0123abcdef=jane@example.org");
    let (mut stored, mut dns) = (0, 0);
    let mut answer = |message: &Message, questions: Vec<Question>| {
        for question in &questions {
            match question.outside() {
                Some(Outside::Store) => stored += 1,
                Some(Outside::Dns) => dns += 1,
                _ => {}
            }
        }
        silent(message, questions)
    };
    for _ in 0..2 {
        let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
        assert!(decided(&mut message, &mut answer, stage).is_kept);
        let _ = decided(&mut message, &mut answer, |message| message.data(NOW));
        message.header(b"Subject", b"failure notice");
        let _ = message.end_of_headers(true);
        message.body(b"Message-ID: <1@example.org>\r\n");
        let stage = |message: &mut Message| message.end_of_content(NOW);
        let _ = decided(&mut message, &mut answer, stage);
        message = message.again(Arc::new(policy(SITE)));
    }
    assert_eq!((stored, dns), (4, 1));
}
