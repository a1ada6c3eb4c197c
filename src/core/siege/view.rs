//! How things stand after a round.

use std::collections::{HashMap, HashSet};

use super::{Status, machine::State};
use crate::core::address::Domain;

/// How things stand after a round.
#[derive(Debug, Default)]
pub struct View {
    /// Domains that are not calm.
    pub(super) states: HashMap<Domain, State>,
    /// Domains that are not besieged, as an administrator said: that holds whatever all domains are.
    pub(super) off: HashSet<Domain>,
    pub(super) all: State,
    /// Whether all domains are besieged as an administrator said.
    pub(super) all_by_hand: bool,
    /// While all domains are besieged together, those that get more than is usual for them.
    pub(super) above: HashSet<Domain>,
    /// How many domains are in each state, mildest first: those of which something is known.
    pub(super) counts: [usize; State::ALL.len()],
    /// All domains together (`None`), and each domain that something came for; if there are many, only those that are not
    /// calm, and a hundred of them at most.
    pub statuses: Vec<(Option<Domain>, Status)>,
}

impl View {
    /// How far the siege of this domain is. That of all domains together, which is for a flood that is spread thin, is a
    /// domain's too if it gets more than is usual for it: the others are left in peace.
    pub fn state(&self, domain: &Domain) -> State {
        if self.off.contains(domain) {
            return State::Calm;
        }
        let own = self.states.get(domain).copied().unwrap_or_default();
        match self.all_by_hand || self.above.contains(domain) {
            true => own.max(self.all),
            false => own,
        }
    }

    /// The domains that are besieged, each by itself, and all together (`None`) where that is.
    pub fn besieged_domains(&self) -> impl Iterator<Item = Option<&Domain>> {
        let all = self.all.is_besieged().then_some(None);
        let each = self.states.iter().filter(|(_, state)| state.is_besieged());
        all.into_iter().chain(each.map(|(domain, _)| Some(domain)))
    }

    /// How far that of all domains together is.
    pub fn all(&self) -> State {
        self.all
    }

    /// How many domains are in a state, each by itself.
    pub fn count(&self, state: State) -> usize {
        self.counts.get(state as usize).copied().unwrap_or_default()
    }

    /// How many domains are besieged, each by itself.
    pub fn besieged(&self) -> usize {
        self.count_of(State::is_besieged)
    }

    /// How many domains are not calm.
    pub fn unusual(&self) -> usize {
        self.count_of(|state| state != State::Calm)
    }

    fn count_of(&self, is_meant: impl Fn(State) -> bool) -> usize {
        let meant = State::ALL.into_iter().filter(|state| is_meant(*state));
        meant.map(|state| self.count(state)).sum()
    }
}
