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
    notification::{Notification, NotificationKind},
    outside::Outside,
    verdict::{Action, Reason, Verdict},
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
            message.fail(&Verdict::internal());
        }
        let effects = message.broken_off(NOW);
        let [accepted] = message.accepted() else {
            panic!("{:?}", message.accepted());
        };
        let callout = Notification::of_no_data(&ReversePath::Null).unwrap();
        assert_eq!(callout.kind, NotificationKind::Callout);
        let expected = Some(callout).filter(|_| !comes);
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
        let stage = |message: &mut Message| message.end_of_headers(true, NOW);
        let _ = decided(&mut message, &mut answer, stage);
        message.body(b"Message-ID: <1@example.org>\r\n");
        let stage = |message: &mut Message| message.end_of_content(NOW);
        let _ = decided(&mut message, &mut answer, stage);
        message = message.again(Arc::new(policy(SITE)));
    }
    assert_eq!((stored, dns), (4, 1));
}

/// An unproven bounce with a sender is asked to come again; not because of an address that gets no bounces, where another
/// recipient is to get it.
#[test]
fn what_was_dropped_for_one_is_not_delivered_to_it_for_the_others() {
    let site = SITE.replace(
        "proof:\n",
        "null_sender: {never_send: {addresses: [noreply@example.org], action: discard}}\nproof:\n  unproven: tempfail\n",
    );
    let envelope = Envelope {
        reverse_path: ReversePath::from_bytes(b"bob@friend.example"),
        ..bounce().envelope().clone()
    };
    let host = "mx.example.org".to_owned();
    let mut message = Message::new("1a".to_owned(), Arc::new(policy(&site)), envelope, host);
    let mut answer = |_: &Message, questions: Vec<Question>| {
        let answered = |question: Question| {
            let answer = match question {
                Question::Sent(_) => Answer::Sent(None),
                Question::LastSent(_) => Answer::LastSent(None),
                _ => Answer::NotAsked,
            };
            (question, answer)
        };
        questions.into_iter().map(answered).collect()
    };
    for recipient in ["postmaster@example.org", "noreply@example.org"] {
        let rcpt = rcpt(recipient.as_bytes());
        let stage = |message: &mut Message| message.rcpt(&rcpt, NOW);
        assert!(decided(&mut message, &mut answer, stage).is_kept);
    }
    let _ = decided(&mut message, &mut answer, |message| message.data(NOW));
    let dsn = b"multipart/report; report-type=delivery-status; boundary=b";
    message.header(b"Content-Type", dsn);
    let stage = |message: &mut Message| message.end_of_headers(true, NOW);
    let _ = decided(&mut message, &mut answer, stage);
    let actions = |message: &Message| {
        let accepted = message.accepted().iter();
        accepted.map(|one| one.verdict.action).collect::<Vec<_>>()
    };
    assert_eq!(actions(&message), [Action::Accept, Action::Discard]);
    let stage = |message: &mut Message| message.end_of_content(NOW);
    let (judged, _) = decided(&mut message, &mut answer, stage);
    assert!(judged[1].iter().any(|check| check.name == "proof.unproven"));
    assert_eq!(actions(&message), [Action::Accept, Action::Discard]);
}
