//! What is not asked, or does not answer.

use super::{
    course::course,
    sent::{BOUNCE, DSN, Sent},
};
use crate::core::{message::Answer, outside::Outside};

#[test]
fn lists_that_are_not_to_be_asked_say_nothing() {
    let sent = Sent {
        headers: DSN,
        body: "Sorry.\n",
        ..BOUNCE
    };
    let silent = course(sent, &["any@example.org"], &[]);
    let unasked = course(sent, &["any@example.org"], &[("lists", Answer::NotAsked)]);
    assert_eq!(unasked, silent);
}

/// The store may have mail that was sent from that very address: until it answers, nothing is refused for good.
#[test]
fn a_wrong_tag_waits_for_the_store() {
    let sent = Sent {
        headers: "Subject: hello\n",
        ..BOUNCE
    };
    let rcpt = "prvs=0123abcdef=jane@example.org";
    let refused = course(sent, &[rcpt], &[]);
    assert!(refused.starts_with("reject batv_wrong"), "{refused}");
    let silent = [("last sent", Answer::Unanswered(Outside::Store))];
    let waits = course(sent, &[rcpt], &silent);
    assert!(!waits.starts_with("reject"), "{waits}");
}
