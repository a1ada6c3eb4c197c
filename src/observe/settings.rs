//! `observe:` of `milter.yaml`.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, de};

use crate::core::pattern::DomainPattern;

/// What the daemon shows to monitoring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ObserveSettings {
    /// Where its pages are served; none by default, because a port that nobody asked for is a surprise.
    #[serde(deserialize_with = "unless_empty")]
    pub http: Option<HttpAddress>,
    /// The names of this host that are answered there, beside IP addresses and `localhost`.
    pub hosts: Vec<DomainPattern>,
    /// Whether the status page shows whole addresses.
    pub show_addresses: bool,
}

/// Where pages are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpAddress {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A socket file, by its absolute path.
    Unix(PathBuf),
}

/// Why a text is not an address to serve pages on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is neither an IP address and a port nor the path of a socket; expected e.g. 127.0.0.1:8895, \"[::1]:8895\" or unix:/run/backstop/http.sock",
    .0.escape_debug()
)]
pub struct NoHttpAddress(String);

impl FromStr for HttpAddress {
    type Err = NoHttpAddress;

    fn from_str(text: &str) -> Result<Self, NoHttpAddress> {
        let wrong = || NoHttpAddress(text.to_owned());
        match text.strip_prefix("unix:") {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::Unix(path.into())),
            Some(_) => Err(wrong()),
            None => text.parse().map(Self::Tcp).map_err(|_| wrong()),
        }
    }
}

impl HttpAddress {
    /// How to get a page from there.
    pub fn page(&self, path: &str) -> String {
        match self {
            Self::Tcp(address) => format!("http://{address}{path}"),
            Self::Unix(file) => {
                let file = file.display();
                format!("unix:{file} (curl --unix-socket {file} http://localhost{path})")
            }
        }
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn unless_empty<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<HttpAddress>, D::Error> {
    match Option::<String>::deserialize(deserializer)? {
        Some(text) if !text.is_empty() => text.parse().map(Some).map_err(de::Error::custom),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_port_or_a_file() {
        for (text, page) in [
            ("127.0.0.1:8895", Some("http://127.0.0.1:8895/metrics")),
            ("[::1]:8895", Some("http://[::1]:8895/metrics")),
            (
                "unix:/run/backstop/http.sock",
                Some(
                    "unix:/run/backstop/http.sock (curl --unix-socket /run/backstop/http.sock http://localhost/metrics)",
                ),
            ),
            ("unix:http.sock", None),
            ("unix:", None),
            ("/run/backstop/http.sock", None),
            ("localhost:8895", None),
            ("127.0.0.1", None),
        ] {
            let address: Result<HttpAddress, _> = text.parse();
            let found = address.map(|address| address.page("/metrics"));
            assert_eq!(found.ok().as_deref(), page, "{text}");
        }
    }
}
