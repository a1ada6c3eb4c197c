//! DMARC records as RFC 9989 has them: what is wrong with those that are published, and the next one.

use std::fmt;

use super::text::quoted;
use crate::core::{dmarc::Record, proof::dkim::tags::Tags};

/// What is asked of receivers for mail that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Nothing.
    None,
    /// To treat it as spam.
    Quarantine,
    /// To refuse it.
    Reject,
}

impl Wish {
    fn of(value: &[u8]) -> Option<Self> {
        [Self::None, Self::Quarantine, Self::Reject]
            .into_iter()
            .find(|wish| value.eq_ignore_ascii_case(wish.as_str().as_bytes()))
    }

    /// As the record has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Quarantine => "quarantine",
            Self::Reject => "reject",
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What stands at `_dmarc` and a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No record.
    Missing,
    /// Something that was meant as one, and is none; why, and the text.
    Broken(String, Vec<u8>),
    /// More than one: nobody takes any of them (RFC 9989 section 4.10.1).
    Several(usize),
    /// One.
    One(Published),
}

/// A record, with what of it holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Published {
    pub(super) text: Vec<u8>,
    /// `p`; none where it is missing or wrong.
    pub(super) wish: Option<Wish>,
    /// `sp`.
    pub(super) below: Option<Wish>,
    /// `np`.
    pub(super) nowhere: Option<Wish>,
    pub(super) testing: bool,
    /// The addresses of `rua`.
    pub(super) reports: Vec<String>,
    /// Tags that stay as they are in the next record.
    kept: Vec<(&'static str, String)>,
    /// What is wrong with the others.
    pub(super) faults: Vec<String>,
}

/// Tags that stay as they are where their value is right.
const KEPT: [(&str, &str); 5] = [
    ("ruf", "addresses such as mailto:dmarc@example.org"),
    ("fo", "0, 1, d or s, parted by colons"),
    ("adkim", "r or s"),
    ("aspf", "r or s"),
    ("psd", "y, n or u"),
];
/// What RFC 9989 took out, and what comes of it.
const REMOVED: [(&str, &str); 3] = [
    (
        "pct",
        "some receivers still apply the policy to that share only; `t=y` is for tests now",
    ),
    ("rf", "it does nothing"),
    ("ri", "it does nothing"),
];

/// Reads the TXT records of `_dmarc` and a domain.
pub(super) fn read(texts: &[Vec<u8>]) -> Found {
    let meant = |text: &&Vec<u8>| {
        let letters = text.iter().filter(|byte| !byte.is_ascii_whitespace());
        let begin: Vec<u8> = letters.take(10).map(u8::to_ascii_lowercase).collect();
        begin.windows(6).any(|part| part == b"dmarc1")
            || begin.starts_with(b"p=")
            || begin.starts_with(b"v=dmarc")
    };
    let records: Vec<_> = texts.iter().filter(|text| is_record(text)).collect();
    match records.as_slice() {
        [one] => Found::One(Published::parse(one)),
        [] => match texts.iter().find(meant) {
            None => Found::Missing,
            Some(text) => Found::Broken(why_broken(text), text.clone()),
        },
        several => Found::Several(several.len()),
    }
}

fn is_record(text: &[u8]) -> bool {
    Record::read(&[text.to_vec()]).is_some()
}

/// Why nobody takes this as a record.
fn why_broken(text: &[u8]) -> String {
    let mut names: Vec<&[u8]> = Vec::new();
    for tag in text.split(|&byte| byte == b';') {
        let tag = tag.trim_ascii();
        if tag.is_empty() {
            continue;
        }
        let Some(equals) = tag.iter().position(|&byte| byte == b'=') else {
            return format!("`{}` is no tag; expected e.g. `p=none`", quoted(tag));
        };
        let name = tag.get(..equals).unwrap_or_default().trim_ascii();
        let value = tag.get(equals + 1..).unwrap_or_default().trim_ascii();
        if names.is_empty() && name != b"v" {
            return format!("it begins with `{}`; expected `v=DMARC1`", quoted(tag));
        }
        if name == b"v" && value != b"DMARC1" {
            let hint = match value.split(|byte| b" ,:".contains(byte)).next() {
                Some(b"DMARC1") => ", and a semicolon behind it",
                _ => ", with these capitals",
            };
            return format!(
                "it begins with `{}`; expected `v=DMARC1`{hint}",
                quoted(tag)
            );
        }
        if names.contains(&name) {
            return format!("it has the tag `{}` twice", quoted(name));
        }
        names.push(name);
    }
    "it is no list of tags; expected e.g. `v=DMARC1; p=none`".to_owned()
}

impl Published {
    fn parse(text: &[u8]) -> Self {
        let mut found = Self {
            text: text.to_vec(),
            ..Self::default()
        };
        let Some(tags) = Tags::parse(text) else {
            return found;
        };
        let mut faults = Vec::new();
        let mut wish = |name: &str| {
            let value = tags.value(name)?;
            let wish = Wish::of(value);
            if wish.is_none() {
                faults.push(format!(
                    "`{name}={}` is ignored; expected none, quarantine or reject",
                    quoted(value)
                ));
            }
            wish
        };
        (found.wish, found.below, found.nowhere) = (wish("p"), wish("sp"), wish("np"));
        if tags.value("p").is_none() {
            faults.push(
                "`p` is missing: it counts as none, and only where `rua` is right".to_owned(),
            );
        }
        if let Some(value) = tags.value("t") {
            found.testing = value.eq_ignore_ascii_case(b"y");
            if !found.testing && !value.eq_ignore_ascii_case(b"n") {
                faults.push(format!("`t={}` is ignored; expected y or n", quoted(value)));
            }
        }
        if let Some(value) = tags.value("rua") {
            for uri in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                match mail_address(uri) {
                    Some(address) => found.reports.push(address),
                    None => faults.push(format!(
                        "`rua` has `{}`; expected e.g. mailto:dmarc@example.org",
                        quoted(uri)
                    )),
                }
            }
        }
        for (name, expected) in KEPT {
            let Some(value) = tags.value(name) else {
                continue;
            };
            match is_right(name, value) {
                true => found.kept.push((name, quoted(value))),
                false => faults.push(format!(
                    "`{name}={}` is ignored; expected {expected}",
                    quoted(value)
                )),
            }
        }
        for (name, comes) in REMOVED {
            if let Some(value) = tags.value(name) {
                let value = quoted(value);
                faults.push(format!(
                    "`{name}={value}` is no longer part of DMARC (RFC 9989): {comes}"
                ));
            }
        }
        found.faults = faults;
        found
    }

    /// What receivers do by it: `t=y` takes one step back (RFC 9989 section 4.7).
    pub(super) fn acts(&self) -> Wish {
        self.meant(self.wish)
    }

    /// What they do with mail of a domain below that has no record of its own.
    pub(super) fn acts_below(&self) -> Wish {
        self.meant(self.below.or(self.wish))
    }

    fn meant(&self, wish: Option<Wish>) -> Wish {
        match (wish.unwrap_or(Wish::None), self.testing) {
            (Wish::Reject, true) => Wish::Quarantine,
            (_, true) => Wish::None,
            (wish, false) => wish,
        }
    }
}

/// The next record: it has what is right in the present one, and asks for this. `is_top`: no record above holds, so that
/// names below are its own matter; `all_below`: nothing is sent with these either.
pub(super) fn next(
    present: Option<&Published>,
    wish: Wish,
    reports: &[String],
    (is_top, all_below): (bool, bool),
) -> String {
    let mut record = format!("v=DMARC1; p={wish}");
    // What is asked for below stays the owner's word, unless nothing at all sends there.
    let below = present.and_then(|present| present.below);
    if let Some(below) = below.filter(|below| !all_below && *below != wish) {
        record.push_str(&format!("; sp={below}"));
    }
    // A name that does not exist sends nothing: nobody breaks (RFC 9989 section 4.7).
    let nowhere = present.and_then(|present| present.nowhere);
    let nowhere = nowhere.unwrap_or(Wish::None).max(match wish {
        Wish::None => Wish::None,
        Wish::Quarantine | Wish::Reject => Wish::Reject,
    });
    if nowhere > wish && is_top {
        record.push_str(&format!("; np={nowhere}"));
    }
    if !reports.is_empty() {
        let uris: Vec<String> = reports.iter().map(|to| format!("mailto:{to}")).collect();
        record.push_str(&format!("; rua={}", uris.join(",")));
    }
    for (name, value) in present.iter().flat_map(|present| &present.kept) {
        record.push_str(&format!("; {name}={value}"));
    }
    record
}

/// Whether our own reading of a record finds nothing wrong with it, and that it asks for this.
pub(super) fn says(record: &str, wish: Wish) -> bool {
    match read(&[record.as_bytes().to_vec()]) {
        Found::One(published) => published.acts() == wish && published.faults.is_empty(),
        _ => false,
    }
}

/// The address of a `mailto:` URI; RFC 9989 ignores a size behind `!`.
pub(super) fn mail_address(uri: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(uri).ok()?;
    let scheme = text.get(..7)?;
    let rest = text.get(7..)?;
    let address = rest.split(['!', '?']).next()?;
    let (local, domain) = address.rsplit_once('@')?;
    let is_plain = |c: char| c.is_ascii_graphic() && !"\",;\\<>()[]:".contains(c);
    let is_right = scheme.eq_ignore_ascii_case("mailto:")
        && !local.is_empty()
        && domain.contains('.')
        && domain.parse::<crate::core::address::Domain>().is_ok()
        && address.chars().all(is_plain);
    is_right.then(|| address.to_owned())
}

fn is_right(name: &str, value: &[u8]) -> bool {
    let mut words = value.split(|&byte| byte == b':' || (name == "ruf" && byte == b','));
    let one_of = |word: &[u8], allowed: &[&str]| {
        allowed
            .iter()
            .any(|other| word.eq_ignore_ascii_case(other.as_bytes()))
    };
    match name {
        "ruf" => value
            .split(|&byte| byte == b',')
            .all(|uri| mail_address(uri.trim_ascii()).is_some()),
        "fo" => words.all(|word| one_of(word.trim_ascii(), &["0", "1", "d", "s"])),
        "psd" => one_of(value, &["y", "n", "u"]),
        _ => one_of(value, &["r", "s"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_record_says_why() {
        for (text, why) in [
            ("v=DMARC1 p=none", "a semicolon behind it"),
            ("v=dmarc1; p=none", "with these capitals"),
            ("p=none; v=DMARC1", "it begins with `p=none`"),
            ("v=DMARC1; p=none; p=reject", "the tag `p` twice"),
            ("v=DMARC1; none", "`none` is no tag"),
            ("v=DMARC1; p=none; \x1b[31m", "`\\x1b[31m` is no tag"),
            ("v=DMARC1, p=none", "a semicolon behind it"),
        ] {
            match read(&[text.as_bytes().to_vec()]) {
                Found::Broken(found, _) => assert!(found.contains(why), "{text}: {found}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn faults_are_found_and_leave_the_next_record() {
        for (text, faults, next_one) in [
            ("v=DMARC1; p=none", 0, "v=DMARC1; p=quarantine; np=reject"),
            (
                "v=DMARC1; p=none; rua=mailto:d@example.org!10m",
                0,
                "v=DMARC1; p=quarantine; np=reject; rua=mailto:d@example.org",
            ),
            (
                "v=DMARC1; p=none; rua=d@example.org",
                1,
                "v=DMARC1; p=quarantine; np=reject",
            ),
            (
                "v=DMARC1; p=nothing; sp=none; pct=50; ri=3600; rf=afrf",
                4,
                "v=DMARC1; p=quarantine; sp=none; np=reject",
            ),
            (
                "v=DMARC1; p=reject; adkim=s; aspf=x; fo=1:d; psd=n; ruf=mailto:f@example.org",
                1,
                "v=DMARC1; p=quarantine; np=reject; ruf=mailto:f@example.org; fo=1:d; adkim=s; psd=n",
            ),
            ("v=DMARC1; t=maybe", 2, "v=DMARC1; p=quarantine; np=reject"),
        ] {
            let Found::One(published) = read(&[text.as_bytes().to_vec()]) else {
                panic!("{text}");
            };
            assert_eq!(
                published.faults.len(),
                faults,
                "{text}: {:?}",
                published.faults
            );
            let record = next(
                Some(&published),
                Wish::Quarantine,
                &published.reports,
                (true, false),
            );
            assert_eq!(record, next_one, "{text}");
            assert!(says(&record, Wish::Quarantine), "{record}");
        }
    }

    /// RFC 9989 section 4.7.
    #[test]
    fn a_test_takes_one_step_back() {
        for (text, acts) in [
            ("v=DMARC1; p=reject; t=y", Wish::Quarantine),
            ("v=DMARC1; p=quarantine; t=y", Wish::None),
            ("v=DMARC1; p=reject; t=n", Wish::Reject),
            ("v=DMARC1; rua=mailto:a@example.org", Wish::None),
        ] {
            let Found::One(published) = read(&[text.as_bytes().to_vec()]) else {
                panic!("{text}");
            };
            assert_eq!(published.acts(), acts, "{text}");
        }
    }
}
