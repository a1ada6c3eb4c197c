//! IP networks as `milter.yaml` writes them, and client addresses in the one form that compares.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::serde_text::deserialize_from_str;

/// A network (`192.0.2.0/24`, `2001:db8::/32`), or one address, which is a network of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// The network that an address is counted with: /24, or /48 of IPv6, which is what one customer has as a rule.
    pub fn around(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let bits = if address.is_ipv4() { 24 } else { 48 };
        // No family has so few bits that this could fail.
        let network = IpNet::new(address, bits).map(|network| network.trunc());
        Self(network.unwrap_or_else(|_| IpNet::from(address)))
    }

    /// The octets of the prefix of [`Self::around`] an address: 3, or 6 of IPv6.
    pub fn prefix_around(address: IpAddr) -> Vec<u8> {
        match address.to_canonical() {
            IpAddr::V4(v4) => v4.octets().into_iter().take(3).collect(),
            IpAddr::V6(v6) => v6.octets().into_iter().take(6).collect(),
        }
    }

    /// Whether the address lies in it. An IPv4-mapped IPv6 address is the IPv4 address it carries.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The same for programs that compute with it.
    pub fn net(&self) -> IpNet {
        self.0
    }

    /// Whether the other network lies in it, or is it.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address, with or without a prefix length.
    #[error("`{}` is not a network; expected e.g. 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7", .0.escape_debug())]
    Syntax(String),
    /// Host bits are set: one digit is wrong, and which one the administrator meant is not ours to guess.
    #[error(
        "`{written}` has bits set beyond its prefix length; use {expected}, or a longer prefix"
    )]
    HostBits {
        /// As it stands in the file.
        written: String,
        /// The network that the prefix length cuts out.
        expected: IpNet,
    },
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address.to_canonical())));
        }
        let net: IpNet = text
            .parse()
            .map_err(|_| NetworkError::Syntax(text.to_owned()))?;
        if net.addr() != net.network() {
            return Err(NetworkError::HostBits {
                written: text.to_owned(),
                expected: net.trunc(),
            });
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

deserialize_from_str!(Network);

/// Whether strangers could have this address: records and reports say nothing of others.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let carrier = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast()
                || carrier)
        }
        // RFC 4291 section 2.4, as allotted so far: 2000::/3.
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn addresses_that_mean_nothing_elsewhere_are_not_public() {
        for (address, public) in [
            ("192.0.2.1", true),
            ("100.63.0.1", true),
            ("100.128.0.1", true),
            ("100.64.0.1", false),
            ("10.0.0.1", false),
            ("172.31.0.1", false),
            ("192.168.0.1", false),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("2001:db8::1", true),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::1", false),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[test]
    fn networks_contain_addresses() {
        for (network, address, inside) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
            ("::1", "::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn networks_cover_networks() {
        for (network, other, covers) in [
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.1.0.0/16", "10.1.0.0/16", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("2001:db8::/32", "2001:db8::1", true),
            ("0.0.0.0/0", "::1", false),
        ] {
            let (network, other): (Network, Network) =
                (network.parse().unwrap(), other.parse().unwrap());
            assert_eq!(network.covers(&other), covers, "{network} {other}");
        }
    }

    #[test]
    fn addresses_are_counted_with_their_neighbours() {
        for (address, network) in [
            ("192.0.2.77", "192.0.2.0/24"),
            ("::ffff:192.0.2.77", "192.0.2.0/24"),
            ("2001:db8:1:2::3", "2001:db8:1::/48"),
        ] {
            let around = Network::around(address.parse().unwrap());
            assert_eq!(around.to_string(), network, "{address}");
        }
    }

    #[test]
    fn mistakes_say_what_would_be_right() {
        let wrong = "192.0.2.1/24".parse::<Network>().unwrap_err().to_string();
        assert!(wrong.contains("192.0.2.0/24"), "{wrong}");
        assert!("192.0.2.0/33".parse::<Network>().is_err());
        assert!("example.org".parse::<Network>().is_err());
    }
}
