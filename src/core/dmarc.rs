//! What the owner of a domain publishes for DMARC (RFC 9989), as far as that decides here.

mod alignment;

pub use self::alignment::{Alignment, Method, is_aligned, may_align};
use super::{address::Domain, proof::dkim::tags::Tags};

/// The most names that are asked for one domain (RFC 9989 section 4.10).
const MAX_NAMES: usize = 8;

/// What holds for the mail of an author's domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The organizational domain (RFC 9989 section 4.10.2): who is at or below it is in line.
    pub organization: Domain,
    /// Whether mail that fails is to be quarantined or rejected, all of it, and not for a test.
    pub enforces: bool,
    /// How close `d=` of a DKIM signature must be to the author's domain (`adkim`).
    pub adkim: Alignment,
    /// How close the domain that SPF passes for must be (`aspf`).
    pub aspf: Alignment,
}

/// A DMARC record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    enforces: bool,
    enforces_below: bool,
    is_public_suffix: Option<bool>,
    adkim: Alignment,
    aspf: Alignment,
}

impl Record {
    /// The record among the TXT records of `_dmarc` and a domain; none where there is none, or more than one.
    pub fn read(texts: &[Vec<u8>]) -> Option<Self> {
        let mut records = texts.iter().filter_map(|text| Self::parse(text));
        let record = records.next()?;
        records.next().is_none().then_some(record)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let tags = Tags::parse(text)?;
        let is = |name, value: &str| {
            tags.value(name)
                .is_some_and(|found| found.eq_ignore_ascii_case(value.as_bytes()))
        };
        if !tags.begins_with("v") || tags.value("v") != Some(b"DMARC1") {
            return None;
        }
        let acts = |name| is(name, "quarantine") || is(name, "reject");
        // RFC 9989 section 4.7: anything else is relaxed.
        let alignment = |name| match is(name, "s") {
            true => Alignment::Strict,
            false => Alignment::Relaxed,
        };
        // Who tests, by RFC 9989's `t` or by RFC 7489's `pct`, does not mean it yet.
        let means_it = !is("t", "y") && tags.value("pct").is_none_or(|share| share == b"100");
        let below = if tags.value("sp").is_some() {
            "sp"
        } else {
            "p"
        };
        Some(Self {
            enforces: means_it && acts("p"),
            enforces_below: means_it && acts(below),
            is_public_suffix: match (is("psd", "y"), is("psd", "n")) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            adkim: alignment("adkim"),
            aspf: alignment("aspf"),
        })
    }
}

/// The domains whose records are asked for, the author's first (RFC 9989 section 4.10). Each is below the next.
pub fn names(author: &Domain) -> Vec<Domain> {
    let above: Vec<Domain> = author.above().collect();
    let skipped = above.len().saturating_sub(MAX_NAMES - 1);
    let mut names = vec![author.clone()];
    names.extend(above.into_iter().skip(skipped));
    names
}

/// What holds for the author's domain, where these are the records of its [`names`]; none where nothing is published.
pub fn published(names: &[Domain], records: &[Option<Record>]) -> Option<Published> {
    let mut found: Vec<(usize, Record)> = Vec::new();
    for (at, record) in records.iter().enumerate() {
        let Some(record) = record else {
            continue;
        };
        found.push((at, *record));
        if record.is_public_suffix.is_some() {
            break;
        }
    }
    let (last, record) = found.last()?;
    let organization = match record.is_public_suffix {
        Some(true) if *last > 0 => last - 1,
        _ => *last,
    };
    let of = |at: usize| found.iter().find(|(place, _)| *place == at);
    // The author's own, or the organization's, or the public suffix's (section 4.10.1).
    let (policy, enforces) = match (of(0), of(organization)) {
        (Some((_, own)), _) => (own, own.enforces),
        (None, Some((_, above))) => (above, above.enforces_below),
        (None, None) => (record, record.enforces_below),
    };
    Some(Published {
        organization: names.get(organization)?.clone(),
        enforces,
        adkim: policy.adkim,
        aspf: policy.aspf,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str) -> Domain {
        name.parse().unwrap()
    }

    #[test]
    fn the_tree_is_walked_upwards() {
        for (author, expected) in [
            ("example.com", "example.com com"),
            ("com", "com"),
            (
                "a.b.example.com",
                "a.b.example.com b.example.com example.com com",
            ),
            // Eight labels and more: from there on seven.
            (
                "a.b.c.d.e.f.g.h.i.j.mail.example.com",
                "a.b.c.d.e.f.g.h.i.j.mail.example.com g.h.i.j.mail.example.com h.i.j.mail.example.com \
                 i.j.mail.example.com j.mail.example.com mail.example.com example.com com",
            ),
        ] {
            let names = names(&domain(author));
            let names: Vec<_> = names.iter().map(Domain::as_str).collect();
            assert_eq!(names.join(" "), expected);
        }
    }

    #[test]
    fn a_record_is_read() {
        for (texts, expected) in [
            (&["v=DMARC1; p=reject"][..], Some((true, true, None))),
            (
                &["v=DMARC1;p=Quarantine;sp=none"],
                Some((true, false, None)),
            ),
            (
                &["v=DMARC1; p=none; sp=reject; psd=y"],
                Some((false, true, Some(true))),
            ),
            (
                &["v=DMARC1; p=reject; pct=100; psd=n"],
                Some((true, true, Some(false))),
            ),
            (&["v=DMARC1; p=reject; pct=0"], Some((false, false, None))),
            (&["v=DMARC1; p=reject; t=y"], Some((false, false, None))),
            (&["v=DMARC1"], Some((false, false, None))),
            (
                &["v=spf1 -all", "v=DMARC1; p=reject"],
                Some((true, true, None)),
            ),
            (&["v=DMARC1; p=reject", "v=DMARC1; p=none"], None),
            (&["v=dmarc1; p=reject"], None),
            (&["p=reject; v=DMARC1"], None),
            (&["v=DMARC1 p=reject"], None),
            (&["v=DMARC1; p=reject; p=none"], None),
            (&[""], None),
            (&[], None),
        ] {
            let texts: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            let found = Record::read(&texts).map(|record| {
                (
                    record.enforces,
                    record.enforces_below,
                    record.is_public_suffix,
                )
            });
            assert_eq!(found, expected, "{texts:?}");
        }
    }

    #[test]
    fn the_alignment_is_that_of_the_policy_that_holds() {
        use Alignment::{Relaxed, Strict};
        for (author, records, expected) in [
            ("example.com", &["v=DMARC1", ""][..], (Relaxed, Relaxed)),
            ("example.com", &["v=DMARC1; adkim=s", ""], (Strict, Relaxed)),
            ("example.com", &["v=DMARC1; aspf=S", ""], (Relaxed, Strict)),
            (
                "example.com",
                &["v=DMARC1; adkim=strict; aspf=r", ""],
                (Relaxed, Relaxed),
            ),
            // That of the organization, where the author's domain has none; else its own.
            (
                "a.example.com",
                &["", "v=DMARC1; adkim=s; aspf=s", ""],
                (Strict, Strict),
            ),
            (
                "a.example.com",
                &["v=DMARC1", "v=DMARC1; adkim=s; aspf=s", ""],
                (Relaxed, Relaxed),
            ),
        ] {
            let names = names(&domain(author));
            let read = |text: &&str| Record::read(&[text.as_bytes().to_vec()]);
            let records: Vec<_> = records.iter().map(read).collect();
            let found = published(&names, &records).unwrap();
            assert_eq!((found.adkim, found.aspf), expected, "{author}");
        }
    }

    #[test]
    fn the_nearest_policy_of_the_organization_holds() {
        for (author, records, expected) in [
            (
                "example.com",
                &["v=DMARC1; p=reject", ""][..],
                Some(("example.com", true)),
            ),
            (
                "a.example.com",
                &["", "v=DMARC1; p=reject; sp=none", ""],
                Some(("example.com", false)),
            ),
            (
                "a.example.com",
                &["", "v=DMARC1; p=none; sp=reject", ""],
                Some(("example.com", true)),
            ),
            (
                "a.example.com",
                &["v=DMARC1; p=none", "v=DMARC1; p=reject", ""],
                Some(("example.com", false)),
            ),
            (
                "a.example.com",
                &["v=DMARC1; p=reject; psd=n", "v=DMARC1; p=none", ""],
                Some(("a.example.com", true)),
            ),
            (
                "a.example.com",
                &["v=DMARC1; p=reject", "", ""],
                Some(("a.example.com", true)),
            ),
            // A public suffix speaks for those below it that say nothing.
            (
                "a.example.bank",
                &["", "", "v=DMARC1; p=reject; psd=y"],
                Some(("example.bank", true)),
            ),
            (
                "a.example.bank",
                &["", "v=DMARC1; p=none", "v=DMARC1; p=reject; psd=y"],
                Some(("example.bank", false)),
            ),
            ("example.com", &["", ""], None),
        ] {
            let names = names(&domain(author));
            let read = |text: &&str| Record::read(&[text.as_bytes().to_vec()]);
            let records: Vec<_> = records.iter().map(read).collect();
            assert_eq!(names.len(), records.len(), "{author}");
            let found = published(&names, &records);
            let found = found
                .as_ref()
                .map(|found| (found.organization.as_str(), found.enforces));
            assert_eq!(found, expected, "{author}");
        }
    }
}
