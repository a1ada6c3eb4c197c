//! Whom a request means. A web page can have its own name point at this host (DNS rebinding), and the browser of whoever
//! reads it then asks here on the page's behalf: but it says the page's name. So only names that can't be the page's are
//! answered: IP addresses, which no DNS gives another meaning, `localhost`, and those in `observe.hosts`.

use std::net::{Ipv4Addr, Ipv6Addr};

use arc_swap::ArcSwap;
use hyper::{
    HeaderMap, StatusCode, Uri, Version,
    header::{HOST, HeaderValue},
};

use crate::core::{address::Domain, pattern::DomainPattern, printable::shortened};

/// The maximum of a refused name that is shown, in characters.
const SHOWN: usize = 80;

/// The names that are answered beside IP addresses and `localhost`. A reload changes them.
#[derive(Debug, Default)]
pub struct Hosts(ArcSwap<Vec<DomainPattern>>);

impl Hosts {
    /// Answers these from now on.
    pub fn set(&self, hosts: &[DomainPattern]) {
        self.0.store(hosts.to_vec().into());
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misdirected {
    /// RFC 9112 section 3.2 asks for 400 where Host is missing in HTTP/1.1, is there twice, or is no host.
    #[error("one Host header is needed, with a host and perhaps a port")]
    Malformed,
    /// It means another host, or this one by a name that nobody gave it in the file. As it came, made printable.
    #[error(
        "this name is not in observe.hosts of milter.yaml; use an IP address, or add the name there"
    )]
    Name(String),
}

impl Misdirected {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Name(_) => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

impl Hosts {
    /// Whether the request means this host. One of HTTP/1.0 may have no Host header: no browser sends such a request.
    ///
    /// # Errors
    /// Why it is not answered.
    pub(super) fn admit(
        &self,
        version: Version,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<(), Misdirected> {
        let mut named = headers.get_all(HOST).iter().map(HeaderValue::as_bytes);
        let host = match (named.next(), named.next()) {
            (Some(host), None) => Some(host),
            (None, None) if version <= Version::HTTP_10 => None,
            _ => return Err(Misdirected::Malformed),
        };
        let of_header = host.map(|host| self.is_meant(host)).transpose();
        // RFC 9112 section 3.2.2: where the request line has a host, it counts instead of the header.
        match uri.authority() {
            Some(authority) => self.is_meant(authority.as_str().as_bytes()),
            None => of_header.map(Option::unwrap_or_default),
        }
    }

    /// Whether `host`, with or without a port, is this one.
    fn is_meant(&self, authority: &[u8]) -> Result<(), Misdirected> {
        let text = str::from_utf8(authority).map_err(|_| Misdirected::Malformed)?;
        let (host, is_bracketed) = without_port(text).ok_or(Misdirected::Malformed)?;
        if is_bracketed {
            // Behind a percent sign stands the network interface (RFC 6874).
            let address = host.split('%').next().unwrap_or_default();
            return match address.parse::<Ipv6Addr>() {
                Ok(_) => Ok(()),
                Err(_) => Err(Misdirected::Malformed),
            };
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        let name = || Misdirected::Name(shortened(authority, SHOWN));
        if host.parse::<Ipv4Addr>().is_ok() || host.eq_ignore_ascii_case("localhost") {
            return Ok(());
        }
        let domain: Domain = host.parse().map_err(|_| name())?;
        let is_ours = self.0.load().iter().any(|ours| ours.matches(&domain));
        is_ours.then_some(()).ok_or_else(name)
    }
}

/// The host, and whether it stood in brackets; none where that is no host, or something else than a port is behind it.
fn without_port(authority: &str) -> Option<(&str, bool)> {
    let (host, port, is_bracketed) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() {
                ""
            } else {
                rest.strip_prefix(':')?
            };
            (host, port, true)
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            (host, port, false)
        }
    };
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (!host.is_empty() && is_port).then_some((host, is_bracketed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The status of a request with these Host headers; 200 where it is answered.
    fn status(version: Version, uri: &str, hosts: &[&[u8]]) -> u16 {
        let ours = Hosts::default();
        ours.set(
            &["mx.example.org", ".mon.example.org", "backstop"].map(|name| name.parse().unwrap()),
        );
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, HeaderValue::from_bytes(host).unwrap());
        }
        let admitted = ours.admit(version, &uri.parse().unwrap(), &headers);
        admitted.map_or_else(|why| why.status().as_u16(), |()| 200)
    }

    #[test]
    fn a_host_is_answered_where_no_page_can_have_its_name() {
        for (host, expected) in [
            ("127.0.0.1", 200),
            ("127.0.0.1:8895", 200),
            ("127.0.0.1:", 200),
            ("127.0.0.1.", 200),
            ("192.0.2.7:80", 200),
            ("[::1]", 200),
            ("[::1]:8895", 200),
            ("[2001:DB8::1]:8895", 200),
            ("[fe80::1%25eth0]:8895", 200),
            ("[::ffff:127.0.0.1]", 200),
            ("localhost", 200),
            ("LocalHost:8895", 200),
            ("localhost.", 200),
            ("localhost.:8895", 200),
            ("mx.example.org", 200),
            ("MX.Example.ORG.:8895", 200),
            ("a.mon.example.org", 200),
            ("backstop:8895", 200),
            ("mon.example.org", 421),
            ("example.org", 421),
            ("xmx.example.org", 421),
            ("mx.example.org.evil.example", 421),
            ("evil.example", 421),
            ("evil.example:8895", 421),
            ("localhost.evil.example", 421),
            ("evil.localhost", 421),
            ("127.0.0.1.evil.example", 421),
            ("127.0.0.1.nip.io", 421),
            // What browsers write as four numbers before they ask.
            ("127.1", 421),
            ("0x7f.0.0.1", 421),
            ("2130706433", 421),
            ("0", 421),
            ("127.0.0.01", 421),
            ("localhost..", 421),
            ("localhost@evil.example", 421),
            ("evil.example@localhost", 421),
            ("evil.example/localhost", 421),
            ("evil.example, localhost", 421),
            ("evil example", 421),
            ("l\u{f6}calhost", 421),
            ("", 400),
            (":8895", 400),
            ("localhost:80:80", 400),
            ("localhost:x", 400),
            ("localhost:123456", 400),
            ("::1", 400),
            ("[::1", 400),
            ("[::1]x", 400),
            ("[localhost]", 400),
            ("[127.0.0.1]", 400),
            ("[]", 400),
        ] {
            let found = status(Version::HTTP_11, "/metrics", &[host.as_bytes()]);
            assert_eq!(found, expected, "{host}");
        }
        assert_eq!(status(Version::HTTP_11, "/", &[b"\xff"]), 400);
    }

    #[test]
    fn a_request_means_one_host() {
        let (http_10, http_11) = (Version::HTTP_10, Version::HTTP_11);
        let (good, bad): (&[u8], &[u8]) = (b"localhost", b"evil.example");
        for (version, uri, hosts, expected) in [
            (http_10, "/metrics", &[][..], 200),
            (http_11, "/metrics", &[], 400),
            (http_10, "/metrics", &[bad], 421),
            (http_10, "/metrics", &[good, good], 400),
            (http_11, "/metrics", &[good, good], 400),
            (http_11, "/metrics", &[good, bad], 400),
            (http_11, "/metrics", &[bad, good], 400),
            (http_11, "http://localhost/metrics", &[good], 200),
            (http_11, "http://LOCALHOST:8895/metrics", &[bad], 200),
            (http_11, "http://[::1]:8895/metrics", &[good], 200),
            (http_11, "http://evil.example/metrics", &[good], 421),
            (http_11, "http://me@localhost/metrics", &[good], 421),
            (http_11, "http://localhost/metrics", &[], 400),
            (http_10, "http://localhost/metrics", &[], 200),
            (http_10, "http://evil.example/metrics", &[], 421),
        ] {
            assert_eq!(
                status(version, uri, hosts),
                expected,
                "{version:?} {uri} {hosts:?}"
            );
        }
    }
}
