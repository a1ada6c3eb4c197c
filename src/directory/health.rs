//! Whether a directory answers. One that doesn't is asked by one question at a time, after pauses that grow, and told of
//! once a minute: a dead server costs no message its time.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::limits::{FIRST_PAUSE, LONGEST_PAUSE, SILENCE};

#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Since it failed, and until it answers.
    down: Option<Down>,
    /// Questions left open that were not logged yet.
    open: u64,
    /// Why the last one was left open.
    why: String,
    told: Option<Instant>,
    /// Whether the last thing that was logged is that it fails.
    complained: bool,
    /// Whether the last question was answered.
    answers: bool,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    why: String,
    pause: Duration,
    /// When the next question may go to it.
    next: Instant,
    /// Whether a question is on its way to it, to see if it is back.
    tried: bool,
}

/// What to log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    Silent { why: String, questions: u64 },
    Back { questions: u64 },
}

impl Health {
    /// Whether a question may go to the server; where it is down, one at a time may, which takes at most `timeout`.
    ///
    /// # Errors
    /// Why it can't.
    pub fn may_ask(&self, now: Instant, timeout: Duration) -> Result<(), String> {
        let mut state = self.state();
        let Some(down) = &mut state.down else {
            return Ok(());
        };
        if now >= down.next {
            down.next = now + timeout;
            down.tried = true;
            return Ok(());
        }
        let why = down.why.clone();
        state.left_open(&why);
        Err(why)
    }

    pub fn answered(&self) {
        let mut state = self.state();
        state.down = None;
        state.answers = true;
    }

    /// The server could not answer this one question; others it may.
    pub fn refused(&self, why: &str) {
        self.state().left_open(why);
    }

    /// The server can't answer.
    pub fn failed(&self, why: &str, now: Instant) {
        let mut state = self.state();
        state.left_open(why);
        let pause = match &state.down {
            None => FIRST_PAUSE,
            // One of several that were under way when it failed: the first has counted.
            Some(down) if !down.tried => return,
            Some(down) => (down.pause * 2).min(LONGEST_PAUSE),
        };
        state.down = Some(Down {
            since: state.down.as_ref().map_or(now, |down| down.since),
            why: why.to_owned(),
            pause,
            next: now + pause,
            tried: false,
        });
    }

    /// Whether it failed when it was last asked.
    pub fn is_down(&self) -> bool {
        self.state().down.is_some()
    }

    /// For how long it has failed.
    pub fn silent_for(&self, now: Instant) -> Option<Duration> {
        let state = self.state();
        let down = state.down.as_ref()?;
        Some(now.saturating_duration_since(down.since))
    }

    /// What is new; to be asked every few seconds.
    pub fn news(&self, now: Instant) -> Option<News> {
        let mut state = self.state();
        if state.complained && state.answers {
            state.complained = false;
            let questions = std::mem::take(&mut state.open);
            return Some(News::Back { questions });
        }
        let due = state
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= SILENCE);
        if state.open == 0 || !due {
            return None;
        }
        state.told = Some(now);
        state.complained = true;
        Some(News::Silent {
            why: state.why.clone(),
            questions: std::mem::take(&mut state.open),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn left_open(&mut self, why: &str) {
        self.open = self.open.saturating_add(1);
        why.clone_into(&mut self.why);
        self.answers = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(3);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_dead_server_is_tried_by_one_question_at_a_time() {
        let (health, begin) = (Health::default(), Instant::now());
        assert_eq!(health.may_ask(begin, TIMEOUT), Ok(()));
        health.failed("refused", begin);
        assert_eq!(health.may_ask(begin, TIMEOUT), Err("refused".to_owned()));
        let later = begin + FIRST_PAUSE;
        assert_eq!(health.may_ask(later, TIMEOUT), Ok(()), "the one that tries");
        assert!(health.may_ask(later, TIMEOUT).is_err(), "and nobody else");
        assert!(health.may_ask(later + 2 * SECOND, TIMEOUT).is_err());
        // The question that tried it ended without an answer.
        assert_eq!(health.may_ask(later + TIMEOUT, TIMEOUT), Ok(()));
        health.answered();
        assert_eq!(health.may_ask(later + TIMEOUT, TIMEOUT), Ok(()));
        assert_eq!(health.may_ask(later + TIMEOUT, TIMEOUT), Ok(()));
    }

    #[test]
    fn pauses_grow_to_a_limit() {
        let (health, mut now) = (Health::default(), Instant::now());
        health.failed("down", now);
        for pause in [1, 2, 4, 8, 10, 10] {
            let pause = pause * SECOND;
            assert!(health.may_ask(now + pause - SECOND / 2, TIMEOUT).is_err());
            now += pause;
            assert!(health.may_ask(now, TIMEOUT).is_ok());
            now += SECOND;
            health.failed("down", now);
        }
        assert!(
            health
                .silent_for(now)
                .is_some_and(|silent| silent > 35 * SECOND)
        );
        health.answered();
        assert_eq!(health.silent_for(now), None);
        health.failed("down", now);
        assert_eq!(health.silent_for(now + SECOND), Some(SECOND));
        assert!(health.may_ask(now + SECOND, TIMEOUT).is_ok());
    }

    #[test]
    fn a_failure_is_told_once_and_counted() {
        let (health, begin) = (Health::default(), Instant::now());
        assert_eq!(health.news(begin), None);
        health.failed("down", begin);
        let silent = |questions| {
            let why = "down".to_owned();
            Some(News::Silent { why, questions })
        };
        assert_eq!(health.news(begin), silent(1));
        for _ in 0..5 {
            let _ = health.may_ask(begin, TIMEOUT);
        }
        assert_eq!(health.news(begin + SECOND), None);
        assert_eq!(health.news(begin + SILENCE), silent(5));
        let _ = health.may_ask(begin, TIMEOUT);
        health.answered();
        let back = Some(News::Back { questions: 1 });
        assert_eq!(health.news(begin + SILENCE), back);
        assert_eq!(health.news(begin + SILENCE), None);
        health.failed("down", begin + SILENCE);
        assert_eq!(
            health.news(begin + SILENCE),
            None,
            "it is not a minute since"
        );
    }
}
