//! What the lists of `milter.yaml` mean: a domain, the names below one, an address, a pattern for local parts.

mod address_list;
mod error;
mod expression;
mod local_part;
mod meant;
mod places;
mod required;

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, value::MapAccessDeserializer},
};

pub use self::{
    address_list::AddressList,
    error::EntryError,
    expression::PATTERN_SIZE,
    local_part::{LocalPartPattern, PatternError, is_local_part},
    required::Index,
};
pub(in crate::core) use self::{
    expression::{Expression, Texts},
    places::Places,
};
use super::{
    address::{Domain, Host, Mailbox},
    recipients::lookup_keys,
    serde_text::deserialize_from_str,
};

/// Whether an entry is written as other programs write patterns, and so would never match.
pub fn looks_like_pattern(entry: &str) -> bool {
    meant::instead_of(entry).is_some()
}

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
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        if let Some(Ok(parent)) = text.strip_prefix("*.").map(str::parse) {
            return Err(EntryError::Below(text.to_owned(), parent));
        }
        match text.strip_prefix('.') {
            Some(parent) => Ok(Self::Below(parent.parse()?)),
            None => Ok(Self::Itself(text.parse()?)),
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
/// below it), `user` (that local part in any domain), or `{match: 'news-.*', domain: example.org}` (a regular expression
/// for the whole local part, in any domain where none is named).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AddressPattern {
    /// This local part (in its comparable form) in any domain.
    Local(Vec<u8>),
    /// This address: the comparable form of its local part, and its domain.
    Mailbox(Vec<u8>, Domain),
    /// Every address of the domain.
    Domain(DomainPattern),
    /// Every address whose local part matches, in these domains or in any.
    Match(LocalPartPattern, Option<DomainPattern>),
}

impl AddressPattern {
    /// Whether the address is meant, with its extension or without: `delimiters` divide the two. One of this host can be of
    /// whichever domain is named.
    pub fn matches(&self, mailbox: &Mailbox, delimiters: &str) -> bool {
        let key = mailbox.local_key();
        let is_named = |local: &[u8]| lookup_keys(&key, delimiters).any(|key| key == local);
        match self {
            Self::Local(local) => is_named(local),
            Self::Mailbox(local, domain) => {
                let in_domain = match mailbox.host() {
                    Host::Domain(host) if host == domain => true,
                    host => host.is_this_host(),
                };
                in_domain && is_named(local)
            }
            Self::Domain(pattern) => mailbox
                .domain()
                .is_some_and(|domain| pattern.matches(domain)),
            Self::Match(pattern, domain) => {
                let there = |wanted: &DomainPattern| match mailbox.host() {
                    Host::Domain(host) if wanted.matches(host) => true,
                    host => host.is_this_host(),
                };
                domain.as_ref().is_none_or(there)
                    && (lookup_keys(&key, delimiters).any(|key| pattern.matches(key))
                        || pattern.matches(&mailbox.local_unquoted()))
            }
        }
    }
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(local) => local.escape_ascii().fmt(f),
            Self::Mailbox(local, domain) => write!(f, "{}@{domain}", local.escape_ascii()),
            Self::Domain(pattern) => write!(f, "@{pattern}"),
            Self::Match(pattern, None) => pattern.fmt(f),
            Self::Match(pattern, Some(domain)) => write!(f, "{pattern}@{domain}"),
        }
    }
}

impl FromStr for AddressPattern {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        if let Some(write) = meant::instead_of(text) {
            let text = text.to_owned();
            return Err(EntryError::OtherPattern { text, write });
        }
        if let Some(domain) = text.strip_prefix('@') {
            return Ok(Self::Domain(domain.parse()?));
        }
        let mailbox = Mailbox::from_bytes(text.as_bytes());
        let local = mailbox.local_key();
        match mailbox.host() {
            _ if !can_be_meant(mailbox.local()) => Err(EntryError::NotAnAddress(text.to_owned())),
            Host::Missing => Ok(Self::Local(local)),
            Host::Domain(domain) => Ok(Self::Mailbox(local, domain.clone())),
            Host::Other(_) => Err(EntryError::NotAnAddress(text.to_owned())),
        }
    }
}

/// Whether somebody can mean this local part. A blank needs no quotes here; what only a list, a comment or brackets have
/// is no part of any.
fn can_be_meant(local: &[u8]) -> bool {
    let quoted = || is_local_part(local);
    let foreign = |byte: &u8| byte.is_ascii_control() || b"<>(),;[]@".contains(byte);
    match local.first() {
        None => false,
        Some(b'"') => quoted(),
        Some(_) => !local.iter().any(foreign),
    }
}

impl<'de> Deserialize<'de> for AddressPattern {
    /// By hand, because an untagged serde enum would lose the line and column of a mistake.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            #[serde(rename = "match")]
            pattern: LocalPartPattern,
            domain: Option<DomainPattern>,
        }

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = AddressPattern;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an address (user@example.org, @example.org or user, in 'quotes' where YAML sees more than text) or \
                     {match: 'news-.*'}",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<AddressPattern, E> {
                text.parse().map_err(E::custom)
            }

            // Digits and YAML's own words are local parts like others.
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<AddressPattern, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_bool<E: de::Error>(self, word: bool) -> Result<AddressPattern, E> {
                self.visit_str(&word.to_string())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<AddressPattern, A::Error> {
                let Long { pattern, domain } = Long::deserialize(MapAccessDeserializer::new(map))?;
                if let Some(write) = meant::instead_of_regex(pattern.as_str()) {
                    let text = pattern.as_str().to_owned();
                    return Err(de::Error::custom(EntryError::WholeAddress { text, write }));
                }
                Ok(AddressPattern::Match(pattern, domain))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_local_part_is_no_pattern() {
        for (local, is_one) in [
            ("joe", true),
            ("a..b", true),
            ("j\u{f6}rg", true),
            ("\"a b\"", true),
            ("a b", false),
            ("\"a", false),
            ("a\"", false),
            ("\"\"", false),
            ("\"", false),
            ("", false),
            ("a\0", false),
            ("\"a\0\"", false),
        ] {
            assert_eq!(is_local_part(local.as_bytes()), is_one, "{local:?}");
        }
        assert!(looks_like_pattern("*@example.org") && !looks_like_pattern("joe@example.org"));
    }

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
            ("john doe@example.org", "\"john doe\"@example.org", true),
            // With an extension, and as Postfix folds case.
            ("noreply@example.org", "noreply+x@example.org", true),
            ("noreply@example.org", "\"noreply+x\"@example.org", true),
            ("noreply", "NoReply+x+y@example.org", true),
            ("noreply+x@example.org", "noreply+x@example.org", true),
            ("noreply+x@example.org", "noreply@example.org", false),
            ("noreply@example.org", "noreply-x@example.org", false),
            ("noreply@example.org", "noreplyx@example.org", false),
            ("+x@example.org", "+x@example.org", true),
            ("büro@example.org", "BÜRO@example.org", true),
            // Without a domain it can be any of ours.
            ("noreply@example.org", "noreply", true),
            ("noreply@example.org", "noreply+x", true),
            ("noreply@example.org", "noreply@[192.0.2.1]", true),
            ("noreply@example.org", "noreply+x@localhost", true),
            ("noreply@example.org", "joe@[192.0.2.1]", false),
            ("@example.org", "noreply", false),
        ] {
            let pattern: AddressPattern = pattern.parse().unwrap();
            assert_eq!(
                pattern.matches(&Mailbox::from_bytes(address.as_bytes()), "+"),
                matches,
                "{pattern:?} {address}"
            );
        }
        for wrong in [
            "",
            "@",
            "user@",
            "user@exa mple",
            "@[192.0.2.1]",
            "<user@example.org>",
            "user(x)@example.org",
            "a@example.org,b@example.org",
            "news*@example.org",
        ] {
            assert!(wrong.parse::<AddressPattern>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn patterns_are_for_the_whole_local_part() {
        for (pattern, address, matches) in [
            ("{match: 'news-.*'}", "News-1@example.org", true),
            ("{match: 'news-.*'}", "\"news-1\"@example.net", true),
            ("{match: 'news-.*'}", "oldnews-1@example.org", false),
            ("{match: 'news-[0-9]'}", "news-12@example.org", false),
            ("{match: 'a|b', domain: example.org}", "b@example.org", true),
            (
                "{match: 'a|b', domain: example.org}",
                "ab@example.org",
                false,
            ),
            (
                "{match: 'a|b', domain: example.org}",
                "b@example.net",
                false,
            ),
            (
                "{match: 'a|b', domain: .example.org}",
                "b@x.example.org",
                true,
            ),
            // Without a domain it can be any of ours.
            ("{match: 'a|b', domain: example.org}", "b", true),
            ("{match: 'a|b', domain: example.org}", "b@[192.0.2.1]", true),
            (
                "{match: 'a|b', domain: example.org}",
                "b@example..org",
                false,
            ),
            // With an extension, and as it came.
            ("{match: 'news-[0-9]'}", "news-1+x@example.org", true),
            ("{match: 'news-[0-9].x'}", "news-1+x@example.org", true),
            ("{match: 'news-[0-9]'}", "news-1x@example.org", false),
            ("{match: 'BÜRO'}", "BÜRO@example.org", true),
            // Quoted, it is literal; so are numbers and YAML's own words.
            ("'\"news*\"@example.org'", "\"news*\"@example.org", true),
            ("'\"news*\"@example.org'", "news*@example.org", true),
            ("'\"news*\"@example.org'", "news1@example.org", false),
            ("1000", "1000@example.org", true),
            ("007", "007@example.org", true),
            ("true", "true@example.org", true),
            ("no", "no@example.org", true),
        ] {
            let pattern: AddressPattern = serde_yaml::from_str(pattern).unwrap();
            let mailbox = Mailbox::from_bytes(address.as_bytes());
            assert_eq!(
                pattern.matches(&mailbox, "+"),
                matches,
                "{pattern:?} {address}"
            );
        }
        for (wrong, says) in [
            ("{match: '/^shop-.*$/'}", "slashes"),
            ("{match: 'shop-*'}", "use 'shop-.*'"),
            ("{match: '*'}", "use '.*'"),
            (
                "{match: 'shop-.*@example.org'}",
                "use {match: 'shop-.*', domain: example.org}",
            ),
            ("{match: 'a', domain: '*.example.org'}", "use .example.org"),
            ("{match: '('}", "regex parse error"),
            ("{domain: example.org}", "missing field `match`"),
            ("1.50", "in 'quotes'"),
            ("~", "in 'quotes'"),
            ("[a]", "an address"),
        ] {
            let error = serde_yaml::from_str::<AddressPattern>(wrong).unwrap_err();
            assert!(error.to_string().contains(says), "{wrong}: {error}");
        }
    }
}
