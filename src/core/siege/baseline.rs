//! What is usual for a domain, by the hour of the week.

use std::iter;

use serde::{Deserialize, Serialize};

use super::{
    networks::{Networks, Sum},
    record::time,
    slots,
};

/// Hours of a week.
pub(super) const HOURS: usize = 168;
/// Seconds of an hour.
const HOUR: u64 = 3600;
/// How many weeks an hour is averaged over; older ones fade.
const WEEKS: u8 = 8;
/// Hours of which less was observed, in seconds, are not learned.
const ENOUGH: u32 = 1800;
/// A rate below this, in thousandths of a hit a minute, need not be kept: less than a hit in twenty minutes.
const NOTHING: u32 = 50;
/// Longer gaps between two observations, in seconds, count as not observed.
pub(super) const LONGEST_GAP: u64 = 900;

/// The usual rate in one hour of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slot {
    /// Thousandths of a hit a minute.
    pub rate: u32,
    /// In how many weeks it was learned, at most [`WEEKS`].
    pub seen: u8,
}

/// The usual rates, and the hour that is being observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Baseline {
    #[serde(with = "slots")]
    pub slots: [Slot; HOURS],
    /// The hour since 1970.
    #[serde(deserialize_with = "time")]
    pub hour: u64,
    /// Hits in it.
    pub networks: Networks,
    /// Seconds of it that were observed.
    pub observed: u32,
    /// Whether it is not to be learned.
    pub unusual: bool,
}

impl Baseline {
    pub(super) fn new(now: u64) -> Self {
        Self {
            slots: [Slot::default(); HOURS],
            hour: now / HOUR,
            networks: Networks::default(),
            observed: 0,
            unusual: false,
        }
    }

    /// The usual rate at `now`, in hits a minute. The hours before and after count too, and the highest is taken: summer
    /// time moves people by an hour, and the world does not work by the clock. Where none of them was learned, it is the
    /// mean of those that were; 0 where none was.
    pub(super) fn usual(&self, now: u64) -> f64 {
        let at = slot_of(now / HOUR);
        let near = [at + HOURS - 1, at, at + 1].map(|at| at % HOURS);
        let learned = |slot: &&Slot| slot.seen > 0;
        let near = near.iter().filter_map(|at| self.slots.get(*at));
        if let Some(rate) = near.filter(learned).map(|slot| slot.rate).max() {
            return f64::from(rate) / 1000.0;
        }
        let rates: Vec<u32> = self
            .slots
            .iter()
            .filter(learned)
            .map(|slot| slot.rate)
            .collect();
        let sum: u64 = rates.iter().copied().map(u64::from).sum();
        sum as f64 / rates.len().max(1) as f64 / 1000.0
    }

    /// Whether the hour at `now` is another one than that being observed.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.hour != now / HOUR
    }

    /// Time went on from `before` to `now`; an hour that ended is learned, up to half of the limit that `limit` gives for
    /// what was usual in this very hour of the weeks before, all a minute, and of each network up to its share. What was
    /// learned a moment ago, in the hour beside it, does not raise the limit: else a flood that grows from hour to hour
    /// would be learned within a day.
    pub(super) fn advance(&mut self, before: u64, now: u64, limit: impl Fn(f64) -> f64) {
        let gap = now.saturating_sub(before);
        let known = gap <= LONGEST_GAP;
        if self.is_over(now) {
            let into_next = now % HOUR;
            if known {
                self.observe(gap.saturating_sub(into_next));
            }
            self.learn(limit);
            *self = Self {
                slots: self.slots,
                ..Self::new(now)
            };
            if known {
                self.observe(gap.min(into_next));
            }
        } else if known {
            self.observe(gap);
        }
    }

    /// Time went on from `before` to `now`, it was watched all the while, and nothing came: as [`Self::advance`] has it, called
    /// again and again.
    pub(super) fn pass_quiet(&mut self, before: u64, now: u64, limit: impl Fn(f64) -> f64) {
        let mut at = before;
        while self.hour < now / HOUR {
            let next = self.hour.saturating_add(1);
            let end = next.saturating_mul(HOUR);
            self.observe(end.saturating_sub(at));
            self.learn(&limit);
            *self = Self {
                slots: self.slots,
                ..Self::new(end)
            };
            at = at.max(end);
        }
        self.observe(now.saturating_sub(at));
    }

    /// Counts hits of the hour.
    pub(super) fn add(&mut self, hits: &Networks) {
        self.networks.join(hits, u16::saturating_add);
    }

    /// The clock was put back to `now`: what was observed fits no hour.
    pub(super) fn put_back(&mut self, now: u64) {
        *self = Self {
            slots: self.slots,
            ..Self::new(now)
        };
    }

    /// Whether nothing was learned that is worth keeping.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.iter().all(|slot| slot.rate < NOTHING)
    }

    /// The better known of two.
    pub(super) fn merge(&mut self, other: &Self) {
        let known = |baseline: &Self| {
            let slots = baseline.slots.iter();
            slots
                .map(|slot| (u64::from(slot.seen), u64::from(slot.rate)))
                .fold((0, 0), |(seen, rate), slot| (seen + slot.0, rate + slot.1))
        };
        if known(other) > known(self) {
            self.slots = other.slots;
        }
        // Each saw a part of it.
        self.unusual = true;
    }

    fn observe(&mut self, seconds: u64) {
        let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        self.observed = self.observed.saturating_add(seconds).min(HOUR as u32);
    }

    fn learn(&mut self, limit: impl Fn(f64) -> f64) {
        if self.unusual || self.observed < ENOUGH {
            return;
        }
        let minutes = f64::from(self.observed) / 60.0;
        let hits = Sum::of(iter::once(&self.networks));
        if let Some(slot) = self.slots.get_mut(slot_of(self.hour)) {
            slot.seen = slot.seen.saturating_add(1).min(WEEKS);
            let old = f64::from(slot.rate);
            let limit = limit(old / 1000.0);
            let rate = (hits.counted(limit * minutes) / minutes).min(limit / 2.0) * 1000.0;
            slot.rate = (old + (rate - old) / f64::from(slot.seen)).round() as u32;
        }
    }
}

fn slot_of(hour: u64) -> usize {
    (hour % HOURS as u64) as usize
}
