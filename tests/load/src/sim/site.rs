//! A site, and what comes to it in a year: its rhythm, its mailings, and what goes wrong.

use super::{
    random::Random,
    traffic::{From, Stream},
};

/// Seconds of a minute, of an hour and of a day; minutes of a day.
pub const MINUTE: u64 = 60;
/// Seconds of an hour.
pub const HOUR: u64 = 3600;
/// Seconds of a day.
pub const DAY: u64 = 86_400;

/// Of all messages, so many are bounces that prove nothing, or recipients of the null sender that are refused.
const USUAL_PART: f64 = 0.03;
/// Of all messages, so many are outgoing.
const OUTGOING_PART: f64 = 0.3;
/// Of the recipients of a mailing, so many bounce without a proof: one of twenty bounces, one of five of these proves nothing.
const UNPROVEN_PART: f64 = 0.01;
/// Senders come again after an outage within so many minutes: Postfix's `maximal_backoff_time`, 4000 s.
const BACKOFF: u64 = 67;

/// A time, in minutes since the year began.
type Minutes = u64;

/// Something that is not as on other days.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When it begins.
    pub from: Minutes,
    /// When it ends.
    pub until: Minutes,
    /// What it is.
    pub what: What,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// Mail of ours to many, with so many recipients a minute.
    Mailing(f64),
    /// Its bounces, so many a minute.
    MailingBounces(f64),
    /// One host tries names, so many a minute.
    Scan(f64),
    /// DNS does not answer: null senders are deferred, and we count nothing.
    DnsOutage,
    /// No host of ours answers, nor looks.
    Down,
    /// What was deferred comes again, so many times the usual.
    Again(f64),
    /// The store is set back to what it was a week ago.
    Restored,
}

/// One site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Messages a day.
    pub messages: f64,
    events: Vec<Event>,
}

impl Site {
    /// A site with what happens to it in so many days.
    #[must_use]
    pub fn new(messages: f64, days: u64, random: &mut Random) -> Self {
        let mut site = Self {
            messages,
            events: Vec::new(),
        };
        site.mailings(days, random);
        site.scans(days, random);
        site.troubles(days);
        site.events.sort_unstable_by_key(|event| event.from);
        site
    }

    /// What is on in this minute.
    pub fn events(&self, now: Minutes) -> impl Iterator<Item = &Event> {
        // None lasts longer than two days.
        let begun = self.events.partition_point(|event| event.from <= now);
        let recent = self.events.iter().take(begun).rev();
        recent
            .take_while(move |event| event.from + 2 * DAY / MINUTE > now)
            .filter(move |event| now < event.until)
    }

    /// The hits of this minute, outgoing recipients a minute, and whether anybody looks.
    #[must_use]
    pub fn minute(&self, now: Minutes) -> (Vec<Stream>, f64, bool) {
        let per_minute = self.messages * rhythm(now) / (DAY / MINUTE) as f64;
        let mut usual = per_minute * USUAL_PART;
        let mut outgoing = per_minute * OUTGOING_PART;
        let (mut looks, mut streams) = (true, Vec::with_capacity(3));
        for event in self.events(now) {
            match event.what {
                What::Mailing(rate) => outgoing += rate,
                What::MailingBounces(rate) => streams.push(Stream {
                    rate,
                    recipients: 2,
                    from: From::World(200),
                    name: 1,
                }),
                What::Scan(rate) => streams.push(Stream {
                    rate,
                    recipients: 0,
                    from: From::Networks(1),
                    name: event.from,
                }),
                What::Again(times) => usual += times * per_minute * USUAL_PART,
                What::DnsOutage => usual = 0.0,
                What::Down => {
                    looks = false;
                    usual = 0.0;
                }
                What::Restored => {}
            }
        }
        if !looks {
            streams.clear();
        }
        streams.push(Stream {
            rate: usual,
            recipients: 40 + (self.messages / 100.0) as u64,
            from: From::World(500),
            name: 0,
        });
        (streams, outgoing, looks)
    }

    /// Whether the store is set back in this minute.
    #[must_use]
    pub fn is_restored(&self, now: Minutes) -> bool {
        let mut events = self.events(now);
        events.any(|event| event.what == What::Restored && event.from == now)
    }

    /// A newsletter every Tuesday, and a mailing list on which somebody writes some times a day.
    fn mailings(&mut self, days: u64, random: &mut Random) {
        let newsletter = (20.0 * self.messages).clamp(200.0, 100_000.0);
        let subscribers = (self.messages / 20.0).clamp(20.0, 5_000.0);
        for day in 0..days {
            let midnight = day * DAY / MINUTE;
            if day % 7 == 1 {
                // Every second one is sent as fast as it goes.
                let takes = if day % 2 == 0 { 10 } else { 60 };
                self.mailing(midnight + 10 * 60, takes, newsletter);
            }
            for _ in 0..random.arrivals(if day % 7 < 5 { 4.0 } else { 1.0 }) {
                let at = midnight + 7 * 60 + random.below(15 * 60);
                self.mailing(at, 1 + (subscribers / 500.0) as u64, subscribers);
            }
        }
    }

    fn mailing(&mut self, from: Minutes, takes: u64, recipients: f64) {
        let unproven = recipients * UNPROVEN_PART;
        let sent = from + takes;
        self.event(from, sent, What::Mailing(recipients / takes as f64));
        // Four of five come at once, the others within an hour.
        let at_once = takes.max(3);
        self.event(
            from,
            from + at_once,
            What::MailingBounces(0.8 * unproven / at_once as f64),
        );
        self.event(sent, sent + 60, What::MailingBounces(0.2 * unproven / 60.0));
    }

    /// Twice a week one host tries some hundred names, in a burst or slowly.
    fn scans(&mut self, days: u64, random: &mut Random) {
        for _ in 0..days * 2 / 7 {
            let from = random.below(days * DAY / MINUTE);
            let takes = 1 + random.below(10);
            let rate = (50 + random.below(450)) as f64;
            self.event(from, from + takes, What::Scan(rate));
        }
    }

    /// Some times a year something fails, each time at the busiest hour.
    fn troubles(&mut self, days: u64) {
        let at = |day: u64| (day * 24 + 9) * HOUR / MINUTE;
        for (day, hours, what) in [
            (23, 1, What::DnsOutage),
            (171, 3, What::DnsOutage),
            (87, 2, What::Down),
            (255, 8, What::Down),
        ] {
            let (from, until) = (at(day), at(day) + hours * 60);
            self.event(from, until, what);
            // Half of what was deferred comes within the longest time between two tries, half within six of them.
            let times = |minutes: u64| 0.5 * (hours * 60) as f64 / minutes as f64;
            for minutes in [BACKOFF, 6 * BACKOFF] {
                self.event(until, until + minutes, What::Again(times(minutes)));
            }
        }
        for day in [44, 300] {
            self.event(at(day), at(day) + 1, What::Restored);
            // What the copy of the queue has is sent once more: half a day's mail, in an hour.
            let again = self.messages * OUTGOING_PART / 2.0;
            self.mailing(at(day), 60, again);
        }
        self.events.retain(|event| event.from < days * DAY / MINUTE);
    }

    fn event(&mut self, from: Minutes, until: Minutes, what: What) {
        self.events.push(Event { from, until, what });
    }
}

/// How much comes in this minute, beside the mean of a week without holidays. The year begins with a Monday.
#[must_use]
pub fn rhythm(now: Minutes) -> f64 {
    const HOLIDAYS: [u64; 11] = [0, 91, 94, 120, 142, 226, 275, 357, 358, 359, 364];
    let day = now * MINUTE / DAY;
    // Summer time moves people, and not the clock.
    let summer = (84..301).contains(&day);
    let hour = (now / 60 + u64::from(summer)) % 24;
    let of_hour = match hour {
        0..6 => 0.35,
        6 | 7 | 20..24 => 0.8,
        8..18 => 1.7,
        _ => 1.1,
    };
    let of_day = match day % 7 {
        _ if HOLIDAYS.contains(&(day % 365)) => 0.4,
        5 => 0.55,
        6 => 0.45,
        _ => 1.2,
    };
    let of_season = match day % 365 {
        200..235 => 0.8,
        330..357 => 1.25,
        _ => 1.0,
    };
    of_hour * of_day * of_season
}
