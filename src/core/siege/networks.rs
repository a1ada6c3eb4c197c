//! How many hits came from which networks: 64 counters, and a hash says which one is a network's.
//!
//! Two networks may share a counter. Then they have one share of the limit together, so a hit may count for less than it
//! should, and never for more: no network has a second counter.

use serde::{Deserialize, Serialize};

use crate::core::stored::trimmed;

/// How many counters there are: ten networks have six of them or more, but for one time in ten thousand.
pub(super) const COUNTERS: usize = 64;
/// How many bits of a hash choose the counter.
const INDEX_BITS: u32 = COUNTERS.trailing_zeros();
/// One network counts for so little of a limit, whatever it sends: so many it takes to reach it.
pub(super) const SHARES: f64 = 5.0;

/// Hits by network. What is more than a counter holds is as much as that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Networks(#[serde(with = "trimmed")] [u16; COUNTERS]);

impl Default for Networks {
    fn default() -> Self {
        Self([0; COUNTERS])
    }
}

impl Networks {
    /// Counts a hit from a network by its hash, all 64 bits of which must look random. Hosts that share a siege need the
    /// same hash.
    pub fn add(&mut self, hash: u64) {
        if let Some(counter) = self.0.get_mut(index(hash)) {
            *counter = counter.saturating_add(1);
        }
    }

    /// For each counter, whether it is below its share of a limit.
    pub(super) fn is_below_share(&self, limit: f64) -> [bool; COUNTERS] {
        self.0.map(|counter| f64::from(counter) < limit / SHARES)
    }

    /// Joins what another host, or an earlier time, counted. `counts` makes one count of two.
    pub(super) fn join(&mut self, other: &Self, counts: fn(u16, u16) -> u16) {
        for (counter, other) in self.0.iter_mut().zip(other.0) {
            *counter = counts(*counter, other);
        }
    }
}

/// Who was hit: of each network the first recipient. Whoever tries many says no more of what others hit than one who tries
/// one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstRecipients([Option<u64>; COUNTERS]);

impl Default for FirstRecipients {
    fn default() -> Self {
        Self([None; COUNTERS])
    }
}

impl FirstRecipients {
    /// Notes that a network hit a recipient, both by their hashes.
    pub fn note(&mut self, network: u64, recipient: u64) {
        if let Some(first) = self.0.get_mut(index(network)) {
            first.get_or_insert(recipient);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (first, other) in self.0.iter_mut().zip(other.0) {
            *first = first.or(other);
        }
    }

    /// Those of the counters that `wanted` names.
    pub(super) fn of(&self, wanted: [bool; COUNTERS]) -> impl Iterator<Item = u64> {
        let firsts = self.0.into_iter().zip(wanted);
        firsts.filter_map(|(first, wanted)| first.filter(|_| wanted))
    }
}

fn index(hash: u64) -> usize {
    (hash >> (u64::BITS - INDEX_BITS)) as usize
}

/// The hits of some time, by network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sum([f64; COUNTERS]);

impl Sum {
    pub(super) fn of<'a>(slots: impl Iterator<Item = &'a Networks>) -> Self {
        let mut sum = [0; COUNTERS];
        for slot in slots {
            for (sum, counter) in sum.iter_mut().zip(slot.0) {
                *sum += u32::from(counter);
            }
        }
        Self(sum.map(f64::from))
    }

    /// Without so many hits, of which each network has an equal part, as far as it had so many. So a network that sends
    /// most of them is excused hardly more than one that sends few, and takes the excuse from nobody.
    pub(super) fn without(mut self, excused: f64) -> Self {
        let mut ascending = self.0;
        ascending.sort_unstable_by(f64::total_cmp);
        let (mut left, mut networks) = (excused, COUNTERS as f64);
        let mut part = 0.0;
        for hits in ascending {
            part = left / networks;
            if hits > part {
                break;
            }
            left -= hits;
            networks -= 1.0;
        }
        for hits in &mut self.0 {
            *hits = (*hits - part).max(0.0);
        }
        self
    }

    /// The hits that count where `limit` would be a flood: of each network at most its share of it.
    pub(super) fn counted(&self, limit: f64) -> f64 {
        let share = limit / SHARES;
        self.0.iter().map(|hits| hits.min(share)).sum()
    }

    /// The highest limit that these hits reach.
    pub(super) fn strength(&self) -> f64 {
        // What a higher limit lets count more is less than the limit is higher.
        let (mut reached, mut missed) = (0.0, self.0.iter().sum::<f64>().next_up());
        for _ in 0..50 {
            let between = (reached + missed) / 2.0;
            match self.counted(between) >= between {
                true => reached = between,
                false => missed = between,
            }
        }
        reached
    }

    /// How many networks there are, about: from the number of counters that are 0 (Whang and others, 1990).
    pub(super) fn networks(&self) -> u32 {
        let counters = COUNTERS as f64;
        let empty = self.0.iter().filter(|hits| **hits == 0.0).count();
        (counters * (counters / empty.max(1) as f64).ln()).round() as u32
    }
}
