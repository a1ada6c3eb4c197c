//! What is not asked, or does not answer.

use super::{
    course::course,
    sent::{BOUNCE, DSN, Sent},
};
use crate::core::message::Answer;

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
