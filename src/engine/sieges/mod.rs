//! The sieges as the engine knows them: messages say what came, a round twice a second makes of that what the next messages
//! are judged by. What a round decides is decided in [`core::siege`](crate::core::siege).

mod learning;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;

pub(super) use learning::Learning;

use crate::{
    core::{
        address::Domain,
        message::SiegeHit,
        policy::Policy,
        siege::{Change, Damaged, Done, Host, State, Tally, View, Written},
    },
    store::{Reason, SiegeStore, SiegeWrite, Unavailable},
};

/// How many records are read at once, and written.
const AT_ONCE: usize = 500;
const WRITTEN_AT_ONCE: usize = 200;
/// How long a round reads and writes, so that all that is counted meanwhile is not much: the rest comes in the next.
const LONGEST: Duration = Duration::from_secs(1);

/// What was counted since the last round, and what came of the rounds so far.
#[derive(Debug, Default)]
pub struct Sieges {
    tally: Mutex<Tally>,
    view: ArcSwap<View>,
    /// What was learned lately.
    pub(super) learning: Learning,
}

impl Sieges {
    /// How far the siege of this domain is.
    pub fn state(&self, domain: &Domain) -> State {
        self.view.load().state(domain)
    }

    /// How things stood after the last round.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Notes signs of a flood.
    pub fn sense(&self, policy: &Policy, hits: Vec<SiegeHit>) {
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
            let is_named = policy.local.domains.names(&domain);
            tally.of(&domain, is_named).hit(hit, recipient, network);
        }
    }

    /// Notes that mail of this domain went out to this many recipients: some of it will come back.
    pub(super) fn sent(&self, policy: &Policy, domain: &Domain, recipients: usize) {
        if policy.siege.watch {
            let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
            let is_named = policy.local.domains.names(domain);
            self.lock().of(domain, is_named).sent(recipients);
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
        store: Option<&dyn SiegeStore>,
        now: u64,
    ) -> Vec<Change> {
        let (settings, local_domains) = (&policy.siege, &policy.local.domains);
        if !settings.watch || local_domains.is_empty() {
            self.host.clear();
            *self.sieges.lock() = Tally::default();
            self.sieges.view.store(Arc::default());
            return Vec::new();
        }
        let is_shared = |domain: &Domain| self.host.is_shared(settings, domain);
        let taken = self.sieges.lock().take(is_shared);
        let expected_now = self.host.now(now);
        self.host.count(taken, local_domains, expected_now);
        let begin = Instant::now();
        let read = match store {
            Some(store) => self.read(policy, store, begin).await.ok(),
            None => None,
        };
        let (now, changes) = match store.zip(read) {
            Some((store, store_now)) => {
                let clocks = (store_now, now);
                (store_now, self.write(policy, store, clocks, begin).await)
            }
            None => (expected_now, self.host.round_alone(settings, expected_now)),
        };
        let view = self.host.view(settings, now);
        self.sieges.view.store(Arc::new(view));
        changes
    }

    /// Reads what was written since, and gives the store's time, in seconds since 1970.
    async fn read(
        &mut self,
        policy: &Policy,
        store: &dyn SiegeStore,
        begin: Instant,
    ) -> Result<u64, Unavailable> {
        loop {
            let answer = store.siege_changes(self.host.question(), AT_ONCE).await?;
            let (now, goes_on) = (answer.now, answer.has_more || answer.is_behind);
            let (domains, settings) = (&policy.local.domains, &policy.siege);
            log_unreadable(self.host.take_in(answer, domains, settings));
            if !goes_on || begin.elapsed() >= LONGEST {
                return Ok(now);
            }
        }
    }

    /// Steps what is awake, and writes what came of it.
    async fn write(
        &mut self,
        policy: &Policy,
        store: &dyn SiegeStore,
        clocks: (u64, u64),
        begin: Instant,
    ) -> Vec<Change> {
        let (domains, settings) = (&policy.local.domains, &policy.siege);
        let mut round = self.host.round(settings, domains, clocks);
        loop {
            let writes = round.next_writes(WRITTEN_AT_ONCE);
            if writes.is_empty() {
                break;
            }
            let records = writes.iter().map(SiegeWrite::of).collect();
            let written = store.write_siege_records(records).await;
            for (number, write) in writes.into_iter().enumerate() {
                round.wrote(write, outcome(&written, number));
            }
            if begin.elapsed() >= 2 * LONGEST {
                break;
            }
        }
        let Done {
            changes,
            unreadable,
            idle,
        } = round.end();
        log_unreadable(unreadable);
        // Makes room for other domains.
        let mut tally = self.sieges.lock();
        idle.iter().for_each(|domain| tally.forget(domain));
        changes
    }

    /// Sees how things stand, and writes nothing: for a command that only shows it. A store that does not answer has no
    /// sieges.
    pub async fn look(&mut self, policy: &Policy, store: &dyn SiegeStore) {
        let (domains, settings) = (&policy.local.domains, &policy.siege);
        while let Ok(answer) = store.siege_changes(self.host.question(), AT_ONCE).await {
            let (now, has_more) = (answer.now, answer.has_more);
            self.host.look(answer, domains, settings);
            if !has_more {
                let view = self.host.view(settings, now);
                self.sieges.view.store(Arc::new(view));
                break;
            }
        }
    }
}

fn log_unreadable(unreadable: Vec<(String, Damaged)>) {
    for (name, why) in unreadable {
        match why {
            Damaged::Version(version) => log::warn!(
                "siege: the store's record of {name} is of version {version}, so this host goes on alone"
            ),
            Damaged::Content => {
                log::warn!("siege: the store's record of {name} was damaged, and is made anew");
            }
        }
    }
}

/// What became of one of several writes.
fn outcome(written: &Result<Vec<Written>, Unavailable>, number: usize) -> Written {
    match written {
        Ok(written) => written.get(number).copied().unwrap_or(Written::Failed),
        Err(unavailable) if unavailable.reason() == Reason::Full => Written::Full,
        Err(_) => Written::Failed,
    }
}

#[cfg(test)]
pub(super) mod tests;
