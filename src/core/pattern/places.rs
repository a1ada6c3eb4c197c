//! Where domains stand in a list, so that the last of thousands is found as soon as the first.

use std::collections::HashMap;

use super::DomainPattern;
use crate::core::address::Domain;

/// The number of the entry that names a domain, and of the one for the names below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::core) struct Places(HashMap<Domain, Place>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    itself: Option<usize>,
    below: Option<usize>,
}

impl Places {
    /// None, with room for so many.
    pub fn with_capacity(expected: usize) -> Self {
        Self(HashMap::with_capacity(expected))
    }

    /// Takes in an entry. Of two for the same names, the first stays.
    pub fn insert(&mut self, pattern: &DomainPattern, number: usize) {
        let (DomainPattern::Itself(domain) | DomainPattern::Below(domain)) = pattern;
        let place = self.0.entry(domain.clone()).or_default();
        let place = match pattern {
            DomainPattern::Itself(_) => &mut place.itself,
            DomainPattern::Below(_) => &mut place.below,
        };
        place.get_or_insert(number);
    }

    /// The entry for a domain: its own, else the nearest that it lies below.
    pub fn find(&self, domain: &Domain) -> Option<usize> {
        let itself = || self.0.get(domain)?.itself;
        let below = || {
            let mut above = domain.names_above();
            above.find_map(|name| self.0.get(name)?.below)
        };
        itself().or_else(below)
    }

    /// Whether an entry names this very domain, not only those below it.
    pub fn names(&self, domain: &Domain) -> bool {
        let place = self.0.get(domain);
        place.is_some_and(|place| place.itself.is_some())
    }

    /// Whether the domain is named by an entry of either kind, or lies below one that is.
    pub fn has_at_or_above(&self, domain: &Domain) -> bool {
        self.0.contains_key(domain) || domain.names_above().any(|name| self.0.contains_key(name))
    }
}
