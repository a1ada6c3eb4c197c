//! What the counts of some days say together: whether bounces that prove nothing could be refused by now.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use super::{CoverageCount, CoverageRow, SrsSeen};
use crate::core::{
    address::{Domain, Mailbox},
    local::Local,
    proof::{ProofKind, ProofSettings},
};

/// The share of outgoing mail, in thousandths, that must be able to prove its bounces before those that prove nothing
/// are refused: one message of two hundred can lack it, which is less than what gets lost for other reasons.
const ENOUGH: u64 = 995;

/// Why the ledger lacks what the store had no room for.
pub(super) const LOST: &str = "lost";

/// The counts of some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoverageSummary {
    /// Outgoing mail, by the domain of its sender; `-` for senders of other domains, whose bounces don't come here.
    pub domains: BTreeMap<String, OutgoingCoverage>,
    /// Bounces, by what proved them, or `weak`, `unproven`, `forged`.
    pub bounces: BTreeMap<String, u64>,
    /// Bounces without proof, by their recipient: an address that has sent mail through us.
    pub would_refuse: BTreeMap<String, u64>,
    /// SRS addresses in domains that `null_sender.srs` doesn't list: by domain, how often one was seen in outgoing mail,
    /// and how often in a bounce.
    pub srs: BTreeMap<String, (u64, u64)>,
    /// DKIM signatures of ours on outgoing mail, by domain and selector.
    pub signed: BTreeMap<(String, String), u64>,
    /// Posts of ours that came back from mailing lists, by our domain and the list's.
    pub posts: BTreeMap<(String, String), u64>,
    /// The first day on which outgoing mail was counted, since 1970-01-01.
    pub first_day: Option<u64>,
}

/// The outgoing mail of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingCoverage {
    /// Messages in all.
    pub messages: u64,
    /// Those of them whose bounces can prove themselves by one kind of proof at least.
    pub provable: u64,
    /// Those that can by this kind.
    pub by: BTreeMap<ProofKind, u64>,
    /// Why others can't, by kind and reason.
    pub without: BTreeMap<(ProofKind, String), u64>,
}

impl OutgoingCoverage {
    /// The share of messages that this many are, in thousandths, rounded down: it never looks better than it is.
    pub fn share(&self, of: u64) -> u64 {
        match self.messages {
            0 => 0,
            all => of.saturating_mul(1000) / all,
        }
    }
}

/// Why bounces that prove nothing should not be refused yet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// Nothing was counted.
    #[error("no outgoing mail of your domains has been counted")]
    NoMail,
    /// The same for one domain.
    #[error("no outgoing mail of {0} has been counted")]
    NoMailOf(String),
    /// Mail that left before counting began can still bounce.
    #[error(
        "outgoing mail was counted for only {days} days, and earlier mail can bounce for {lifetime} days"
    )]
    TooShort {
        /// For how many days it is.
        days: u64,
        /// How long mail can bounce, in days.
        lifetime: u64,
    },
    /// A domain whose bounces often can't prove themselves.
    #[error("only {}.{} % of the mail from {domain} can prove its bounces", .share / 10, .share % 10)]
    Unprovable {
        /// The domain.
        domain: String,
        /// The share that can, in thousandths.
        share: u64,
    },
    /// Bounces of which nobody knows whether they could have been genuine.
    #[error(
        "{0} bounces were unproven; use proof.ledger to see whether their recipients send mail"
    )]
    NotRemembered(u64),
    /// Bounces that could have been genuine.
    #[error(
        "{bounces} bounces to {recipients} addresses that send mail were unproven; check whether they were genuine"
    )]
    WouldRefuse {
        /// How many.
        bounces: u64,
        /// To how many addresses.
        recipients: usize,
    },
}

impl CoverageSummary {
    /// What these rows say.
    pub fn of(rows: impl IntoIterator<Item = CoverageRow>) -> Self {
        let mut summary = Self::default();
        summary.add(rows);
        summary
    }

    /// Adds what these rows say.
    pub fn add(&mut self, rows: impl IntoIterator<Item = CoverageRow>) {
        for CoverageRow { day, count, times } in rows {
            match count {
                CoverageCount::Outgoing { domain, outcome } => {
                    let first = self.first_day.map_or(day, |first| first.min(day));
                    self.first_day = Some(first);
                    let domain = self.domains.entry(domain).or_default();
                    domain.add(&outcome, times);
                }
                CoverageCount::Signed { domain, selector } => {
                    add(&mut self.signed, (domain, selector), times);
                }
                CoverageCount::Post { domain, list } => {
                    add(&mut self.posts, (domain, list), times);
                }
                CoverageCount::Bounce { outcome } => add(&mut self.bounces, outcome, times),
                CoverageCount::WouldRefuse { recipient } => {
                    add(&mut self.would_refuse, recipient, times);
                }
                CoverageCount::Srs { domain, seen } => {
                    let (sent, bounced) = self.srs.entry(domain).or_default();
                    let count = match seen {
                        SrsSeen::Sent => sent,
                        SrsSeen::Bounced => bounced,
                    };
                    *count = count.saturating_add(times);
                }
            }
        }
    }

    /// What concerns each of `local.domains`, and nothing of any other. What proved the bounces that came is not counted by
    /// domain, and is left out.
    pub fn by_domain(self, local: &Local) -> HashMap<String, Self> {
        let first_day = self.first_day;
        let mut all: HashMap<String, Self> = HashMap::new();
        let mut of = |domain: String, add: &mut dyn FnMut(&mut Self)| {
            let summary = all.entry(domain).or_insert_with(|| Self {
                first_day,
                ..Self::default()
            });
            add(summary);
        };
        for (domain, outgoing) in self.domains {
            of(domain.clone(), &mut |summary| {
                summary.domains.insert(domain.clone(), outgoing.clone());
            });
        }
        for (address, times) in self.would_refuse {
            let mailbox = Mailbox::from_bytes(address.as_bytes());
            if let Some(ours) = mailbox.domain().and_then(|domain| local.ours(domain)) {
                of(ours.to_string(), &mut |summary| {
                    summary.would_refuse.insert(address.clone(), times);
                });
            }
        }
        all
    }

    /// How many outgoing messages the store had no room or no time for.
    pub fn lost_by_ledger(&self) -> u64 {
        let lost = (ProofKind::Ledger, LOST.to_owned());
        let lost = self
            .domains
            .values()
            .filter_map(|domain| domain.without.get(&lost));
        lost.fold(0, |sum, times| sum.saturating_add(*times))
    }

    /// Whether the ledger remembers the mail of this domain: all that was counted, and since this day or before.
    pub fn is_remembered(&self, domain: &str, since: u64) -> bool {
        let early = self.first_day.is_some_and(|first| first <= since);
        let Some(outgoing) = self.domains.get(domain) else {
            return false;
        };
        let known = outgoing
            .by
            .get(&ProofKind::Ledger)
            .copied()
            .unwrap_or_default();
        let lost = (ProofKind::Ledger, LOST.to_owned());
        early && outgoing.share(known) >= ENOUGH && !outgoing.without.contains_key(&lost)
    }

    /// The mail of our own domains together.
    pub fn ours(&self) -> OutgoingCoverage {
        let mut all = OutgoingCoverage::default();
        for outgoing in self.our_domains().map(|(_, outgoing)| outgoing) {
            all.messages += outgoing.messages;
            all.provable += outgoing.provable;
            for (kind, times) in &outgoing.by {
                add(&mut all.by, *kind, *times);
            }
            for (why, times) in &outgoing.without {
                add(&mut all.without, why.clone(), *times);
            }
        }
        all
    }

    /// How many bounces there were.
    pub fn all_bounces(&self) -> u64 {
        self.bounces.values().sum()
    }

    /// What speaks against refusing bounces that prove nothing; empty where nothing does. `today` is in days since
    /// 1970-01-01.
    pub fn doubts(&self, today: u64, proof: &ProofSettings) -> Vec<Doubt> {
        let lifetime = proof.lifetime_days();
        let mut doubts = Vec::new();
        let counted = self
            .our_domains()
            .any(|(_, outgoing)| outgoing.messages > 0);
        match self.first_day.filter(|_| counted) {
            None => doubts.push(Doubt::NoMail),
            Some(first) => {
                let days = today.saturating_sub(first);
                if days < lifetime {
                    doubts.push(Doubt::TooShort { days, lifetime });
                }
            }
        }
        for (domain, outgoing) in self
            .our_domains()
            .filter(|(_, outgoing)| outgoing.messages > 0)
        {
            let share = outgoing.share(outgoing.provable);
            if share < ENOUGH {
                let domain = domain.to_owned();
                doubts.push(Doubt::Unprovable { domain, share });
            }
        }
        let unproven = self.bounces.get(CoverageCount::UNPROVEN).copied();
        if let Some(unproven) = unproven.filter(|_| !proof.ledger.remember) {
            doubts.push(Doubt::NotRemembered(unproven));
        }
        if !self.would_refuse.is_empty() {
            doubts.push(Doubt::WouldRefuse {
                bounces: self.would_refuse.values().sum(),
                recipients: self.would_refuse.len(),
            });
        }
        doubts
    }

    /// What speaks against refusing bounces to one domain that prove nothing, by its own outgoing mail; none where nothing
    /// does.
    pub fn doubt_of(&self, domain: &Domain, today: u64, proof: &ProofSettings) -> Option<Doubt> {
        let outgoing = self.domains.get(domain.as_str());
        let (Some(outgoing), Some(first)) =
            (outgoing.filter(|sent| sent.messages > 0), self.first_day)
        else {
            return Some(Doubt::NoMailOf(domain.to_string()));
        };
        let (days, lifetime) = (today.saturating_sub(first), proof.lifetime_days());
        if days < lifetime {
            return Some(Doubt::TooShort { days, lifetime });
        }
        let share = outgoing.share(outgoing.provable);
        (share < ENOUGH).then(|| Doubt::Unprovable {
            domain: domain.to_string(),
            share,
        })
    }

    fn our_domains(&self) -> impl Iterator<Item = (&str, &OutgoingCoverage)> {
        let all = self
            .domains
            .iter()
            .map(|(domain, outgoing)| (domain.as_str(), outgoing));
        all.filter(|(domain, _)| *domain != CoverageCount::NOT_OURS)
    }
}

impl fmt::Display for CoverageSummary {
    /// One line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = self.ours();
        let share = ours.share(ours.provable);
        write!(f, "{} messages sent", ours.messages)?;
        if ours.messages > 0 {
            write!(
                f,
                ", {}.{} % of them can prove their bounces",
                share / 10,
                share % 10
            )?;
        }
        write!(f, "; {} notifications came", self.all_bounces())?;
        for (index, (outcome, times)) in self.bounces.iter().enumerate() {
            let before = if index == 0 { ": " } else { ", " };
            write!(f, "{before}{outcome} {times}")?;
        }
        let refused: u64 = self.would_refuse.values().sum();
        if refused > 0 {
            write!(
                f,
                "; {refused} unproven bounces to {} addresses that send mail",
                self.would_refuse.len()
            )?;
        }
        Ok(())
    }
}

impl OutgoingCoverage {
    fn add(&mut self, outcome: &str, times: u64) {
        match outcome {
            CoverageCount::MESSAGE => self.messages += times,
            CoverageCount::PROVABLE => self.provable += times,
            _ => match outcome.split_once(':') {
                None => {
                    if let Some(kind) = ProofKind::named(outcome) {
                        add(&mut self.by, kind, times);
                    }
                }
                Some((kind, why)) => {
                    if let Some(kind) = ProofKind::named(kind) {
                        add(&mut self.without, (kind, why.to_owned()), times);
                    }
                }
            },
        }
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, times: u64) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(times);
}

#[cfg(test)]
mod tests;
