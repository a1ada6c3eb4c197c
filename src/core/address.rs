//! Mail addresses as SMTP carries them (RFC 5321 section 4.1.2, RFC 6531), parsed once at the edge.
//!
//! A stranger chooses these bytes. Nothing is refused for its looks here: what can't be a domain name is kept
//! as it came ([`Host::Other`]), so that every rule can still name it, log it and answer it.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    str::FromStr,
    sync::Arc,
};

use serde::{Serialize, Serializer};
use unicase::UniCase;

use super::serde_text::deserialize_from_str;

/// The longest domain name, in octets, without the trailing dot (RFC 1035 section 2.3.4).
const MAX_DOMAIN: usize = 253;
/// The longest label, in octets (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// A domain name in its one comparable form: A-labels, lower case, no trailing dot. A copy is another handle on the same
/// text: tens of thousands of names of ours stand in several tables, and once in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Arc<str>);

impl Domain {
    /// Parses the bytes of a domain, U-labels (UTF-8) included. `None` when they can't be a domain name.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    }

    /// The name, lower case, as A-labels.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names above it, the nearest first: `b.example`, `example` of `a.b.example`.
    pub fn above(&self) -> impl Iterator<Item = Domain> {
        self.names_above().map(|parent| Self(parent.into()))
    }

    /// The same, where the text is enough.
    pub fn names_above(&self) -> impl Iterator<Item = &str> {
        let parents =
            std::iter::successors(self.0.split_once('.'), |(_, rest)| rest.split_once('.'));
        parents.map(|(_, parent)| parent)
    }

    /// Whether this is `parent` itself or a name below it.
    pub fn is_at_or_below(&self, parent: &Domain) -> bool {
        self.0
            .strip_suffix(parent.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Whether one of the two is the other or is below it: the owner of the upper one gave away the lower one. No list of
    /// names under which strangers register side by side (`co.uk`) is needed, because siblings are not in line.
    pub fn is_in_line_with(&self, other: &Domain) -> bool {
        self.is_at_or_below(other) || other.is_at_or_below(self)
    }
}

/// Names are looked up by their text.
impl Borrow<str> for Domain {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = NotADomain;

    fn from_str(text: &str) -> Result<Self, NotADomain> {
        let not_a_domain = || NotADomain(text.to_owned());
        let text = text.strip_suffix('.').unwrap_or(text);
        // RFC 5321 domains compare in A-label form; ASCII names skip IDNA, which would refuse `_spf` and friends.
        let ascii = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| not_a_domain())?
        };
        let well_formed = ascii.len() <= MAX_DOMAIN
            && ascii.split('.').all(|label| {
                (1..=MAX_LABEL).contains(&label.len())
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            });
        if well_formed {
            Ok(Self(ascii.into()))
        } else {
            Err(not_a_domain())
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

deserialize_from_str!(Domain);

impl Serialize for Domain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What stands right of the last `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name.
    Domain(Domain),
    /// An address literal (`[192.0.2.1]`), or bytes that can't be a domain name, as they came.
    Other(Vec<u8>),
    /// No `@` at all: local mail, or the bare `postmaster` of RFC 5321 section 4.5.1.
    Missing,
}

impl Host {
    /// Whether an MTA that accepts mail for it from strangers delivers it to its own accounts: no domain, an address literal
    /// (RFC 5321 section 4.1.3), `localhost` or a name that begins so (Postfix's default for `mydestination` has
    /// `localhost.$mydomain`, Sendmail's class w has the rest).
    pub fn is_this_host(&self) -> bool {
        match self {
            Self::Domain(domain) => domain.as_str().split('.').next() == Some("localhost"),
            Self::Other(bytes) => bytes.starts_with(b"[") && bytes.ends_with(b"]"),
            Self::Missing => true,
        }
    }
}

/// An address: local part and host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox {
    local: Vec<u8>,
    host: Host,
}

impl Mailbox {
    /// Parses what stands between the angle brackets; source routes (`@a,@b:user@c`) are dropped, as
    /// RFC 5321 section 4.1.1.3 asks of receivers.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let bytes = without_source_route(bytes);
        match bytes.iter().rposition(|&byte| byte == b'@') {
            None => Self {
                local: bytes.to_vec(),
                host: Host::Missing,
            },
            Some(at) => {
                let (local, host) = bytes.split_at(at);
                let host = host.strip_prefix(b"@").unwrap_or(host);
                let host = match Domain::from_bytes(host) {
                    Some(domain) => Host::Domain(domain),
                    None => Host::Other(host.to_vec()),
                };
                Self {
                    local: local.to_vec(),
                    host,
                }
            }
        }
    }

    /// A local part, with quotes where it needs them, at a host; an empty one is none.
    pub fn from_parts(local: Vec<u8>, host: &[u8]) -> Self {
        let host = match Domain::from_bytes(host) {
            Some(domain) => Host::Domain(domain),
            None if host.is_empty() => Host::Missing,
            None => Host::Other(host.to_vec()),
        };
        Self { local, host }
    }

    /// The postmaster of a domain (RFC 5321 section 4.5.1).
    pub fn postmaster(domain: &Domain) -> Self {
        Self {
            local: b"postmaster".to_vec(),
            host: Host::Domain(domain.clone()),
        }
    }

    /// The local part as sent, quotes included.
    pub fn local(&self) -> &[u8] {
        &self.local
    }

    /// The local part in the form that compares: quotes and their backslashes taken off (RFC 5321
    /// section 4.1.2: the quoted and the bare form name the same mailbox), its case folded as Postfix folds what it looks
    /// up: by Unicode's full folding where it is UTF-8 (`straße` is `strasse`), and else of ASCII letters alone. Sendmail
    /// folds ASCII letters alone; what that keeps apart, it has refused before we see it.
    pub fn local_key(&self) -> Vec<u8> {
        let local = unquoted(&self.local);
        match std::str::from_utf8(&local) {
            Ok(text) if !text.is_ascii() => UniCase::unicode(text).to_folded_case().into_bytes(),
            _ => local.to_ascii_lowercase(),
        }
    }

    /// The local part without quotes and their backslashes, its letters as sent.
    pub fn local_unquoted(&self) -> Vec<u8> {
        unquoted(&self.local).into_owned()
    }

    /// Whether it is the postmaster of its host (RFC 5321 section 4.5.1), however that is written.
    pub fn is_postmaster(&self) -> bool {
        const POSTMASTER: &[u8] = b"postmaster";
        self.local.eq_ignore_ascii_case(POSTMASTER)
            || (!self.local.is_ascii() || self.local.starts_with(b"\""))
                && self.local_key() == POSTMASTER
    }

    /// Another local part at the same host.
    pub fn with_local(&self, local: &[u8]) -> Self {
        Self {
            local: local.to_vec(),
            host: self.host.clone(),
        }
    }

    /// The same local part at a domain.
    pub fn with_domain(&self, domain: &Domain) -> Self {
        Self {
            local: self.local.clone(),
            host: Host::Domain(domain.clone()),
        }
    }

    /// What stands right of the `@`.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The domain, where the host is one.
    pub fn domain(&self) -> Option<&Domain> {
        match &self.host {
            Host::Domain(domain) => Some(domain),
            Host::Other(_) | Host::Missing => None,
        }
    }

    /// Whether both name the same mailbox, however they are written.
    pub fn is_same(&self, other: &Self) -> bool {
        self.host == other.host && self.local_key() == other.local_key()
    }

    /// The address as bytes, the domain in its comparable form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let host: &[u8] = match &self.host {
            Host::Domain(domain) => domain.as_str().as_bytes(),
            Host::Other(bytes) => bytes,
            Host::Missing => return self.local.clone(),
        };
        [&self.local, b"@".as_slice(), host].concat()
    }
}

/// MAIL FROM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: a notification, if its sender is honest (RFC 5321 section 4.5.5).
    Null,
    /// Somebody who claims to be reachable there.
    Mailbox(Mailbox),
}

impl ReversePath {
    /// Parses the argument of MAIL FROM, with or without its angle brackets.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        match bracketless(bytes) {
            // A source route that leads to nobody is dropped, too.
            address if without_source_route(address).is_empty() => Self::Null,
            address => Self::Mailbox(Mailbox::from_bytes(address)),
        }
    }

    /// Whether it is `<>`.
    pub fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// The sender's domain, where there is one.
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => mailbox.domain(),
        }
    }

    /// The address between the brackets; empty for the null sender.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Null => Vec::new(),
            Self::Mailbox(mailbox) => mailbox.to_bytes(),
        }
    }
}

/// Takes one pair of angle brackets and the blanks around it off an SMTP path.
pub fn bracketless(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.trim_ascii();
    bytes
        .strip_prefix(b"<")
        .map_or(bytes, |rest| rest.strip_suffix(b">").unwrap_or(rest))
        .trim_ascii()
}

/// A text that is not a domain name; it is the administrator's own, from `milter.yaml` or the command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a domain name; expected e.g. example.org", .0.escape_debug())]
pub struct NotADomain(String);

fn without_source_route(bytes: &[u8]) -> &[u8] {
    if !bytes.starts_with(b"@") {
        return bytes;
    }
    let mut parts = bytes.splitn(2, |&byte| byte == b':');
    let (_route, rest) = (parts.next(), parts.next());
    rest.unwrap_or(bytes)
}

fn unquoted(local: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = local
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
    else {
        return Cow::Borrowed(local);
    };
    let mut plain = Vec::with_capacity(inner.len());
    let mut escaped = false;
    for &byte in inner {
        if byte == b'\\' && !escaped {
            escaped = true;
        } else {
            plain.push(byte);
            escaped = false;
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests;
