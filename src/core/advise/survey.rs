//! An SPF record taken apart, with all that it leads to: not for one client, as a check walks it, but for all of them. The
//! layer `spf` fills it in.

use std::net::IpAddr;

use ipnet::IpNet;

use super::facts::Answer;
use crate::core::{address::Domain, outside::Unanswered, spf::SpfResult};

/// What a domain publishes for SPF.
#[derive(Clone, Debug)]
pub struct SpfSurvey {
    /// Its SPF records; one is right.
    pub records: Answer<Vec<SpfRecord>>,
    /// TXT records that begin nearly as an SPF record does, and are none.
    pub near_misses: Vec<Vec<u8>>,
}

/// A record, its terms in order.
#[derive(Clone, Debug, Default)]
pub struct SpfRecord {
    /// Who publishes it.
    pub name: String,
    /// As it is published.
    pub text: Vec<u8>,
    /// Its terms.
    pub terms: Vec<SpfTerm>,
}

/// A term.
#[derive(Clone, Debug)]
pub struct SpfTerm {
    /// As the record writes it: visible ASCII, unless it is [`TermKind::Wrong`].
    pub text: Vec<u8>,
    /// What it says.
    pub kind: TermKind,
}

/// What a term says. A `result` is that of clients that match.
#[derive(Clone, Debug)]
pub enum TermKind {
    /// Not in the grammar, with the reason: all of the record is an error then (RFC 7208 section 4.6).
    Wrong(String),
    /// `all`.
    All(SpfResult),
    /// `ip4`, `ip6`.
    Network(IpNet, SpfResult),
    /// `a`, `mx`.
    Hosts {
        /// Of which name.
        name: String,
        /// Their networks, of both families.
        networks: Answer<Vec<IpNet>>,
        /// The result.
        result: SpfResult,
    },
    /// `include`, `redirect`.
    Leads {
        /// Whether it is `redirect`.
        redirect: bool,
        /// Where to.
        target: String,
        /// What is there.
        found: Led,
        /// The result.
        result: SpfResult,
    },
    /// `ptr`.
    Ptr,
    /// `exists`, and whatever has macros: that depends on the client.
    ByClient,
    /// `exp`, and modifiers that nobody knows.
    Modifier,
}

/// What an `include` or a `redirect` leads to.
#[derive(Clone, Debug)]
pub enum Led {
    /// One record.
    Record(SpfRecord),
    /// None: an error for all clients that come so far (RFC 7208 sections 5.2 and 6.1).
    NoRecord,
    /// Several: likewise an error.
    Several,
    /// DNS did not answer.
    Unanswered(Unanswered),
    /// It was not followed: there are too many, or it leads back to itself.
    NotFollowed,
}

/// How a tree of records is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It is an error for everybody who comes so far, and why.
    Error(String),
    /// It is not known whether it is.
    Unanswered(String),
}

impl SpfTerm {
    /// How many terms that query DNS it has in it (RFC 7208 section 4.6.4).
    pub fn dns_terms(&self) -> usize {
        match &self.kind {
            TermKind::Leads {
                found: Led::Record(record),
                ..
            } => 1 + record.dns_terms(),
            TermKind::Hosts { .. }
            | TermKind::Leads { .. }
            | TermKind::Ptr
            | TermKind::ByClient => 1,
            TermKind::Wrong(_) | TermKind::All(_) | TermKind::Network(..) | TermKind::Modifier => 0,
        }
    }

    /// How many of the queries for a client of this family find nothing, if all are made.
    pub fn voids(&self, is_ip4: bool) -> usize {
        match &self.kind {
            TermKind::Hosts {
                networks: Ok(networks),
                ..
            } => {
                let mut families = networks.iter().map(|network| network.addr().is_ipv4());
                usize::from(!families.any(|is_other| is_other == is_ip4))
            }
            TermKind::Leads { found, .. } => match found {
                Led::Record(record) => record.voids(is_ip4),
                Led::NoRecord => 1,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// What is wrong with what it leads to; none where it can do its work.
    pub fn broken(&self) -> Option<Broken> {
        match &self.kind {
            TermKind::Wrong(why) => Some(Broken::Error(why.clone())),
            TermKind::Leads { target, found, .. } => match found {
                Led::NoRecord => Some(Broken::Error(format!("{target} publishes no SPF record"))),
                Led::Several => Some(Broken::Error(format!(
                    "{target} publishes more than one SPF record"
                ))),
                Led::Unanswered(unanswered) => Some(Broken::Unanswered(unanswered.why.clone())),
                Led::NotFollowed => Some(Broken::Error(format!(
                    "{target} leads on and on, or back to itself"
                ))),
                Led::Record(record) => record.broken(),
            },
            TermKind::Hosts {
                networks: Err(unanswered),
                ..
            } => Some(Broken::Unanswered(unanswered.why.clone())),
            _ => None,
        }
    }

    /// Whether a client that it matches passes, for certain: what it says of macros is not known.
    pub fn passes(&self, client: IpAddr) -> bool {
        let holds = |network: &IpNet| network.contains(&client);
        match &self.kind {
            TermKind::All(SpfResult::Pass) => true,
            TermKind::Network(network, SpfResult::Pass) => holds(network),
            TermKind::Hosts {
                networks: Ok(networks),
                result: SpfResult::Pass,
                ..
            } => networks.iter().any(holds),
            TermKind::Leads {
                found: Led::Record(record),
                result: SpfResult::Pass,
                ..
            } => record.passes(client),
            _ => false,
        }
    }

    /// An address of each network that passes by it, the first of a few networks.
    pub fn examples(&self, most: usize) -> Vec<IpAddr> {
        let mut found = Vec::new();
        self.collect(most, &mut found);
        found
    }

    fn collect(&self, most: usize, found: &mut Vec<IpAddr>) {
        let networks: &[IpNet] = match &self.kind {
            TermKind::Network(network, SpfResult::Pass) => std::slice::from_ref(network),
            TermKind::Hosts {
                networks: Ok(networks),
                result: SpfResult::Pass,
                ..
            } => networks,
            TermKind::Leads {
                found: Led::Record(record),
                result: SpfResult::Pass,
                ..
            } => {
                for term in record.reached() {
                    term.collect(most, found);
                }
                return;
            }
            _ => return,
        };
        for network in networks {
            for address in [network.network(), network.broadcast()] {
                if found.len() < most && !found.contains(&address) {
                    found.push(address);
                }
            }
        }
    }
}

impl SpfRecord {
    /// The terms up to `all`, which is the last that is read; `redirect` counts only where there is none (RFC 7208
    /// sections 5.1 and 6.1).
    pub fn reached(&self) -> impl Iterator<Item = &SpfTerm> {
        let all = self.all_at();
        self.terms.iter().enumerate().filter_map(move |(at, term)| {
            let is_redirect = matches!(term.kind, TermKind::Leads { redirect: true, .. });
            let read = all.is_none_or(|all| at <= all && !is_redirect);
            read.then_some(term)
        })
    }

    /// The place of `all`.
    pub fn all_at(&self) -> Option<usize> {
        let is_all = |term: &SpfTerm| matches!(term.kind, TermKind::All(_));
        self.terms.iter().position(is_all)
    }

    /// What it says of clients that nothing else matches (RFC 7208 section 4.7).
    pub fn rest(&self) -> SpfResult {
        let last = self.reached().find_map(|term| match &term.kind {
            TermKind::All(result) => Some(*result),
            TermKind::Leads {
                redirect: true,
                found: Led::Record(record),
                ..
            } => Some(record.rest()),
            _ => None,
        });
        last.unwrap_or(SpfResult::Neutral)
    }

    /// How many terms query DNS, if all are read.
    pub fn dns_terms(&self) -> usize {
        self.reached().map(SpfTerm::dns_terms).sum()
    }

    /// How many of their queries find nothing, for a client of this family.
    pub fn voids(&self, is_ip4: bool) -> usize {
        self.reached().map(|term| term.voids(is_ip4)).sum()
    }

    /// What is wrong with it first. Its grammar counts as a whole.
    pub fn broken(&self) -> Option<Broken> {
        let wrong = self
            .terms
            .iter()
            .filter(|term| matches!(term.kind, TermKind::Wrong(_)));
        let wrong = wrong.map(|term| (term, term.broken())).next();
        if let Some((term, Some(Broken::Error(why)))) = wrong {
            let text = super::text::quoted(&term.text);
            return Some(Broken::Error(format!("{}: `{text}`: {why}", self.name)));
        }
        let mut unanswered = None;
        for term in self.reached() {
            match term.broken() {
                error @ Some(Broken::Error(_)) => return error,
                other => unanswered = unanswered.or(other),
            }
        }
        unanswered
    }

    /// Whether this client passes for certain.
    pub fn passes(&self, client: IpAddr) -> bool {
        self.reached().any(|term| term.passes(client))
    }

    /// Whether it lets everybody pass: by itself, or by what it leads to.
    pub fn passes_everybody(&self) -> bool {
        self.reached().any(|term| match &term.kind {
            TermKind::All(result) => *result == SpfResult::Pass,
            TermKind::Network(network, SpfResult::Pass) => network.prefix_len() == 0,
            TermKind::Leads {
                found: Led::Record(record),
                result: SpfResult::Pass,
                ..
            } => record.passes_everybody(),
            _ => false,
        })
    }
}

impl SpfSurvey {
    /// The only record.
    pub fn only(&self) -> Option<&SpfRecord> {
        match self.records.as_deref() {
            Ok([record]) => Some(record),
            _ => None,
        }
    }

    /// The names that the `include` terms of the record lead to.
    pub fn includes(&self) -> impl Iterator<Item = &str> {
        let records = self.records.iter().flatten();
        let terms = records.flat_map(|record| &record.terms);
        terms.filter_map(|term| match &term.kind {
            TermKind::Leads { target, .. } => Some(target.as_str()),
            _ => None,
        })
    }

    /// Whether the record names this service.
    pub fn includes_name(&self, name: &Domain) -> bool {
        self.includes()
            .any(|target| target.eq_ignore_ascii_case(name.as_str()))
    }
}
