//! Where to listen, as `milter.yaml` writes it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, de};

use crate::core::serde_text::deserialize_from_str;

/// The maximum of a socket's path in the kernel, in octets (unix(7): `sun_path`, less its NUL).
const MAX_SOCKET_PATH: usize = 107;

/// An address to listen on: `inet:8894@127.0.0.1`, `inet6:8894@::1`, `unix:/run/backstop/backstop.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// A TCP port. A name is looked up when the port is bound.
    Inet {
        /// An IP address without brackets, or a name.
        host: String,
        /// 0 lets the kernel choose one.
        port: u16,
        /// Written `inet6:`, which needs an IPv6 address; `inet:` takes either, and for a name IPv4 first.
        ipv6: bool,
    },
    /// A socket file, by its absolute path. `local:` is another word for it.
    Unix(PathBuf),
}

/// Why a text is not an address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenAddressError {
    /// Neither a TCP nor a unix address.
    #[error(
        "`{}` is not an address to listen on; expected e.g. inet:8894@127.0.0.1 or unix:/run/backstop/backstop.sock",
        .0.escape_debug()
    )]
    Syntax(String),
    /// The order of main.cf, where the host comes first.
    #[error("`{written}` has Postfix's order; use {expected}")]
    HostFirst {
        /// As it stands in the file.
        written: String,
        /// The same in the order of this file.
        expected: String,
    },
    /// No host: a milter that listens on all interfaces should at least say so.
    #[error("`{0}` names no host; use {0}@127.0.0.1, or {0}@0.0.0.0 for every interface")]
    NoHost(String),
    /// The part before `@` is not a port.
    #[error("`{}` is not a port; expected a number from 1 to 65535, as in inet:8894@127.0.0.1", .0.escape_debug())]
    Port(String),
    /// The part after `@` is neither an IP address nor a name.
    #[error("`{}` is not a host; expected an IP address or a name, as in inet:8894@127.0.0.1", .0.escape_debug())]
    Host(String),
    /// `inet6:` with an IPv4 address.
    #[error("`{host}` is not an IPv6 address; use inet:{port}@{host}, or inet6:{port}@::1")]
    NotIpv6 {
        /// The IPv4 address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A relative path of a socket file.
    #[error("`{}` is not an absolute path; expected e.g. unix:/run/backstop/backstop.sock", .0.escape_debug())]
    RelativePath(String),
    /// Longer than a socket address can hold.
    #[error("the socket path {0} has more than {MAX_SOCKET_PATH} octets; use a shorter one")]
    LongPath(String),
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, ListenAddressError> {
        match text.split_once(':') {
            Some(("inet", rest)) => inet(text, rest, false),
            Some(("inet6", rest)) => inet(text, rest, true),
            Some(("unix" | "local", path)) => unix(path),
            _ => Err(ListenAddressError::Syntax(text.to_owned())),
        }
    }
}

fn inet(text: &str, rest: &str, ipv6: bool) -> Result<ListenAddress, ListenAddressError> {
    let Some((port, host)) = rest.split_once('@') else {
        return Err(without_at(text, rest));
    };
    let port = port
        .parse()
        .map_err(|_| ListenAddressError::Port(port.to_owned()))?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) if ipv6 => Err(ListenAddressError::NotIpv6 {
            host: host.to_owned(),
            port,
        }),
        Err(_) if !is_name(host) => Err(ListenAddressError::Host(host.to_owned())),
        _ => Ok(ListenAddress::Inet {
            host: host.to_owned(),
            port,
            ipv6,
        }),
    }
}

fn without_at(text: &str, rest: &str) -> ListenAddressError {
    if rest.parse::<u16>().is_ok() {
        return ListenAddressError::NoHost(text.to_owned());
    }
    match rest.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            ListenAddressError::HostFirst {
                written: text.to_owned(),
                expected: format!("inet:{port}@{host}"),
            }
        }
        _ => ListenAddressError::Syntax(text.to_owned()),
    }
}

/// Digits and dots alone are a mistyped IPv4 address, not a name.
fn is_name(host: &str) -> bool {
    host.bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
        && host.bytes().any(|b| b.is_ascii_alphabetic())
}

fn unix(path: &str) -> Result<ListenAddress, ListenAddressError> {
    if !path.starts_with('/') || Path::new(path).file_name().is_none() {
        return Err(ListenAddressError::RelativePath(path.to_owned()));
    }
    if path.len() > MAX_SOCKET_PATH {
        return Err(ListenAddressError::LongPath(path.to_owned()));
    }
    Ok(ListenAddress::Unix(PathBuf::from(path)))
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Inet {
            host: address.ip().to_string(),
            port: address.port(),
            ipv6: address.is_ipv6(),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet { host, port, ipv6 } => {
                let family = if *ipv6 { "inet6" } else { "inet" };
                write!(f, "{family}:{port}@{host}")
            }
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

deserialize_from_str!(ListenAddress);

/// Permission and owner of a socket file. Without a value the system decides: our own user and group, and the
/// permission that the umask leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SocketOptions {
    /// Its permission.
    pub mode: Option<SocketMode>,
    /// Its owner; only root can give it away.
    pub user: Option<Owner>,
    /// Its group; only root or a member of the group can set it.
    pub group: Option<Owner>,
}

/// A file permission, 0 to 0o777, written in octal: `0660`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketMode(pub u32);

impl<'de> Deserialize<'de> for SocketMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(OctalText)
    }
}

struct OctalText;

impl de::Visitor<'_> for OctalText {
    type Value = SocketMode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an octal permission such as 0660")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SocketMode, E> {
        // from_str_radix would accept a sign.
        let digits = text.bytes().all(|b| matches!(b, b'0'..=b'7'));
        match u32::from_str_radix(text, 8) {
            Ok(mode @ 0..=0o777) if digits => Ok(SocketMode(mode)),
            _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
        }
    }
}

/// A user or a group; a name is looked up when the socket is made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "expected a name or a numeric id")]
pub enum Owner {
    /// By its number.
    Id(u32),
    /// By its name.
    Name(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        for (text, shown) in [
            ("inet:8894@127.0.0.1", "inet:8894@127.0.0.1"),
            ("inet:8894@::1", "inet:8894@::1"),
            ("inet:8894@[::1]", "inet:8894@::1"),
            ("inet6:8894@[2001:db8::1]", "inet6:8894@2001:db8::1"),
            ("inet:8894@localhost", "inet:8894@localhost"),
            ("unix:/run/b.sock", "unix:/run/b.sock"),
            ("local:/run/b.sock", "unix:/run/b.sock"),
        ] {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<ListenAddress>().unwrap(), address);
        }
    }

    #[test]
    fn mistakes_say_what_was_expected() {
        for (text, expected) in [
            ("", "inet:8894@127.0.0.1"),
            ("8894", "inet:8894@127.0.0.1"),
            ("tcp:8894@127.0.0.1", "inet:8894@127.0.0.1"),
            ("inet:8894", "inet:8894@127.0.0.1"),
            ("inet:127.0.0.1:8894", "inet:8894@127.0.0.1"),
            ("inet:localhost:8894", "inet:8894@localhost"),
            ("inet:[::1]:8894", "inet:8894@[::1]"),
            ("inet:88940@127.0.0.1", "1 to 65535"),
            ("inet:milter@127.0.0.1", "a number"),
            ("inet:8894@", "an IP address"),
            ("inet:8894@127.0.0.256", "an IP address"),
            ("inet:8894@a b", "an IP address"),
            ("inet6:8894@127.0.0.1", "inet:8894@127.0.0.1"),
            ("unix:run/b.sock", "absolute"),
            ("unix:/", "absolute"),
        ] {
            let error = text.parse::<ListenAddress>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let long = format!("unix:/{}", "x".repeat(MAX_SOCKET_PATH));
        assert!(long.parse::<ListenAddress>().is_err());
    }

    #[test]
    fn socket_options_are_read() {
        let options: SocketOptions =
            serde_yaml::from_str("{mode: \"0660\", user: 1000, group: postfix}").unwrap();
        assert_eq!(options.mode, Some(SocketMode(0o660)));
        assert_eq!(options.user, Some(Owner::Id(1000)));
        assert_eq!(options.group, Some(Owner::Name("postfix".into())));
        assert_eq!(
            serde_yaml::from_str::<SocketOptions>("{}").unwrap(),
            SocketOptions::default()
        );
        for mode in ["\"0660\"", "0660", "660"] {
            let options: SocketOptions = serde_yaml::from_str(&format!("mode: {mode}")).unwrap();
            assert_eq!(options.mode, Some(SocketMode(0o660)));
        }
        for wrong in [
            "{mode: \"0680\"}",
            "{mode: \"+660\"}",
            "{mode: \"\"}",
            "{mode: \"7777\"}",
            "{mod: \"0660\"}",
            "{group: [postfix]}",
        ] {
            let error = serde_yaml::from_str::<SocketOptions>(wrong)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("such as 0660")
                    || error.contains("`mode`")
                    || error.contains("a name"),
                "{wrong}: {error}"
            );
        }
    }
}
