//! The text of a question, with places for the parts of an address. What stands there is never part of the text: a
//! database gets it as a value of its own, a filter gets it escaped.

use std::fmt;

use super::limits::LONGEST_ADDRESS;
use crate::core::address::Domain;

/// A part of an address that a question can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Placeholder {
    Address,
    Local,
    Domain,
}

impl Placeholder {
    /// By its name, without the colon.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "address" => Some(Self::Address),
            "local" => Some(Self::Local),
            "domain" => Some(Self::Domain),
            _ => None,
        }
    }
}

impl fmt::Display for Placeholder {
    /// As it stands in a question.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => ":address",
            Self::Local => ":local",
            Self::Domain => ":domain",
        })
    }
}

/// Text, and behind each piece of it but the last one a placeholder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Template {
    before: Vec<(String, Placeholder)>,
    last: String,
}

impl Template {
    pub fn push(&mut self, text: char) {
        self.last.push(text);
    }

    pub fn place(&mut self, placeholder: Placeholder) {
        let text = std::mem::take(&mut self.last);
        self.before.push((text, placeholder));
    }

    /// The placeholders in their order.
    pub fn placeholders(&self) -> impl ExactSizeIterator<Item = Placeholder> {
        self.before.iter().map(|(_, placeholder)| *placeholder)
    }

    /// The text with something in each place. `fill` gets the place's number from 0, and what belongs there.
    pub fn filled(&self, mut fill: impl FnMut(usize, Placeholder) -> String) -> String {
        let mut text = String::new();
        for (index, (before, placeholder)) in self.before.iter().enumerate() {
            text.push_str(before);
            text.push_str(&fill(index, *placeholder));
        }
        text + &self.last
    }
}

/// What a directory is asked for: an address in the form that compares, which is text without NUL and not too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    address: String,
    at: usize,
    whose: Domain,
}

impl Asked {
    /// A question of this one of our domains, which the address's own is or lies below. None for what no directory could
    /// list: it is never sent.
    pub fn new(local_key: &[u8], domain: &Domain, whose: &Domain) -> Option<Self> {
        let local = std::str::from_utf8(local_key).ok()?;
        let address = format!("{local}@{domain}");
        let fits = address.len() <= LONGEST_ADDRESS && !local.is_empty() && !local.contains('\0');
        fits.then_some(Self {
            address,
            at: local.len(),
            whose: whose.clone(),
        })
    }

    /// A domain as a whole, which this one of our domains is or lies above.
    pub fn whole(domain: &Domain, whose: &Domain) -> Self {
        Self {
            address: format!("@{domain}"),
            at: 0,
            whose: whose.clone(),
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// The one of our domains that takes its turn with it.
    pub fn whose(&self) -> &Domain {
        &self.whose
    }

    /// Whether its domain lies below that one: then it may be a name that a stranger made up.
    pub fn is_below(&self) -> bool {
        self.part(Placeholder::Domain) != self.whose.as_str()
    }

    pub fn part(&self, placeholder: Placeholder) -> &str {
        let part = match placeholder {
            Placeholder::Address => Some(self.address.as_str()),
            Placeholder::Local => self.address.get(..self.at),
            Placeholder::Domain => self.address.get(self.at + 1..),
        };
        part.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(local: &[u8]) -> Option<Asked> {
        let domain = "example.org".parse().unwrap();
        Asked::new(local, &domain, &domain)
    }

    #[test]
    fn what_could_not_be_listed_is_not_asked_for() {
        for local in [
            b"".as_slice(),
            b"a\0b",
            b"\xff",
            b"a\xc3",
            "x".repeat(65_536).as_bytes(),
            "x".repeat(501).as_bytes(),
        ] {
            assert_eq!(asked(local), None, "{}", local.escape_ascii());
        }
        assert!(asked("x".repeat(500).as_bytes()).is_some());
    }

    #[test]
    fn the_parts_of_an_address_are_told_apart_at_its_end() {
        let asked = asked("jö@e'".as_bytes()).unwrap();
        assert_eq!(asked.part(Placeholder::Address), "jö@e'@example.org");
        assert_eq!(asked.part(Placeholder::Local), "jö@e'");
        assert_eq!(asked.part(Placeholder::Domain), "example.org");
    }
}
