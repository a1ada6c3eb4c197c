//! What one host counts before it is worth storing. Of most senders a bounce or two come back: these would take the places in
//! the store of those that count.

use std::collections::{BTreeSet, HashMap};

use crate::core::attack::{AttackCount, AttackKind, Fate};

/// How many bounces of one sender within an hour are stored; fewer stay here.
const WORTH: usize = 5;
/// How many networks of one sender's bounces are told apart in an hour. Further ones are counted as one.
const MAX_NETWORKS: usize = 40;
/// How many senders are counted at a time: a megabyte or two.
const MAX_ACCOUNTS: usize = 10_000;
/// Into how many parts a flood is divided: after each it is looked, for other hosts may have counted the rest.
const SHARES: usize = 5;
/// What is counted in place of further networks.
const FURTHER: &str = "others";

/// A bounce that proves to return mail of one of our senders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenBounce {
    /// The sender, without an extension: printable ASCII without blanks.
    pub account: String,
    /// Its domain, as `local.domains` has it.
    pub domain: String,
    /// Where the bounce came from.
    pub network: String,
}

/// The bounces of this hour, by sender.
#[derive(Debug, Default)]
pub struct Gate {
    hour: u64,
    accounts: HashMap<String, Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    /// How many came.
    bounces: usize,
    /// Those that are not stored yet.
    held: Vec<AttackCount>,
    networks: BTreeSet<String>,
}

/// What is to be stored, and whether it is time to look.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// What is to be counted in the store.
    pub counts: Vec<AttackCount>,
    /// Whether this host has counted another fifth of what may be a flood.
    pub is_due: bool,
}

impl Gate {
    /// Counts a bounce, where so many of an hour may be a flood.
    pub fn count(&mut self, hour: u64, bounce: ProvenBounce, floor: u32) -> Passed {
        if self.hour != hour {
            self.hour = hour;
            self.accounts.clear();
        }
        let ProvenBounce {
            account,
            domain,
            network,
        } = bounce;
        if self.accounts.len() >= MAX_ACCOUNTS && !self.accounts.contains_key(&account) {
            // Strangers choose hardly any of them, for each has proven something.
            self.accounts.retain(|_, counted| counted.bounces > 1);
            if self.accounts.len() >= MAX_ACCOUNTS {
                return Passed::default();
            }
        }
        let counted = self.accounts.entry(account.clone()).or_default();
        counted.bounces = counted.bounces.saturating_add(1);
        let is_known = counted.networks.contains(&network);
        let network = match is_known || counted.networks.len() < MAX_NETWORKS {
            true => network,
            false => FURTHER.to_owned(),
        };
        if !is_known {
            counted.networks.insert(network.clone());
        }
        counted.held.push(AttackCount {
            kind: AttackKind::Account,
            domain,
            fate: Fate::Proven,
            text: format!("{account} {network}"),
        });
        if counted.bounces < WORTH {
            return Passed::default();
        }
        let share = usize::try_from(floor)
            .unwrap_or(usize::MAX)
            .div_ceil(SHARES);
        Passed {
            counts: std::mem::take(&mut counted.held),
            is_due: counted.bounces.is_multiple_of(share.max(1)),
        }
    }
}
