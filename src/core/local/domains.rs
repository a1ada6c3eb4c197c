//! Our domains: the list of the file, and where each name stands in it, so that the last of thousands is found as soon as
//! the first.

use std::{cmp::Ordering, fmt, ops::Deref, sync::Arc};

use crate::core::{
    address::Domain,
    pattern::{DomainPattern, Places},
};

/// `local.domains`, in the order of the file, each name once. A copy is another handle on the same list.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Domains(Arc<Listed>);

#[derive(Default, PartialEq, Eq)]
struct Listed {
    patterns: Vec<DomainPattern>,
    /// The place of each.
    places: Places,
    /// The places in the order of [`by_labels`]: what lies below a name follows it.
    by_labels: Vec<u32>,
}

impl Domains {
    /// The entry that makes the domain ours: its own, else the nearest that it lies below.
    pub fn entry(&self, domain: &Domain) -> Option<&DomainPattern> {
        self.0.patterns.get(self.0.places.find(domain)?)
    }

    /// Whether an entry names this very domain, not only those below it.
    pub fn names(&self, domain: &Domain) -> bool {
        self.0.places.names(domain)
    }

    /// Whether the domain is named by an entry of either kind, or lies below one that is.
    pub fn has_at_or_above(&self, domain: &Domain) -> bool {
        self.0.places.has_at_or_above(domain)
    }

    /// Whether a domain below this one is ours, or would be.
    pub fn has_below(&self, domain: &Domain) -> bool {
        self.overlap(&DomainPattern::Below(domain.clone()))
    }

    /// Whether a domain of ours is this one or lies below it, or all names below such a one are ours.
    pub fn has_at_or_below(&self, domain: &Domain) -> bool {
        self.0.places.has(domain) || self.0.below(domain).next().is_some()
    }

    /// Whether the pattern and our domains have names in common.
    pub fn overlap(&self, pattern: &DomainPattern) -> bool {
        match pattern {
            DomainPattern::Itself(domain) => self.entry(domain).is_some(),
            DomainPattern::Below(parent) => {
                let places = &self.0.places;
                let mut above = std::iter::once(parent.as_str()).chain(parent.names_above());
                above.any(|name| places.has_below(name)) || self.0.below(parent).next().is_some()
            }
        }
    }

    /// The domains that entries name themselves, and that lie below this one.
    pub fn named_below(&self, domain: &Domain) -> impl Iterator<Item = &Domain> {
        self.0.below(domain).filter_map(|pattern| match pattern {
            DomainPattern::Itself(domain) => Some(domain),
            DomainPattern::Below(_) => None,
        })
    }
}

impl Listed {
    fn at(&self, place: u32) -> Option<&DomainPattern> {
        self.patterns.get(usize::try_from(place).ok()?)
    }

    /// The entries whose name lies below this one.
    fn below(&self, domain: &Domain) -> impl Iterator<Item = &DomainPattern> {
        let is_before = |place: &u32| {
            let name = self.at(*place).map(name);
            name.is_some_and(|name| by_labels(name, domain) != Ordering::Greater)
        };
        let start = self.by_labels.partition_point(is_before);
        let behind = self.by_labels.get(start..).unwrap_or_default().iter();
        let patterns = behind.filter_map(|place| self.at(*place));
        let domain = domain.clone();
        patterns.take_while(move |pattern| name(pattern).is_at_or_below(&domain))
    }
}

fn name(pattern: &DomainPattern) -> &Domain {
    let (DomainPattern::Itself(name) | DomainPattern::Below(name)) = pattern;
    name
}

/// Compares the labels from the right.
fn by_labels(one: &Domain, other: &Domain) -> Ordering {
    one.as_str().rsplit('.').cmp(other.as_str().rsplit('.'))
}

impl FromIterator<DomainPattern> for Domains {
    fn from_iter<I: IntoIterator<Item = DomainPattern>>(patterns: I) -> Self {
        let (mut listed, mut places) = (Vec::new(), Places::default());
        for pattern in patterns {
            if places.insert(&pattern, listed.len()) {
                listed.push(pattern);
            }
        }
        // They live long.
        listed.shrink_to_fit();
        let at = |place: u32| listed.get(usize::try_from(place).ok()?).map(name);
        let mut sorted: Vec<u32> = (0..).take(listed.len()).collect();
        sorted.sort_by(|one, other| match (at(*one), at(*other)) {
            (Some(one), Some(other)) => by_labels(one, other),
            _ => Ordering::Equal,
        });
        Self(Arc::new(Listed {
            patterns: listed,
            places,
            by_labels: sorted,
        }))
    }
}

impl From<Vec<DomainPattern>> for Domains {
    fn from(patterns: Vec<DomainPattern>) -> Self {
        patterns.into_iter().collect()
    }
}

impl fmt::Debug for Domains {
    /// What is listed: where it stands follows from that.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0.patterns).finish()
    }
}

impl Deref for Domains {
    type Target = [DomainPattern];

    fn deref(&self) -> &[DomainPattern] {
        &self.0.patterns
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
    fn each_name_is_there_once() {
        let ours = domains(&[
            "example.org",
            ".example.org",
            "EXAMPLE.org.",
            "a.example",
            ".Example.org",
        ]);
        let listed: Vec<_> = ours.iter().map(ToString::to_string).collect();
        assert_eq!(listed, ["example.org", ".example.org", "a.example"]);
        assert_eq!(ours, domains(&["example.org", ".example.org", "a.example"]));
    }

    /// As one by one: a pattern has a name in common with ours, or a name of ours is there or below.
    #[test]
    fn what_overlaps() {
        let ours = domains(&["example.org", ".b.example.net", "x.y.example"]);
        for (pattern, overlaps, at_or_below) in [
            ("example.org", true, true),
            (".example.org", false, true),
            (".org", true, true),
            ("org", false, true),
            ("b.example.net", false, true),
            (".b.example.net", true, true),
            ("a.b.example.net", true, false),
            (".a.b.example.net", true, false),
            (".example.net", true, true),
            ("example.net", false, true),
            (".example", true, true),
            (".y.example", true, true),
            (".x.y.example", false, true),
            ("ample.org", false, false),
            (".ample.org", false, false),
            ("y-z.example", false, false),
        ] {
            let pattern: DomainPattern = pattern.parse().unwrap();
            assert_eq!(ours.overlap(&pattern), overlaps, "{pattern}");
            assert_eq!(
                ours.has_at_or_below(name(&pattern)),
                at_or_below,
                "{pattern}"
            );
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
