//! Counts what happened to connections: a stranger can repeat it at will, and the log shows it once.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc;

use super::framing::Violation;

/// Counts since the start, of every connection to the milter port.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Snapshot>);

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Connections open now.
    pub open: usize,
    /// Connections accepted and handed to the milter crate.
    pub accepted: u64,
    /// Connections closed at once because too many were open.
    pub refused_over_limit: u64,
    /// How often accepting a connection failed; it is tried again for ever.
    pub accept_errors: u64,
    /// The system's words for the last failure.
    pub last_accept_error: Option<String>,
    /// Connections that we closed, by reason.
    pub violations: BTreeMap<Violation, u64>,
}

impl Snapshot {
    /// What went wrong between an earlier snapshot and this one: kind and text, for a warning each.
    pub fn troubles_since(&self, earlier: &Snapshot) -> Vec<(&'static str, String)> {
        let mut troubles = Vec::new();
        let failed = self.accept_errors.saturating_sub(earlier.accept_errors);
        if failed > 0 {
            let latest = self.last_accept_error.as_deref().unwrap_or_default();
            troubles.push((
                "accept",
                format!("{failed} connections could not be accepted: {latest}; trying again"),
            ));
        }
        let refused = self
            .refused_over_limit
            .saturating_sub(earlier.refused_over_limit);
        if refused > 0 {
            troubles.push((
                "connections",
                format!(
                    "{refused} closed at once: {} are open, which is the maximum",
                    self.open
                ),
            ));
        }
        for (violation, count) in &self.violations {
            let new = count.saturating_sub(
                earlier
                    .violations
                    .get(violation)
                    .copied()
                    .unwrap_or_default(),
            );
            if new > 0 {
                troubles.push(("protocol", format!("{new} connections closed: {violation}")));
            }
        }
        troubles
    }
}

impl Counters {
    /// All counts, taken at one moment.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    /// Takes a place for a connection; none where `limit` of them are open.
    pub fn open(self: &Arc<Self>, limit: usize) -> Option<OpenConnection> {
        let mut counts = self.lock();
        if counts.open >= limit {
            counts.refused_over_limit += 1;
            return None;
        }
        counts.open += 1;
        counts.accepted += 1;
        Some(OpenConnection {
            counters: Some(Arc::clone(self)),
            connected: None,
        })
    }

    pub(in crate::milter) fn accept_failed(&self, error: &io::Error) {
        let mut counts = self.lock();
        counts.accept_errors += 1;
        counts.last_accept_error = Some(error.to_string());
    }

    /// Nothing under the lock can panic and leave the counts half-written.
    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among the open ones, until it is dropped.
#[derive(Debug)]
pub struct OpenConnection {
    /// None for a connection of our own, which nobody counts.
    counters: Option<Arc<Counters>>,
    connected: Option<mpsc::Sender<Infallible>>,
}

impl OpenConnection {
    /// One of our own.
    pub(in crate::milter) fn own() -> Self {
        Self {
            counters: None,
            connected: None,
        }
    }

    /// Keeps the sender as long: whose receiver ends knows that all such connections have.
    pub(in crate::milter) fn keeping(mut self, connected: mpsc::Sender<Infallible>) -> Self {
        self.connected = Some(connected);
        self
    }

    pub(super) fn violated(&self, violation: Violation) {
        if let Some(counters) = &self.counters {
            *counters.lock().violations.entry(violation).or_default() += 1;
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        if let Some(counters) = &self.counters {
            counters.lock().open -= 1;
        }
    }
}
