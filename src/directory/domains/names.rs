//! The domains that a list holds.

use std::cmp::Ordering;

use crate::{
    core::{
        address::Domain,
        pattern::{DomainPattern, EntryError},
        printable::shortened,
    },
    directory::{
        limits::MAX_DOMAINS,
        parse::{self, Format, TOLD},
    },
};

/// How much of a value is shown that is no domain.
const SHOWN: usize = 60;

/// The domains of a list, each once, in the order of [`order`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub domains: Vec<DomainPattern>,
    pub skipped: Skipped,
}

/// What a list has that is no domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many entries.
    pub count: usize,
    /// What the first of them are, and why they are no domains.
    pub first: Vec<String>,
}

impl Names {
    /// The domains in a file.
    ///
    /// # Errors
    /// There are none, or too many.
    pub fn of_file(format: Format, bytes: &[u8]) -> Result<Self, String> {
        let mut names = Self::default();
        for (number, found) in parse::entries(format, bytes) {
            let found = match found {
                // Keys of virtual_alias_maps, mostly: addresses, and users of this host.
                Ok(key) if format == Format::PostfixMap && !may_be_domain(key) => continue,
                Ok(text) => domain(text),
                Err(why) => Err(why.to_owned()),
            };
            names.add(found.map_err(|why| format!("line {number}: {why}")))?;
        }
        names.finished()
    }

    /// The domains that a server has.
    ///
    /// # Errors
    /// There are none, or too many.
    pub fn of_values<'a>(values: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut names = Self::default();
        for value in values {
            names.add(domain(value.trim().as_bytes()))?;
        }
        names.finished()
    }

    fn add(&mut self, found: Result<DomainPattern, String>) -> Result<(), String> {
        match found {
            Ok(domain) => self.domains.push(domain),
            Err(why) => {
                self.skipped.count += 1;
                if self.skipped.first.len() < TOLD {
                    self.skipped.first.push(why);
                }
            }
        }
        if self.domains.len() > MAX_DOMAINS {
            return Err(format!("it lists more than {MAX_DOMAINS} domains"));
        }
        Ok(())
    }

    fn finished(mut self) -> Result<Self, String> {
        if self.domains.is_empty() {
            let first = self.skipped.first.first();
            let first = first.map(|first| format!(" ({first})"));
            return Err(format!("it lists no domain{}", first.unwrap_or_default()));
        }
        self.domains.sort_unstable_by(order);
        self.domains.dedup();
        self.domains.shrink_to_fit();
        Ok(self)
    }
}

/// By name, and then what means the name itself before what means those below.
pub(super) fn order(one: &DomainPattern, other: &DomainPattern) -> Ordering {
    key(one).cmp(&key(other))
}

fn key(pattern: &DomainPattern) -> (&str, bool) {
    match pattern {
        DomainPattern::Itself(name) => (name.as_str(), false),
        DomainPattern::Below(name) => (name.as_str(), true),
    }
}

fn may_be_domain(key: &[u8]) -> bool {
    !key.contains(&b'@') && key.contains(&b'.')
}

/// One entry. What makes strangers' domains ours, and was not written for that, is none: lists are written by programs, and
/// some by clients.
fn domain(text: &[u8]) -> Result<DomainPattern, String> {
    let shown = || shortened(text, SHOWN);
    let pattern = std::str::from_utf8(text).map(str::parse::<DomainPattern>);
    let is_single = |domain: &Domain| !domain.as_str().contains('.');
    match pattern {
        Ok(Err(EntryError::Below(_, parent))) => Err(format!(
            "`{}` is no domain; expected `.{parent}` for all below it",
            shown()
        )),
        Err(_) | Ok(Err(_)) => Err(format!("`{}` is no domain", shown())),
        Ok(Ok(DomainPattern::Itself(domain))) if domain.as_str() == "all" => {
            Err("`all` means all domains together".to_owned())
        }
        Ok(Ok(DomainPattern::Below(parent))) if is_single(&parent) => Err(format!(
            "`.{parent}` would make every domain that ends in .{parent} one of yours"
        )),
        Ok(Ok(pattern)) => Ok(pattern),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &Names) -> Vec<String> {
        names.domains.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn spellings_of_a_name_are_one() {
        let values = [
            "Example.ORG",
            "example.org.",
            " example.org ",
            "bücher.example",
            "xn--bcher-kva.example",
            ".example.org",
            "a.example",
        ];
        let names = Names::of_values(values.into_iter()).unwrap();
        let expected = [
            "a.example",
            "example.org",
            ".example.org",
            "xn--bcher-kva.example",
        ];
        assert_eq!(shown(&names), expected);
        assert_eq!(names.skipped, Skipped::default());
    }

    #[test]
    fn what_is_no_domain_is_skipped_and_counted() {
        let long = format!("{}.example", "x".repeat(300));
        let values = [
            "example.org",
            "joe@example.org",
            "",
            "all",
            ".org",
            "*.example.org",
            "a b",
            "a\u{1b}[31m.example\r\n",
            long.as_str(),
        ];
        let names = Names::of_values(values.into_iter()).unwrap();
        assert_eq!(shown(&names), ["example.org"]);
        assert_eq!(names.skipped.count, 8, "{:?}", names.skipped);
        for why in &names.skipped.first {
            assert!(why.len() < 120 && !why.contains(char::is_control), "{why}");
        }
        let why = domain(b"*.example.org").unwrap_err();
        assert!(
            why.ends_with("expected `.example.org` for all below it"),
            "{why}"
        );
    }

    #[test]
    fn files_are_read_as_lists_of_recipients_are() {
        let text =
            "\u{feff}# ours\r\n\nExample.org\n  .example.net  # and below\na b\njoe@example.org\n";
        let names = Names::of_file(Format::Text, text.as_bytes()).unwrap();
        assert_eq!(shown(&names), [".example.net", "example.org"]);
        assert_eq!(names.skipped.count, 2, "{:?}", names.skipped);
        assert!(names.skipped.first[0].starts_with("line 5: "));

        let map = "# virtual(5)\nexample.org anything\n.example.net  x\njoe@example.org joe\n@example.com joe\npostmaster root\n\
                   gone.example error:5.1.1 no\ncont.example\n  REJECT\n/^x/ y\nlast.example OK\n";
        let names = Names::of_file(Format::PostfixMap, map.as_bytes()).unwrap();
        assert_eq!(
            shown(&names),
            [".example.net", "example.org", "last.example"]
        );
        assert_eq!(names.skipped.count, 1, "{:?}", names.skipped);
    }

    #[test]
    fn none_and_too_many_are_failures() {
        for text in ["", "# nothing\n", "joe@example.org\n", "\0\0\0\0"] {
            let why = Names::of_file(Format::Text, text.as_bytes()).unwrap_err();
            assert!(why.starts_with("it lists no domain"), "{why}");
        }
        let name = |number: usize| format!("d{number}.example");
        let many: Vec<_> = (0..=MAX_DOMAINS).map(name).collect();
        let of = |names: &[String]| Names::of_values(names.iter().map(String::as_str));
        assert!(of(&many).unwrap_err().contains("more than 100000 domains"));
        let most = of(&many[1..]).unwrap();
        assert_eq!(most.domains.len(), MAX_DOMAINS);
    }
}
