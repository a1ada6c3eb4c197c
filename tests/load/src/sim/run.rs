//! The clock of the simulation: it passes what comes to the real sensor, and steps it as often as its windows can tell.

use backstop::core::siege::{Change, Deltas, Record, Settings, State};

use super::{
    random::Random,
    site::{DAY, HOUR, MINUTE, Site},
    traffic::Stream,
};

/// A Monday at 00:00 UTC.
pub const START: u64 = 1_799_625_600;
/// The sensor's windows move in steps of ten seconds.
const SLOT: u64 = 10;
/// Where nothing comes, so often: an hour that is not looked at for longer is not learned.
const SELDOM: u64 = 600;

/// A site and its sensor.
#[derive(Clone, Debug)]
pub struct Run {
    /// The settings.
    pub settings: Settings,
    /// The sensor.
    pub record: Record,
    /// The site.
    pub site: Site,
    /// Seconds since [`START`].
    pub now: u64,
    /// Chance.
    pub random: Random,
    stepped: u64,
    /// As the store had it a week ago, and the week before that.
    copies: [Option<Box<Record>>; 2],
}

/// What a year brought.
#[derive(Clone, Debug, Default)]
pub struct Year {
    /// Hits that the sensor got.
    pub hits: u64,
    /// Sieges that began.
    pub sieges: u64,
    /// Alerts.
    pub alerts: u64,
    /// The loudest minute, as a part of what would have been a flood then.
    pub loudest: f64,
    /// When the first siege began, in seconds since the year did.
    pub first: Option<u64>,
}

impl Run {
    /// A site whose sensor knows nothing yet.
    #[must_use]
    pub fn new(site: Site, settings: Settings, random: Random) -> Self {
        Self {
            settings,
            record: Record::new(START),
            site,
            now: 0,
            random,
            stepped: 0,
            copies: [None, None],
        }
    }

    /// So many days.
    pub fn days(&mut self, days: u64) -> Year {
        let mut year = Year::default();
        let end = self.now + days * DAY;
        let mut limit = 0.0;
        while self.now < end {
            if self.now.is_multiple_of(HOUR) {
                limit = self.record.status(&self.settings, START + self.now).limit;
            }
            self.back_up();
            let hits = self.minute(&[], &mut |change| year.note(change));
            year.hits += u64::from(hits);
            if f64::from(hits) > limit * f64::max(year.loudest, 0.2) {
                let status = self.record.status(&self.settings, START + self.now);
                year.loudest = year.loudest.max(status.rate / status.limit);
            }
        }
        year
    }

    /// A minute, with what comes beside the usual, and how many hits that made.
    pub fn minute(&mut self, more: &[Stream], changed: &mut dyn FnMut(Change)) -> u32 {
        let (streams, outgoing, looks) = self.site.minute(self.now / MINUTE);
        let mut slots = [Deltas::default(); (MINUTE / SLOT) as usize];
        let mut hits = 0;
        for stream in streams.iter().chain(more) {
            let count = self.random.arrivals(stream.rate);
            hits += count;
            for _ in 0..count {
                let at = self.random.below(MINUTE / SLOT) as usize;
                if let Some(slot) = slots.get_mut(at) {
                    stream.hit(&mut self.random, slot);
                }
            }
        }
        if let Some(first) = slots.first_mut() {
            first.sent(self.random.arrivals(outgoing));
        }
        for deltas in slots {
            self.now += SLOT;
            let calm = self.record.state(START + self.now) == State::Calm;
            let due = self.now - self.stepped >= if calm { SELDOM } else { MINUTE };
            if looks && (due || deltas.hits() > 0 || deltas.outgoing > 100) {
                self.step(&deltas, changed);
            }
        }
        hits
    }

    /// Some seconds, one by one or ten at a time, with what comes beside the usual.
    pub fn seconds(
        &mut self,
        step: u64,
        seconds: u64,
        more: impl Fn(u64) -> Vec<Stream>,
        mut changed: impl FnMut(Change),
    ) {
        let until = self.now + seconds;
        while self.now < until {
            let (streams, outgoing, _) = self.site.minute(self.now / MINUTE);
            let mut deltas = Deltas::default();
            for stream in streams.iter().chain(&more(self.now)) {
                stream.arrive(&mut self.random, step as f64, &mut deltas);
            }
            deltas.sent(self.random.arrivals(outgoing * step as f64 / MINUTE as f64));
            self.now += step;
            self.step(&deltas, &mut changed);
        }
    }

    /// The rate that is a flood now.
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.record.status(&self.settings, START + self.now).limit
    }

    fn step(&mut self, deltas: &Deltas, changed: &mut dyn FnMut(Change)) {
        self.stepped = self.now;
        let change = self.record.step(&self.settings, deltas, START + self.now);
        change.into_iter().for_each(changed);
    }

    /// Keeps a copy each week, and sets the record back to one that is a week old or older.
    fn back_up(&mut self) {
        if self.now.is_multiple_of(7 * DAY) {
            let [last, _] = &mut self.copies;
            let last = last.take();
            self.copies = [Some(Box::new(self.record.clone())), last];
        }
        if self.site.is_restored(self.now / MINUTE)
            && let [_, Some(older)] = &self.copies
        {
            self.record = (**older).clone();
        }
    }
}

impl Year {
    fn note(&mut self, change: Change) {
        match change.to {
            State::Siege => {
                self.sieges += 1;
                self.first = self.first.or(Some(change.at - START));
            }
            State::Alert => self.alerts += 1,
            State::Calm | State::Easing => {}
        }
    }
}
