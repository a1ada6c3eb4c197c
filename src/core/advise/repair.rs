//! What somebody must have meant with a term whose grammar is wrong.

use ipnet::IpNet;

/// The ways to write `ip4:` and `ip6:`, right and wrong ones.
const NAMES: [&str; 7] = ["ip4", "ip6", "ipv4", "ipv6", "ip", "a", "mx"];

/// The networks that a wrong term must mean: `ipv4:192.0.2.1`, `ip4=192.0.2.1`, `a:192.0.2.1`, `ip4:2001:db8::1`, and two
/// without a blank between them. None where it may mean something else.
pub(super) fn repaired(term: &[u8]) -> Vec<IpNet> {
    let Ok(text) = std::str::from_utf8(term) else {
        return Vec::new();
    };
    let text = text.to_ascii_lowercase();
    let parts = divided(&text).into_iter().map(network);
    parts.collect::<Option<Vec<IpNet>>>().unwrap_or_default()
}

/// The text before each `ip4:` and `ip6:` that stands in its middle, and what follows.
fn divided(mut text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    while let Some(inner) = text.get(1..) {
        let next = ["ip4:", "ip6:"]
            .iter()
            .filter_map(|begin| inner.find(begin))
            .min();
        let Some(next) = next else {
            break;
        };
        let (part, rest) = text.split_at(next + 1);
        parts.push(part);
        text = rest;
    }
    parts.push(text);
    parts
}

fn network(text: &str) -> Option<IpNet> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (name, rest) = text.split_once([':', '='])?;
    if !NAMES.contains(&name) {
        return None;
    }
    let rest = rest.trim_end_matches([',', ';', '.']);
    let network = match rest.contains('/') {
        true => rest.parse::<IpNet>().ok()?,
        false => IpNet::from(rest.parse::<std::net::IpAddr>().ok()?),
    };
    (network.prefix_len() > 0).then(|| network.trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::advise::compose::network_term;

    #[test]
    fn a_wrong_term_means_networks_or_nothing() {
        for (term, networks) in [
            ("ipv4:192.0.2.1", "ip4:192.0.2.1"),
            ("ip4=192.0.2.0/24", "ip4:192.0.2.0/24"),
            ("+a:192.0.2.9", "ip4:192.0.2.9"),
            ("ip4:2001:db8::1", "ip6:2001:db8::1"),
            ("ip4:192.0.2.1,", "ip4:192.0.2.1"),
            (
                "ip4:192.0.2.1ip4:192.0.2.8/29ip6:2001:db8::1",
                "ip4:192.0.2.1 ip4:192.0.2.8/29 ip6:2001:db8::1",
            ),
            ("ip4:192.0.2.1ip4:mail.example", ""),
            ("ip4:192.0.2.1/33", ""),
            ("ip4:0.0.0.0/0", ""),
            ("ip4:mail.example", ""),
            ("-ipv4:192.0.2.1", ""),
            ("include=_spf.example", ""),
            ("spf2.0", ""),
            ("", ""),
        ] {
            let found: Vec<String> = repaired(term.as_bytes())
                .into_iter()
                .map(network_term)
                .collect();
            assert_eq!(found.join(" "), networks, "{term}");
        }
        assert!(repaired(b"\xff\xfeip4:192.0.2.1").is_empty());
        assert!(repaired("\u{e4}ip4:192.0.2.1".as_bytes()).is_empty());
    }
}
