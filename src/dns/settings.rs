//! The `dns` part of `milter.yaml`.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use serde::Deserialize;

use crate::core::{duration::Duration, serde_text::deserialize_from_str};

/// Which name servers are asked, for how long, and how many answers are remembered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsSettings {
    /// Recursive name servers, the preferred one first; empty for those of `/etc/resolv.conf`.
    pub nameservers: Vec<Nameserver>,
    /// How long one attempt at one name server waits, 100ms to `budget`. Each server gets two.
    pub timeout: Duration,
    /// The maximum time for all questions of one message, at most 25s: Postfix waits 30s for a milter.
    pub budget: Duration,
    /// The maximum number of remembered answers, up to 1000000; 0 for none. An answer of more than 512 octets counts as
    /// several, so that a default cache never holds more than about 10 MB.
    pub cache: u64,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self {
            nameservers: Vec::new(),
            timeout: Duration::from_secs(2),
            budget: Duration::from_secs(8),
            cache: 20_000,
        }
    }
}

/// The shortest time for one attempt at a name server.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(100);
/// The maximum time for all questions of one message: Postfix waits 30 s for the answer to a command
/// (milter_command_timeout), and we need 5 s ourselves.
pub const MAX_BUDGET: Duration = Duration::from_secs(25);
/// The most answers that are remembered.
pub const MAX_CACHE: u64 = 1_000_000;

impl DnsSettings {
    /// Refuses values with which no question would be answered, or the MTA would give up first.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.budget > MAX_BUDGET {
            return Err(SettingsError::Budget(self.budget));
        }
        if self.timeout < MIN_TIMEOUT || self.timeout > self.budget {
            return Err(SettingsError::Timeout {
                timeout: self.timeout,
                budget: self.budget,
            });
        }
        if self.cache > MAX_CACHE {
            return Err(SettingsError::Cache(self.cache));
        }
        Ok(())
    }
}

/// Why there is no resolver.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The MTA would give up before the budget is spent.
    #[error(
        "dns.budget is {0}; expected at most {MAX_BUDGET}, because Postfix waits 30s for a milter"
    )]
    Budget(Duration),
    /// The attempt is too short to get an answer, or longer than all the time there is.
    #[error(
        "dns.timeout is {timeout}; expected {MIN_TIMEOUT} to {budget}, the value of dns.budget"
    )]
    Timeout {
        /// As set.
        timeout: Duration,
        /// The upper bound.
        budget: Duration,
    },
    /// The cache is larger than anybody needs.
    #[error("dns.cache is {0}; expected at most {MAX_CACHE}")]
    Cache(u64),
}

/// The address of a name server, as `address`, `address:port` or `[v6]:port`; the port is 53 unless given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nameserver(SocketAddr);

impl Nameserver {
    /// Where it listens.
    pub fn address(self) -> SocketAddr {
        self.0
    }
}

impl From<SocketAddr> for Nameserver {
    fn from(address: SocketAddr) -> Self {
        Self(address)
    }
}

/// Why a text is not a name server's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not a name server's address; expected e.g. 127.0.0.1, 192.0.2.1:5353, 2001:db8::1 or [2001:db8::1]:5353",
    .0.escape_debug()
)]
pub struct NameserverError(String);

impl FromStr for Nameserver {
    type Err = NameserverError;

    fn from_str(text: &str) -> Result<Self, NameserverError> {
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(text);
        let address = match bare.parse::<IpAddr>() {
            Ok(address) => SocketAddr::new(address, DNS_PORT),
            Err(_) => text.parse().map_err(|_| NameserverError(text.to_owned()))?,
        };
        // hickory takes no zone (fe80::1%2): without it such an address leads nowhere.
        let zoned = matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0);
        if address.port() == 0 || zoned {
            return Err(NameserverError(text.to_owned()));
        }
        Ok(Self(address))
    }
}

pub(super) const DNS_PORT: u16 = 53;

impl fmt::Display for Nameserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == DNS_PORT {
            self.0.ip().fmt(f)
        } else {
            self.0.fmt(f)
        }
    }
}

deserialize_from_str!(Nameserver);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nameservers_are_addresses() {
        for (text, address) in [
            ("127.0.0.1", Some("127.0.0.1:53")),
            ("192.0.2.1:5353", Some("192.0.2.1:5353")),
            ("2001:db8::1", Some("[2001:db8::1]:53")),
            ("[2001:db8::1]", Some("[2001:db8::1]:53")),
            ("[2001:db8::1]:5353", Some("[2001:db8::1]:5353")),
            ("192.0.2.1:0", None),
            ("192.0.2.1:", None),
            ("192.0.2.1:99999", None),
            ("[fe80::1%2]:53", None),
            ("dns.example.org", None),
            ("", None),
        ] {
            assert_eq!(
                text.parse().ok().map(Nameserver::address),
                address.map(|address| address.parse().unwrap()),
                "{text:?}"
            );
        }
        let wrong = "dns.example.org".parse::<Nameserver>().unwrap_err();
        assert!(wrong.to_string().contains("127.0.0.1"), "{wrong}");
    }

    #[test]
    fn the_file_has_defaults_and_no_unknown_keys() {
        assert_eq!(
            serde_yaml::from_str::<DnsSettings>("{}").unwrap(),
            DnsSettings::default()
        );
        let set: DnsSettings = serde_yaml::from_str(
            "{nameservers: [192.0.2.1, '[::1]:5353'], timeout: 500ms, budget: 4s, cache: 0}",
        )
        .unwrap();
        assert_eq!(set.nameservers.len(), 2);
        assert_eq!(set.timeout, Duration::from_millis(500));
        assert!(serde_yaml::from_str::<DnsSettings>("{retries: 3}").is_err());
    }

    #[test]
    fn settings_out_of_bounds_are_refused() {
        let defaults = DnsSettings::default();
        assert_eq!(defaults.check(), Ok(()));
        for (timeout, budget, cache) in [
            (Duration::from_millis(0), defaults.budget, 0),
            (Duration::from_secs(9), Duration::from_secs(8), 0),
            (defaults.timeout, Duration::from_secs(26), 0),
            (defaults.timeout, defaults.budget, 1_000_001),
        ] {
            let wrong = DnsSettings {
                nameservers: Vec::new(),
                timeout,
                budget,
                cache,
            };
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
