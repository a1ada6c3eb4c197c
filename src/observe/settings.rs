//! `observe:` of `milter.yaml`.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de};

use crate::core::pattern::DomainPattern;

/// What the daemon shows to monitoring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObserveSettings {
    /// Where metrics are served; none by default, because a port that nobody asked for is a surprise.
    #[serde(deserialize_with = "unless_empty")]
    pub http: Option<SocketAddr>,
    /// The names of this host that are answered there, beside IP addresses and `localhost`.
    pub hosts: Vec<DomainPattern>,
    /// Whether the status page shows whole addresses.
    pub show_addresses: bool,
}

/// Why a text is not an address to serve metrics on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not an IP address and a port; expected e.g. 127.0.0.1:8895 or \"[::1]:8895\"", .0.escape_debug())]
pub struct NoHttpAddress(String);

fn unless_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => match text.parse() {
            Ok(address) => Ok(Some(address)),
            Err(_) => Err(de::Error::custom(NoHttpAddress(text))),
        },
        _ => Ok(None),
    }
}
