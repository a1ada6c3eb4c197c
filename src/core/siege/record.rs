//! All that is kept of one domain.

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::{
    Settings,
    baseline::{Baseline, LONGEST_GAP},
    change::{ByHand, Cause, Change, Forced, LONGEST_BY_HAND, Status},
    deltas::Deltas,
    machine::{Limits, Machine, Sight, State},
    windows::{Counts, Windows},
};

/// Clocks of hosts may differ by so much, in seconds: a time so little before the last one is taken for that one.
const SKEW: u64 = 20;

/// Within this many seconds a flood on a domain alone begins its siege, or is none: the longer window is full by then.
const OWN: u64 = 600;

/// No time is later, in seconds since 1970: sums of two are far from the end of the numbers.
pub(super) const LATEST: u64 = 1 << 40;

/// The siege of one domain, or of all together: what came lately, what is usual, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How often it was written.
    pub(super) sequence: u64,
    /// When it was last looked at.
    #[serde(deserialize_with = "time")]
    pub(super) at: u64,
    pub(super) windows: Windows,
    pub(super) baseline: Baseline,
    pub(super) machine: Machine,
    pub(super) by_hand: Option<ByHand>,
    /// When an administrator last said something, `auto` included.
    #[serde(deserialize_with = "time")]
    pub(super) by_hand_at: u64,
    /// The state that was last reported as a change, and since when.
    pub(super) reported: State,
    #[serde(deserialize_with = "time")]
    pub(super) reported_at: u64,
    /// What this host counted since it can't reach the others; not written.
    #[serde(skip)]
    pub(super) alone: Option<Box<Windows>>,
}

/// A time that was stored: one after [`LATEST`] was not written by us.
pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let time = u64::deserialize(deserializer)?;
    if time > LATEST {
        return Err(D::Error::custom("a time is too late"));
    }
    Ok(time)
}

impl Record {
    /// Nothing is known yet. `now` is in seconds since 1970, here as everywhere.
    pub fn new(now: u64) -> Self {
        let now = now.min(LATEST);
        Self {
            sequence: 0,
            at: now,
            windows: Windows::new(now),
            baseline: Baseline::new(now),
            machine: Machine::default(),
            by_hand: None,
            by_hand_at: 0,
            reported: State::Calm,
            reported_at: 0,
            alone: None,
        }
    }

    /// Adds what was counted since the last step, and goes on to the next state if that is due. Without counts, a second
    /// step at the same time changes nothing.
    pub fn step(&mut self, settings: &Settings, deltas: &Deltas, now: u64) -> Option<Change> {
        let now = now.min(LATEST);
        self.settle(now);
        let now = self.at.max(now);
        let before = self.at;
        let gap = now.saturating_sub(before);
        if gap > LONGEST_GAP {
            self.machine.unseen(gap, now);
        }
        self.windows.advance(now);
        let limit = |usual| Limits::set(settings, usual);
        self.baseline.advance(before, now, limit);
        self.baseline.add(&deltas.networks);
        let before_them = self.limits(settings, now);
        self.windows.add(deltas, before_them.flood);
        if let Some(alone) = &mut self.alone {
            alone.advance(now);
            alone.add(deltas, before_them.flood);
        }
        self.at = now;
        let spoken = self.by_hand.is_some() || self.by_hand_at >= before;
        self.by_hand = self.by_hand.filter(|word| now < word.until);

        let limits = before_them.excusing(settings, self.windows.outgoing());
        let sight = Sight::new(&self.windows, limits);
        let lifted_at = self.machine.tolerated_at;
        self.machine.step(settings, &sight, now);
        // A flood must not become what is usual, nor may what one host alone sees of it.
        self.baseline.unusual |= self.state(now).is_besieged()
            || self.machine.state.is_besieged()
            || limits.flood > limits.set
            || deltas.unusual
            || self.alone.is_some();

        let cause = if spoken {
            Cause::ByHand
        } else if self.machine.tolerated_at != lifted_at {
            Cause::Longest
        } else {
            Cause::Rate
        };
        self.report(settings, cause)
    }

    /// The same while the other hosts, or the store, can't be reached: what is counted now is given to them later, and no
    /// hour is learned from.
    pub fn step_alone(&mut self, settings: &Settings, deltas: &Deltas, now: u64) -> Option<Change> {
        self.settle(now);
        self.alone
            .get_or_insert_with(|| Box::new(Windows::new(self.at)));
        self.step(settings, deltas, now)
    }

    /// Sets the state by hand; `None` to go by the rates again. The next step reports it.
    pub fn set_by_hand(&mut self, word: Option<ByHand>, now: u64) {
        let now = now.min(LATEST - LONGEST_BY_HAND);
        self.settle(now);
        let most = now.saturating_add(LONGEST_BY_HAND);
        self.by_hand = word.map(|word| ByHand {
            until: word.until.min(most),
            ..word
        });
        self.by_hand_at = now;
        self.sequence = self.sequence.saturating_add(1);
    }

    /// The state that holds.
    pub fn state(&self, now: u64) -> State {
        match self.forced(now) {
            Some(Forced::On) => State::Siege,
            Some(Forced::Off) => State::Calm,
            None => self.machine.state,
        }
    }

    /// An administrator's word that holds.
    pub fn forced(&self, now: u64) -> Option<Forced> {
        let word = self.by_hand.filter(|word| now < word.until);
        word.map(|word| word.forced)
    }

    /// Whether the stricter answers apply: in siege, and while it eases.
    pub fn is_besieged(&self, now: u64) -> bool {
        self.state(now).is_besieged()
    }

    /// Whether what comes to the domain counts for all domains together too, as of the last step. What may become its own
    /// siege does not, or a flood on one domain would besiege all; nor does what went on when its siege was lifted, or
    /// what an administrator has spoken on. An alert that lasts is no flood of its own, but may be part of one on all.
    pub fn is_shared(&self, settings: &Settings) -> bool {
        let its_own = match self.machine.state {
            State::Calm => false,
            State::Alert => self.at.saturating_sub(self.machine.since) < OWN,
            State::Easing | State::Siege => true,
        };
        let limits = self.limits(settings, self.at);
        !its_own && limits.flood <= limits.set && self.by_hand.is_none()
    }

    /// Whether the hour of the last step is not to be learned.
    pub fn is_unusual(&self) -> bool {
        self.baseline.unusual
    }

    /// How many hits there were in the last ten minutes, as of the last step.
    pub(super) fn loudness(&self) -> u64 {
        self.windows.all_hits().sum()
    }

    /// Whether nothing to speak of would be lost if it were dropped.
    pub fn is_idle(&self, now: u64) -> bool {
        let is_empty = || {
            let mut windows = self.windows;
            windows.advance(now);
            windows.is_empty()
        };
        self.machine.state == State::Calm
            && self.reported == State::Calm
            && self.by_hand.is_none()
            && self.baseline.is_empty()
            && is_empty()
    }

    /// How it stands.
    pub fn status(&self, settings: &Settings, now: u64) -> Status {
        let now = now.max(self.at);
        let mut windows = self.windows;
        windows.advance(now);
        let limits = self.limits(settings, now);
        let sight = Sight::new(&windows, limits);
        let hits = windows.all_hits();
        let by_hand = self.by_hand.filter(|word| now < word.until);
        let ends = match by_hand {
            Some(word) => (word.forced == Forced::On).then_some((word.until, word.until)),
            None => self.machine.ends(settings, now),
        };
        Status {
            state: self.state(now),
            since: self.reported_at,
            rate: sight.minute.per_minute,
            long_rate: sight.ten_minutes.per_minute,
            baseline: limits.usual,
            limit: limits.flood,
            unproven: hits.unproven,
            forged: hits.forged,
            refused: hits.refused,
            recipients: windows.recipients(),
            networks: windows.networks(),
            by_hand,
            earliest_end: ends.map(|(earliest, _)| earliest),
            latest_end: ends.map(|(_, latest)| latest),
        }
    }

    /// Joins what another host came to on its own. The more severe state stays; what both counted is added up, and what
    /// they had in common before counts once.
    pub(super) fn merge(&mut self, other: &Self) {
        self.at = self.at.max(other.at);
        if let Some(alone) = &other.alone {
            self.windows.join(alone, Counts::Sum);
        }
        // All that the other counted with others is in here already, or the store lost it.
        self.windows.join(&other.windows, Counts::Larger);
        self.baseline.merge(&other.baseline);
        self.machine.merge(&other.machine);
        self.heed(other);
        (self.reported, self.reported_at) =
            (self.reported, self.reported_at).max((other.reported, other.reported_at));
        self.sequence = self.sequence.max(other.sequence);
    }

    /// Takes over what an administrator said there, if it is the later word.
    pub(super) fn heed(&mut self, other: &Self) {
        let key = |record: &Self| {
            let word = record.by_hand;
            (
                record.by_hand_at,
                word.map(|word| (word.forced == Forced::On, word.until)),
            )
        };
        if key(other) > key(self) {
            self.by_hand = other.by_hand;
            self.by_hand_at = other.by_hand_at;
        }
    }

    /// What is known of a change from `from`, if it is one.
    pub(super) fn change(&self, settings: &Settings, from: State, cause: Cause) -> Option<Change> {
        let status = self.status(settings, self.at);
        (from != status.state).then_some(Change {
            domain: None,
            from,
            to: status.state,
            cause,
            at: self.at,
            status,
        })
    }

    /// Where the clock was put back, by more than clocks differ, all that is remembered is moved with it: how long ago
    /// it was stays true.
    pub(super) fn settle(&mut self, now: u64) {
        let back = self.at.saturating_sub(now);
        if back <= SKEW {
            return;
        }
        self.at = now;
        self.windows.put_back(now);
        if let Some(alone) = &mut self.alone {
            alone.put_back(now);
        }
        self.baseline.put_back(now);
        self.machine.put_back(back);
        self.reported_at = self.reported_at.saturating_sub(back);
        self.by_hand_at = self.by_hand_at.saturating_sub(back);
        if let Some(word) = &mut self.by_hand {
            word.until = word.until.saturating_sub(back);
        }
    }

    pub(super) fn limits(&self, settings: &Settings, now: u64) -> Limits {
        Limits::new(
            settings,
            self.baseline.usual(now),
            self.machine.tolerated(now),
            self.windows.outgoing(),
        )
    }

    fn report(&mut self, settings: &Settings, cause: Cause) -> Option<Change> {
        let from = self.reported;
        let to = self.state(self.at);
        if from == to {
            return None;
        }
        self.reported = to;
        self.reported_at = self.at;
        self.change(settings, from, cause)
    }
}
