//! The states of a siege, and what leads from one to the next.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Settings,
    record::time,
    windows::{MINUTE, Rate, Span, Windows},
};
use crate::core::proof::DAY;

/// How far a siege is, mildest first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All is as usual.
    #[default]
    Calm,
    /// More than usual. Nothing is answered otherwise.
    Alert,
    /// The flood is over, it seems; the stricter answers stay until that is sure.
    Easing,
    /// A flood: the stricter answers apply.
    Siege,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Calm, Self::Alert, Self::Easing, Self::Siege];

    /// The word in the log, in metrics and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Alert => "alert",
            Self::Easing => "easing",
            Self::Siege => "siege",
        }
    }

    /// Whether the stricter answers apply.
    pub fn is_besieged(self) -> bool {
        matches!(self, Self::Easing | Self::Siege)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Each time that a flood comes back within a day, the quiet that is needed doubles: this many times at most.
const MOST_RELAPSES: u8 = 3;
/// A flood that goes on when its siege ends begins another siege only when it is this many times as strong.
pub(super) const STRONGER: f64 = 2.0;
/// How long it takes until a flood half as strong begins another siege, in seconds.
const TOLERATED_HALF_LIFE: f64 = DAY as f64;
/// Of this many recipients of our mail, one may bounce without a proof each minute, for two hours.
const OUTGOING_FOR_ONE: f64 = 200.0;

/// The maximum part of the limit that is excused, if the limit is `factor` times the usual rate.
const EXCUSED: f64 = 0.5;
/// The maximum multiple of the floor that is excused, if the usual rate is 0: after a mailing, bounces come from nothing.
const EXCUSED_OF_FLOOR: f64 = 4.0;

/// The limits that rates are held to, in hits a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    /// What is usual now.
    pub usual: f64,
    /// A flood, as the settings have it.
    pub set: f64,
    /// A flood: higher for a while after a siege was lifted in the middle of one.
    pub flood: f64,
    /// Hits that mail of ours explains.
    pub excused: f64,
}

impl Limits {
    pub(super) fn new(settings: &Settings, usual: f64, tolerated: f64, outgoing: u64) -> Self {
        let set = Self::set(settings, usual);
        let limits = Self {
            usual,
            set,
            flood: set.max(STRONGER * tolerated),
            excused: 0.0,
        };
        limits.excusing(settings, outgoing)
    }

    /// The same, where mail of ours had so many recipients lately.
    pub(super) fn excusing(self, settings: &Settings, outgoing: u64) -> Self {
        let most = Self::most_excused(settings, self.usual);
        Self {
            excused: (outgoing as f64 / OUTGOING_FOR_ONE).min(most),
            ..self
        }
    }

    /// Bounded, so that a flood of twice what is usual times `factor` is never excused. Where the floor is higher than
    /// that, more is the nearer the usual is to nothing.
    fn most_excused(settings: &Settings, usual: f64) -> f64 {
        let floor = f64::from(settings.floor);
        let below = (floor - f64::from(settings.factor) * usual).max(0.0);
        EXCUSED * Self::set(settings, usual) + (EXCUSED_OF_FLOOR - EXCUSED) * below
    }

    /// The rate that is a flood, if this many hits a minute are usual.
    pub(super) fn set(settings: &Settings, usual: f64) -> f64 {
        f64::from(settings.floor).max(f64::from(settings.factor) * usual)
    }
}

/// What there is at one time.
pub(super) struct Sight<'a> {
    pub windows: &'a Windows,
    pub minute: Rate,
    pub ten_minutes: Rate,
    pub limits: Limits,
}

impl<'a> Sight<'a> {
    pub(super) fn new(windows: &'a Windows, limits: Limits) -> Self {
        Self {
            windows,
            minute: windows.rate(Span::Minute, limits.excused),
            ten_minutes: windows.rate(Span::TenMinutes, limits.excused),
            limits,
        }
    }

    fn rate(&self, span: Span) -> Rate {
        match span {
            Span::Minute => self.minute,
            Span::TenMinutes => self.ten_minutes,
        }
    }

    fn reaches(&self, span: Span, limit: f64) -> bool {
        self.windows.reach(span, self.rate(span), limit)
    }

    /// A flood of this rate. It takes time, too: one burst, such as a host that tries a hundred recipients at once, is
    /// none. A flood lasts for half a minute, or comes again and again within ten.
    fn is_flood(&self, rate: f64) -> bool {
        let slot = rate / MINUTE as f64 / 2.0;
        let lasts = |span: Span, least| self.windows.slots_with(slot, span.slots()) >= least;
        (lasts(Span::Minute, MINUTE / 2) && self.reaches(Span::Minute, rate))
            || (lasts(Span::TenMinutes, MINUTE) && self.reaches(Span::TenMinutes, rate))
    }

    /// More than usual: half of a flood within a minute, if from one network alone. It changes no answer, and who runs
    /// this may block that network.
    fn is_alarming(&self) -> bool {
        self.minute.per_minute >= self.limits.flood / 2.0
    }

    /// Not quiet: less is enough where it lasts, so that what comes and goes at the limit is one thing. One network does
    /// not hold a siege, however loud it is.
    fn is_loud(&self, besieged: bool) -> bool {
        let (half, quarter) = (self.limits.flood / 2.0, self.limits.flood / 4.0);
        match besieged {
            false => self.is_alarming() || self.ten_minutes.per_minute >= quarter,
            true => self.reaches(Span::Minute, half) || self.reaches(Span::TenMinutes, quarter),
        }
    }

    /// The highest limit that is reached.
    fn strength(&self) -> f64 {
        let of = |span| self.windows.strength(span, self.rate(span));
        of(Span::Minute).max(of(Span::TenMinutes))
    }
}

/// Where one domain is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub state: State,
    /// Since when.
    #[serde(deserialize_with = "time")]
    pub since: u64,
    /// When the siege began that is on, or the last one.
    #[serde(deserialize_with = "time")]
    pub besieged_since: u64,
    /// When it was last not quiet.
    #[serde(deserialize_with = "time")]
    pub last_loud: u64,
    /// When the last alert or siege ended; 0 for never.
    #[serde(deserialize_with = "time")]
    pub ended: u64,
    /// When the last siege ended; 0 for never.
    #[serde(deserialize_with = "time")]
    pub lifted: u64,
    /// How often an alert came back within a day of its end, or of a siege's. One network makes alerts: no siege lasts
    /// longer for them.
    pub alerts: u8,
    /// How often a siege came back within a day of its end.
    pub relapses: u8,
    /// The rate, in thousandths of a hit a minute, at which the last siege was lifted in the middle of a flood.
    pub tolerated: u32,
    /// When that was.
    #[serde(deserialize_with = "time")]
    pub tolerated_at: u64,
}

impl Machine {
    /// The rate that is tolerated, in hits a minute: it fades.
    pub(super) fn tolerated(&self, now: u64) -> f64 {
        let age = now.saturating_sub(self.tolerated_at) as f64;
        f64::from(self.tolerated) / 1000.0 * (-age / TOLERATED_HALF_LIFE).exp2()
    }

    /// Goes on to the next state if that is due.
    pub(super) fn step(&mut self, settings: &Settings, sight: &Sight<'_>, now: u64) {
        let loud = sight.is_loud(self.state.is_besieged());
        if loud {
            self.last_loud = now;
        }
        let quiet = now.saturating_sub(self.last_loud);
        let ease = self.ease(settings);
        match self.state {
            State::Calm | State::Alert if sight.is_flood(sight.limits.flood) => {
                self.relapses = again(self.relapses, self.lifted, now);
                self.besieged_since = now;
                self.enter(State::Siege, now);
            }
            State::Calm if sight.is_alarming() => {
                self.alerts = again(self.alerts, self.ended, now);
                self.enter(State::Alert, now);
            }
            State::Alert if quiet >= ease => self.end(now),
            State::Siege | State::Easing if self.lasted(now) >= settings.max_seconds() => {
                self.tolerated = (sight.strength() * 1000.0).round() as u32;
                self.tolerated_at = now;
                self.end(now);
                if loud {
                    self.enter(State::Alert, now);
                }
            }
            State::Siege if quiet >= ease && self.lasted(now) >= settings.min_seconds() => {
                // The second half of the quiet is easing's.
                self.last_loud = self.last_loud.max(now.saturating_sub(ease));
                self.enter(State::Easing, now);
            }
            State::Easing if sight.is_flood(sight.limits.flood / 2.0) => {
                self.relapses = one_more(self.relapses);
                self.enter(State::Siege, now);
            }
            State::Easing if quiet >= 2 * ease => self.end(now),
            _ => {}
        }
    }

    /// No step was made for this many seconds: they do not count as quiet.
    pub(super) fn unseen(&mut self, seconds: u64, now: u64) {
        self.last_loud = self.last_loud.saturating_add(seconds).min(now);
    }

    /// The clock was put back by this many seconds.
    pub(super) fn put_back(&mut self, seconds: u64) {
        for time in [
            &mut self.since,
            &mut self.besieged_since,
            &mut self.last_loud,
            &mut self.ended,
            &mut self.lifted,
            &mut self.tolerated_at,
        ] {
            *time = time.saturating_sub(seconds);
        }
    }

    /// When the siege can end at the earliest if it is quiet from now on, and when it ends at the latest.
    pub(super) fn ends(&self, settings: &Settings, now: u64) -> Option<(u64, u64)> {
        if !self.state.is_besieged() {
            return None;
        }
        let ease = self.ease(settings);
        let shortest = self.besieged_since.saturating_add(settings.min_seconds());
        let eased = self.last_loud.saturating_add(ease).max(shortest).max(now);
        let latest = self.besieged_since.saturating_add(settings.max_seconds());
        let earliest = match self.state {
            State::Siege => eased.saturating_add(ease),
            _ => self.last_loud.saturating_add(2 * ease).max(now),
        };
        Some((earliest.min(latest), latest))
    }

    /// Joins what two hosts came to that could not see each other: the more severe state stays.
    pub(super) fn merge(&mut self, other: &Self) {
        let tolerated =
            (self.tolerated_at, self.tolerated).max((other.tolerated_at, other.tolerated));
        let besieged_since = match (self.state.is_besieged(), other.state.is_besieged()) {
            (true, true) => self.besieged_since.min(other.besieged_since),
            (true, false) => self.besieged_since,
            (false, true) => other.besieged_since,
            (false, false) => self.besieged_since.max(other.besieged_since),
        };
        if other.state > self.state {
            self.state = other.state;
            self.since = other.since;
        } else if other.state == self.state {
            self.since = self.since.min(other.since);
        }
        self.besieged_since = besieged_since;
        self.last_loud = self.last_loud.max(other.last_loud);
        self.ended = self.ended.max(other.ended);
        self.lifted = self.lifted.max(other.lifted);
        self.alerts = self.alerts.max(other.alerts);
        self.relapses = self.relapses.max(other.relapses);
        (self.tolerated_at, self.tolerated) = tolerated;
    }

    fn lasted(&self, now: u64) -> u64 {
        now.saturating_sub(self.besieged_since)
    }

    /// Half of how long it must be quiet, in seconds.
    fn ease(&self, settings: &Settings) -> u64 {
        let again = match self.state.is_besieged() {
            true => self.relapses,
            false => self.alerts,
        };
        (settings.quiet_seconds() << again.min(MOST_RELAPSES)) / 2
    }

    fn end(&mut self, now: u64) {
        self.ended = now;
        if self.state.is_besieged() {
            self.lifted = now;
        }
        self.enter(State::Calm, now);
    }

    fn enter(&mut self, state: State, now: u64) {
        self.state = state;
        self.since = now;
    }
}

/// How often something came back that came back so often before, and ended then: within a day of that, it is the same thing.
fn again(before: u8, ended: u64, now: u64) -> u8 {
    match ended > 0 && now.saturating_sub(ended) < DAY {
        true => one_more(before),
        false => 0,
    }
}

fn one_more(times: u8) -> u8 {
    times.saturating_add(1).min(MOST_RELAPSES)
}
