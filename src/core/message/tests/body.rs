//! The content, and where the MTA hands over none: the end of the headers then answers what would have waited for it.

use super::{
    course::{Answers, answering, content, headers},
    decided,
    questions::REPORT,
    sent::{BOUNCE, DSN, Sent, message},
    world::{NOW, rcpt},
};
use crate::core::{
    message::{Answer, Content, Message},
    outside::Outside,
};

fn by_headers(sent: Sent, answers: Answers<'_>) -> String {
    let mut message = message(sent);
    let answer = &mut answering(sent, answers);
    let rcpt = rcpt(sent.rcpt.as_bytes());
    let judged = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
    assert!(judged.is_kept, "{judged:?}");
    let _ = decided(&mut message, answer, |message| message.data(NOW));
    headers(&mut message, sent);
    let stage = |message: &mut Message| message.end_of_headers(false, NOW);
    let _ = decided(&mut message, answer, stage);
    assert!(!message.reads_content());
    let verdict = &message.accepted()[0].verdict;
    format!("{} {}", verdict.action, verdict.reason.code())
}

#[test]
fn the_headers_answer() {
    const WRONG: &str = "prvs=0123abcdef=jane@example.org";
    const OTHERS: &str = "btv1==0123abcdef==jane@example.org";
    const PLAIN: &str = "jane@example.org";
    let sent_with_it = || ("last sent", Answer::LastSent(Some(NOW)));
    let store_down = || ("last sent", Answer::Unanswered(Outside::Store));
    let lines: [(&str, &str, Answers<'_>, &str); 9] = [
        (PLAIN, DSN, &[], "accept nothing_found"),
        (PLAIN, REPORT, &[], "reject unauthenticated_report"),
        (PLAIN, "Subject: hello\n", &[], "tag not_a_notification"),
        (WRONG, DSN, &[], "reject batv_wrong"),
        (WRONG, DSN, &[sent_with_it()], "accept nothing_found"),
        (WRONG, DSN, &[store_down()], "tag batv_wrong"),
        (OTHERS, DSN, &[], "accept nothing_found"),
        (OTHERS, DSN, &[sent_with_it()], "accept nothing_found"),
        (OTHERS, DSN, &[store_down()], "accept nothing_found"),
    ];
    for (rcpt, headers, answers, expected) in lines {
        let sent = Sent {
            rcpt,
            headers,
            ..BOUNCE
        };
        let found = by_headers(sent, answers);
        assert_eq!(found, expected, "{rcpt} {headers} {answers:?}");
    }
}

#[test]
fn what_came_is_kept() {
    let sent = Sent {
        headers: DSN,
        body: "Sorry.\n",
        ..BOUNCE
    };
    let mut message = message(sent);
    let answer = &mut answering(sent, &[]);
    let rcpt = rcpt(sent.rcpt.as_bytes());
    let _ = decided(&mut message, answer, |message| message.rcpt(&rcpt, NOW));
    let _ = decided(&mut message, answer, |message| message.data(NOW));
    assert!(message.content().is_none());
    content(&mut message, sent, answer);
    let kept = message.content().map(Content::octets);
    assert_eq!(kept, Some(&b"Sorry.\r\n"[..]));
}
