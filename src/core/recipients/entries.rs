//! The entries of `recipients`, and which is for a domain.

use std::ops::Deref;

use super::{DomainRecipients, Scopes};
use crate::core::{address::Domain, local::Domains};

/// `recipients:`, in the order of the file. The last of thousands of entries is found as soon as the first.
#[derive(Clone, Debug, Default)]
pub struct Recipients {
    entries: Vec<DomainRecipients>,
    scopes: Scopes,
}

impl Recipients {
    /// The entry for a domain, and its place. One that does not name the domain is for our domains only.
    pub fn entry(&self, domain: &Domain, ours: &Domains) -> Option<(usize, &DomainRecipients)> {
        if self.entries.is_empty() {
            return None;
        }
        let place = self.scopes.find(domain)?;
        let entry = self.entries.get(place)?;
        let is_for_it = entry.scope.names(domain) || ours.entry(domain).is_some();
        is_for_it.then_some((place, entry))
    }
}

impl From<Vec<DomainRecipients>> for Recipients {
    fn from(entries: Vec<DomainRecipients>) -> Self {
        let scopes = entries.iter().map(|entry| &entry.scope).enumerate();
        let scopes = scopes.collect();
        Self { entries, scopes }
    }
}

impl Deref for Recipients {
    type Target = [DomainRecipients];

    fn deref(&self) -> &[DomainRecipients] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Class, ClassAnswer, LocalPartRules},
        *,
    };

    fn recipients(scopes: impl IntoIterator<Item = String>) -> Recipients {
        let entries = scopes.into_iter().map(|scope| DomainRecipients {
            scope: scope.parse().unwrap(),
            has_lists: false,
            rules: LocalPartRules::default(),
            rest: Class::Unknown,
            rest_answer: ClassAnswer::default(),
        });
        entries.collect::<Vec<_>>().into()
    }

    #[test]
    fn the_nearest_entry_is_for_a_domain() {
        let patterns = [
            "example.org",
            ".example.org",
            "example.net",
            "b.example.com",
        ];
        let ours: Domains = patterns.iter().map(|text| text.parse().unwrap()).collect();
        let entries = [
            "*",
            ".example.org",
            "example.org",
            ".b.example.org",
            "a.example.org",
            ".example.com",
            "foreign.example",
            "*",
        ];
        let recipients = recipients(entries.map(str::to_owned));
        for (domain, entry) in [
            ("example.org", Some(2)),
            ("a.example.org", Some(4)),
            ("x.a.example.org", Some(1)),
            ("b.example.org", Some(1)),
            ("x.b.example.org", Some(3)),
            ("x.y.b.example.org", Some(3)),
            ("example.net", Some(0)),
            ("b.example.com", Some(5)),
            // None of these is ours; an entry by name is meant all the same.
            ("c.example.com", None),
            ("x.example.net", None),
            ("badexample.org", None),
            ("foreign.example", Some(6)),
            ("x.foreign.example", None),
        ] {
            let found = recipients.entry(&domain.parse().unwrap(), &ours);
            assert_eq!(found.map(|(place, _)| place), entry, "{domain}");
        }
    }

    #[test]
    fn the_last_of_many_entries_is_found_as_the_first() {
        let named = |number| format!("d{number}.example");
        let many = recipients((0..20_000).map(named).chain(["*".to_owned()]));
        let ours = (0..20_001).map(|number| named(number).parse().unwrap());
        let ours: Domains = ours.collect();
        for number in 0..20_001 {
            let domain = named(number).parse().unwrap();
            let (place, entry) = many.entry(&domain, &ours).unwrap();
            assert_eq!(place, number);
            assert_eq!(entry.scope.names(&domain), number < 20_000);
        }
    }
}
