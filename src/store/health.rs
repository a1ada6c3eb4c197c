//! Whether the store works, and the log lines about that: one a minute at most.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Unavailable,
    losses::{Losses, Lost},
};

/// How long the log is silent after a line about failures.
const SILENCE: Duration = Duration::from_secs(60);

/// Whether the store works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why it can't be asked right now; `None` while it can.
    pub down: Option<Unavailable>,
    /// How many entries are not written yet.
    pub waiting: u64,
    /// What was lost since the start, through all reloads.
    pub lost: Lost,
    /// How many questions and writes failed.
    pub failures: u64,
    /// Why the latest of them failed.
    pub latest: Option<Unavailable>,
}

/// Counts failures and losses, and logs those that no caller sees.
#[derive(Debug)]
pub(super) struct Journal {
    name: String,
    pub losses: Arc<Losses>,
    is_writing: AtomicBool,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    failures: u64,
    latest: Option<Unavailable>,
    logged: Option<Instant>,
    /// Whether the last line was about a failure.
    logged_failure: bool,
    /// What the last line said of losses.
    told: Lost,
}

impl Journal {
    /// `name` is the store's, without a password.
    pub fn new(name: &str, losses: Arc<Losses>) -> Self {
        let told = losses.lost();
        Self {
            name: name.to_owned(),
            losses,
            is_writing: AtomicBool::new(true),
            entries: Mutex::new(Entries {
                told,
                ..Entries::default()
            }),
        }
    }

    /// Whether it is worth while to wait for a write: none failed or hung since the last that was done.
    pub fn is_writing(&self) -> bool {
        self.is_writing.load(Ordering::Relaxed)
    }

    /// A write is done, or the store is open anew and nothing waits.
    pub fn writes(&self) {
        self.is_writing.store(true, Ordering::Relaxed);
    }

    /// A message has waited for a write in vain.
    pub fn does_not_write(&self) {
        self.is_writing.store(false, Ordering::Relaxed);
    }

    /// A question failed, and its caller has the error.
    pub fn question_failed(&self, error: &Unavailable) {
        self.with(|entries| entries.failed(error));
    }

    /// Something failed in the background, where no caller waits for it.
    pub fn background_failed(&self, error: &Unavailable) {
        let lost = self.losses.lost();
        self.with(|entries| {
            entries.failed(error);
            if entries.is_due(Instant::now(), lost) {
                let failures = entries.failures;
                log::warn!("store: {error} ({failures} failures; {lost})");
            }
        });
    }

    /// Something is late or lost because the store does not keep up.
    pub fn tell(&self, now: Instant) {
        let lost = self.losses.lost();
        self.with(|entries| {
            if entries.is_due(now, lost) {
                log::warn!("store: {} does not keep up: {lost}", self.name);
            }
        });
    }

    /// It can be used, and nothing waits any more: says so, and what was lost, if that is news.
    pub fn is_well(&self) {
        let lost = self.losses.lost();
        self.with(|entries| {
            if !std::mem::take(&mut entries.logged_failure) && entries.told == lost {
                return;
            }
            entries.told = lost;
            let name = &self.name;
            match lost {
                Lost { messages: 0, .. } => log::info!("store: {name} can be used again; {lost}"),
                _ => log::warn!("store: {name} can be used again; {lost}"),
            }
        });
    }

    /// What was noted so far.
    pub fn health(&self, down: Option<Unavailable>, waiting: u64) -> Health {
        let lost = self.losses.lost();
        self.with(|entries| Health {
            down,
            waiting,
            lost,
            failures: entries.failures,
            latest: entries.latest.clone(),
        })
    }

    fn with<T>(&self, with: impl FnOnce(&mut Entries) -> T) -> T {
        with(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Entries {
    fn failed(&mut self, error: &Unavailable) {
        self.failures = self.failures.saturating_add(1);
        self.latest = Some(error.clone());
    }

    /// Whether to log a failure now; the caller does so if it is.
    fn is_due(&mut self, now: Instant, lost: Lost) -> bool {
        let is_silent = self
            .logged
            .is_some_and(|logged| now.saturating_duration_since(logged) < SILENCE);
        if !is_silent {
            self.logged = Some(now);
            self.logged_failure = true;
            self.told = lost;
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
        let none = Lost::default();
        assert!(entries.is_due(start, none) && std::mem::take(&mut entries.logged_failure));
        for second in 0..60 {
            assert!(!entries.is_due(start + Duration::from_secs(second), none));
        }
        // It failed again without a log line, so its return gets none either, unless something was lost.
        assert!(!entries.logged_failure);
        assert!(entries.is_due(start + SILENCE, none) && entries.logged_failure);
        assert!(!entries.is_due(start + SILENCE, none));
    }

    #[test]
    fn failures_are_counted_whether_or_not_they_are_logged() {
        let journal = Journal::new("s", Arc::default());
        let error = |text: &str| Unavailable::new(Reason::Down, text.to_owned());
        for _ in 0..3 {
            journal.background_failed(&error("one"));
            journal.question_failed(&error("two"));
        }
        let health = journal.health(None, 0);
        assert_eq!(health.failures, 6);
        assert_eq!(health.latest, Some(error("two")));
    }

    #[test]
    fn what_a_server_says_is_one_line() {
        let error = Unavailable::new(Reason::Other, "a\r\nb\u{1b}[2J".to_owned());
        assert_eq!(error.to_string(), "a  b [2J");
    }
}
