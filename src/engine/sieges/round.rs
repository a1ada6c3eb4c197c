//! One round: what was counted is handed to the records of the domains, which all hosts share through the store.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{Sieges, View};
use crate::{
    core::{
        address::Domain,
        pattern::DomainPattern,
        policy::Policy,
        siege::{
            Change, Damaged, Deltas, Forced, MOST_DOMAINS, Record, Settings, Shared, State, Taken,
        },
    },
    store::{MAX_RECORDS, Reason, SiegeRecord, SiegeRecords, Store, Unavailable},
};

/// So many domains that the file names, and so many others, get a record in a full store in one round; the rest are this
/// host's until then. The store has to look through all it has for each.
pub(super) const MOST_NEW: usize = 20;

/// What a store has room for in one round.
struct Places {
    free: usize,
    /// In place of others' records.
    named: usize,
    invented: usize,
}

impl Places {
    /// Of more named domains than there are places, those that came first stay: else they would push each other out without
    /// end.
    fn new(records: usize, named: usize) -> Self {
        let most = usize::try_from(MAX_RECORDS).unwrap_or(usize::MAX);
        let new = if named > MOST_DOMAINS { 0 } else { MOST_NEW };
        Self {
            free: most.saturating_sub(records),
            named: new,
            invented: new,
        }
    }

    /// Whether there is one for a record that the store has not.
    fn take(&mut self, is_named: bool) -> bool {
        let of = match (self.free, is_named) {
            (1.., _) => &mut self.free,
            (0, true) => &mut self.named,
            (0, false) => &mut self.invented,
        };
        let left = of.checked_sub(1);
        *of = left.unwrap_or_default();
        left.is_some()
    }
}

/// The name of the record of a domain in the store; `None` for all domains together, and no domain is called that.
pub fn siege_name(domain: Option<&Domain>) -> &str {
    domain.map_or("*", Domain::as_str)
}

/// What one host knows between two rounds.
#[derive(Debug)]
pub struct Rounds {
    sieges: Arc<Sieges>,
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
}

impl Rounds {
    /// Rounds that begin without knowing anything: what the store has comes with the first.
    pub fn new(sieges: Arc<Sieges>) -> Self {
        Self {
            sieges,
            known: HashMap::new(),
            ahead: 0,
        }
    }

    /// Makes a round at `now`, in seconds since 1970 by this host's clock, and tells what changed. Where the store does
    /// not answer, this host goes on alone.
    pub async fn round(
        &mut self,
        policy: &Policy,
        store: Option<&dyn Store>,
        now: u64,
    ) -> Vec<Change> {
        let settings = &policy.siege;
        if !settings.watch || policy.local.domains.is_empty() {
            self.known.clear();
            self.sieges.view.store(Arc::default());
            return Vec::new();
        }
        let host_now = now;
        let now = host_now.saturating_add_signed(self.ahead);
        self.take(policy, now);
        let shared = match store {
            Some(store) => store
                .siege_records()
                .await
                .ok()
                .map(|shared| (store, shared)),
            None => None,
        };
        let (now, changes) = match shared {
            Some((store, shared)) => {
                let now = shared.now_millis / 1000;
                self.ahead = now.checked_signed_diff(host_now).unwrap_or_default();
                (
                    now,
                    self.together(settings, store, shared.records, now).await,
                )
            }
            None => (now, self.alone(settings, now)),
        };
        self.show(settings, now);
        changes
    }

    /// Sees how things stand, and writes nothing: for who only asks. A store that does not answer has no sieges.
    pub async fn look(&mut self, policy: &Policy, store: &dyn Store) {
        let Ok(SiegeRecords {
            now_millis,
            records,
        }) = store.siege_records().await
        else {
            return;
        };
        let now = now_millis / 1000;
        for (name, stored) in named(records) {
            if let Ok(record) = Record::from_bytes(&stored.bytes) {
                let known = Known {
                    record,
                    ..Known::new(now)
                };
                self.known.insert(name, known);
            }
        }
        self.show(&policy.siege, now);
    }

    /// Takes over what was counted. Where there is one domain only, it is all there is.
    fn take(&mut self, policy: &Policy, now: u64) {
        let is_shared = |domain: &Domain| {
            let known = self.known.get(&Some(domain.clone()));
            known.is_none_or(|known| known.record.is_shared(&policy.siege))
        };
        let (Taken { all, domains }, named) = {
            let mut tally = self.sieges.lock();
            (tally.take(is_shared), tally.named())
        };
        let unusual = self
            .known
            .get(&None)
            .is_some_and(|all| all.record.is_unusual());
        let counted = domains
            .into_iter()
            .map(|(domain, deltas)| (Some(domain), deltas));
        let is_one = matches!(*policy.local.domains, [DomainPattern::Itself(_)]);
        let all = (!is_one).then_some((None, all));
        for (name, deltas) in counted.chain(all) {
            // A stranger may invent names below a domain that is ours with all below it.
            let full = !is_named(&named, &name)
                && self.known.len() > named.len().saturating_add(2 * MOST_DOMAINS)
                && !self.known.contains_key(&name);
            if !full && !deltas.is_empty() {
                let known = self.known.entry(name).or_insert_with(|| Known::new(now));
                known.pending.add(&deltas);
                known.pending.unusual |= unusual;
            }
        }
    }

    async fn together(
        &mut self,
        settings: &Settings,
        store: &dyn Store,
        records: Vec<SiegeRecord>,
        now: u64,
    ) -> Vec<Change> {
        let stored = named(records);
        for name in stored.keys() {
            self.known
                .entry(name.clone())
                .or_insert_with(|| Known::new(now));
        }
        let mut changes = Vec::new();
        let mut outage = false;
        let named = self.sieges.lock().named();
        let mut places = Places::new(stored.len(), named.len());
        for (name, known) in &mut self.known {
            let found = stored.get(name);
            let has_place = found.is_some() || places.take(is_named(&named, name));
            let change = if outage || !has_place {
                Ok(known.alone(settings, now))
            } else {
                exchange(settings, store, name.as_ref(), known, found, now).await
            };
            let change = change.unwrap_or_else(|unavailable| {
                // Another domain's record may still have its place.
                outage = unavailable.reason() != Reason::Full;
                known.alone(settings, now)
            });
            changes.extend(change.map(|change| change.of(name.clone())));
        }
        self.drop_idle(now);
        changes
    }

    /// Makes room for other domains.
    fn drop_idle(&mut self, now: u64) {
        let is_idle = |known: &Known| known.record.is_idle(now) && known.pending.is_empty();
        let idle = self.known.extract_if(|_, known| is_idle(known));
        let mut tally = self.sieges.lock();
        for (name, _) in idle {
            if let Some(domain) = name {
                tally.forget(&domain);
            }
        }
    }

    fn alone(&mut self, settings: &Settings, now: u64) -> Vec<Change> {
        let known = self.known.iter_mut();
        known
            .filter_map(|(name, known)| Some(known.alone(settings, now)?.of(name.clone())))
            .collect()
    }

    fn show(&self, settings: &Settings, now: u64) {
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
        self.sieges.view.store(Arc::new(View {
            states: states.collect(),
            off: off.map(|(domain, _)| domain).collect(),
            all: all.map_or(State::Calm, |all| all.record.state(now)),
            statuses,
        }));
    }
}

/// Whether no stranger has invented the name; all domains together have none.
fn is_named(named: &HashSet<Domain>, name: &Option<Domain>) -> bool {
    name.as_ref().is_none_or(|name| named.contains(name))
}

/// The records by the domain they are of.
fn named(records: Vec<SiegeRecord>) -> BTreeMap<Option<Domain>, SiegeRecord> {
    let name = |record: &SiegeRecord| {
        if record.name == siege_name(None) {
            Some(None)
        } else {
            record.name.parse().ok().map(Some)
        }
    };
    let records = records.into_iter();
    records
        .filter_map(|record| Some((name(&record)?, record)))
        .collect()
}

impl Known {
    fn alone(&mut self, settings: &Settings, now: u64) -> Option<Change> {
        let pending = std::mem::take(&mut self.pending);
        self.record.step_alone(settings, &pending, now)
    }
}

/// Steps one record, and writes it unless another host was faster: then the next round makes it good.
async fn exchange(
    settings: &Settings,
    store: &dyn Store,
    name: Option<&Domain>,
    known: &mut Known,
    found: Option<&SiegeRecord>,
    now: u64,
) -> Result<Option<Change>, Unavailable> {
    if let Some(found) = found
        && let Err(Damaged::Version(version)) = Record::from_bytes(&found.bytes)
    {
        // A host that was upgraded first: what it knows is not to be overwritten.
        if known.seen != found.version {
            let name = siege_name(name);
            log::warn!(
                "siege: the store's record of {name} is of version {version}, so this host goes on alone"
            );
        }
        known.seen = found.version;
        return Ok(known.alone(settings, now));
    }
    let shared = found.map(|found| Shared {
        bytes: &found.bytes,
        written: found.version.cmp(&known.seen),
    });
    let exchanged = Record::exchange(shared, &known.record, &known.pending, now, settings);
    let name = siege_name(name);
    let mut version = found.map_or(0, |record| record.version);
    if exchanged.must_write {
        let bytes = exchanged.record.to_bytes();
        let written = store.write_siege_record(name.to_owned(), version, bytes);
        let Some(written) = written.await? else {
            return Ok(None);
        };
        if exchanged.damaged {
            log::warn!("siege: the store's record of {name} was damaged, and is made anew");
        }
        version = written;
        known.pending = Deltas::default();
    }
    known.seen = version;
    known.record = exchanged.record;
    Ok(exchanged.change)
}
