//! The walk of a message, driven by answers that a test makes up.

mod body;
mod broken;
mod company;
mod course;
mod dns;
mod endings;
mod from;
mod guesses;
mod proofs;
mod properties;
mod questions;
mod replied;
mod sent;
mod silenced;
mod tenants;
mod unasked;
mod weak;
mod world;
mod would;

use super::{Answer, Message, Question, Step};

/// Runs a stage until it has decided. `answer` gets all questions of a round.
fn decided<T>(
    message: &mut Message,
    answer: &mut impl FnMut(&Message, Vec<Question>) -> Vec<(Question, Answer)>,
    mut stage: impl FnMut(&mut Message) -> Step<T>,
) -> T {
    for _ in 0..100 {
        let questions = match stage(message) {
            Step::Decided(decided) => return decided,
            Step::Ask(questions) => questions,
        };
        assert!(!questions.is_empty(), "it asks, and asks nothing");
        for (question, answer) in answer(message, questions) {
            message.answer(question, answer);
        }
    }
    panic!("it never decides");
}
