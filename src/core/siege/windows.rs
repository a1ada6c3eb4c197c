//! The last minutes of one domain.

use serde::{Deserialize, Serialize};

use super::{
    Deltas,
    networks::{Networks, Sum},
    ring::Ring,
    sketch::Sketch,
};

/// Slots of ten seconds that make a minute.
pub(super) const MINUTE: usize = 6;
/// Slots of ten seconds that make the longer window.
pub(super) const TEN_MINUTES: usize = 60;
/// Slots of a minute in which recipients are told apart.
const RECIPIENTS: usize = 10;

/// Hits of ten seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hits {
    pub unproven: u32,
    pub forged: u32,
    pub refused: u32,
}

impl Hits {
    pub(super) fn sum(&self) -> u64 {
        u64::from(self.unproven) + u64::from(self.forged) + u64::from(self.refused)
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

/// Recipients of a minute's hits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipients {
    /// Of how many hits they are.
    hits: u32,
    /// Which.
    sketch: Sketch,
}

impl Recipients {
    fn join(&mut self, other: &Self, count: fn(u32, u32) -> u32) {
        self.hits = count(self.hits, other.hits);
        self.sketch.join(&other.sketch);
    }
}

/// Hits, their recipients and networks for ten minutes, outgoing mail for two hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Windows {
    pub hits: Ring<Hits, TEN_MINUTES, 10>,
    pub recipients: Ring<Recipients, RECIPIENTS, 60>,
    /// By network, of the last minute.
    pub networks: Ring<Networks, MINUTE, 10>,
    /// By network, of ten.
    pub long_networks: Ring<Networks, 10, 60>,
    pub outgoing: Ring<u32, 12, 600>,
}

/// One of the two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Minute,
    TenMinutes,
}

impl Span {
    /// How many slots of ten seconds it has.
    pub(super) fn slots(self) -> usize {
        match self {
            Self::Minute => MINUTE,
            Self::TenMinutes => TEN_MINUTES,
        }
    }

    fn minutes(self) -> f64 {
        (self.slots() / MINUTE) as f64
    }
}

/// The rate of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rate {
    /// Hits a minute that mail of ours does not explain.
    pub per_minute: f64,
    /// How many hits of the whole window it explains.
    excused: f64,
}

/// What becomes of two counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// They are of different hits.
    Sum,
    /// They are of the same, and one may have seen more.
    Larger,
}

impl Windows {
    pub(super) fn new(now: u64) -> Self {
        Self {
            hits: Ring::new(now),
            recipients: Ring::new(now),
            networks: Ring::new(now),
            long_networks: Ring::new(now),
            outgoing: Ring::new(now),
        }
    }

    /// Lets what is too old at `now` fall out.
    pub(super) fn advance(&mut self, now: u64) {
        self.hits.advance(now);
        self.recipients.advance(now);
        self.networks.advance(now);
        self.long_networks.advance(now);
        self.outgoing.advance(now);
    }

    /// The clock was put back to `now`.
    pub(super) fn put_back(&mut self, now: u64) {
        self.hits.put_back(now);
        self.recipients.put_back(now);
        self.networks.put_back(now);
        self.long_networks.put_back(now);
        self.outgoing.put_back(now);
    }

    /// Adds what was counted just now, where `limit` would be a flood. Of a network that has had its share of a minute, no
    /// further recipients are looked at: else one network that hits ever new ones would take its excuse from a mailing.
    pub(super) fn add(&mut self, deltas: &Deltas, limit: f64) {
        if let Some(hits) = self.hits.newest() {
            hits.add(&Hits {
                unproven: deltas.unproven,
                forged: deltas.forged,
                refused: deltas.refused,
            });
        }
        if let Some(recipients) = self.recipients.newest()
            && let Some(networks) = self.long_networks.newest()
        {
            for recipient in deltas.recipients.of(networks.is_below_share(limit)) {
                recipients.hits = recipients.hits.saturating_add(1);
                recipients.sketch.add(recipient);
            }
        }
        let networks = [self.networks.newest(), self.long_networks.newest()];
        for networks in networks.into_iter().flatten() {
            networks.join(&deltas.networks, u16::saturating_add);
        }
        if let Some(outgoing) = self.outgoing.newest() {
            *outgoing = outgoing.saturating_add(deltas.outgoing);
        }
    }

    /// Joins what another host counted at the same times.
    pub(super) fn join(&mut self, other: &Self, counts: Counts) {
        let count: fn(u32, u32) -> u32 = match counts {
            Counts::Sum => u32::saturating_add,
            Counts::Larger => u32::max,
        };
        let by_network: fn(u16, u16) -> u16 = match counts {
            Counts::Sum => u16::saturating_add,
            Counts::Larger => u16::max,
        };
        let hits = |one: &mut Hits, other: &Hits| one.join(other, count);
        self.hits.join(&other.hits, hits);
        let recipients = |one: &mut Recipients, other: &Recipients| one.join(other, count);
        self.recipients.join(&other.recipients, recipients);
        let networks = |one: &mut Networks, other: &Networks| one.join(other, by_network);
        self.networks.join(&other.networks, networks);
        self.long_networks.join(&other.long_networks, networks);
        self.outgoing
            .join(&other.outgoing, |one, other| *one = count(*one, *other));
    }

    /// The rate without the hits that mail of ours explains: of hits on recipients that were hit before, at most `excused`
    /// a minute.
    pub(super) fn rate(&self, span: Span, excused: f64) -> Rate {
        let (hits, minutes) = (self.hits_of(span.slots()) as f64, span.minutes());
        // Counting the recipients takes most of the time.
        let excused = if hits == 0.0 || excused == 0.0 {
            0.0
        } else {
            (hits * self.again(span)).min(excused * minutes)
        };
        Rate {
            per_minute: (hits - excused) / minutes,
            excused,
        }
    }

    /// Whether hits of this rate reach a limit, in hits a minute, if each network counts for its share of it at most.
    pub(super) fn reach(&self, span: Span, rate: Rate, limit: f64) -> bool {
        let hits = limit * span.minutes();
        rate.per_minute >= limit && self.by_network(span, rate).counted(hits) >= hits
    }

    /// The highest limit that hits of this rate reach, in hits a minute.
    pub(super) fn strength(&self, span: Span, rate: Rate) -> f64 {
        self.by_network(span, rate).strength() / span.minutes()
    }

    /// How many of the newest slots have at least this many hits.
    pub(super) fn slots_with(&self, hits: f64, newest: usize) -> usize {
        let slots = self.hits.iter().take(newest);
        slots.filter(|slot| slot.sum() as f64 >= hits).count()
    }

    /// How many different recipients were hit in the last ten minutes, about.
    pub(super) fn recipients(&self) -> u32 {
        self.recipients_of(RECIPIENTS).sketch.count()
    }

    /// From how many networks they came, about.
    pub(super) fn networks(&self) -> u32 {
        Sum::of(self.long_networks.iter()).networks()
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

    fn by_network(&self, span: Span, rate: Rate) -> Sum {
        let sum = match span {
            Span::Minute => Sum::of(self.networks.iter()),
            Span::TenMinutes => Sum::of(self.long_networks.iter()),
        };
        sum.without(rate.excused)
    }

    /// The part of the hits that came to recipients that were hit before.
    fn again(&self, span: Span) -> f64 {
        let minutes = match span {
            // Those of the last minute are in two slots of a minute.
            Span::Minute => 2,
            Span::TenMinutes => RECIPIENTS,
        };
        let Recipients { hits, sketch } = self.recipients_of(minutes);
        (1.0 - f64::from(sketch.count()) / f64::from(hits.max(1))).max(0.0)
    }

    /// Until when the hits of ten minutes are more than this, in seconds since 1970, if no others come.
    pub(super) fn exceeds_until(&self, most: f64) -> Option<u64> {
        let mut sum = 0;
        let of_time = self.hits.iter_with_time();
        let last = of_time.map(|(ends, hits)| {
            sum += hits.sum();
            (ends, sum)
        });
        let mut reached = last.filter(|(_, sum)| *sum as f64 > most);
        reached.next().map(|(ends, _)| ends)
    }

    /// The hits of so many of the newest slots.
    pub(super) fn hits_of(&self, newest: usize) -> u64 {
        self.hits.iter().take(newest).map(Hits::sum).sum()
    }

    fn recipients_of(&self, newest: usize) -> Recipients {
        let mut joined = Recipients::default();
        let slots = self.recipients.iter().take(newest);
        slots.for_each(|slot| joined.join(slot, u32::saturating_add));
        joined
    }
}
