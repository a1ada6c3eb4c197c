//! Whether the store works, and the log lines about that: one a minute at most.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Unavailable;

/// How long the log is silent after a line about failures.
const SILENCE: Duration = Duration::from_secs(60);

/// Whether the store works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why it can't be asked right now; `None` while it can.
    pub down: Option<Unavailable>,
    /// How many entries are not written yet.
    pub waiting: u64,
    /// How many entries were dropped because the queue was full.
    pub dropped: u64,
    /// How many questions and writes failed.
    pub failures: u64,
    /// Why the latest of them failed.
    pub latest: Option<Unavailable>,
}

/// Counts failures, and logs those of the background, which no caller sees.
#[derive(Debug, Default)]
pub(super) struct Journal(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    dropped: u64,
    failures: u64,
    latest: Option<Unavailable>,
    logged: Option<Instant>,
    /// Whether the last line was about a failure.
    logged_failure: bool,
}

impl Journal {
    /// A question failed, and its caller has the error.
    pub fn question_failed(&self, error: &Unavailable) {
        self.with(|entries| entries.failed(error));
    }

    /// Something failed in the background, where no caller waits for it.
    pub fn background_failed(&self, error: &Unavailable) {
        self.with(|entries| {
            entries.failed(error);
            if entries.is_due(Instant::now()) {
                log::warn!(
                    "store: {error} ({} failures, {} entries lost since the start)",
                    entries.failures,
                    entries.dropped
                );
            }
        });
    }

    /// The queue had no room for an entry.
    pub fn dropped(&self, name: impl fmt::Display) {
        self.with(|entries| {
            entries.dropped = entries.dropped.saturating_add(1);
            if entries.is_due(Instant::now()) {
                log::warn!(
                    "store: {name} does not keep up: {} entries lost since the start",
                    entries.dropped
                );
            }
        });
    }

    /// It can be asked again.
    pub fn is_back(&self, name: impl fmt::Display) {
        self.with(|entries| {
            if std::mem::take(&mut entries.logged_failure) {
                log::info!("store: {name} can be used again");
            }
        });
    }

    /// What was noted so far.
    pub fn health(&self, down: Option<Unavailable>, waiting: u64) -> Health {
        self.with(|entries| Health {
            down,
            waiting,
            dropped: entries.dropped,
            failures: entries.failures,
            latest: entries.latest.clone(),
        })
    }

    fn with<T>(&self, with: impl FnOnce(&mut Entries) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entries {
    fn failed(&mut self, error: &Unavailable) {
        self.failures = self.failures.saturating_add(1);
        self.latest = Some(error.clone());
    }

    /// Whether to log a failure now; the caller does so if it is.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_silent = self
            .logged
            .is_some_and(|logged| now.saturating_duration_since(logged) < SILENCE);
        if !is_silent {
            self.logged = Some(now);
            self.logged_failure = true;
        }
        !is_silent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Reason;

    #[test]
    fn a_long_outage_is_a_line_a_minute() {
        let mut entries = Entries::default();
        let start = Instant::now();
        assert!(entries.is_due(start) && std::mem::take(&mut entries.logged_failure));
        for second in 0..60 {
            assert!(!entries.is_due(start + Duration::from_secs(second)));
        }
        // It failed again without a log line, so its return gets none either.
        assert!(!entries.logged_failure);
        assert!(entries.is_due(start + SILENCE) && entries.logged_failure);
        assert!(!entries.is_due(start + SILENCE));
    }

    #[test]
    fn failures_are_counted_whether_or_not_they_are_logged() {
        let journal = Journal::default();
        let error = |text: &str| Unavailable::new(Reason::Down, text.to_owned());
        for _ in 0..3 {
            journal.background_failed(&error("one"));
            journal.question_failed(&error("two"));
            journal.dropped("three");
        }
        let health = journal.health(None, 0);
        assert_eq!((health.failures, health.dropped), (6, 3));
        assert_eq!(health.latest, Some(error("two")));
    }

    #[test]
    fn what_a_server_says_is_one_line() {
        let error = Unavailable::new(Reason::Other, "a\r\nb\u{1b}[2J".to_owned());
        assert_eq!(error.to_string(), "a  b [2J");
    }
}
