//! A domain that nothing happens to rests: it is not stepped, and when it wakes up it is as if it had been. And whether it
//! gets more than is usual for it.

use super::{
    Record, Settings,
    machine::{Limits, STRONGER, State},
    record::LATEST,
    watched::Watched,
    windows::{Span, TEN_MINUTES},
};

/// Minutes of the longer window.
const MINUTES: f64 = 10.0;
/// How many hits of ten minutes are chance where some are usual: by so much, and by three standard deviations of what comes
/// at random, they may be more.
const CHANCE: f64 = 3.0;

impl Record {
    /// Whether time alone changes nothing but what is learned: it is calm, nobody has spoken, and what is in the windows is
    /// too little to alarm, whatever becomes usual and whichever excuse ends.
    pub(super) fn may_rest(&self, settings: &Settings) -> bool {
        self.by_hand.is_none() && self.is_still(settings)
    }

    /// The same, whatever an administrator said.
    fn is_still(&self, settings: &Settings) -> bool {
        let floor = f64::from(settings.floor);
        let hits = |span: Span| self.windows.hits_of(span.slots()) as f64;
        self.machine.state == State::Calm
            && self.reported == State::Calm
            && self.alone.is_none()
            && STRONGER * self.machine.tolerated(self.at) <= floor
            && hits(Span::Minute) < floor / 2.0
            && hits(Span::TenMinutes) < floor * MINUTES
    }

    /// Learns what passed since it was last looked at, as if it had been stepped all the time that was watched, until an
    /// administrator spoke. One that [may not rest](Self::may_rest) was stepped.
    pub(super) fn catch_up(&mut self, watched: &Watched, settings: &Settings, now: u64) {
        let now = now.min(LATEST);
        self.settle(now);
        if !self.is_still(settings) {
            return;
        }
        let end = self.by_hand.map_or(now, |_| self.by_hand_at.min(now));
        let limit = |usual| Limits::set(settings, usual);
        for (from, until) in watched.within(self.at, end) {
            self.baseline.advance(self.at, from, limit);
            self.baseline.pass_quiet(from, until, limit);
            self.at = until;
        }
    }

    /// Until when the hits of the last ten minutes are more than is usual for the domain, if nothing else comes; `None` where
    /// they are not. A domain that never had any has more with the first.
    pub(super) fn above_until(&self, settings: &Settings) -> Option<u64> {
        let limits = self.limits(settings, self.at);
        let rate = self.windows.rate(Span::TenMinutes, limits.excused);
        let all = self.windows.hits_of(TEN_MINUTES) as f64;
        let excused = all - rate.per_minute * MINUTES;
        let most = most_by_chance(limits.usual * MINUTES) + excused;
        self.windows.exceeds_until(most)
    }
}

/// The most hits that chance brings where so many are usual.
fn most_by_chance(usual: f64) -> f64 {
    match usual > 0.0 {
        true => usual + CHANCE * usual.sqrt() + CHANCE,
        false => 0.0,
    }
}
