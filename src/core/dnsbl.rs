//! DNS lists of hosts that send backscatter (RFC 5782): how they are asked, and what an answer means.

use std::net::{IpAddr, Ipv4Addr};

use serde::Deserialize;

use super::{
    address::{Domain, ReversePath},
    outside::Unanswered,
    verdict::{Action, Rule},
};

/// One entry of `dnsbl:` in `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dnsbl {
    /// The list's zone.
    pub zone: Domain,
    /// Which mail it is asked about.
    #[serde(default, rename = "for")]
    pub asked_for: AskedFor,
    /// The answers that count; empty for every one in 127.0.0.0/8 that is not reserved.
    #[serde(default)]
    pub codes: Vec<Ipv4Addr>,
    /// What being listed means.
    #[serde(default = "tag")]
    pub action: Action,
    /// Only say what would have been done.
    #[serde(default)]
    pub monitor: bool,
}

fn tag() -> Action {
    Action::Tag
}

/// Which mail a list is asked about. Lists of backscatterers have honest, large hosts: a site that asked them about
/// every mail would lose real messages, so there is one choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskedFor {
    /// Mail with the null sender, or a sender that stands for one: postmaster, mailer-daemon.
    #[default]
    NullSender,
}

/// What a list said of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// It is not on the list.
    NotListed,
    /// It is, with this code.
    Listed(Ipv4Addr),
    /// The list did not answer, or what it says can't be believed: as good as not listed.
    Unanswered(Unanswered),
}

impl Dnsbl {
    /// What being listed means.
    pub fn rule(&self) -> Rule {
        Rule {
            action: self.action,
            monitor: self.monitor,
        }
    }

    /// The name to ask for A records.
    pub fn question(&self, client: IpAddr) -> String {
        reversed(client, &self.zone)
    }

    /// What the A records mean.
    pub fn listing(&self, answers: &[Ipv4Addr]) -> Listing {
        // 127.255.255.0/24 is how lists say that they won't answer this resolver; such an answer spoils the others.
        if let Some(refusal) = answers
            .iter()
            .find(|address| matches!(address.octets(), [127, 255, 255, _]))
        {
            let why = format!("{} refuses to answer ({refusal})", self.zone);
            return Listing::Unanswered(Unanswered::dns(why));
        }
        answers
            .iter()
            .find(|address| self.counts(**address))
            .map_or(Listing::NotListed, |address| Listing::Listed(*address))
    }

    /// RFC 5782 section 2.1: entries lie in 127.0.0.0/8; section 5: never at 127.0.0.1. Anything else is a parked
    /// domain or a resolver that invents answers.
    fn counts(&self, address: Ipv4Addr) -> bool {
        address.is_loopback()
            && address != Ipv4Addr::LOCALHOST
            && (self.codes.is_empty() || self.codes.contains(&address))
    }
}

/// Whether the lists are asked about mail from this sender.
pub fn is_asked_about(reverse_path: &ReversePath) -> bool {
    match reverse_path {
        ReversePath::Null => true,
        ReversePath::Mailbox(mailbox) => {
            matches!(
                mailbox.local_key().as_slice(),
                b"postmaster" | b"mailer-daemon"
            )
        }
    }
}

/// The name below a zone at which an address is listed: octets reversed, nibbles for IPv6 (RFC 5782 sections 2.1 and 2.4). An
/// IPv4-mapped address is asked as IPv6, because such are a list's test points.
pub fn reversed(client: IpAddr, zone: &Domain) -> String {
    match client {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.{zone}")
        }
        IpAddr::V6(address) => {
            let mut name = String::with_capacity(64 + zone.as_str().len());
            for octet in address.octets().iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", octet & 0xf, octet >> 4));
            }
            name + zone.as_str()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(codes: &str) -> Dnsbl {
        serde_yaml::from_str(&format!("{{zone: ips.example, codes: {codes}}}")).unwrap()
    }

    /// RFC 5782 sections 2.1 and 2.4.
    #[test]
    fn addresses_are_reversed() {
        for (client, question) in [
            ("192.0.2.99", "99.2.0.192.ips.example"),
            (
                "2001:db8:1:2:3:4:567:89ab",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.ips.example",
            ),
        ] {
            assert_eq!(list("[]").question(client.parse().unwrap()), question);
        }
    }

    /// RFC 5782 sections 2.1 and 5.
    #[test]
    fn only_real_entries_count() {
        for (codes, answers, listed) in [
            ("[]", vec!["127.0.0.2"], Some("127.0.0.2")),
            ("[]", vec![], None),
            ("[]", vec!["127.0.0.1"], None),
            ("[]", vec!["192.0.2.1"], None),
            ("[]", vec!["127.0.0.1", "127.1.2.3"], Some("127.1.2.3")),
            ("[127.0.0.5]", vec!["127.0.0.2"], None),
            (
                "[127.0.0.5]",
                vec!["127.0.0.2", "127.0.0.5"],
                Some("127.0.0.5"),
            ),
        ] {
            let addresses: Vec<Ipv4Addr> =
                answers.iter().map(|text| text.parse().unwrap()).collect();
            let expected = listed.map_or(Listing::NotListed, |text| {
                Listing::Listed(text.parse().unwrap())
            });
            assert_eq!(
                list(codes).listing(&addresses),
                expected,
                "{codes} {answers:?}"
            );
        }
        let refused = list("[]").listing(&[
            "127.255.255.254".parse().unwrap(),
            "127.0.0.2".parse().unwrap(),
        ]);
        assert!(matches!(refused, Listing::Unanswered(_)));
    }

    #[test]
    fn ordinary_senders_are_not_asked_about() {
        for (sender, asked) in [
            ("<>", true),
            ("<MAILER-DAEMON@mx.example>", true),
            ("<postmaster@mx.example>", true),
            ("<jane@mx.example>", false),
        ] {
            assert_eq!(
                is_asked_about(&ReversePath::from_bytes(sender.as_bytes())),
                asked,
                "{sender}"
            );
        }
    }
}
