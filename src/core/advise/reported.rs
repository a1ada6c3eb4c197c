//! What DMARC reports say of a domain's mail. Anybody can report: what fewer than three reporters say of a host decides
//! nothing, and is asked about by nobody.

use std::{collections::BTreeSet, net::IpAddr};

use super::{
    Finding,
    facts::DomainFacts,
    text::{counted, quoted},
};
use crate::core::{
    address::Domain,
    aggregate::{Senders, Shown},
};

/// How many reporters make it more than one's word.
const ENOUGH_REPORTERS: usize = 3;

/// What the reports of some days say of a domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Over how many days, today included.
    pub days: u64,
    /// How many reporters there are, each independent of the others.
    pub reporters: usize,
    /// The hosts that send with its From:.
    pub sources: Vec<Source>,
}

/// A host, as reporters see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its address.
    pub address: IpAddr,
    /// How many messages came from it.
    pub messages: u64,
    /// How many of them fail DMARC.
    pub failing: u64,
    /// How many had a DKIM signature in line with From:.
    pub signed: u64,
    /// The domains that SPF passed for.
    pub spf: Vec<String>,
    /// Of others, whom SPF or DKIM passed for where the messages fail: somebody answers for these.
    pub vouched: Option<String>,
    /// How many reporters name it.
    pub reporters: usize,
}

impl Reported {
    /// What the reports of these days say of this domain.
    pub fn of(senders: &Senders, domain: &Domain, days: u64) -> Self {
        let mut reporters: BTreeSet<&str> = BTreeSet::new();
        let mut sources = Vec::new();
        let all = senders.all();
        for (_, address, sender) in all.iter().filter(|(of, ..)| *of == domain) {
            reporters.extend(sender.reporters());
            let theirs = sender.of(Shown::Theirs);
            let passed = sender.spf().into_iter().chain(sender.dkim());
            let mut others = passed.filter(|passed| !passed.is_in_line_with(domain));
            sources.push(Source {
                address: *address,
                messages: sender.messages(),
                failing: theirs.saturating_add(sender.of(Shown::Nothing)),
                signed: sender.dkim_aligned(),
                spf: sender.spf().into_iter().map(ToString::to_string).collect(),
                vouched: others
                    .next()
                    .filter(|_| theirs > 0)
                    .map(ToString::to_string),
                reporters: sender.reporters().len(),
            });
        }
        Self {
            days,
            reporters: reporters.len(),
            sources,
        }
    }

    fn failing(&self) -> u64 {
        let failing = self.sources.iter().map(|source| source.failing);
        failing.fold(0, u64::saturating_add)
    }

    /// Hosts that more than one reporter names.
    fn known(&self) -> impl Iterator<Item = &Source> {
        let sources = self.sources.iter();
        sources.filter(|source| source.reporters >= ENOUGH_REPORTERS)
    }
}

/// Whether the host sends for the domain: it is one of ours, or its owner names it, now or in the published record.
fn is_own(facts: &DomainFacts, address: IpAddr) -> bool {
    let is_host = facts.hosts.iter().any(|host| host.address == address);
    is_host
        || facts.senders.iter().any(|term| term.passes(address))
        || facts
            .spf
            .only()
            .is_some_and(|record| record.passes(address))
}

/// What the reports tell, in one sentence.
pub(super) fn summed(facts: &DomainFacts) -> String {
    let reported = match &facts.reported {
        Ok(reported) => reported,
        Err(why) => {
            let why = quoted(why.to_string().as_bytes());
            return format!("What others receive is not known: {why}");
        }
    };
    let messages = reported.sources.iter().map(|source| source.messages);
    let messages = messages.fold(0, u64::saturating_add);
    format!(
        "In {}, {} told of {} with its From:, of which {} fail DMARC",
        counted(reported.days, "day"),
        counted(reported.reporters as u64, "reporter"),
        counted(messages, "message"),
        reported.failing(),
    )
}

/// Hosts of ours whose mail fails: they come first, before anybody else's.
pub(super) fn findings(facts: &DomainFacts) -> Vec<Finding> {
    let known = facts.reported.iter().flat_map(Reported::known);
    let fails = known.filter(|source| source.failing > 0 && is_own(facts, source.address));
    fails
        .map(|source| {
            Finding::wrong(
                "mail",
                format!(
                    "{} is a sender of yours, and {} say that {} of it fail DMARC: without a signature of d={}, and with another \
                     MAIL FROM",
                    source.address,
                    counted(source.reporters as u64, "reporter"),
                    counted(source.failing, "message"),
                    facts.domain,
                ),
            )
        })
        .collect()
}

/// Hosts that only the owner can name, those of most messages first, and what to do with each.
pub(super) fn questions(facts: &DomainFacts) -> Vec<(u64, String)> {
    let domain = &facts.domain;
    let failing = strange(facts).filter(|source| source.failing > 0);
    failing
        .map(|source| {
            let Source {
                address,
                failing,
                reporters,
                vouched,
                ..
            } = source;
            let messages = counted(*failing, "message");
            let reporters = counted(*reporters as u64, "reporter");
            let whose = match vouched {
                Some(other) => format!("{other} answers for them: a service or a mailing list, or a forger with a domain"),
                None => "nothing vouches for them; forwarding that breaks signatures looks so, too".to_owned(),
            };
            let text = format!(
                "{address} sent {messages} with its From: to others, as {reporters} say; {whose}. Does it send for you? Then let it \
                 sign with d={domain}, and name it with `--sender` if MAIL FROM is yours. If not, do nothing"
            );
            (*failing, text)
        })
        .collect()
}

/// How many messages of hosts that are known well enough fail DMARC, and those that nobody else names.
pub(super) fn failing(facts: &DomainFacts) -> Option<(u64, u64)> {
    let reported = facts.reported.as_ref().ok()?;
    let known = reported.known().map(|source| source.failing);
    let known = known.fold(0, u64::saturating_add);
    Some((known, reported.failing().saturating_sub(known)))
}

/// Hosts that are known well enough, and are none of the domain's.
fn strange(facts: &DomainFacts) -> impl Iterator<Item = &Source> {
    let known = facts.reported.iter().flat_map(Reported::known);
    known.filter(|source| !is_own(facts, source.address))
}

/// What shows that mail is forwarded: a signature of ours from a host that no SPF passes for. Our message, with our MAIL FROM,
/// is on its way from elsewhere.
pub(super) fn forwarded(facts: &DomainFacts) -> Option<String> {
    let forwarded = strange(facts).filter(|source| source.spf.is_empty());
    let messages = forwarded.map(|source| source.signed);
    let messages = messages.fold(0, u64::saturating_add);
    (messages > 0).then(|| {
        let messages = counted(messages, "message");
        format!(
            "{messages} of it came to reporters with your signature from hosts that your SPF does not name, as forwarded mail does"
        )
    })
}

/// How many messages came from hosts that somebody else answers for.
pub(super) fn of_others(facts: &DomainFacts) -> u64 {
    let others = strange(facts).filter(|source| source.vouched.is_some());
    let messages = others.map(|source| source.failing);
    messages.fold(0, u64::saturating_add)
}
