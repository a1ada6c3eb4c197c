//! A site under mail of every shape: arrivals at random, but the same in each run.

use super::{
    super::{
        baseline::{HOURS, Slot},
        *,
    },
    parts::hash,
};

/// A Monday at 00:00 UTC.
pub(super) const START: u64 = 1_799_625_600;
pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 3600;
pub(super) const DAY: u64 = 86_400;

/// Numbers that look random.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        hash(self.0)
    }

    fn fraction(&mut self) -> f64 {
        (self.number() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// How many arrive where so many do on average (Knuth).
    pub(super) fn poisson(&mut self, mut mean: f64) -> u32 {
        let mut count = 0;
        while mean > 0.0 {
            let part = mean.min(30.0);
            mean -= part;
            let limit = (-part).exp();
            let mut product = self.fraction();
            while product > limit {
                count += 1;
                product *= self.fraction();
            }
        }
        count
    }
}

/// What comes to the domain, a minute.
#[derive(Clone, Copy, Default)]
pub(super) struct Traffic {
    /// Hits.
    pub rate: f64,
    /// To how many recipients; 0 for as many as there are hits.
    pub recipients: u64,
    /// From how many networks; 0 for as many as there are hits.
    pub networks: u64,
    /// Recipients of outgoing mail.
    pub outgoing: f64,
}

impl Traffic {
    pub(super) fn flood(rate: f64) -> Self {
        Self {
            rate,
            ..Self::default()
        }
    }

    /// What comes within some seconds.
    pub(super) fn deltas(&self, random: &mut Random, seconds: u64) -> Deltas {
        let part = seconds as f64 / 60.0;
        let mut deltas = Deltas::default();
        for _ in 0..random.poisson(self.rate * part) {
            let number = random.number();
            let one_of = |number, few| match few {
                0 => number,
                few => number % few,
            };
            let recipient = one_of(number, self.recipients);
            let network = one_of(random.number(), self.networks);
            let hit = if number.is_multiple_of(3) {
                Hit::Refused
            } else {
                Hit::Unproven
            };
            deltas.hit(hit, hash(recipient), hash(network));
        }
        deltas.sent(random.poisson(self.outgoing * part));
        deltas
    }
}

/// One host with one domain.
pub(super) struct Site {
    pub settings: Settings,
    pub record: Record,
    /// The time by the host's clock.
    pub now: u64,
    pub changes: Vec<Change>,
    pub random: Random,
}

impl Site {
    pub(super) fn new() -> Self {
        Self {
            settings: Settings::default(),
            record: Record::new(START),
            now: START,
            changes: Vec::new(),
            random: Random::new(7),
        }
    }

    /// One that has learned in many weeks that so many hits a minute are usual.
    pub(super) fn used_to(rate: f64) -> Self {
        let mut site = Self::new();
        let rate = (rate * 1000.0).round() as u32;
        site.record.baseline.slots = [Slot { rate, seen: 8 }; HOURS];
        site
    }

    /// So many seconds of mail, handed over every five seconds; `traffic` gets the seconds since their begin.
    pub(super) fn run(&mut self, seconds: u64, traffic: impl Fn(u64) -> Traffic) {
        self.every(5, seconds, traffic);
    }

    /// The same, handed over every so many seconds.
    pub(super) fn every(&mut self, step: u64, seconds: u64, traffic: impl Fn(u64) -> Traffic) {
        self.every_all(step, seconds, |at| vec![traffic(at)]);
    }

    /// The same of mail of several kinds.
    pub(super) fn run_all(&mut self, seconds: u64, traffic: impl Fn(u64) -> Vec<Traffic>) {
        self.every_all(5, seconds, traffic);
    }

    pub(super) fn every_all(
        &mut self,
        step: u64,
        seconds: u64,
        traffic: impl Fn(u64) -> Vec<Traffic>,
    ) {
        for passed in (step..=seconds).step_by(step as usize) {
            self.now += step;
            let kinds = traffic(passed - step);
            let counted = kinds.iter().map(|kind| kind.deltas(&mut self.random, step));
            let deltas = counted.reduce(|mut all, more| {
                all.add(&more);
                all
            });
            let deltas = deltas.unwrap_or_default();
            let change = self.record.step(&self.settings, &deltas, self.now);
            self.changes.extend(change);
        }
    }

    pub(super) fn state(&self) -> State {
        self.record.state(self.now)
    }

    /// The states that were changed to, from now on.
    pub(super) fn take_changes(&mut self) -> Vec<State> {
        self.changes.drain(..).map(|change| change.to).collect()
    }

    /// The daemon ends, and starts anew after so many seconds.
    pub(super) fn restart(&mut self, after: u64) {
        let bytes = self.record.to_bytes();
        assert!(bytes.len() <= LARGEST);
        self.now += after;
        self.record = Record::from_bytes(&bytes).unwrap();
    }
}
