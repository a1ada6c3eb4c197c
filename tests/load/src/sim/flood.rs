//! Floods: how long until the siege begins, and until it ends.

use backstop::core::siege::{Change, Settings, State};

use super::{
    run::{Run, START},
    site::{HOUR, MINUTE},
    traffic::{From, Stream},
};

/// How many times the usual a flood is, where the usual makes the limit; else of what would make it.
pub const FOLDS: [f64; 7] = [2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1000.0];
/// From how many networks.
pub const NETWORKS: [u64; 5] = [1, 3, 10, 100, 10_000];
/// How long a flood lasts here.
const LASTS: u64 = 30 * MINUTE;

/// A flood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flood {
    /// One of [`FOLDS`].
    pub fold: f64,
    /// One of [`NETWORKS`].
    pub networks: u64,
    /// To how many recipients; 0 for a new one each time.
    pub recipients: u64,
    /// Tells its networks from those of others.
    pub name: u64,
}

/// What came of one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Seconds from its begin to the siege's.
    pub entry: Option<u64>,
    /// Minutes from its end to the siege's.
    pub exit: Option<u64>,
}

impl Flood {
    /// The stream of hits, where `limit` is a flood by these settings.
    #[must_use]
    pub fn stream(&self, settings: &Settings, limit: f64) -> Stream {
        Stream {
            rate: self.fold * limit / f64::from(settings.factor),
            recipients: self.recipients,
            from: From::Networks(self.networks),
            name: 1_000 + self.name,
        }
    }

    /// Has it come to a site, `after` seconds from now. `whole`: until its siege has ended, not only the first minutes.
    #[must_use]
    pub fn come(&self, mut run: Run, after: u64, whole: bool) -> Outcome {
        let quiet = |_| Vec::new();
        run.seconds(10, 10 * MINUTE, quiet, |_| {});
        run.seconds(1, after, quiet, |_| {});
        let stream = self.stream(&run.settings, run.limit());
        let flood = |_| vec![stream];
        let begin = run.now;
        let mut outcome = Outcome::default();
        let mut begins = |change: Change| {
            if change.to == State::Siege {
                outcome.entry.get_or_insert(change.at - START - begin);
            }
        };
        run.seconds(1, 2 * MINUTE, flood, &mut begins);
        if !whole {
            return outcome;
        }
        run.seconds(10, LASTS, flood, &mut begins);
        let end = run.now;
        let mut ended = None;
        for _ in 0..40 {
            if !run.record.is_besieged(START + run.now) {
                break;
            }
            run.seconds(10, HOUR / 4, quiet, |change| {
                if !change.to.is_besieged() {
                    ended.get_or_insert(change.at - START - end);
                }
            });
        }
        outcome.exit = outcome.entry.and(ended).map(|ended| ended / MINUTE);
        outcome
    }
}

/// An attacker who comes and goes, in minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnOff {
    /// How long it is on.
    pub on: u64,
    /// How long it is off.
    pub off: u64,
    /// From how many networks.
    pub networks: u64,
}

/// What came of a rhythm.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rhythm {
    /// Changes of state a day.
    pub changes: f64,
    /// The part of the time that is siege.
    pub besieged: f64,
}

impl OnOff {
    /// So many days of a flood that is thirty times the usual.
    #[must_use]
    pub fn come(&self, mut run: Run, days: u64) -> Rhythm {
        let flood = Flood {
            fold: 30.0,
            networks: self.networks,
            recipients: 0,
            name: 0,
        };
        let stream = flood.stream(&run.settings, run.limit());
        let begin = run.now;
        let period = (self.on + self.off) * MINUTE;
        let (mut changes, mut besieged) = (0, 0);
        let minutes = days * 24 * 60;
        for _ in 0..minutes {
            let on = (run.now - begin) % period < self.on * MINUTE;
            let more = if on { vec![stream] } else { Vec::new() };
            run.minute(&more, &mut |_| changes += 1);
            besieged += u64::from(run.record.is_besieged(START + run.now));
        }
        Rhythm {
            changes: f64::from(changes) / days as f64,
            besieged: besieged as f64 / minutes as f64,
        }
    }
}

/// What came of an attacker who sends more and more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ramp {
    /// How many times the usual came when the siege began.
    pub noticed: Option<f64>,
    /// How many times as high the limit was at the end, or then.
    pub taught: f64,
}

/// Has a flood grow from nothing, `times` as strong after each `every` minutes, for so many days.
#[must_use]
pub fn ramp(mut run: Run, networks: u64, times: f64, every: u64, days: u64) -> Ramp {
    let limit = run.limit();
    let mut ramp = Ramp::default();
    let minutes = days * 24 * 60;
    for minute in 0..minutes {
        let fold = times.powf(minute as f64 / every as f64);
        let stream = Flood {
            fold,
            networks,
            recipients: 0,
            name: 0,
        }
        .stream(&run.settings, limit);
        let mut begun = false;
        run.minute(&[stream], &mut |change| begun |= change.to == State::Siege);
        if begun {
            ramp.noticed = Some(fold);
            break;
        }
        // No host sends so much.
        if fold > 1_000.0 {
            break;
        }
    }
    ramp.taught = run.limit() / limit;
    ramp
}

/// The lowest rate, in hits a minute of all of its networks, that holds a siege which a flood began, of some that are
/// tried; and of the limit.
#[must_use]
pub fn holds(run: &Run, networks: u64) -> Option<(f64, f64)> {
    let limit = run.limit();
    (1..=20)
        .map(|part| f64::from(part) / 40.0)
        .find_map(|part| {
            let mut run = run.clone();
            let many = Flood {
                fold: 20.0,
                networks: 100,
                recipients: 0,
                name: 0,
            };
            let stream = many.stream(&run.settings, limit);
            run.seconds(10, 10 * MINUTE, |_| vec![stream], |_| {});
            let few = Stream {
                rate: part * limit,
                from: From::Networks(networks),
                ..stream
            };
            run.seconds(10, 12 * HOUR, |_| vec![few], |_| {});
            let held = run.record.is_besieged(START + run.now);
            held.then_some((few.rate, part))
        })
}
