//! Who we are: `local:` of `milter.yaml`, and which mail is outgoing by it.

mod domains;

use std::net::IpAddr;

use serde::Deserialize;

pub use self::domains::Domains;
use super::{
    address::{Domain, Host, Mailbox},
    authserv_id::AuthservId,
    envelope::Client,
    network::Network,
    pattern::DomainPattern,
    verdict::Outgoing,
};

/// How many names above one are looked at: a stranger chooses how many there are.
const MAX_ABOVE: usize = 8;
/// How many of our names below one are looked at. A tag is verified with each: a millisecond, however many the file lists.
const MAX_BELOW: usize = 1_000;

/// `local:` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// The domains whose mail we receive and send.
    pub domains: Domains,
    /// Clients whose mail is outgoing.
    pub networks: Vec<Network>,
    /// What mail of a client that logged in is.
    pub authenticated: Authenticated,
    /// MTA daemons whose mail is outgoing, by `{daemon_name}`.
    pub daemons: Vec<String>,
    /// The domain of addresses that have none; none for the one of `domains` that is the MTA's own name, or stands above it.
    pub default_domain: Option<Domain>,
    /// The characters that divide `user` from an extension, as in Postfix's `recipient_delimiter`.
    pub recipient_delimiter: String,
    /// Who we are in Authentication-Results; none for the MTA's own name.
    pub authserv_id: Option<AuthservId>,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            domains: Domains::default(),
            networks: ["127.0.0.0/8", "::1"]
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            authenticated: Authenticated::Outgoing,
            daemons: vec!["ORIGINATING".to_owned()],
            default_domain: None,
            recipient_delimiter: "+".to_owned(),
            authserv_id: None,
        }
    }
}

/// What mail of a client that logged in is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authenticated {
    /// Outgoing: not judged.
    Outgoing,
    /// Judged like a stranger's.
    Judged,
}

impl Local {
    /// Whether the domain is one of ours.
    pub fn is_ours(&self, domain: &Domain) -> bool {
        self.ours(domain).is_some()
    }

    /// The one of our domains that this is, or lies below. However many names a stranger makes up, there are no more of
    /// these than the file lists.
    pub fn ours(&self, domain: &Domain) -> Option<&Domain> {
        let (DomainPattern::Itself(ours) | DomainPattern::Below(ours)) = self.entry(domain)?;
        Some(ours)
    }

    /// The entry of `local.domains` that makes the domain ours.
    pub fn entry(&self, domain: &Domain) -> Option<&DomainPattern> {
        self.domains.entry(domain)
    }

    /// The domain of an address that has none, where the MTA calls itself `host`.
    pub fn unqualified(&self, host: &str) -> Option<Domain> {
        if self.default_domain.is_some() {
            return self.default_domain.clone();
        }
        let dots = host.match_indices('.').map(|(dot, _)| dot + 1);
        let names: Vec<Domain> = std::iter::once(0)
            .chain(dots)
            .filter_map(|start| host.get(start..)?.parse().ok())
            .collect();
        let named = names.iter().find(|name| self.domains.names(name));
        named
            .or_else(|| names.first().filter(|name| self.is_ours(name)))
            .cloned()
    }

    /// Whether the address is one of ours: it is in a domain of ours, or of this host, as it is with none.
    pub fn is_ours_or_unqualified(&self, mailbox: &Mailbox) -> bool {
        match mailbox.host() {
            Host::Domain(domain) if self.is_ours(domain) => true,
            host => host.is_this_host() && !mailbox.local().is_empty(),
        }
    }

    /// Whether a client with this address is one of ours.
    pub fn has_client(&self, address: IpAddr) -> bool {
        self.networks
            .iter()
            .any(|network| network.contains(address))
    }

    /// Whether a host of this name can be ours: it is one of our domains, or lies below one.
    pub fn has_host(&self, name: &Domain) -> bool {
        self.domains.has_at_or_above(name)
    }

    /// Others of our domains of which one is at or below the other, as the names of hosts and the domain that their mail
    /// leaves with are. Below `.example.org`, those are meant that the domain itself lies below.
    pub fn relatives(&self, domain: &Domain) -> Vec<Domain> {
        let above = domain.above().take(MAX_ABOVE);
        let above = above.filter(|above| self.is_ours(above));
        let below = self.domains.named_below(domain).take(MAX_BELOW).cloned();
        above.chain(below).collect()
    }

    /// Why mail of this client is outgoing; none where it comes from a stranger, as all does that shows no sign of being
    /// ours.
    pub fn outgoing(&self, client: &Client) -> Option<Outgoing> {
        if client.login.is_some() && self.authenticated == Authenticated::Outgoing {
            return Some(Outgoing::Authenticated);
        }
        if client.local {
            return Some(Outgoing::Local);
        }
        if client
            .address
            .is_some_and(|address| self.has_client(address))
        {
            return Some(Outgoing::Network);
        }
        let in_daemons = |daemon: &Vec<u8>| {
            self.daemons
                .iter()
                .any(|name| name.as_bytes() == daemon.as_slice())
        };
        client
            .daemon
            .as_ref()
            .is_some_and(in_daemons)
            .then_some(Outgoing::Daemon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_this_host_takes_is_ours() {
        let local = Local {
            domains: vec!["example.org".parse().unwrap()].into(),
            ..Local::default()
        };
        for (address, ours) in [
            ("joe@example.org", true),
            ("joe", true),
            ("joe@[192.0.2.1]", true),
            ("joe@[IPv6:2001:db8::1]", true),
            ("joe@localhost", true),
            ("joe@LOCALHOST", true),
            ("joe@localhost.example.net", true),
            ("joe@example.net", false),
            ("joe@mx.example.org", false),
            ("joe@localhosts.example", false),
            ("joe@example..org", false),
            ("@[192.0.2.1]", false),
            ("", false),
        ] {
            let mailbox = Mailbox::from_bytes(address.as_bytes());
            assert_eq!(local.is_ours_or_unqualified(&mailbox), ours, "{address}");
        }
    }

    #[test]
    fn an_address_without_a_domain_is_of_this_host() {
        let local = |domains: &[&str], default_domain: Option<&str>| Local {
            domains: domains.iter().map(|text| text.parse().unwrap()).collect(),
            default_domain: default_domain.map(|text| text.parse().unwrap()),
            ..Local::default()
        };
        for (domains, default_domain, host, domain) in [
            (
                &["example.org"][..],
                None,
                "mx.example.org",
                Some("example.org"),
            ),
            (&["example.org"], None, "Example.ORG", Some("example.org")),
            (
                &["example.net", "example.org"],
                None,
                "a.mx.example.org",
                Some("example.org"),
            ),
            (
                &["example.org", "mx.example.org"],
                None,
                "mx.example.org",
                Some("mx.example.org"),
            ),
            (
                &[".example.org", "example.org"],
                None,
                "mx.example.org",
                Some("example.org"),
            ),
            // The names below a domain are ours, and it isn't.
            (
                &[".example.org"],
                None,
                "mx.example.org",
                Some("mx.example.org"),
            ),
            (&[".example.org"], None, "example.org", None),
            (&["example.org"], None, "mx.badexample.org", None),
            (&["example.org"], None, "unknown", None),
            (&["example.org"], None, "\u{fc}..", None),
            (
                &["example.org"],
                Some("example.net"),
                "mx.example.org",
                Some("example.net"),
            ),
            (&[], Some("example.net"), "", Some("example.net")),
        ] {
            let found = local(domains, default_domain).unqualified(host);
            let found = found.as_ref().map(Domain::as_str);
            assert_eq!(found, domain, "{domains:?} {default_domain:?} {host}");
        }
    }
}
