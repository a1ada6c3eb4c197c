//! A host with its clock, and a store in memory.

use std::collections::BTreeMap;

use super::super::{
    super::{baseline::Slot, watched::WATCHED, *},
    parts::hash,
    simulation::START,
};
use crate::core::{address::Domain, local::Domains, pattern::DomainPattern};

/// How far apart rounds are here, in seconds.
pub(super) const STEP: u64 = 10;

/// Records as a store has them.
#[derive(Default)]
pub(super) struct Store {
    pub records: BTreeMap<String, Stored>,
    /// The greatest version.
    pub version: u64,
    /// How often records of domains were written.
    pub writes: u64,
    /// How many records it gave.
    pub given: usize,
    /// How far its clock is ahead of the host's.
    pub ahead: i64,
    /// What comes of the next writes of domains, where they do not succeed.
    pub fails: Vec<Written>,
}

impl Store {
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) -> u64 {
        self.writes += u64::from(name != WATCHED);
        self.version += 1;
        let version = self.version;
        let stored = Stored { version, bytes };
        self.records.insert(name.to_owned(), stored);
        version
    }

    /// Puts a record of each domain there, with the rate of each hour of the week by its number and that of the hour, in
    /// thousandths of a hit a minute. Those of each 24th are the same.
    pub fn fill(&mut self, names: &[Domain], rate: impl Fn(usize, usize) -> u32) {
        let record = |number| {
            let mut record = Record::new(START);
            for (hour, slot) in record.baseline.slots.iter_mut().enumerate() {
                let rate = rate(number, hour);
                *slot = Slot { rate, seen: 8 };
            }
            record.to_bytes()
        };
        let records: Vec<_> = (0..24).map(record).collect();
        for (name, bytes) in names.iter().zip(records.iter().cycle()) {
            self.put(name.as_str(), bytes.clone());
        }
        self.writes = 0;
    }

    pub fn write(&mut self, write: &Write) -> Written {
        if write.name() != WATCHED
            && let Some(failure) = self.fails.pop()
        {
            return failure;
        }
        let found = self.records.get(write.name());
        match found.map_or(0, |stored| stored.version) == write.seen {
            true => Written::Version(self.put(write.name(), write.bytes.clone())),
            false => Written::Raced,
        }
    }

    /// What it answers, at most so many changes at once.
    pub fn answer(&mut self, question: &Question, host_now: u64, most: usize) -> Answer {
        let now = host_now.saturating_add_signed(self.ahead);
        let Question { after, names } = question;
        let last = self.records.get(&after.name);
        if after.version > 0 && last.is_none_or(|last| last.version < after.version) {
            return Answer {
                now,
                is_behind: true,
                ..Answer::default()
            };
        }
        let copy = |(name, stored): (&String, &Stored)| (name.clone(), stored.clone());
        let since = self.records.iter();
        let since = since.filter(|(_, stored)| stored.version > after.version);
        let mut changes: Vec<_> = since.map(copy).collect();
        changes.sort_by_key(|(_, stored)| stored.version);
        let named = names
            .iter()
            .filter_map(|name| self.records.get_key_value(name));
        let named: Vec<_> = named.map(copy).collect();
        let has_more = changes.len() > most;
        changes.truncate(most);
        self.given += changes.len() + named.len();
        Answer {
            now,
            is_behind: false,
            changes,
            has_more,
            named,
        }
    }

    /// How many records of domains have a name with this end.
    pub fn count(&self, end: &str) -> usize {
        let names = self.records.keys().filter(|name| *name != WATCHED);
        names.filter(|name| name.ends_with(end)).count()
    }

    pub fn record(&self, domain: &Domain) -> Record {
        let stored = &self.records[domain.as_str()];
        Record::from_bytes(&stored.bytes).unwrap()
    }
}

pub(super) struct Site {
    pub host: Host,
    pub tally: Tally,
    pub settings: Settings,
    pub domains: Domains,
    /// By the host's clock.
    pub now: u64,
    pub recipient: u64,
    pub view: View,
    /// How many records are read at once.
    pub at_once: usize,
}

impl Site {
    pub fn of(domains: &[Domain], more: &[&str]) -> Self {
        let named = domains.iter().cloned().map(DomainPattern::Itself);
        let more = more.iter().map(|text| text.parse().unwrap());
        Self {
            host: Host::default(),
            tally: Tally::default(),
            settings: Settings::default(),
            domains: named.chain(more).collect(),
            now: START,
            recipient: 0,
            view: View::default(),
            at_once: 100,
        }
    }

    /// Bounces to ever new recipients.
    pub fn hit(&mut self, domain: &Domain, times: u64) {
        let is_named = self.domains.names(domain);
        for _ in 0..times {
            self.recipient += 1;
            let number = hash(self.recipient);
            let deltas = self.tally.of(domain, is_named);
            deltas.hit(Hit::Unproven, number, hash(number));
        }
    }

    pub fn round(&mut self, store: Option<&mut Store>) -> Done {
        let Self {
            host,
            tally,
            settings,
            domains,
            now,
            at_once,
            ..
        } = self;
        let now = *now;
        let taken = tally.take(|domain| host.is_shared(settings, domain));
        let expected_now = host.now(now);
        host.count(taken, domains, expected_now);
        let (now, done) = match store {
            Some(store) => {
                let mut unreadable = Vec::new();
                loop {
                    let answer = store.answer(&host.question(), now, *at_once);
                    let goes_on = answer.has_more || answer.is_behind;
                    unreadable.extend(host.take_in(answer, domains, settings));
                    if !goes_on {
                        break;
                    }
                }
                let store_now = now.saturating_add_signed(store.ahead);
                let mut round = host.round(settings, domains, (store_now, now));
                loop {
                    let writes = round.next_writes(7);
                    if writes.is_empty() {
                        break;
                    }
                    let mut is_lost = false;
                    for write in writes {
                        let written = match is_lost {
                            true => Written::Failed,
                            false => store.write(&write),
                        };
                        is_lost |= written == Written::Failed;
                        round.wrote(write, written);
                    }
                }
                let mut done = round.end();
                done.unreadable.extend(unreadable);
                (store_now, done)
            }
            None => {
                let changes = host.round_alone(settings, expected_now);
                let done = Done {
                    changes,
                    ..Done::default()
                };
                (expected_now, done)
            }
        };
        done.idle.iter().for_each(|domain| tally.forget(domain));
        self.view = host.view(settings, now);
        done
    }

    /// A round, some seconds after the last one.
    pub fn next(&mut self, store: Option<&mut Store>) -> Done {
        self.now += STEP;
        self.round(store)
    }
}

pub(super) fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

pub(super) fn domains(count: usize) -> Vec<Domain> {
    (0..count)
        .map(|number| domain(&format!("d{number}.example")))
        .collect()
}
