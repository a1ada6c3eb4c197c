//! Connections that wait for the next question, but not for too long: a firewall on the way forgets one that is silent,
//! without a word, so that it looks like a server that hangs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::limits::LONGEST_IDLE;

/// Those that are open, each with the time of its last answer.
#[derive(Debug)]
pub(super) struct Idle<C>(Mutex<Vec<(Instant, C)>>);

impl<C> Default for Idle<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C> Idle<C> {
    /// Keeps one that has answered now.
    pub fn push(&self, connection: C, now: Instant) {
        self.open().push((now, connection));
    }

    /// The one that answered last; those that were silent for too long are closed.
    pub fn pop(&self, now: Instant) -> Option<C> {
        let mut open = self.open();
        open.retain(|(answered, _)| now.saturating_duration_since(*answered) < LONGEST_IDLE);
        open.pop().map(|(_, connection)| connection)
    }

    /// Closes them all.
    pub fn clear(&self) {
        self.open().clear();
    }

    fn open(&self) -> MutexGuard<'_, Vec<(Instant, C)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_youngest_comes_first_and_the_old_not_at_all() {
        let (idle, begin) = (Idle::default(), Instant::now());
        idle.push("a", begin);
        idle.push("b", begin + LONGEST_IDLE / 2);
        idle.push("c", begin + LONGEST_IDLE / 2);
        assert_eq!(idle.pop(begin + LONGEST_IDLE / 2), Some("c"));
        assert_eq!(idle.pop(begin + LONGEST_IDLE), Some("b"));
        assert_eq!(idle.pop(begin + LONGEST_IDLE), None, "a is too old");
        idle.push("d", begin);
        idle.clear();
        assert_eq!(idle.pop(begin), None);
    }
}
