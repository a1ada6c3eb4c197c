//! Addresses of hosts behind a router.

use std::net::IpAddr;

use crate::core::address::Domain;

/// Whether no host on the Internet has it (RFC 1918, RFC 6598, RFC 4193, and link-local ones).
pub(super) fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (first == 100 && (64..128).contains(&second))
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// Whether it means another host on each network.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

/// Names that no stranger has (RFC 6762, RFC 8375, and what hosts call themselves at home).
pub(super) fn is_special(domain: &Domain) -> bool {
    let name = domain.as_str();
    let last = name.rsplit('.').next().unwrap_or_default();
    let special = [
        "localdomain",
        "localhost",
        "local",
        "lan",
        "internal",
        "intranet",
        "home",
        "invalid",
    ];
    !name.contains('.') || special.contains(&last) || name.ends_with(".home.arpa")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses() {
        for (address, private, link_local) in [
            ("10.0.0.1", true, false),
            ("172.31.0.1", true, false),
            ("172.32.0.1", false, false),
            ("100.64.0.1", true, false),
            ("100.128.0.1", false, false),
            ("169.254.0.1", true, true),
            ("192.0.2.1", false, false),
            ("fd00::1", true, false),
            ("fe80::1", true, true),
            ("2001:db8::1", false, false),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!(
                (is_private(parsed), is_link_local(parsed)),
                (private, link_local),
                "{address}"
            );
        }
    }
}
