//! How long a question waits for its answer, also where nobody waits any more.

use std::time::Instant;

use crate::{
    core::{message::Answer, outside::Outside},
    observe::Timings,
};

/// A question that waits. It counts as unanswered where it is dropped before its answer comes.
pub(super) struct Waiting<'a> {
    timings: &'a Timings,
    outside: Outside,
    begun: Instant,
    ended: Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Answered,
    Unanswered,
    /// There was nothing to ask.
    NotAsked,
}

impl<'a> Waiting<'a> {
    pub(super) fn new(timings: &'a Timings, outside: Outside) -> Self {
        Self {
            timings,
            outside,
            begun: Instant::now(),
            ended: Ended::Unanswered,
        }
    }

    /// The answer is there.
    pub(super) fn is_over(&mut self, answer: &Answer) {
        self.ended = match answer {
            Answer::NotAsked => Ended::NotAsked,
            answer if answer.is_unanswered() => Ended::Unanswered,
            _ => Ended::Answered,
        };
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.ended != Ended::NotAsked {
            let is_answered = self.ended == Ended::Answered;
            let time = self.begun.elapsed();
            self.timings.asked(self.outside, time, is_answered);
        }
    }
}
