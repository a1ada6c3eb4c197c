//! The wrong tags that clients have sent lately, counted for all messages.

use std::{
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

use crate::core::{message::Guess, proof::guesses};

/// Wrong tags of the last hour, by client.
#[derive(Debug)]
pub struct Guesses {
    counts: Mutex<guesses::Guesses>,
    /// Where its clock begins.
    started: Instant,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            counts: Mutex::default(),
            started: Instant::now(),
        }
    }
}

impl Guesses {
    /// How many wrong tags the client has sent within the hour.
    pub(super) fn wrong(&self, client: IpAddr) -> u32 {
        self.lock().wrong(client, self.now())
    }

    /// Counts what a tag was.
    pub(super) fn count(&self, guess: Guess) {
        match guess {
            Guess::Wrong(client) => self.lock().note(client, self.now()),
            Guess::Forgiven(client) => self.lock().forgive(client, self.now()),
        }
    }

    fn now(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// Nothing is done under the lock that could leave the counts half-written.
    fn lock(&self) -> MutexGuard<'_, guesses::Guesses> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
