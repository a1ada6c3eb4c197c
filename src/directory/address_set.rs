//! Addresses to look up, in the form that compares.

use std::collections::HashSet;

use crate::core::{
    address::Domain,
    pattern::{AddressPattern, DomainPattern, Index, LocalPartPattern},
};

/// Local parts of any domain, and whole addresses. Two sets, so that the quoted local part `"a@example.org"` is not
/// taken for the address a@example.org.
#[derive(Debug, Default)]
pub(super) struct AddressSet {
    local_parts: HashSet<Box<[u8]>>,
    addresses: HashSet<Box<[u8]>>,
    /// Of `milter.yaml` alone.
    patterns: Vec<(LocalPartPattern, Option<DomainPattern>)>,
    index: Index,
    /// How many are to come, about.
    expected: usize,
}

impl AddressSet {
    /// An empty one, which so many are about to come into.
    pub fn for_about(expected: usize) -> Self {
        Self {
            expected,
            ..Self::default()
        }
    }

    /// Takes in the comparable form of a local part, and its domain if it has one.
    pub fn insert(&mut self, local_key: Vec<u8>, domain: Option<&Domain>) {
        let set = match domain {
            None => &mut self.local_parts,
            Some(_) => &mut self.addresses,
        };
        if set.is_empty() {
            set.reserve(self.expected);
        }
        match domain {
            None => self.local_parts.insert(local_key.into()),
            Some(domain) => self.addresses.insert(joined(&local_key, domain).into()),
        };
    }

    /// Whether the local part, in its comparable form, is listed for this domain or for any.
    pub fn contains(&self, local_key: &[u8], domain: &Domain) -> bool {
        self.local_parts.contains(local_key)
            || (!self.addresses.is_empty()
                && self
                    .addresses
                    .contains(joined(local_key, domain).as_slice()))
            || !self.patterns.is_empty() && self.a_pattern_matches(local_key, domain)
    }

    fn a_pattern_matches(&self, local_key: &[u8], domain: &Domain) -> bool {
        let candidates = self.index.candidates(local_key).into_iter();
        candidates
            .filter_map(|number| self.patterns.get(number))
            .any(|(pattern, wanted)| {
                let there = |wanted: &DomainPattern| wanted.matches(domain);
                wanted.as_ref().is_none_or(there) && pattern.matches(local_key)
            })
    }

    pub fn len(&self) -> usize {
        self.local_parts.len() + self.addresses.len()
    }
}

impl<'a> FromIterator<&'a AddressPattern> for AddressSet {
    /// Whole domains list nobody; `milter.yaml` can't name any here.
    fn from_iter<I: IntoIterator<Item = &'a AddressPattern>>(patterns: I) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            match pattern {
                AddressPattern::Local(local) => set.insert(local.clone(), None),
                AddressPattern::Mailbox(local, domain) => set.insert(local.clone(), Some(domain)),
                AddressPattern::Domain(_) => {}
                AddressPattern::Match(pattern, domain) => {
                    set.patterns.push((pattern.clone(), domain.clone()));
                }
            }
        }
        set.index = Index::of(set.patterns.iter().map(|(pattern, _)| pattern));
        set
    }
}

fn joined(local_key: &[u8], domain: &Domain) -> Vec<u8> {
    [local_key, b"@", domain.as_str().as_bytes()].concat()
}
