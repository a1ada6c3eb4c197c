//! By which addresses mail leaves this host, as far as its MTA says it.

use std::net::IpAddr;

use super::{Machine, lines::words};
use crate::core::network::is_public;

/// What decides that in Postfix. `proxy_interfaces` are addresses of a router in front of it.
const PARAMETERS: [&str; 5] = [
    "smtp_bind_address",
    "smtp_bind_address6",
    "inet_interfaces",
    "relayhost",
    "proxy_interfaces",
];

/// Where mail leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaving {
    /// Addresses that strangers see, and who says so.
    pub hosts: Vec<(IpAddr, String)>,
    /// Why there may be others.
    pub unknown: Vec<String>,
}

/// What this host says of it.
pub async fn leaving(machine: &Machine) -> Leaving {
    let addresses = machine.facts().addresses;
    let arguments: Vec<&str> = std::iter::once("-x").chain(PARAMETERS).collect();
    match machine.postconf(&arguments).await {
        Ok(lines) => of(&lines.unwrap_or_default(), &addresses),
        Err(why) => Leaving {
            hosts: Vec::new(),
            unknown: vec![format!(
                "Postfix can't be asked by which address mail leaves: {why}"
            )],
        },
    }
}

/// `lines` are those of `postconf`; none where the MTA is another.
fn of(lines: &str, addresses: &[IpAddr]) -> Leaving {
    let value = |name: &str| {
        let mut pairs = lines.lines().filter_map(|line| line.split_once('='));
        let found = pairs.find(|(found, _)| found.trim() == name);
        found.map_or("", |(_, value)| value.trim())
    };
    let mut leaving = Leaving::default();
    let relay = value("relayhost");
    if !relay.is_empty() {
        leaving.unknown.push(format!(
            "mail leaves through relayhost {relay}, and only its owner knows by which addresses; name them, or its `include`, with \
             `--sender`"
        ));
        return leaving;
    }
    let mut add = |address: IpAddr, source: &str| {
        let is_new = !leaving.hosts.iter().any(|(other, _)| *other == address);
        if is_public(address) && is_new {
            leaving.hosts.push((address, source.to_owned()));
        }
    };
    let is_bound = |name: &&str| value(name).parse::<IpAddr>().is_ok_and(is_public);
    let bound: Vec<&str> = ["smtp_bind_address", "smtp_bind_address6"]
        .into_iter()
        .filter(is_bound)
        .collect();
    for name in &bound {
        value(name)
            .parse()
            .into_iter()
            .for_each(|address| add(address, name));
    }
    // An address is bound for its own family alone.
    let is_free = |address: &IpAddr| match address {
        IpAddr::V4(_) => !bound.contains(&"smtp_bind_address"),
        IpAddr::V6(_) => !bound.contains(&"smtp_bind_address6"),
    };
    // Postfix sends from the address that it listens on, where that is one only.
    let interfaces = words(value("inet_interfaces"));
    let listens: Vec<IpAddr> = interfaces
        .iter()
        .filter_map(|word| word.parse().ok())
        .collect();
    for address in listens.iter().copied().filter(is_free) {
        add(address, "inet_interfaces");
    }
    if !listens.iter().copied().any(is_public) {
        for address in addresses.iter().copied().filter(is_free) {
            add(address, "an address of this host");
        }
    }
    if leaving.hosts.is_empty() {
        let routers = words(value("proxy_interfaces"));
        let named = match routers.is_empty() {
            true => String::new(),
            false => format!(
                " (proxy_interfaces has {}; does mail leave by that, too?)",
                routers.join(", ")
            ),
        };
        leaving.unknown.push(format!(
            "this host has no address that strangers see; name the one that mail leaves by with `--sender`{named}"
        ));
    }
    leaving
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_leaves_by_the_address_that_is_bound() {
        for (lines, addresses, hosts, unknown) in [
            (
                "",
                &["127.0.0.1", "192.0.2.25", "2001:db8::25"][..],
                "192.0.2.25 2001:db8::25",
                "",
            ),
            (
                "smtp_bind_address = 192.0.2.7\nsmtp_bind_address6 =\ninet_interfaces = all\n",
                &["192.0.2.25", "2001:db8::25"],
                "192.0.2.7 2001:db8::25",
                "",
            ),
            (
                "inet_interfaces = 127.0.0.1, 192.0.2.26\n",
                &["192.0.2.25", "192.0.2.26"],
                "192.0.2.26",
                "",
            ),
            (
                "inet_interfaces = loopback-only\n",
                &["192.0.2.25"],
                "192.0.2.25",
                "",
            ),
            (
                "relayhost = [smtp.example]:587\n",
                &["192.0.2.25"],
                "",
                "relayhost [smtp.example]:587",
            ),
            (
                "",
                &["10.0.0.2", "fd00::2"],
                "",
                "no address that strangers see",
            ),
            (
                "proxy_interfaces = 192.0.2.9\n",
                &["10.0.0.2"],
                "",
                "proxy_interfaces has 192.0.2.9",
            ),
        ] {
            let addresses: Vec<IpAddr> =
                addresses.iter().map(|text| text.parse().unwrap()).collect();
            let leaving = of(lines, &addresses);
            let found: Vec<String> = leaving
                .hosts
                .iter()
                .map(|(host, _)| host.to_string())
                .collect();
            assert_eq!(found.join(" "), hosts, "{lines}");
            assert_eq!(leaving.unknown.is_empty(), unknown.is_empty(), "{lines}");
            assert!(leaving.unknown.concat().contains(unknown), "{leaving:?}");
        }
    }
}
