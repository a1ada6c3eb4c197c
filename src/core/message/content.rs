//! The content of a notification, as far as it is read: a stranger chooses how long it is.

use std::sync::OnceLock;

use crate::core::{
    policy::{HeaderFacts, Policy},
    proof::{
        self,
        counted::Counted,
        ledger::Hash,
        returned::{self, NotificationReport},
        watermark,
    },
};

/// What is kept of a body, and what was read in it.
#[derive(Clone, Debug)]
pub struct Content {
    octets: Vec<u8>,
    maximum: usize,
    cut: bool,
    /// Read once, at the end of the content.
    read: Option<Read>,
}

/// What was read in a body.
#[derive(Clone, Debug)]
struct Read {
    report: NotificationReport,
    /// The watermark of each returned message, in their order.
    watermarks: Vec<watermark::WatermarkResult>,
    /// The Message-IDs that it names, once the ledger is asked about them: a stage that runs again does not hash them again.
    named: OnceLock<Vec<Named>>,
    /// What it counts as, once it would use a proof.
    counted: OnceLock<Counted>,
}

/// A Message-ID that a notification names.
#[derive(Clone, Debug)]
pub(super) struct Named {
    /// Without its angle brackets.
    pub(super) id: Vec<u8>,
    /// By each key that may have written the ledger's entry.
    pub(super) hashes: Vec<Hash>,
}

impl Content {
    /// Keeps so many octets, and not one more.
    pub fn new(maximum: usize) -> Self {
        Self {
            octets: Vec::new(),
            maximum,
            cut: false,
            read: None,
        }
    }

    /// Keeps a part; whether there is room for more.
    pub fn push(&mut self, part: &[u8]) -> bool {
        let room = self.maximum.saturating_sub(self.octets.len());
        let kept = part.get(..room).unwrap_or(part);
        self.octets.extend_from_slice(kept);
        self.cut |= kept.len() < part.len();
        self.octets.len() < self.maximum
    }

    /// What was kept.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether there was more, or may have been: an MTA that is told to stop doesn't say.
    pub fn is_cut(&self) -> bool {
        self.cut || self.octets.len() >= self.maximum
    }

    /// Reads it, unless that was done.
    pub(super) fn read(&mut self, policy: &Policy, facts: &HeaderFacts, now: u64) {
        if self.read.is_some() {
            return;
        }
        let report = returned::read(&facts.headers, &self.octets, self.is_cut());
        let (keys, today) = (&policy.proof.keys, proof::today(now));
        let lifetime = policy.proof.lifetime_days();
        let returned = report.returned.iter().filter(|_| !keys.is_empty());
        let watermarks = returned
            .map(|returned| watermark::verify(&returned.headers, keys, today, lifetime))
            .collect();
        self.read = Some(Read {
            report,
            watermarks,
            named: OnceLock::new(),
            counted: OnceLock::new(),
        });
    }

    /// What the message says and returns; none before all of it came.
    pub fn report(&self) -> Option<&NotificationReport> {
        self.read.as_ref().map(|read| &read.report)
    }

    /// The watermark of each returned message, in their order.
    pub(super) fn watermarks(&self) -> &[watermark::WatermarkResult] {
        self.read
            .as_ref()
            .map_or(&[], |read| read.watermarks.as_slice())
    }

    /// The Message-IDs that it names, as `find` finds them the first time; none before all of it came.
    pub(super) fn named(&self, find: impl FnOnce() -> Vec<Named>) -> &[Named] {
        self.read
            .as_ref()
            .map_or(&[], |read| read.named.get_or_init(find))
    }

    /// What it counts as, as `count` says the first time.
    pub(super) fn counted(&self, count: impl FnOnce() -> Counted) -> Counted {
        match &self.read {
            Some(read) => *read.counted.get_or_init(count),
            None => count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_the_bound() {
        let mut content = Content::new(10);
        assert!(content.push(b"1234") && content.push(b"") && !content.is_cut());
        assert!(!content.push(b"567890123"));
        assert_eq!(content.octets(), b"1234567890");
        assert!(content.is_cut());
        for _ in 0..1000 {
            assert!(!content.push(&[b'x'; 1000]));
        }
        assert!(content.octets.capacity() < 100);
        let mut exact = Content::new(4);
        assert!(!exact.push(b"1234") && exact.is_cut());
    }
}
