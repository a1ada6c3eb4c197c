//! How many hits came from which networks: two rows of 64 counters, and in each a part of a hash says which one is a network's.
//!
//! Two networks may share a counter. Then they have one share of the limit together, so a hit may count for less than it
//! should, and never for more: no network has a second counter in a row. The row in which more hits count is the nearer to
//! the truth. Who shares one in both rows is one pair in four thousand: with one row, a flood from ten networks was now and
//! then taken for one from six, and noticed some seconds late.

use std::array;

use serde::{Deserialize, Serialize};

use crate::core::stored::trimmed;

/// How many counters a row has: ten networks have seven of them or more in one of the rows, but for one time in a million.
pub(super) const COUNTERS: usize = 64;
/// How many rows there are.
const ROWS: usize = 2;
/// How many bits of a hash choose the counter of a row.
const INDEX_BITS: u32 = COUNTERS.trailing_zeros();
/// One network counts for so little of a limit, whatever it sends: so many it takes to reach it.
pub(in crate::core) const SHARES: f64 = 5.0;

/// Hits by network. What is more than a counter holds is as much as that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Networks([Row; ROWS]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row(#[serde(with = "trimmed")] [u16; COUNTERS]);

impl Default for Row {
    fn default() -> Self {
        Self([0; COUNTERS])
    }
}

impl Networks {
    /// Counts a hit from a network by its hash, all 64 bits of which must look random. Hosts that share a siege need the
    /// same hash.
    pub fn add(&mut self, hash: u64) {
        for (row, at) in self.0.iter_mut().zip(indexes(hash)) {
            if let Some(counter) = row.0.get_mut(at) {
                *counter = counter.saturating_add(1);
            }
        }
    }

    /// For each counter of the first row, whether it is below its share of a limit.
    pub(super) fn is_below_share(&self, limit: f64) -> [bool; COUNTERS] {
        let [Row(first), _] = self.0;
        first.map(|counter| f64::from(counter) < limit / SHARES)
    }

    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Joins what another host, or an earlier time, counted. `counts` makes one count of two, and the same of one and 0.
    pub(super) fn join(&mut self, other: &Self, counts: fn(u16, u16) -> u16) {
        // Most of the time nothing came.
        if other.is_empty() {
            return;
        }
        for (row, other) in self.0.iter_mut().zip(other.0) {
            for (counter, other) in row.0.iter_mut().zip(other.0) {
                *counter = counts(*counter, other);
            }
        }
    }
}

/// Who was hit: of each network the first recipient, by the first row. Whoever tries many says no more of what others hit than one who tries
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
        let [at, _] = indexes(network);
        if let Some(first) = self.0.get_mut(at) {
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

/// The counters of a network, one in each row: by the first bits of the hash, and by those behind them.
fn indexes(hash: u64) -> [usize; ROWS] {
    array::from_fn(|row| {
        let rotated = hash.rotate_left(INDEX_BITS * (row as u32 + 1));
        (rotated % COUNTERS as u64) as usize
    })
}

/// The hits of some time, by network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sum([[f64; COUNTERS]; ROWS]);

impl Sum {
    pub(super) fn of<'a>(slots: impl Iterator<Item = &'a Networks>) -> Self {
        let mut sum = [[0; COUNTERS]; ROWS];
        for slot in slots.filter(|slot| !slot.is_empty()) {
            for (sum, row) in sum.iter_mut().zip(&slot.0) {
                for (sum, counter) in sum.iter_mut().zip(row.0) {
                    *sum += u32::from(counter);
                }
            }
        }
        Self(sum.map(|row| row.map(f64::from)))
    }

    /// Without so many hits, of which each network has an equal part, as far as it had so many. So a network that sends
    /// most of them is excused hardly more than one that sends few, and takes the excuse from nobody.
    pub(super) fn without(mut self, excused: f64) -> Self {
        if excused == 0.0 {
            return self;
        }
        for row in &mut self.0 {
            let part = part(*row, excused);
            for hits in row {
                *hits = (*hits - part).max(0.0);
            }
        }
        self
    }

    /// The hits that count where `limit` would be a flood: of each network at most its share of it.
    pub(super) fn counted(&self, limit: f64) -> f64 {
        let share = limit / SHARES;
        let counted = |row: &[f64; COUNTERS]| row.iter().map(|hits| hits.min(share)).sum();
        self.0.iter().map(counted).fold(0.0, f64::max)
    }

    /// The highest limit that these hits reach.
    pub(super) fn strength(&self) -> f64 {
        // What a higher limit lets count more is less than the limit is higher.
        let (mut reached, mut missed) = (0.0, self.counted(f64::MAX).next_up());
        for _ in 0..50 {
            let between = (reached + missed) / 2.0;
            match self.counted(between) >= between {
                true => reached = between,
                false => missed = between,
            }
        }
        reached
    }

    /// How many networks there are, about: from the number of counters that are 0 (Whang and others, 1990), the mean of
    /// both rows.
    pub(super) fn networks(&self) -> u32 {
        let counters = COUNTERS as f64;
        let of_row = |row: &[f64; COUNTERS]| {
            let empty = row.iter().filter(|hits| **hits == 0.0).count();
            counters * (counters / empty.max(1) as f64).ln()
        };
        let sum: f64 = self.0.iter().map(of_row).sum();
        (sum / ROWS as f64).round() as u32
    }
}

/// How many of `excused` hits are each network's.
fn part(mut row: [f64; COUNTERS], excused: f64) -> f64 {
    row.sort_unstable_by(f64::total_cmp);
    let (mut left, mut networks) = (excused, COUNTERS as f64);
    let mut part = 0.0;
    for hits in row {
        part = left / networks;
        if hits > part {
            break;
        }
        left -= hits;
        networks -= 1.0;
    }
    part
}
