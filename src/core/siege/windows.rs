//! The last minutes of one domain.

use serde::{Deserialize, Serialize};

use super::{Deltas, ring::Ring, sketch::Sketch};

/// Slots of ten seconds that make a minute.
pub(super) const MINUTE: usize = 6;
/// Slots of ten seconds that make the longer window.
pub(super) const TEN_MINUTES: usize = 60;
/// Slots of a minute in which the recipients of the last minute are for certain.
const RECIPIENTS_OF_MINUTE: usize = 2;

/// Hits of ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hits {
    pub unproven: u32,
    pub forged: u32,
    pub refused: u32,
}

impl Hits {
    pub(super) fn sum(&self) -> u64 {
        [self.unproven, self.forged, self.refused]
            .map(u64::from)
            .iter()
            .sum()
    }

    fn join(&mut self, other: &Self, counts: fn(u32, u32) -> u32) {
        self.unproven = counts(self.unproven, other.unproven);
        self.forged = counts(self.forged, other.forged);
        self.refused = counts(self.refused, other.refused);
    }

    fn add(&mut self, other: &Self) {
        self.join(other, u32::saturating_add);
    }
}

/// Hits and their recipients for ten minutes, outgoing mail for two hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Windows {
    pub hits: Ring<Hits, TEN_MINUTES, 10>,
    pub recipients: Ring<Sketch, 10, 60>,
    pub outgoing: Ring<u32, 12, 600>,
}

/// Rates, in hits a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rates {
    /// Of the last minute.
    pub minute: f64,
    /// Of the last ten.
    pub ten_minutes: f64,
}

impl Windows {
    pub(super) fn new(now: u64) -> Self {
        Self {
            hits: Ring::new(now),
            recipients: Ring::new(now),
            outgoing: Ring::new(now),
        }
    }

    /// Lets what is too old at `now` fall out.
    pub(super) fn advance(&mut self, now: u64) {
        self.hits.advance(now);
        self.recipients.advance(now);
        self.outgoing.advance(now);
    }

    /// The clock was put back to `now`.
    pub(super) fn put_back(&mut self, now: u64) {
        self.hits.put_back(now);
        self.recipients.put_back(now);
        self.outgoing.put_back(now);
    }

    /// Adds what was counted just now.
    pub(super) fn add(&mut self, deltas: &Deltas) {
        if let Some(hits) = self.hits.newest() {
            hits.add(&Hits {
                unproven: deltas.unproven,
                forged: deltas.forged,
                refused: deltas.refused,
            });
        }
        if let Some(recipients) = self.recipients.newest() {
            recipients.join(&deltas.recipients);
        }
        if let Some(outgoing) = self.outgoing.newest() {
            *outgoing = outgoing.saturating_add(deltas.outgoing);
        }
    }

    /// Joins what another host counted at the same times. `counts` makes one count of two.
    pub(super) fn join(&mut self, other: &Self, counts: fn(u32, u32) -> u32) {
        let hits = |one: &mut Hits, other: &Hits| one.join(other, counts);
        self.hits.join(&other.hits, hits);
        self.recipients.join(&other.recipients, Sketch::join);
        self.outgoing
            .join(&other.outgoing, |one, other| *one = counts(*one, *other));
    }

    /// The rates without the hits that mail of ours explains: of hits on recipients that were hit before, at most
    /// `excused` a minute.
    pub(super) fn rates(&self, excused: f64) -> Rates {
        let rate = |slots, recipients, minutes: f64| {
            let hits = self.hits_of(slots) as f64;
            let excused = excused * minutes;
            // Counting the recipients takes most of the time.
            if hits == 0.0 || excused == 0.0 {
                return hits / minutes;
            }
            let again = (hits - f64::from(self.distinct(recipients))).max(0.0);
            (hits - again.min(excused)) / minutes
        };
        Rates {
            minute: rate(MINUTE, RECIPIENTS_OF_MINUTE, 1.0),
            ten_minutes: rate(TEN_MINUTES, usize::MAX, 10.0),
        }
    }

    /// How many of the newest slots have at least this many hits.
    pub(super) fn slots_with(&self, hits: f64, newest: usize) -> usize {
        let slots = self.hits.iter().take(newest);
        slots.filter(|slot| slot.sum() as f64 >= hits).count()
    }

    /// How many different recipients were hit in the last ten minutes, about.
    pub(super) fn recipients(&self) -> u32 {
        self.distinct(usize::MAX)
    }

    /// How many recipients mail of ours had in the last two hours.
    pub(super) fn outgoing(&self) -> u64 {
        self.outgoing.iter().copied().map(u64::from).sum()
    }

    /// The hits of the last ten minutes, one by one.
    pub(super) fn all_hits(&self) -> Hits {
        let mut all = Hits::default();
        self.hits.iter().for_each(|slot| all.add(slot));
        all
    }

    /// Whether nothing is in them.
    pub(super) fn is_empty(&self) -> bool {
        self.hits_of(usize::MAX) == 0 && self.outgoing() == 0
    }

    fn hits_of(&self, newest: usize) -> u64 {
        self.hits.iter().take(newest).map(Hits::sum).sum()
    }

    fn distinct(&self, newest: usize) -> u32 {
        let mut joined = Sketch::default();
        let slots = self.recipients.iter().take(newest);
        slots.for_each(|slot| joined.join(slot));
        joined.count()
    }
}
