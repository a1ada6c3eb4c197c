//! The sieges as the filter knows them: messages tell the sensors what came, a round twice a second makes of that what
//! the next messages are judged by.

mod learning;
mod round;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;

pub(super) use learning::Learning;
#[cfg(test)]
use round::MOST_NEW;
pub use round::{Rounds, siege_name};

use crate::core::{
    address::Domain,
    message::SiegeHit,
    pattern::DomainPattern,
    policy::Policy,
    siege::{State, Status, Tally},
};

/// What was counted since the last round, and what came of the rounds so far.
#[derive(Debug, Default)]
pub struct Sieges {
    tally: Mutex<Tally>,
    view: ArcSwap<View>,
    /// What was learned lately.
    pub(super) learning: Learning,
}

/// How things stand after a round.
#[derive(Debug, Default)]
pub struct View {
    states: HashMap<Domain, State>,
    /// Domains that are not besieged, as an administrator said: that holds whatever all domains are.
    off: HashSet<Domain>,
    /// The state of all domains together, which is the state of each other one that is milder itself.
    all: State,
    /// Each domain that something came for, and all together (`None`).
    pub statuses: Vec<(Option<Domain>, Status)>,
}

impl Sieges {
    /// Counts anew, for these domains.
    pub fn watch(&self, local_domains: &[DomainPattern]) {
        *self.lock() = Tally::new(local_domains);
    }

    /// How far the siege of this domain is.
    pub fn state(&self, domain: &Domain) -> State {
        let view = self.view.load();
        if view.off.contains(domain) {
            return State::Calm;
        }
        let own = view.states.get(domain).copied().unwrap_or_default();
        own.max(view.all)
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
        } in hits
        {
            tally.of(&domain).hit(hit, recipient);
        }
    }

    /// Notes that mail of this domain went out to so many: some of it will come back.
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

#[cfg(test)]
mod tests;
