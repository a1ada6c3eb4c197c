//! Where domains stand in a list, so that the last of thousands is found as soon as the first.

use std::collections::HashMap;

use super::DomainPattern;
use crate::core::address::Domain;

/// The number of the entry that names a domain, and of the one for the names below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::core) struct Places(HashMap<Domain, Place>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    itself: Option<u32>,
    below: Option<u32>,
}

impl Places {
    /// Takes in an entry. Of two for the same names, the first stays, and for the other it gives false.
    pub fn insert(&mut self, pattern: &DomainPattern, number: usize) -> bool {
        let (DomainPattern::Itself(domain) | DomainPattern::Below(domain)) = pattern;
        let place = self.0.entry(domain.clone()).or_default();
        let place = match pattern {
            DomainPattern::Itself(_) => &mut place.itself,
            DomainPattern::Below(_) => &mut place.below,
        };
        let is_new = place.is_none();
        if is_new {
            // There are no more than memory has room for.
            *place = u32::try_from(number).ok();
        }
        is_new
    }

    /// The entry for a domain: its own, else the nearest that it lies below.
    pub fn find(&self, domain: &Domain) -> Option<usize> {
        let itself = || self.0.get(domain)?.itself;
        let below = || {
            let mut above = domain.names_above();
            above.find_map(|name| self.0.get(name)?.below)
        };
        let place = itself().or_else(below)?;
        usize::try_from(place).ok()
    }

    /// Whether an entry is for this very domain, or for the names below it.
    pub fn has(&self, domain: &Domain) -> bool {
        self.0.contains_key(domain)
    }

    /// Whether an entry is for the names below this very one.
    pub fn has_below(&self, name: &str) -> bool {
        let place = self.0.get(name);
        place.is_some_and(|place| place.below.is_some())
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
