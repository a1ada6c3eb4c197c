//! A flood that is spread over many domains of one host, each of which gets too little to notice.

use backstop::core::{
    address::Domain,
    local::Domains as LocalDomains,
    pattern::DomainPattern,
    siege::{Host, Settings, State, Tally},
};

use super::{random::Random, run::START, traffic::Stream};

/// How far apart rounds are here, in seconds.
const STEP: u64 = 5;

/// A host with many domains.
#[derive(Debug)]
pub struct Domains {
    local: LocalDomains,
    names: Vec<Domain>,
    host: Host,
    tally: Tally,
    settings: Settings,
    random: Random,
    now: u64,
}

impl Domains {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(count: u64, settings: Settings, random: Random) -> Self {
        let names = (0..count).filter_map(|number| format!("d{number}.example").parse().ok());
        let names: Vec<Domain> = names.collect();
        Self {
            tally: Tally::default(),
            local: names.iter().cloned().map(DomainPattern::Itself).collect(),
            names,
            host: Host::default(),
            settings,
            random,
            now: START,
        }
    }

    /// Seconds until all domains are besieged together by this flood on all of them, within so many; and how many are by
    /// themselves then.
    pub fn flooded(&mut self, stream: Stream, within: u64) -> (Option<u64>, usize) {
        let mut entry = None;
        let mut alone = 0;
        for passed in (STEP..=within).step_by(STEP as usize) {
            self.now += STEP;
            for _ in 0..self.random.arrivals(stream.rate * STEP as f64 / 60.0) {
                let at = self.random.below(self.names.len() as u64) as usize;
                if let Some(name) = self.names.get(at) {
                    stream.hit(&mut self.random, self.tally.of(name, true));
                }
            }
            let (host, settings) = (&mut self.host, &self.settings);
            let taken = self.tally.take(|domain| host.is_shared(settings, domain));
            host.count(taken, &self.local, self.now);
            for change in host.round_alone(settings, self.now) {
                match (&change.domain, change.to) {
                    (None, State::Siege) => entry = entry.or(Some(passed)),
                    (Some(_), State::Siege) => alone += 1,
                    _ => {}
                }
            }
        }
        (entry, alone)
    }
}
