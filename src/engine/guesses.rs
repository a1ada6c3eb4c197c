//! The wrong tags that clients have sent lately, counted for all messages.

use std::{
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::time::Instant;

use crate::{
    core::{
        message::Guess,
        proof::guesses::{self, ALERT},
    },
    observe::{GuessReading, Warnings},
};

/// Wrong tags of the last hour, by client, network and domain.
#[derive(Debug)]
pub struct Guesses {
    counts: Mutex<guesses::Guesses>,
    /// Where its clock begins.
    started: Instant,
    wrong: AtomicU64,
    alerts: AtomicU64,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            counts: Mutex::default(),
            started: Instant::now(),
            wrong: AtomicU64::default(),
            alerts: AtomicU64::default(),
        }
    }
}

impl Guesses {
    /// How many came since the start.
    pub fn reading(&self) -> GuessReading {
        GuessReading {
            wrong: self.wrong.load(Relaxed),
            alerts: self.alerts.load(Relaxed),
        }
    }

    /// How many wrong tags the client, or its network, has sent within the hour.
    pub(super) fn wrong(&self, client: IpAddr) -> u32 {
        self.lock().wrong(client, self.now())
    }

    /// Counts what a tag was, and warns where all clients together send many wrong ones for a domain.
    pub(super) fn count(&self, guess: &Guess, warnings: &Warnings) {
        let guesser = match guess {
            Guess::Wrong(guesser) => guesser,
            Guess::Forgiven(guesser) => return self.lock().forgive(guesser, self.now()),
        };
        self.wrong.fetch_add(1, Relaxed);
        let is_alert = self.lock().note(guesser, self.now());
        if is_alert {
            self.alerts.fetch_add(1, Relaxed);
            let text = format!(
                "{ALERT} wrong tags for {} within an hour, from all clients together: somebody may be trying tags until \
                 one is right; valid ones count all the same",
                guesser.domain
            );
            warnings.warn("proof.batv", &text, Instant::now().into_std());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::proof::guesses::Guesser;

    #[test]
    fn many_guessers_are_told_of_once() {
        let (guesses, warnings) = (Guesses::default(), Warnings::default());
        for n in 0..2 * ALERT {
            let client = IpAddr::from((n + (10 << 24)).to_be_bytes());
            let domain = "example.org".parse().unwrap();
            guesses.count(&Guess::Wrong(Guesser { client, domain }), &warnings);
        }
        let GuessReading { wrong, alerts } = guesses.reading();
        assert_eq!((wrong, alerts), (u64::from(2 * ALERT), 1));
    }
}
