//! How things stand after a round.

use std::collections::{HashMap, HashSet};

use super::{Status, machine::State};
use crate::core::address::Domain;

/// How things stand after a round.
#[derive(Debug, Default)]
pub struct View {
    pub(super) states: HashMap<Domain, State>,
    /// Domains that are not besieged, as an administrator said: that holds whatever all domains are.
    pub(super) off: HashSet<Domain>,
    pub(super) all: State,
    /// Each domain that something came for, and all together (`None`).
    pub statuses: Vec<(Option<Domain>, Status)>,
}

impl View {
    /// How far the siege of this domain is: the state of all domains together counts where it is the more severe.
    pub fn state(&self, domain: &Domain) -> State {
        if self.off.contains(domain) {
            return State::Calm;
        }
        let own = self.states.get(domain).copied().unwrap_or_default();
        own.max(self.all)
    }
}
