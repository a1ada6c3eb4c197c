//! Our domains: the list of the file, and where each name stands in it, so that the last of thousands is found as soon as
//! the first.

use std::{collections::BTreeMap, fmt, ops::Deref};

use serde::Deserialize;

use crate::core::{
    address::Domain,
    pattern::{DomainPattern, Places},
};

/// `local.domains`, in the order of the file.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<DomainPattern>")]
pub struct Domains {
    listed: Vec<DomainPattern>,
    places: Places,
    /// Which of them name a domain itself, by its labels from the right: what lies below a name follows it.
    by_labels: BTreeMap<String, usize>,
}

impl Domains {
    /// The entry that makes the domain ours: its own, else the nearest that it lies below.
    pub fn entry(&self, domain: &Domain) -> Option<&DomainPattern> {
        self.listed.get(self.places.find(domain)?)
    }

    /// Whether an entry names this very domain, not only those below it.
    pub fn names(&self, domain: &Domain) -> bool {
        self.places.names(domain)
    }

    /// Whether the domain is named by an entry of either kind, or lies below one that is.
    pub fn has_at_or_above(&self, domain: &Domain) -> bool {
        self.places.has_at_or_above(domain)
    }

    /// Whether a domain below this one is ours, or would be.
    pub fn has_below(&self, domain: &Domain) -> bool {
        let within = |pattern: &DomainPattern| match pattern {
            DomainPattern::Itself(_) => false,
            DomainPattern::Below(parent) => parent.is_in_line_with(domain),
        };
        self.named_below(domain).next().is_some() || self.listed.iter().any(within)
    }

    /// The domains that entries name themselves, and that lie below this one.
    pub fn named_below(&self, domain: &Domain) -> impl Iterator<Item = &Domain> {
        let start = format!("{}.", by_labels(domain));
        let from_there = self.by_labels.range(start.clone()..);
        from_there
            .take_while(move |(labels, _)| labels.starts_with(&start))
            .filter_map(|(_, place)| match self.listed.get(*place)? {
                DomainPattern::Itself(domain) => Some(domain),
                DomainPattern::Below(_) => None,
            })
    }
}

/// `org.example.mx` of `mx.example.org`.
fn by_labels(domain: &Domain) -> String {
    let labels: Vec<&str> = domain.as_str().rsplit('.').collect();
    labels.join(".")
}

impl From<Vec<DomainPattern>> for Domains {
    fn from(listed: Vec<DomainPattern>) -> Self {
        let mut places = Places::with_capacity(listed.len());
        let mut labels = BTreeMap::new();
        for (number, pattern) in listed.iter().enumerate() {
            places.insert(pattern, number);
            if let DomainPattern::Itself(domain) = pattern {
                labels.insert(by_labels(domain), number);
            }
        }
        Self {
            listed,
            places,
            by_labels: labels,
        }
    }
}

impl FromIterator<DomainPattern> for Domains {
    fn from_iter<I: IntoIterator<Item = DomainPattern>>(patterns: I) -> Self {
        Vec::from_iter(patterns).into()
    }
}

impl fmt::Debug for Domains {
    /// What is listed: where it stands follows from that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.listed).finish()
    }
}

impl Deref for Domains {
    type Target = [DomainPattern];

    fn deref(&self) -> &[DomainPattern] {
        &self.listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domains(entries: &[&str]) -> Domains {
        entries.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_nearest_entry_makes_a_domain_ours() {
        let ours = domains(&[
            ".example.org",
            "example.org",
            "a.example.org",
            ".b.example.org",
            "example.net",
            ".org.example",
        ]);
        for (domain, entry) in [
            ("example.org", Some("example.org")),
            ("a.example.org", Some("a.example.org")),
            ("x.a.example.org", Some(".example.org")),
            ("b.example.org", Some(".example.org")),
            ("x.b.example.org", Some(".b.example.org")),
            ("x.y.b.example.org", Some(".b.example.org")),
            ("example.net", Some("example.net")),
            ("x.example.net", None),
            ("org.example", None),
            ("x.org.example", Some(".org.example")),
            ("badexample.org", None),
            ("org", None),
        ] {
            let found = ours.entry(&domain.parse().unwrap());
            let found = found.map(ToString::to_string);
            assert_eq!(found.as_deref(), entry, "{domain}");
        }
    }

    #[test]
    fn what_lies_below_is_what_has_more_labels() {
        let ours = domains(&[
            "example.org",
            "mx.example.org",
            "a.mx.example.org",
            "example-x.org",
            "mx.example-x.org",
            "badexample.org",
            ".below.example.org",
            "mx.example.net",
        ]);
        for (domain, below) in [
            ("example.org", &["mx.example.org", "a.mx.example.org"][..]),
            ("mx.example.org", &["a.mx.example.org"]),
            ("example-x.org", &["mx.example-x.org"]),
            ("example.net", &["mx.example.net"]),
            ("ample.org", &[]),
            ("below.example.org", &[]),
        ] {
            let found: Vec<_> = ours
                .named_below(&domain.parse().unwrap())
                .map(Domain::as_str)
                .collect();
            assert_eq!(found, below, "{domain}");
        }
    }

    #[test]
    fn below_a_domain_something_is_ours_or_nothing() {
        let ours = domains(&[
            "example.org",
            "a.b.example.net",
            ".c.example.com",
            "example.de",
        ]);
        for (domain, is_so) in [
            ("org", true),
            ("example.org", false),
            ("b.example.net", true),
            ("example.net", true),
            ("a.b.example.net", false),
            ("example.com", true),
            ("c.example.com", true),
            ("x.c.example.com", true),
            ("d.example.com", false),
            ("xample.de", false),
        ] {
            assert_eq!(ours.has_below(&domain.parse().unwrap()), is_so, "{domain}");
        }
    }

    #[test]
    fn whose_host_a_name_is() {
        let ours = domains(&["example.org", ".example.net"]);
        for (name, is_one, named) in [
            ("example.org", true, true),
            ("mx.example.org", true, false),
            ("example.net", true, false),
            ("mx.example.net", true, false),
            ("example.com", false, false),
            ("net", false, false),
        ] {
            let name = name.parse().unwrap();
            assert_eq!(ours.has_at_or_above(&name), is_one, "{name}");
            assert_eq!(ours.names(&name), named, "{name}");
        }
    }

    #[test]
    fn the_last_of_many_is_found_as_the_first() {
        let many: Domains = (0..20_000)
            .map(|number| DomainPattern::Itself(format!("d{number}.example").parse().unwrap()))
            .collect();
        for number in 0..20_000 {
            let domain: Domain = format!("d{number}.example").parse().unwrap();
            assert_eq!(
                many.entry(&domain),
                Some(&DomainPattern::Itself(domain.clone()))
            );
            let host = format!("mx.{domain}").parse().unwrap();
            assert!(many.has_at_or_above(&host) && many.entry(&host).is_none());
            assert_eq!(many.named_below(&domain).next(), None);
        }
    }
}
