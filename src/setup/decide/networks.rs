//! Which networks of mynetworks become `local.networks`: those by which no stranger's mail enters.

use std::{collections::BTreeSet, net::IpAddr};

use ipnet::IpNet;

use super::super::{
    facts::{Facts, Mta},
    mail_log::HERE,
    master::Service,
    private::{is_link_local, is_private, is_special},
};
use crate::core::{address::Domain, network::Network};

/// Web forms and cron jobs of the host itself write with senders of others; that many domains are a proxy's.
const STRANGERS_ON_LOOPBACK: usize = 3;

/// A network of the MTA, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkChoice {
    /// In the form of `milter.yaml`.
    pub network: Network,
    /// Why it is in `local.networks`, or why not.
    pub decision: Result<String, String>,
}

/// One for each network of the MTA, without those that another contains.
pub fn networks(facts: &Facts) -> Vec<NetworkChoice> {
    let mut parsed: Vec<IpNet> = Vec::new();
    let loopback = ["127.0.0.0/8", "::1/128"];
    let written = loopback
        .iter()
        .copied()
        .chain(facts.networks.iter().map(String::as_str));
    for text in written {
        if let Some(net) = network(text)
            && !parsed.iter().any(|other| other.contains(&net))
        {
            parsed.push(net);
        }
    }
    let ours: BTreeSet<&Domain> = facts.domains.iter().map(|found| &found.domain).collect();
    // `!10.1.2.0/24` takes a network out of those that come behind it.
    let words = facts.networks.iter();
    let excluded: Vec<IpNet> = words
        .filter_map(|word| network(word.strip_prefix('!')?))
        .collect();
    let choice = |net: IpNet| {
        let network = net.to_string().parse().ok()?;
        let without = excluded
            .iter()
            .find(|other| net.contains(*other) || other.contains(&net));
        let decision = match without {
            Some(other) => Err(format!("mynetworks takes {other} out of it again")),
            None => decision(&net, facts, &ours),
        };
        Some(NetworkChoice { network, decision })
    };
    parsed.into_iter().filter_map(choice).collect()
}

/// A word of mynetworks: brackets around IPv6, host bits, and IPv4 in IPv6 are allowed there.
fn network(text: &str) -> Option<IpNet> {
    let bare = text.replace(['[', ']'], "");
    let net: IpNet = match bare.parse() {
        Ok(net) => net,
        Err(_) => IpNet::from(bare.parse::<IpAddr>().ok()?),
    };
    let net = net.trunc();
    let IpAddr::V6(v6) = net.addr() else {
        return Some(net);
    };
    match v6.to_ipv4_mapped() {
        Some(v4) if net.prefix_len() >= 96 => {
            IpNet::new(IpAddr::V4(v4), net.prefix_len() - 96).ok()
        }
        _ => Some(net),
    }
}

fn decision(net: &IpNet, facts: &Facts, ours: &BTreeSet<&Domain>) -> Result<String, String> {
    let address = net.addr();
    let is_host = net.prefix_len() == net.max_prefix_len();
    let strangers = strangers(net, facts, ours);
    if address.is_loopback() {
        let domains: BTreeSet<_> = strangers.iter().map(|stranger| stranger.sender).collect();
        return match strangers.first() {
            Some(example)
                if domains.len() >= STRANGERS_ON_LOOPBACK && !has_inner_listener(facts) =>
            {
                Err(format!(
                    "mail of {} other domains came from there ({example}), as behind a proxy or fetchmail",
                    domains.len()
                ))
            }
            _ => Ok("this host".to_owned()),
        };
    }
    if let Some(example) = strangers.first() {
        return Err(format!(
            "mail of others enters by it ({example}): NAT, a proxy or a gateway"
        ));
    }
    let is_own = |own: &IpAddr| net.contains(own);
    if is_host && facts.machine.addresses.iter().any(is_own) && !is_container_network(net) {
        return Ok("an address of this host".to_owned());
    }
    if let Some(style) = &facts.networks_by_style {
        return Err(format!(
            "main.cf does not name it: mynetworks_style = {style} does, and such a network holds others, too"
        ));
    }
    if !is_private(address) {
        return Err(
            "it is public: list it if these are hosts of yours that send only your mail".to_owned(),
        );
    }
    if is_link_local(address) {
        return Err("it is link-local, which every network has".to_owned());
    }
    if facts.machine.has_containers && is_container_network(net) {
        return Err(
            "containers are in it, and Docker shows strangers with an address of it".to_owned(),
        );
    }
    if let Some(gateway) = facts
        .machine
        .gateways
        .iter()
        .find(|gateway| net.contains(*gateway))
    {
        if is_host {
            return Err("it is the router, with whose address NAT shows strangers".to_owned());
        }
        if facts.log.as_ref().is_none_or(|day| day.messages == 0) {
            return Err(format!(
                "the router {gateway} is in it, and no log shows whether it hides strangers (NAT)"
            ));
        }
    }
    match &facts.log {
        Some(day) if day.messages > 0 => {
            let source = match &facts.mta {
                Mta::Postfix { .. } => "mynetworks",
                Mta::Sendmail(_) => "it may relay",
            };
            Ok(format!(
                "{source}; in a day of log, no mail of others came from there"
            ))
        }
        _ => Err("there is no log of a day that shows whose mail comes from there".to_owned()),
    }
}

/// A message from a network, whose sender is none of ours and whose recipient is.
struct Stranger<'a> {
    client: &'a IpAddr,
    sender: &'a Domain,
    id: &'a str,
}

impl std::fmt::Display for Stranger<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, sender in {}, {}", self.client, self.sender, self.id)
    }
}

fn strangers<'a>(net: &IpNet, facts: &'a Facts, ours: &BTreeSet<&Domain>) -> Vec<Stranger<'a>> {
    let is_ours = |domain: &Domain| {
        let host: Option<Domain> = facts.host.parse().ok();
        let above_host = host.is_some_and(|host| host.is_at_or_below(domain));
        above_host || ours.iter().any(|own| domain.is_at_or_below(own)) || is_special(domain)
    };
    let is_for_us = |recipient: &Domain| ours.contains(recipient) || recipient.as_str() == HERE;
    let mut found: Vec<Stranger<'_>> = facts
        .log
        .iter()
        .flat_map(|day| day.clients.iter())
        .filter(|(client, _)| net.contains(*client))
        .flat_map(|(client, pairs)| pairs.iter().map(move |(pair, id)| (client, pair, id)))
        .filter(|(_, (sender, recipient), _)| !is_ours(sender) && is_for_us(recipient))
        .map(|(client, (sender, _), id)| Stranger { client, sender, id })
        .collect();
    found.sort_by_key(|stranger| (stranger.client, stranger.sender));
    found
}

/// Whether a content filter hands mail of strangers back from this host.
fn has_inner_listener(facts: &Facts) -> bool {
    let Mta::Postfix { services, .. } = &facts.mta else {
        return false;
    };
    services.iter().any(Service::is_inner)
}

/// Docker takes its networks from 172.16.0.0/12 (and 192.168.0.0/16 when these run out), Podman from 10.88.0.0/16.
fn is_container_network(net: &IpNet) -> bool {
    let ranges = ["172.16.0.0/12", "10.88.0.0/16", "192.168.0.0/16"];
    let ranges = ranges
        .iter()
        .filter_map(|range| range.parse::<IpNet>().ok());
    ranges
        .into_iter()
        .any(|range| range.contains(net) || net.contains(&range))
}
