//! What the lists of `milter.yaml` mean: a domain, the names below one, an address.

use std::{fmt, str::FromStr};

use super::{
    address::{AddressError, Domain, Host, Mailbox},
    serde_text::deserialize_from_str,
};

/// A domain (`example.org`), or with a leading dot, as in Postfix maps, the names below it (`.example.org`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DomainPattern {
    /// This domain alone.
    Itself(Domain),
    /// Every name below it, but not itself.
    Below(Domain),
}

impl DomainPattern {
    /// Whether the domain is meant.
    pub fn matches(&self, domain: &Domain) -> bool {
        match self {
            Self::Itself(own) => domain == own,
            Self::Below(parent) => domain != parent && domain.is_at_or_below(parent),
        }
    }
}

impl FromStr for DomainPattern {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        match text.strip_prefix('.') {
            Some(parent) => parent.parse().map(Self::Below),
            None => text.parse().map(Self::Itself),
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself(domain) => domain.fmt(f),
            Self::Below(parent) => write!(f, ".{parent}"),
        }
    }
}

deserialize_from_str!(DomainPattern);

/// Which addresses a list entry means: `user@example.org`, `@example.org` (all of a domain; `@.example.org` all
/// below it), or `user` (that local part in any domain).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AddressPattern {
    /// This local part (in its comparable form) in any domain.
    Local(Vec<u8>),
    /// This address: the comparable form of its local part, and its domain.
    Mailbox(Vec<u8>, Domain),
    /// Every address of the domain.
    Domain(DomainPattern),
}

impl AddressPattern {
    /// Whether the address is meant.
    pub fn matches(&self, mailbox: &Mailbox) -> bool {
        match self {
            Self::Local(local) => mailbox.local_key() == *local,
            Self::Mailbox(local, domain) => {
                mailbox.domain() == Some(domain) && mailbox.local_key() == *local
            }
            Self::Domain(pattern) => mailbox
                .domain()
                .is_some_and(|domain| pattern.matches(domain)),
        }
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(local) => local.escape_ascii().fmt(f),
            Self::Mailbox(local, domain) => write!(f, "{}@{domain}", local.escape_ascii()),
            Self::Domain(pattern) => write!(f, "@{pattern}"),
        }
    }
}

impl FromStr for AddressPattern {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(domain) = text.strip_prefix('@') {
            return domain.parse().map(Self::Domain);
        }
        let mailbox = Mailbox::from_bytes(text.as_bytes());
        let local = mailbox.local_key();
        match mailbox.host() {
            _ if local.is_empty() => Err(AddressError::Pattern(text.to_owned())),
            Host::Missing => Ok(Self::Local(local)),
            Host::Domain(domain) => Ok(Self::Mailbox(local, domain.clone())),
            Host::Other(_) => Err(AddressError::Pattern(text.to_owned())),
        }
    }
}

deserialize_from_str!(AddressPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_addresses() {
        for (pattern, address, matches) in [
            ("abuse", "Abuse@example.org", true),
            ("abuse", "abuse", true),
            ("abuse@example.org", "\"abuse\"@EXAMPLE.org", true),
            ("abuse@example.org", "abuse@example.net", false),
            ("@example.org", "anyone@example.org", true),
            ("@example.org", "anyone@sub.example.org", false),
            ("@.example.org", "anyone@sub.example.org", true),
            ("@.example.org", "anyone@example.org", false),
        ] {
            let pattern: AddressPattern = pattern.parse().unwrap();
            assert_eq!(
                pattern.matches(&Mailbox::from_bytes(address.as_bytes())),
                matches,
                "{pattern:?} {address}"
            );
        }
        for wrong in ["", "@", "user@", "user@exa mple", "@[192.0.2.1]"] {
            assert!(wrong.parse::<AddressPattern>().is_err(), "{wrong:?}");
        }
    }
}
