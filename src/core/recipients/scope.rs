//! Which domains an entry of `recipients` is for, and which entry is for a domain.

use std::{fmt, str::FromStr};

use crate::core::{
    address::Domain,
    pattern::{DomainPattern, EntryError, Places},
    serde_text::deserialize_from_str,
};

/// Which domains an entry of `recipients` is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A domain (`example.org`), or those of ours below it (`.example.org`).
    Named(DomainPattern),
    /// Those of ours that no other entry is for (`*`).
    Others,
}

impl Scope {
    /// Whether the domain is meant, were it ours and had no other entry.
    pub fn matches(&self, domain: &Domain) -> bool {
        match self {
            Self::Named(pattern) => pattern.matches(domain),
            Self::Others => true,
        }
    }

    /// Whether the entry names this very domain.
    pub fn names(&self, domain: &Domain) -> bool {
        matches!(self, Self::Named(DomainPattern::Itself(own)) if own == domain)
    }
}

impl FromStr for Scope {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        match text {
            "*" => Ok(Self::Others),
            _ => text.parse().map(Self::Named),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(pattern) => pattern.fmt(f),
            Self::Others => f.write_str("*"),
        }
    }
}

deserialize_from_str!(Scope);

/// Which of many entries is for a domain, by their numbers.
#[derive(Clone, Debug, Default)]
pub struct Scopes {
    named: Places,
    others: Option<usize>,
}

impl Scopes {
    /// The entry for a domain: the one that names it, else that for the names below the nearest domain above it, else that
    /// for all others. Whether the domain is ours, the caller knows.
    pub fn find(&self, domain: &Domain) -> Option<usize> {
        self.named.find(domain).or(self.others)
    }
}

impl<'a> FromIterator<(usize, &'a Scope)> for Scopes {
    /// Of two that are for the same, the first counts.
    fn from_iter<I: IntoIterator<Item = (usize, &'a Scope)>>(entries: I) -> Self {
        let mut scopes = Self::default();
        for (number, scope) in entries {
            match scope {
                Scope::Named(pattern) => {
                    scopes.named.insert(pattern, number);
                }
                Scope::Others => {
                    scopes.others.get_or_insert(number);
                }
            }
        }
        scopes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_a_domain_those_below_one_or_all_others() {
        for (text, shown) in [
            ("Example.ORG", Ok("example.org")),
            (".example.org", Ok(".example.org")),
            ("b\u{fc}cher.example", Ok("xn--bcher-kva.example")),
            ("*", Ok("*")),
            ("*.example.org", Err("use .example.org for all names below")),
            (".*", Err("not a domain name")),
            ("**", Err("not a domain name")),
            ("@example.org", Err("not a domain name")),
            ("joe@example.org", Err("not a domain name")),
            ("", Err("not a domain name")),
        ] {
            match (text.parse::<Scope>(), shown) {
                (Ok(scope), Ok(shown)) => assert_eq!(scope.to_string(), shown),
                (Err(why), Err(says)) => assert!(why.to_string().contains(says), "{text}: {why}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
