//! What one host knows of the sieges of all domains, and what it decides in a round. It does not talk to the store: a
//! [`Round`] says what to write, and hears what became of that.

use std::collections::{HashMap, HashSet, hash_map};

use super::{
    Change, Damaged, Deltas, Forced, MAX_DOMAINS, Record, Settings, Shared, State, Taken, View,
    exchange::Exchanged, places::Places,
};
use crate::core::{address::Domain, pattern::DomainPattern};

/// The name of the record of a domain in the store; `None` for all domains together, and no domain is called that.
pub fn record_name(domain: Option<&Domain>) -> &str {
    domain.map_or("*", Domain::as_str)
}

/// The domain of a record with this name; `None` where it is no name of ours.
pub fn domain_of(name: &str) -> Option<Option<Domain>> {
    if name == record_name(None) {
        return Some(None);
    }
    name.parse().ok().map(Some)
}

/// A record as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Another one whenever it is written, and never 0.
    pub version: u64,
    /// What [`Record::to_bytes`] gave.
    pub bytes: Vec<u8>,
}

/// All records that the store has.
#[derive(Clone, Debug, Default)]
pub struct StoredRecords(HashMap<Option<Domain>, Stored>);

impl FromIterator<(String, Stored)> for StoredRecords {
    /// From their names. What is not ours is left out.
    fn from_iter<I: IntoIterator<Item = (String, Stored)>>(records: I) -> Self {
        let records = records.into_iter();
        let ours = records.filter_map(|(name, stored)| Some((domain_of(&name)?, stored)));
        Self(ours.collect())
    }
}

/// What one host knows between two rounds.
#[derive(Debug, Default)]
pub struct Host {
    known: HashMap<Option<Domain>, Known>,
    /// How many seconds the store's clock is ahead of this host's, since it last answered: what it has is in its time, and
    /// stays so while it is away.
    ahead: i64,
}

/// What this host knows of one domain.
#[derive(Debug)]
struct Known {
    record: Record,
    /// What was counted, and is not in the record yet.
    pending: Deltas,
    /// The version in the store that this host last saw or wrote; 0 for none.
    seen: u64,
}

impl Known {
    fn new(now: u64) -> Self {
        Self {
            record: Record::new(now),
            pending: Deltas::default(),
            seen: 0,
        }
    }

    fn alone(&mut self, settings: &Settings, now: u64) -> Option<Change> {
        let pending = std::mem::take(&mut self.pending);
        self.record.step_alone(settings, &pending, now)
    }
}

impl Host {
    /// The time by the store's clock, as far as it is known, when it is `host_now` by this host's; both in seconds since
    /// 1970.
    pub fn now(&self, host_now: u64) -> u64 {
        host_now.saturating_add_signed(self.ahead)
    }

    /// Forgets all domains: `siege.watch` is off.
    pub fn clear(&mut self) {
        self.known.clear();
    }

    /// Whether what comes to the domain counts for all domains together too, for [`Tally::take`](super::Tally::take).
    pub fn is_shared(&self, settings: &Settings, domain: &Domain) -> bool {
        let known = self.known.get(&Some(domain.clone()));
        known.is_none_or(|known| known.record.is_shared(settings))
    }

    /// Takes over what was counted until `now`. Where there is one domain only, it is all there is.
    pub fn count(
        &mut self,
        Taken { all, domains }: Taken,
        named: &HashSet<Domain>,
        local_domains: &[DomainPattern],
        now: u64,
    ) {
        let together = self.known.get(&None);
        let unusual = together.is_some_and(|all| all.record.is_unusual());
        let domains = domains.into_iter();
        let counted = domains.map(|(domain, deltas)| (Some(domain), deltas));
        let is_one = matches!(local_domains, [DomainPattern::Itself(_)]);
        let all = (!is_one).then_some((None, all));
        for (name, deltas) in counted.chain(all) {
            // A stranger may invent names below a domain that is ours with all below it.
            let is_full = !is_named(named, &name)
                && self.known.len() > named.len().saturating_add(2 * MAX_DOMAINS)
                && !self.known.contains_key(&name);
            if !is_full && !deltas.is_empty() {
                let known = self.known.entry(name).or_insert_with(|| Known::new(now));
                known.pending.add(&deltas);
                known.pending.unusual |= unusual;
            }
        }
    }

    /// A round while the store does not answer: this host goes on alone.
    pub fn round_alone(&mut self, settings: &Settings, now: u64) -> Vec<Change> {
        let known = self.known.iter_mut();
        known
            .filter_map(|(name, known)| Some(known.alone(settings, now)?.of(name.clone())))
            .collect()
    }

    /// A round with what the store has, which has room for `capacity` records, by its clock and this host's.
    pub fn round<'a>(
        &'a mut self,
        settings: &'a Settings,
        named: &'a HashSet<Domain>,
        stored: StoredRecords,
        capacity: usize,
        (store_now, host_now): (u64, u64),
    ) -> Round<'a> {
        self.ahead = store_now.checked_signed_diff(host_now).unwrap_or_default();
        for name in stored.0.keys() {
            if let hash_map::Entry::Vacant(unknown) = self.known.entry(name.clone()) {
                unknown.insert(Known::new(store_now));
            }
        }
        Round {
            settings,
            named,
            now: store_now,
            names: self.known.keys().cloned().collect(),
            places: Places::new(capacity, stored.0.len(), named.len()),
            stored: stored.0,
            is_lost: false,
            done: Done::default(),
            host: self,
        }
    }

    /// Takes over what the store has, and counts nothing: for a command that only shows it.
    pub fn look(&mut self, stored: StoredRecords, now: u64) {
        for (name, stored) in stored.0 {
            if let Ok(record) = Record::from_bytes(&stored.bytes) {
                let known = Known {
                    record,
                    ..Known::new(now)
                };
                self.known.insert(name, known);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.known.values().map(|known| &known.record)
    }

    /// How things stand.
    pub fn view(&self, settings: &Settings, now: u64) -> View {
        let records = || {
            let known = self.known.iter();
            known.filter_map(|(name, known)| Some((name.clone()?, &known.record)))
        };
        let states = records().map(|(domain, record)| (domain, record.state(now)));
        let off = records().filter(|(_, record)| record.forced(now) == Some(Forced::Off));
        let all = self.known.get(&None);
        let mut statuses: Vec<_> = self
            .known
            .iter()
            .map(|(name, known)| (name.clone(), known.record.status(settings, now)))
            .collect();
        statuses.sort_by(|(one, _), (other, _)| one.cmp(other));
        View {
            states: states.collect(),
            off: off.map(|(domain, _)| domain).collect(),
            all: all.map_or(State::Calm, |all| all.record.state(now)),
            statuses,
        }
    }
}

/// Whether the file has the name, so that no stranger invented it; all domains together have none.
fn is_named(named: &HashSet<Domain>, name: &Option<Domain>) -> bool {
    name.as_ref().is_none_or(|name| named.contains(name))
}

/// A round under way: one record after the other is stepped, and written unless another host was faster; then the next
/// round makes it good.
#[derive(Debug)]
pub struct Round<'a> {
    host: &'a mut Host,
    settings: &'a Settings,
    named: &'a HashSet<Domain>,
    now: u64,
    /// The domains that are still to be stepped.
    names: Vec<Option<Domain>>,
    places: Places,
    stored: HashMap<Option<Domain>, Stored>,
    /// Whether the store went away meanwhile.
    is_lost: bool,
    done: Done,
}

/// A record to write to the store, over the version that was seen there; see [`Round::next_write`].
#[derive(Debug)]
pub struct Write {
    domain: Option<Domain>,
    /// The version of the record that the store has; 0 for none.
    pub seen: u64,
    /// What to write.
    pub bytes: Vec<u8>,
    exchanged: Exchanged,
}

impl Write {
    /// The name of the record.
    pub fn name(&self) -> &str {
        record_name(self.domain.as_ref())
    }
}

/// What became of a [`Write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It has this version now.
    Version(u64),
    /// Another host has written the record meanwhile.
    Raced,
    /// There was no room for this record; another one may still have its place.
    Full,
    /// The store did not do it, and can't be asked for more.
    Failed,
}

/// What a round did.
#[derive(Debug, Default)]
pub struct Done {
    /// What changed.
    pub changes: Vec<Change>,
    /// Records of the store that could not be read, by their names. That of a newer version is left as it is.
    pub unreadable: Vec<(String, Damaged)>,
    /// Domains that are calm, and no longer known here.
    pub idle: Vec<Domain>,
}

impl Round<'_> {
    /// The next record to write, for [`Self::wrote`]; `None` when all are stepped.
    pub fn next_write(&mut self) -> Option<Write> {
        while let Some(name) = self.names.pop() {
            let write = self.step(name);
            if write.is_some() {
                return write;
            }
        }
        None
    }

    fn step(&mut self, name: Option<Domain>) -> Option<Write> {
        let found = self.stored.get(&name);
        let has_place = found.is_some() || self.places.take(is_named(self.named, &name));
        let known = self.host.known.get_mut(&name)?;
        if self.is_lost || !has_place {
            let change = known.alone(self.settings, self.now);
            self.report(name, change);
            return None;
        }
        if let Some(found) = found
            && let Err(version @ Damaged::Version(_)) = Record::from_bytes(&found.bytes)
        {
            // A host that was upgraded first: what it knows is not to be overwritten.
            if known.seen != found.version {
                let name = record_name(name.as_ref()).to_owned();
                self.done.unreadable.push((name, version));
            }
            known.seen = found.version;
            let change = known.alone(self.settings, self.now);
            self.report(name, change);
            return None;
        }
        let shared = found.map(|found| Shared {
            bytes: &found.bytes,
            written: found.version.cmp(&known.seen),
        });
        let seen = found.map_or(0, |found| found.version);
        let Known {
            record, pending, ..
        } = known;
        let exchanged = Record::exchange(shared, record, pending, self.now, self.settings);
        if exchanged.must_write {
            return Some(Write {
                domain: name,
                seen,
                bytes: exchanged.record.to_bytes(),
                exchanged,
            });
        }
        known.seen = seen;
        known.record = exchanged.record;
        self.report(name, exchanged.change);
        None
    }

    /// Takes over what became of a write.
    pub fn wrote(&mut self, write: Write, written: Written) {
        let Write {
            domain, exchanged, ..
        } = write;
        let Some(known) = self.host.known.get_mut(&domain) else {
            return;
        };
        let change = match written {
            Written::Version(version) => {
                if exchanged.damaged {
                    let name = record_name(domain.as_ref()).to_owned();
                    self.done.unreadable.push((name, Damaged::Content));
                }
                *known = Known {
                    record: exchanged.record,
                    pending: Deltas::default(),
                    seen: version,
                };
                exchanged.change
            }
            Written::Raced => None,
            Written::Full | Written::Failed => {
                self.is_lost |= written == Written::Failed;
                known.alone(self.settings, self.now)
            }
        };
        self.report(domain, change);
    }

    fn report(&mut self, name: Option<Domain>, change: Option<Change>) {
        let change = change.map(|change| change.of(name));
        self.done.changes.extend(change);
    }

    /// Ends the round, and makes room for other domains.
    pub fn end(self) -> Done {
        let now = self.now;
        let is_idle = |known: &Known| known.record.is_idle(now) && known.pending.is_empty();
        let idle = self.host.known.extract_if(|_, known| is_idle(known));
        let idle = idle.filter_map(|(name, _)| name).collect();
        Done { idle, ..self.done }
    }
}
