//! What the sensors of one host counted since they were last asked.

use std::collections::{HashMap, HashSet};

use super::networks::{FirstRecipients, Networks};
use crate::core::address::Domain;

/// How many domains are counted one by one beside those that `local.domains` names: below `.example.org` a stranger may
/// invent as many as he likes.
pub const MAX_DOMAINS: usize = 1000;

/// What speaks for a flood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// A bounce that proves nothing.
    Unproven,
    /// A bounce whose proof is wrong.
    Forged,
    /// A recipient of the null sender that was refused, by us or by the MTA, before it could prove anything.
    Refused,
}

/// Counts since the last hand-over, of one domain or of all. A bounce is one hit, whatever it failed at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deltas {
    /// Bounces that prove nothing.
    pub unproven: u32,
    /// Bounces whose proof is wrong.
    pub forged: u32,
    /// Refused recipients of the null sender.
    pub refused: u32,
    /// Recipients of outgoing mail whose sender is in the domain: some of it bounces without a proof.
    pub outgoing: u32,
    /// Who was hit.
    pub recipients: FirstRecipients,
    /// From where.
    pub networks: Networks,
    /// Whether it came while a flood was on that the domain's own record need not know of: it is not to be learned.
    pub unusual: bool,
}

impl Deltas {
    /// Counts a hit on a recipient. `recipient` is a hash of its address without the extension, and in the domain's
    /// place of the rule in `recipients` where one made it up: what bounces of a mailing with a sender for each
    /// subscriber come to is one recipient, not thousands. `network` is a hash of the client's network.
    pub fn hit(&mut self, hit: Hit, recipient: u64, network: u64) {
        let count = match hit {
            Hit::Unproven => &mut self.unproven,
            Hit::Forged => &mut self.forged,
            Hit::Refused => &mut self.refused,
        };
        *count = count.saturating_add(1);
        self.recipients.note(network, recipient);
        self.networks.add(network);
    }

    /// Counts recipients of an outgoing message.
    pub fn sent(&mut self, recipients: u32) {
        self.outgoing = self.outgoing.saturating_add(recipients);
    }

    /// How many hits there were.
    pub fn hits(&self) -> u32 {
        self.unproven
            .saturating_add(self.forged)
            .saturating_add(self.refused)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.hits() == 0 && self.outgoing == 0
    }

    /// Adds what another host, or an earlier time, counted.
    pub fn add(&mut self, other: &Self) {
        self.unproven = self.unproven.saturating_add(other.unproven);
        self.forged = self.forged.saturating_add(other.forged);
        self.refused = self.refused.saturating_add(other.refused);
        self.outgoing = self.outgoing.saturating_add(other.outgoing);
        self.recipients.join(&other.recipients);
        self.networks.join(&other.networks, u16::saturating_add);
        self.unusual |= other.unusual;
    }
}

/// What one host counts, domain by domain.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Those that `local.domains` does not name, and have not been forgotten.
    others_seen: HashSet<Domain>,
    domains: HashMap<Domain, Deltas>,
    /// What found no place in `domains`.
    others: Deltas,
}

/// What a [`Tally`] hands over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Of all domains together, without the hits that are one domain's own business: a flood on one alone is that
    /// domain's siege.
    pub all: Deltas,
    /// Of each domain for which something was counted.
    pub domains: Vec<(Domain, Deltas)>,
}

impl Tally {
    /// Where hits and mail of this domain, which is one of ours, are counted. `is_named`: whether `local.domains` names the
    /// domain itself, so that no stranger invented it.
    pub fn of(&mut self, domain: &Domain, is_named: bool) -> &mut Deltas {
        if !is_named && !self.others_seen.contains(domain) {
            if self.others_seen.len() >= MAX_DOMAINS {
                return &mut self.others;
            }
            self.others_seen.insert(domain.clone());
        }
        self.domains.entry(domain.clone()).or_default()
    }

    /// Makes room for another domain: the record of this one is [idle](super::Record::is_idle), and was dropped.
    pub fn forget(&mut self, domain: &Domain) {
        self.others_seen.remove(domain);
    }

    /// Hands over what was counted, and starts again from zero. `is_shared`: whether what comes to the domain
    /// [is shared](super::Record::is_shared) by all. What a domain sent always is: its bounces may be, later.
    pub fn take(&mut self, is_shared: impl Fn(&Domain) -> bool) -> Taken {
        let mut all = std::mem::take(&mut self.others);
        let mut domains: Vec<_> = self.domains.drain().collect();
        domains.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        for (domain, deltas) in &domains {
            if is_shared(domain) {
                all.add(deltas);
            } else {
                all.sent(deltas.outgoing);
            }
        }
        Taken { all, domains }
    }
}
