//! The next SPF record: what the present one names and can stay, our hosts, and senders that the owner names. Nobody else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{
    facts::{DomainFacts, Purpose},
    repair::repaired,
    spf::{MAX_DNS_TERMS, MAX_VOIDS},
    survey::{Broken, Led, SpfRecord, SpfTerm, TermKind},
    text::quoted,
};
use crate::core::{address::Domain, spf::SpfResult};

/// How many addresses are tried for one term.
const MAX_TRIED: usize = 4;
/// Into how many networks an `a` or `mx` of ours is turned where there are too many terms.
const MAX_TURNED: usize = 4;

/// A record, and how it is to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who is to publish it.
    pub domain: Domain,
    /// The record.
    pub text: String,
    /// Clients, and what must come of them.
    pub probes: Vec<Probe>,
}

/// A client that a record is tried with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Why: the term that names it.
    pub why: String,
    /// Its address.
    pub client: IpAddr,
    /// What our engine must say.
    pub expected: SpfResult,
}

/// A record, and what became of the present one.
#[derive(Clone, Debug)]
pub(super) struct Composed {
    pub(super) candidate: Candidate,
    /// What the present one has and this one has not, and why.
    pub(super) left_out: Vec<String>,
    /// Terms that can't be tried.
    pub(super) untried: Vec<String>,
}

/// The next record; or why there is none.
pub(super) fn composed(facts: &DomainFacts, rest: SpfResult) -> Result<Composed, String> {
    let records = facts.spf.records.as_ref().map_err(|unanswered| {
        let why = quoted(unanswered.why.as_bytes());
        format!("the present SPF record could not be read ({why}); another one would take its place unseen")
    })?;
    let mut parts = Parts::default();
    if facts.purpose != Purpose::NeverSends {
        for term in records.iter().flat_map(terms) {
            parts.take(term);
        }
        parts.add_named(facts);
        parts.left_out.extend(facts.spf.near_misses.iter().map(|text| {
            format!("`{}`, which is no record: take it away, and name whom it was to name with `--sender`", quoted(text))
        }));
        if parts.kept.iter().all(|kept| kept.is_modifier) {
            return Err(
                "no sender of this domain is known, and a record that names none would fail all mail; name them with \
                 `--sender`"
                    .to_owned(),
            );
        }
        parts.spare_lookups(&facts.domain)?;
    }
    Ok(parts.record(&facts.domain, rest))
}

/// The record of a name that sends no mail, but may greet with its name where it is a host.
pub(super) fn of_name(name: &Domain, hosts: &[IpAddr], rest: SpfResult) -> Candidate {
    let mut parts = Parts::default();
    if !hosts.is_empty() {
        parts.kept.push(Kept {
            text: "a".to_owned(),
            clients: hosts.to_vec(),
            dns_terms: 1,
            voids: (0, 0),
            hosts: None,
            is_modifier: false,
        });
    }
    parts.record(name, rest).candidate
}

/// What can stay of a record: nothing behind `all`.
fn terms(record: &SpfRecord) -> impl Iterator<Item = &SpfTerm> {
    let all = record.all_at().unwrap_or(record.terms.len());
    record
        .terms
        .iter()
        .enumerate()
        .filter_map(move |(at, term)| {
            let is_redirect = matches!(term.kind, TermKind::Leads { redirect: true, .. });
            let stays = at < all && !(is_redirect && record.all_at().is_some())
                || matches!(term.kind, TermKind::Modifier);
            stays.then_some(term)
        })
}

/// `exp`, which is kept.
fn is_explanation(term: &SpfTerm) -> bool {
    let begins = term.text.get(..4);
    let is_exp = begins.is_some_and(|begin| begin.eq_ignore_ascii_case(b"exp="));
    is_exp && matches!(term.kind, TermKind::Modifier)
}

/// A term as it is written, which is visible ASCII where its grammar is right.
fn written(term: &SpfTerm) -> String {
    String::from_utf8_lossy(&term.text).into_owned()
}

#[derive(Default)]
struct Parts {
    kept: Vec<Kept>,
    left_out: Vec<String>,
    untried: Vec<String>,
}

/// A term of the next record.
struct Kept {
    text: String,
    /// Clients that it lets pass.
    clients: Vec<IpAddr>,
    dns_terms: usize,
    /// How many of its queries find nothing, for a client with IPv4 and with IPv6.
    voids: (usize, usize),
    /// Of `a` and `mx`: the name, and the networks that it stands for.
    hosts: Option<(String, Vec<IpNet>)>,
    is_modifier: bool,
}

impl Parts {
    fn take(&mut self, term: &SpfTerm) {
        let text = quoted(&term.text);
        let mut leave = |why: &str| self.left_out.push(format!("`{text}`: {why}"));
        let mut hosts = None;
        match &term.kind {
            TermKind::Wrong(_) | TermKind::Modifier if !is_explanation(term) => {
                let networks = repaired(&term.text);
                if networks.is_empty() {
                    leave(
                        "it names nobody as it is written; if it was to name a sender, use `--sender`",
                    );
                }
                for network in networks {
                    self.push_network(network);
                }
                return;
            }
            TermKind::Ptr => {
                return leave(
                    "`ptr` must not be used; name the hosts that it meant with `--sender`",
                );
            }
            TermKind::All(_) => return,
            TermKind::Network(network, SpfResult::Pass) if network.prefix_len() == 0 => {
                return leave("it lets everybody pass");
            }
            TermKind::Hosts {
                networks: Ok(networks),
                ..
            } if networks.is_empty() => {
                return leave("it names nobody");
            }
            TermKind::Hosts {
                networks: Ok(networks),
                name,
                ..
            } => {
                hosts = Some((name.clone(), networks.clone()));
            }
            TermKind::Leads {
                found: Led::Record(record),
                ..
            } if record.passes_everybody() => {
                return leave("it lets everybody pass; ask its owner");
            }
            TermKind::Leads { .. } => {
                if let Some(Broken::Error(_)) = term.broken() {
                    return leave(
                        "it is dead; if the service still sends for you, ask it for its present `include`",
                    );
                }
            }
            TermKind::ByClient => {
                let what = format!("`{text}` depends on the client, so it was not tried");
                self.untried.push(what);
            }
            TermKind::Network(..)
            | TermKind::Hosts { .. }
            | TermKind::Modifier
            | TermKind::Wrong(_) => {}
        }
        // An `all` of another record does not count here, but what is named before it does (RFC 7208 section 5.2).
        let text = match &term.kind {
            TermKind::Leads {
                redirect: true,
                target,
                ..
            } => format!("include:{target}"),
            _ => written(term),
        };
        self.push(Kept {
            text,
            clients: term.examples(MAX_TRIED),
            dns_terms: term.dns_terms(),
            voids: (term.voids(true), term.voids(false)),
            hosts,
            is_modifier: matches!(term.kind, TermKind::Modifier),
        });
    }

    fn push(&mut self, kept: Kept) {
        let is_same = |other: &Kept| other.text.eq_ignore_ascii_case(&kept.text);
        if !self.kept.iter().any(is_same) {
            self.kept.push(kept);
        }
    }

    fn push_network(&mut self, network: IpNet) {
        self.push(Kept {
            text: network_term(network),
            clients: vec![network.network(), network.broadcast()],
            dns_terms: 0,
            voids: (0, 0),
            hosts: None,
            is_modifier: false,
        });
    }

    /// Our hosts, and whom the owner names, unless what is there lets them pass already.
    fn add_named(&mut self, facts: &DomainFacts) {
        let survey = &facts.spf;
        let stays = |term: &SpfTerm, kept: &[Kept]| {
            let text = written(term);
            kept.iter().any(|kept| kept.text == text)
        };
        let kept_terms: Vec<&SpfTerm> = survey
            .records
            .iter()
            .flatten()
            .flat_map(|record| &record.terms)
            .filter(|term| stays(term, &self.kept) && !matches!(term.kind, TermKind::All(_)))
            .collect();
        let passes = |client: IpAddr| kept_terms.iter().any(|term| term.passes(client));
        for host in &facts.hosts {
            if !passes(host.address) {
                self.push_network(IpNet::from(host.address));
            }
        }
        for sender in &facts.senders {
            match &sender.kind {
                TermKind::Network(network, _) => {
                    let ends = [network.network(), network.broadcast()];
                    if !ends.into_iter().all(passes) {
                        self.push_network(*network);
                    }
                }
                _ => match sender.broken() {
                    Some(Broken::Error(why)) => {
                        let text = quoted(&sender.text);
                        let why = quoted(why.as_bytes());
                        self.left_out
                            .push(format!("`{text}`, which you named: {why}"));
                    }
                    _ => self.take(sender),
                },
            }
        }
        // Modifiers stand at the end (RFC 7208 section 6.1 recommends it).
        self.kept.sort_by_key(|kept| kept.is_modifier);
    }

    /// Turns hosts of ours into their addresses where there would be too many terms that query DNS, or too many that find
    /// nothing: an `a` finds nothing for a client with IPv6 where the host has none.
    fn spare_lookups(&mut self, domain: &Domain) -> Result<(), String> {
        while self.dns_terms() > MAX_DNS_TERMS || self.voids() > MAX_VOIDS {
            let only_voids = self.dns_terms() <= MAX_DNS_TERMS;
            let ours = |kept: &Kept| {
                kept.hosts.as_ref().is_some_and(|(name, networks)| {
                    let name = name.parse::<Domain>();
                    networks.len() <= MAX_TURNED
                        && (!only_voids || kept.voids != (0, 0))
                        && name.is_ok_and(|name| name.is_at_or_below(domain))
                })
            };
            let Some(at) = self.kept.iter().position(ours) else {
                // What finds nothing may be asked for by nobody; the trial shows it.
                if only_voids {
                    break;
                }
                let terms = self.dns_terms();
                return Err(format!(
                    "what is named takes {terms} terms that query DNS, and {MAX_DNS_TERMS} are allowed: let a service send \
                     with a subdomain that has a record of its own, or leave out one that no longer sends"
                ));
            };
            let turned = self.kept.remove(at);
            let networks = turned.hosts.map(|(_, networks)| networks);
            for network in networks.into_iter().flatten() {
                self.push_network(network);
            }
        }
        self.kept.sort_by_key(|kept| kept.is_modifier);
        Ok(())
    }

    fn voids(&self) -> usize {
        let ip4: usize = self.kept.iter().map(|kept| kept.voids.0).sum();
        let ip6: usize = self.kept.iter().map(|kept| kept.voids.1).sum();
        ip4.max(ip6)
    }

    fn dns_terms(&self) -> usize {
        self.kept.iter().map(|kept| kept.dns_terms).sum()
    }

    fn record(self, domain: &Domain, rest: SpfResult) -> Composed {
        let all = match rest {
            SpfResult::Fail => "-all",
            _ => "~all",
        };
        let (modifiers, mechanisms): (Vec<_>, Vec<_>) =
            self.kept.iter().partition(|kept| kept.is_modifier);
        let named = mechanisms.iter().map(|kept| kept.text.as_str());
        let words = std::iter::once("v=spf1").chain(named).chain([all]);
        let words = words.chain(modifiers.iter().map(|kept| kept.text.as_str()));
        let text = words.collect::<Vec<_>>().join(" ");
        let mut probes: Vec<Probe> = Vec::new();
        for kept in &self.kept {
            for client in &kept.clients {
                if !probes.iter().any(|probe| probe.client == *client) {
                    probes.push(Probe {
                        why: kept.text.clone(),
                        client: *client,
                        expected: SpfResult::Pass,
                    });
                }
            }
        }
        let passes: Vec<IpAddr> = probes.iter().map(|probe| probe.client).collect();
        probes.extend(strangers(&passes).map(|client| Probe {
            why: "a stranger".to_owned(),
            client,
            expected: rest,
        }));
        Composed {
            candidate: Candidate {
                domain: domain.clone(),
                text,
                probes,
            },
            left_out: self.left_out,
            untried: self.untried,
        }
    }
}

/// A client of each family that nobody names: addresses for measuring (RFC 2544) and for nobody (RFC 6666).
fn strangers(named: &[IpAddr]) -> impl Iterator<Item = IpAddr> {
    let strangers = [
        IpAddr::V4(Ipv4Addr::new(198, 18, 0, 1)),
        IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1)),
    ];
    strangers
        .into_iter()
        .filter(|stranger| !named.contains(stranger))
}

/// `ip4:192.0.2.0/24`.
pub(super) fn network_term(network: IpNet) -> String {
    let kind = if network.addr().is_ipv4() {
        "ip4"
    } else {
        "ip6"
    };
    match network.prefix_len() == network.max_prefix_len() {
        true => format!("{kind}:{}", network.addr()),
        false => format!("{kind}:{network}"),
    }
}
