//! The loop that judges: a stage of the core says what it needs, whoever answers is asked, and the stage runs again.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::core::message::{Answer, Message, Question, Step};

/// How long a stage may take in all: less than a callback, which has less than the MTA waits. What has not answered by then
/// did not answer.
pub const STAGE_LIMIT: Duration = Duration::from_secs(25);

/// How many questions of a message are asked side by side: one to thousands of recipients must not have them all asked of
/// the store at a time, which would keep other messages waiting until it counts as down.
const AT_ONCE: usize = 16;

/// Who knows the answers.
pub trait Answerer {
    /// The answer to what this host knows by itself; none where somebody has to be asked.
    fn own(&self, question: &Question) -> Option<Answer>;

    /// The answer to one question of this message.
    fn answer(&self, message: &Message, question: &Question)
    -> impl Future<Output = Answer> + Send;
}

/// Runs a stage until it has decided. The questions of a round are asked side by side, up to [`AT_ONCE`]; all rounds
/// together have until `deadline`.
pub async fn decided<T>(
    message: &mut Message,
    answerer: &impl Answerer,
    deadline: Instant,
    mut stage: impl FnMut(&mut Message) -> Step<T>,
) -> T {
    loop {
        let questions = match stage(message) {
            Step::Decided(decided) => return decided,
            Step::Ask(questions) => questions,
        };
        let mut to_ask = Vec::new();
        for question in questions {
            match answerer.own(&question) {
                Some(answer) => message.answer(question, answer),
                None => to_ask.push(question),
            }
        }
        let mut to_ask = to_ask.into_iter();
        loop {
            let asked = &*message;
            // An answer before may have shown that it would be asked in vain.
            let needed = to_ask.by_ref().filter(|question| asked.lacks(question));
            let some: Vec<_> = needed.take(AT_ONCE).collect();
            if some.is_empty() {
                break;
            }
            let answers = join_all(some.iter().map(|question| async move {
                let answer = timeout_at(deadline, answerer.answer(asked, question)).await;
                answer.unwrap_or_else(|_| late(question))
            }))
            .await;
            for (question, answer) in some.into_iter().zip(answers) {
                message.answer(question, answer);
            }
        }
    }
}

/// This host's own memory does not come late; were it so, there would be nothing to be said.
fn late(question: &Question) -> Answer {
    question
        .outside()
        .map_or(Answer::NotAsked, Answer::Unanswered)
}

#[cfg(test)]
mod tests;
