//! Who hands a message over, by what the MTA says of it at CONNECT and MAIL.
//!
//! A stranger can make the MTA lose sight of its address: who pipelines a whole session and resets the connection is
//! `unknown[unknown]` to Postfix. So the lack of an address is no sign of local mail; each form in which local mail comes
//! is known, and has signs of its own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::core::address::Domain;

/// Who hands the message over, as far as the MTA says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// Its address; none for a local submission, and where the MTA doesn't know it.
    pub address: Option<IpAddr>,
    /// The name that this address leads to, and that leads back to it.
    pub name: Option<Domain>,
    /// Whether no SMTP client stands behind it: it has a form that only mail of this host has.
    pub local: bool,
    /// What it said in HELO or EHLO; none where it said nothing.
    pub helo: Option<Vec<u8>>,
    /// The login of SMTP AUTH.
    pub login: Option<Vec<u8>>,
    /// The MTA's `{daemon_name}`: Postfix's `milter_macro_daemon_name`, Sendmail's daemon option `Name`.
    pub daemon: Option<Vec<u8>>,
}

/// How the client is connected, as CONNECT says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Families 4 and 6.
    Inet(SocketAddr),
    /// Family L.
    Unix,
    /// Family U, or an address that can't be read.
    Unknown,
}

impl Client {
    /// The client of a CONNECT with this host name and peer, and the macro `{client_addr}`.
    pub fn connected(name: &[u8], peer: Peer, client_addr: Option<&[u8]>) -> Self {
        let local = is_submission(name, peer, client_addr);
        let address = match peer {
            _ if local => None,
            Peer::Inet(address) => Some(address.ip().to_canonical()),
            Peer::Unix | Peer::Unknown => client_addr.and_then(macro_address),
        };
        Self {
            address,
            name: Domain::from_bytes(name).filter(|name| name.as_str().contains('.')),
            local,
            ..Self::default()
        }
    }

    /// The same client at MAIL, where the MTA can give the address that it did not give at CONNECT.
    pub fn at_mail(&self, login: Option<Vec<u8>>, client_addr: Option<&[u8]>) -> Self {
        let given = client_addr.filter(|_| !self.local).and_then(macro_address);
        Self {
            address: self.address.or(given),
            login,
            ..self.clone()
        }
    }

    /// Its address, where that is one of a network that no stranger can come from by itself (RFC 1918, RFC 3927, RFC 4193,
    /// RFC 4291 section 2.4).
    pub fn private_address(&self) -> Option<IpAddr> {
        self.address.filter(|address| match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        })
    }

    /// Whether it is a client on the network whose address the MTA doesn't know.
    pub fn is_unknown(&self) -> bool {
        self.address.is_none() && !self.local
    }
}

/// The forms that only a process on the MTA's host can bring about. All of them bear the name `localhost`, which no
/// client gets by DNS: Postfix and Sendmail give a name only to the address it leads to.
fn is_submission(name: &[u8], peer: Peer, client_addr: Option<&[u8]>) -> bool {
    let from_here = match (peer, client_addr) {
        // Postfix's non_smtpd_milters: mail of sendmail(1), of local(8) and of its own. No TCP client has port 0.
        (Peer::Inet(address), _) => {
            address.port() == 0 && is_this_host(address.ip().to_canonical())
        }
        // Sendmail's `sendmail -bs` on a pipe. A client that reset its connection has the name `[0]`.
        (Peer::Unknown, Some(b"0")) => true,
        // Postfix's `sendmail -bs`, where it is mail_owner's.
        (Peer::Unknown, Some(text)) => macro_address(text).is_some_and(is_this_host),
        // Sendmail's, on a socket pair.
        (Peer::Unix, client_addr) => client_addr == Some(b"[UNIX: localhost]"),
        (Peer::Unknown, None) => false,
    };
    name == b"localhost" && from_here
}

fn is_this_host(address: IpAddr) -> bool {
    address == Ipv4Addr::LOCALHOST || address == Ipv6Addr::LOCALHOST
}

/// `{client_addr}`, which carries `IPv6:` before an IPv6 address.
fn macro_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let text = text.strip_prefix("IPv6:").unwrap_or(text);
    text.parse()
        .ok()
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests;
