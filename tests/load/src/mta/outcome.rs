//! What came of a load.

use std::time::Duration;

/// Counts and times of all messages of one run.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// From the moment that the messages were ready, with the first connections open, to the last answer.
    pub time: Duration,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Messages that were refused with 5xx, or whose recipients all were.
    pub refused: u64,
    /// The same with 4xx.
    pub deferred: u64,
    /// Changes that the filter asked for at the end of messages.
    pub changes: u64,
    /// Processor time of the thread that generated the load.
    pub cpu: Duration,
    /// How long each message took, from its MAIL to the last reply, in microseconds; for the first of a connection from the
    /// connect or that moment, and at a given rate from the moment that it was due.
    pub latencies: Vec<u32>,
}

impl Outcome {
    /// Messages for each second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.messages() / self.time.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// All messages.
    #[must_use]
    pub fn messages(&self) -> f64 {
        count(self.accepted + self.refused + self.deferred)
    }

    /// Changes for each message.
    #[must_use]
    pub fn changes_each(&self) -> f64 {
        count(self.changes) / self.messages().max(1.0)
    }

    /// The time that this part of the messages did not exceed, in microseconds: 0.99 for the 99th percentile. 0 without any
    /// message.
    #[must_use]
    pub fn latency(&self, part: f64) -> f64 {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        let place = (0..=last).find(|&place| fraction(place, last) >= part);
        place
            .and_then(|place| sorted.get(place))
            .map_or(0.0, |micros| f64::from(*micros))
    }
}

fn fraction(place: usize, last: usize) -> f64 {
    if last == 0 {
        return 1.0;
    }
    count(place as u64) / count(last as u64)
}

/// A count as a number to calculate with: exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}
