//! What happened lately, in slots of equal length: constant memory, and what is too old falls out.

use serde::{Deserialize, Serialize};

use super::record::time;
use crate::core::stored::trimmed;

/// `N` slots of `SECONDS` each, the newest of which is still being filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound(
    serialize = "T: Serialize + Default + PartialEq",
    deserialize = "T: Deserialize<'de> + Copy + Default"
))]
pub(super) struct Ring<T, const N: usize, const SECONDS: u64> {
    /// Which slot the newest is, counted from 1970.
    #[serde(deserialize_with = "time")]
    newest: u64,
    /// Newest first.
    #[serde(with = "trimmed")]
    slots: [T; N],
}

impl<T: Copy + Default, const N: usize, const SECONDS: u64> Ring<T, N, SECONDS> {
    /// Nothing happened before `now`, in seconds since 1970.
    pub(super) fn new(now: u64) -> Self {
        Self {
            newest: now / SECONDS,
            slots: [T::default(); N],
        }
    }

    /// Makes the slot of `now` the newest. A time before that changes nothing.
    pub(super) fn advance(&mut self, now: u64) {
        let slot = now / SECONDS;
        let steps = slot.saturating_sub(self.newest);
        if steps > 0 {
            self.newest = slot;
            let steps = usize::try_from(steps).unwrap_or(N).min(N);
            self.slots.rotate_right(steps);
            for slot in self.slots.iter_mut().take(steps) {
                *slot = T::default();
            }
        }
    }

    /// Says that what is in here happened so much earlier, in seconds: the clock was put back.
    pub(super) fn put_back(&mut self, now: u64) {
        self.newest = self.newest.min(now / SECONDS);
    }

    /// The newest slot.
    pub(super) fn newest(&mut self) -> Option<&mut T> {
        self.slots.first_mut()
    }

    /// The slots, newest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter()
    }

    /// The slots, newest first, each with the time at which it falls out.
    pub(super) fn iter_with_time(&self) -> impl Iterator<Item = (u64, &T)> {
        let falls_out = |age: u64| {
            let slot = self.newest.saturating_sub(age);
            slot.saturating_add(N as u64).saturating_mul(SECONDS)
        };
        (0..).map(falls_out).zip(&self.slots)
    }

    /// Joins what another ring has at the same times.
    pub(super) fn join(&mut self, other: &Self, join: impl Fn(&mut T, &T)) {
        let mut other = *other;
        self.advance(other.newest.saturating_mul(SECONDS));
        other.advance(self.newest.saturating_mul(SECONDS));
        for (slot, other) in self.slots.iter_mut().zip(&other.slots) {
            join(slot, other);
        }
    }
}
