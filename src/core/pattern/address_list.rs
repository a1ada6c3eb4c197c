//! A list of addresses, of which one entry or a thousand cost a message the same.

use std::{collections::HashMap, ops::Deref};

use serde::{Deserialize, Deserializer};

use super::{AddressPattern, DomainPattern, Index};
use crate::core::{address::Mailbox, recipients::lookup_keys};

/// Addresses in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct AddressList {
    entries: Vec<AddressPattern>,
    /// The entries of each local part, in order.
    locals: HashMap<Vec<u8>, Vec<usize>>,
    /// The first entry of each whole domain.
    domains: HashMap<DomainPattern, usize>,
    /// The entries that are regular expressions, and what finds those that may match.
    matches: Vec<usize>,
    index: Index,
}

impl AddressList {
    /// The first entry that the address is listed by, with an extension or without: `delimiters` divide the two.
    pub fn find(&self, mailbox: &Mailbox, delimiters: &str) -> Option<&AddressPattern> {
        if self.entries.is_empty() {
            return None;
        }
        let key = mailbox.local_key();
        let mut numbers: Vec<usize> = Vec::new();
        if !self.locals.is_empty() {
            let named = lookup_keys(&key, delimiters).filter_map(|key| self.locals.get(key));
            numbers.extend(named.flatten());
        }
        if let Some(domain) = mailbox.domain().filter(|_| !self.domains.is_empty()) {
            let itself = DomainPattern::Itself(domain.clone());
            let above = domain.above().map(DomainPattern::Below);
            let wholes = std::iter::once(itself).chain(above);
            numbers.extend(wholes.filter_map(|pattern| self.domains.get(&pattern)));
        }
        if !self.matches.is_empty() {
            let mut texts = vec![mailbox.local_unquoted()];
            texts.extend(lookup_keys(&key, delimiters).map(<[u8]>::to_vec));
            let candidates = texts.iter().flat_map(|text| self.index.candidates(text));
            numbers.extend(candidates.filter_map(|number| self.matches.get(number)));
        }
        numbers.sort_unstable();
        let mut entries = numbers
            .iter()
            .filter_map(|&number| self.entries.get(number));
        entries.find(|entry| entry.matches(mailbox, delimiters))
    }
}

impl FromIterator<AddressPattern> for AddressList {
    fn from_iter<I: IntoIterator<Item = AddressPattern>>(entries: I) -> Self {
        let mut list = Self {
            entries: entries.into_iter().collect(),
            ..Self::default()
        };
        let mut patterns = Vec::new();
        for (number, entry) in list.entries.iter().enumerate() {
            match entry {
                AddressPattern::Local(local) | AddressPattern::Mailbox(local, _) => {
                    let numbers = list.locals.entry(local.clone()).or_default();
                    numbers.push(number);
                }
                AddressPattern::Domain(domain) => {
                    list.domains.entry(domain.clone()).or_insert(number);
                }
                AddressPattern::Match(pattern, _) => {
                    list.matches.push(number);
                    patterns.push(pattern);
                }
            }
        }
        list.index = Index::of(patterns);
        list
    }
}

impl Deref for AddressList {
    type Target = [AddressPattern];

    fn deref(&self) -> &[AddressPattern] {
        &self.entries
    }
}

impl PartialEq for AddressList {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Eq for AddressList {}

impl<'de> Deserialize<'de> for AddressList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A reload keeps what did not change.
    #[test]
    fn lists_are_the_same_by_their_entries() {
        let list = |entries: [&str; 2]| -> AddressList {
            let entries = entries.into_iter();
            entries
                .map(|entry| serde_yaml::from_str(entry).unwrap())
                .collect()
        };
        let one = ["a@example.org", "{match: 'b.*'}"];
        assert!(list(one) == list(one));
        for other in [
            ["a@example.org", "{match: 'c.*'}"],
            ["a", "{match: 'b.*'}"],
            ["{match: 'b.*'}", "a@example.org"],
        ] {
            assert!(list(one) != list(other), "{other:?}");
        }
    }

    proptest! {
        /// As when each is asked.
        #[test]
        fn the_first_that_matches_is_found(
            entries in proptest::collection::vec(
                proptest::sample::select(vec![
                    "a", "ab", "a@example.org", "b@example.org", "a+x", "a+x@example.net", "'@example.org'",
                    "'@.example.org'", "'@sub.example.org'", "{match: 'a.*'}", "{match: '.*b', domain: example.org}",
                    "{match: 'ab|ba', domain: .example.org}", "{match: '[ab]+'}", "'\"a b\"@example.org'", "localhost-a",
                ]),
                0..8,
            ),
            local in proptest::sample::select(vec!["a", "b", "AB", "a+x", "ab+x", "\"a b\"", "\"ab\"", "ba", "c", ""]),
            host in proptest::sample::select(vec![
                "", "@example.org", "@Example.NET", "@sub.example.org", "@x.sub.example.org", "@[192.0.2.1]", "@localhost",
                "@a..b",
            ]),
        ) {
            let entries: Vec<AddressPattern> = entries
                .into_iter()
                .map(|entry| serde_yaml::from_str(entry).unwrap())
                .collect();
            let mailbox = Mailbox::from_bytes(format!("{local}{host}").as_bytes());
            let list: AddressList = entries.iter().cloned().collect();
            prop_assert_eq!(
                list.find(&mailbox, "+"),
                entries.iter().find(|entry| entry.matches(&mailbox, "+"))
            );
        }
    }
}
