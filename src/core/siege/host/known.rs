//! What this host knows of one domain: in full, or at rest.

use super::{
    super::{Change, Deltas, Record, Settings, bytes::Packed, watched::Watched},
    Stored,
};

/// What this host knows of one domain.
#[derive(Debug)]
pub(super) struct Known {
    pub record: Record,
    /// What was counted, and is not in the record yet.
    pub pending: Deltas,
    /// Since when something of it waits.
    pub waits_since: Option<u64>,
    /// The version in the store, of what this host last saw or wrote there; 0 for none.
    pub seen: u64,
    /// When that was written; none where the store does not have it, or has an old copy.
    pub stored_at: Option<u64>,
    /// What another host wrote since.
    pub found: Option<Stored>,
    /// Whether a newer Backstop wrote what the store has: it is not to be overwritten.
    pub is_newer: bool,
}

impl Known {
    pub fn new(now: u64) -> Self {
        Self {
            record: Record::new(now),
            pending: Deltas::default(),
            waits_since: None,
            seen: 0,
            stored_at: None,
            found: None,
            is_newer: false,
        }
    }

    /// Takes it over by itself.
    pub fn alone(&mut self, watched: &Watched, settings: &Settings, now: u64) -> Option<Change> {
        let pending = std::mem::take(&mut self.pending);
        self.waits_since = None;
        self.record.catch_up(watched, settings, now);
        self.record.step_alone(settings, &pending, now)
    }

    /// Takes over what was found, as it is there.
    pub fn look(&mut self) {
        let found = self.found.take();
        if let Some(record) = found.and_then(|found| Record::from_bytes(&found.bytes).ok()) {
            self.record = record;
        }
    }

    /// Whether nothing waits for the next round.
    pub fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.found.is_none()
    }

    pub fn rest(&self) -> Resting {
        Resting {
            packed: Packed::of(&self.record),
            seen: self.seen,
            stored_at: self.stored_at,
        }
    }
}

/// The same at rest: the record as octets, which are a few hundred. Most of it is the baseline.
#[derive(Debug)]
pub(super) struct Resting {
    pub packed: Packed,
    pub seen: u64,
    pub stored_at: Option<u64>,
}

impl Resting {
    /// In full again.
    pub fn wake(self, now: u64) -> Known {
        let known = Known::new(now);
        Known {
            record: self.packed.record().unwrap_or(known.record),
            seen: self.seen,
            stored_at: self.stored_at,
            ..known
        }
    }

    /// Whether nothing would be left to keep at `now`.
    pub fn is_idle_by(&self, watched: &Watched, settings: &Settings, now: u64) -> bool {
        let Some(mut record) = self.packed.record() else {
            return true;
        };
        record.catch_up(watched, settings, now);
        record.is_idle(now)
    }

    #[cfg(test)]
    pub fn size(&self) -> usize {
        self.packed.size()
    }
}
