//! The sieges as the engine knows them: messages say what came, a round twice a second makes of that what the next messages
//! are judged by. What a round decides is decided in [`core::siege`](crate::core::siege).

mod learning;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

pub(super) use learning::Learning;

use crate::{
    core::{
        address::Domain,
        message::SiegeHit,
        pattern::DomainPattern,
        policy::Policy,
        siege::{Change, Damaged, Done, Host, State, Stored, StoredRecords, Tally, View, Written},
    },
    store::{MAX_RECORDS, Reason, SiegeRecord, SiegeRecords, Store, Unavailable},
};

/// What was counted since the last round, and what came of the rounds so far.
#[derive(Debug, Default)]
pub struct Sieges {
    tally: Mutex<Tally>,
    view: ArcSwap<View>,
    /// What was learned lately.
    pub(super) learning: Learning,
}

impl Sieges {
    /// Starts to count for these domains.
    pub fn watch(&self, local_domains: &[DomainPattern]) {
        *self.lock() = Tally::new(local_domains);
    }

    /// How far the siege of this domain is.
    pub fn state(&self, domain: &Domain) -> State {
        self.view.load().state(domain)
    }

    /// How things stood after the last round.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Notes signs of a flood.
    pub(super) fn sense(&self, hits: Vec<SiegeHit>) {
        if hits.is_empty() {
            return;
        }
        let mut tally = self.lock();
        for SiegeHit {
            domain,
            hit,
            recipient,
            network,
        } in hits
        {
            tally.of(&domain).hit(hit, recipient, network);
        }
    }

    /// Notes that mail of this domain went out to this many recipients: some of it will come back.
    pub(super) fn sent(&self, policy: &Policy, domain: &Domain, recipients: usize) {
        if policy.siege.watch {
            let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
            self.lock().of(domain).sent(recipients);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rounds of this host.
#[derive(Debug)]
pub struct Rounds {
    sieges: Arc<Sieges>,
    host: Host,
}

impl Rounds {
    /// Rounds that begin without knowing anything: what the store has comes with the first.
    pub fn new(sieges: Arc<Sieges>) -> Self {
        Self {
            sieges,
            host: Host::default(),
        }
    }

    /// Makes a round at `now`, in seconds since 1970 by this host's clock, and gives what changed. Where the store does
    /// not answer, this host goes on alone.
    pub async fn round(
        &mut self,
        policy: &Policy,
        store: Option<&dyn Store>,
        now: u64,
    ) -> Vec<Change> {
        let (settings, local_domains) = (&policy.siege, &policy.local.domains);
        if !settings.watch || local_domains.is_empty() {
            self.host.clear();
            self.sieges.view.store(Arc::default());
            return Vec::new();
        }
        let (taken, named) = {
            let mut tally = self.sieges.lock();
            let is_shared = |domain: &Domain| self.host.is_shared(settings, domain);
            (tally.take(is_shared), tally.named())
        };
        let expected_now = self.host.now(now);
        self.host.count(taken, &named, local_domains, expected_now);
        let (now, changes) = match shared(store).await {
            Some((
                store,
                SiegeRecords {
                    now_millis,
                    records,
                },
            )) => {
                let store_now = now_millis / 1000;
                let stored = by_name(records);
                let clocks = (store_now, now);
                let capacity = usize::try_from(MAX_RECORDS).unwrap_or(usize::MAX);
                let mut round = self.host.round(settings, &named, stored, capacity, clocks);
                while let Some(write) = round.next_write() {
                    let (name, bytes) = (write.name().to_owned(), write.bytes.clone());
                    let written = store.write_siege_record(name, write.seen, bytes).await;
                    round.wrote(write, outcome(&written));
                }
                (store_now, ended(&self.sieges, round.end()))
            }
            None => (expected_now, self.host.round_alone(settings, expected_now)),
        };
        let view = self.host.view(settings, now);
        self.sieges.view.store(Arc::new(view));
        changes
    }

    /// Sees how things stand, and writes nothing: for a command that only shows it. A store that does not answer has no
    /// sieges.
    pub async fn look(&mut self, policy: &Policy, store: &dyn Store) {
        if let Some((
            _,
            SiegeRecords {
                now_millis,
                records,
            },
        )) = shared(Some(store)).await
        {
            let now = now_millis / 1000;
            self.host.look(by_name(records), now);
            let view = self.host.view(&policy.siege, now);
            self.sieges.view.store(Arc::new(view));
        }
    }
}

/// Makes room for other domains, logs what could not be read, and gives what changed.
fn ended(sieges: &Sieges, done: Done) -> Vec<Change> {
    if !done.idle.is_empty() {
        let mut tally = sieges.lock();
        done.idle.iter().for_each(|domain| tally.forget(domain));
    }
    for (name, why) in done.unreadable {
        match why {
            Damaged::Version(version) => log::warn!(
                "siege: the store's record of {name} is of version {version}, so this host goes on alone"
            ),
            Damaged::Content => {
                log::warn!("siege: the store's record of {name} was damaged, and is made anew");
            }
        }
    }
    done.changes
}

/// What the store has, where it answers.
async fn shared(store: Option<&dyn Store>) -> Option<(&dyn Store, SiegeRecords)> {
    let store = store?;
    Some((store, store.siege_records().await.ok()?))
}

fn by_name(records: Vec<SiegeRecord>) -> StoredRecords {
    let stored = |SiegeRecord {
                      name,
                      version,
                      bytes,
                  }| (name, Stored { version, bytes });
    records.into_iter().map(stored).collect()
}

fn outcome(written: &Result<Option<u64>, Unavailable>) -> Written {
    match written {
        Ok(Some(version)) => Written::Version(*version),
        Ok(None) => Written::Raced,
        Err(unavailable) if unavailable.reason() == Reason::Full => Written::Full,
        Err(_) => Written::Failed,
    }
}

#[cfg(test)]
pub(super) mod tests;
