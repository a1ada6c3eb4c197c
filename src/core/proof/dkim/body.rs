//! The hash of a body, canonicalised as RFC 6376 says, as the body comes: none of it is kept. It is our own, because mail-auth
//! 0.13.3 keeps lines of blanks at the end of a relaxed body as empty lines. Section 3.4.4 ignores them, so such mail seemed
//! altered.

use memchr::{memchr, memchr3};
use sha2::{Digest, Sha256};

use crate::core::octets::any_pair;

/// The line end of SMTP.
const CRLF: &[u8] = b"\r\n";
/// Line ends that are hashed at a time.
const CRLFS: &[u8] = b"\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";

/// How a body is canonicalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canonical {
    /// Section 3.4.3: empty lines at the end are one line end. A line of blanks is not empty.
    Simple,
    /// Section 3.4.4: first blanks at the end of lines are ignored, and those within are reduced to one; then empty lines at
    /// the end are ignored, so that a body of nothing else is empty.
    Relaxed,
}

impl Canonical {
    /// What `c=` says of the body (section 3.5).
    pub fn of_tag(value: Option<&[u8]>) -> Self {
        let value = value.unwrap_or_default();
        let slash = memchr(b'/', value).map(|slash| slash + 1);
        let body = slash.and_then(|behind| value.get(behind..));
        match body.is_some_and(|body| body.trim_ascii().eq_ignore_ascii_case(b"relaxed")) {
            true => Self::Relaxed,
            false => Self::Simple,
        }
    }
}

/// The SHA-256 of a body with CRLF line ends, part by part.
#[derive(Clone, Debug)]
pub struct BodyHash {
    canonical: Canonical,
    hash: Sha256,
    /// How many octets are still hashed, where not all are: `l=`.
    left: Option<u64>,
    /// Whether anything stood in the body.
    is_filled: bool,
    /// Line ends that count once something follows them.
    line_ends: u64,
    /// Blanks that count once something follows them in their line.
    blank: bool,
    /// A carriage return that ends what came so far.
    carriage_return: bool,
}

impl BodyHash {
    /// Of nothing so far.
    pub fn new(canonical: Canonical) -> Self {
        Self::of_part(canonical, None)
    }

    /// Of the first octets of the canonical form (`l=`), or of all of them.
    pub fn of_part(canonical: Canonical, length: Option<u64>) -> Self {
        Self {
            canonical,
            hash: Sha256::new(),
            left: length,
            is_filled: false,
            line_ends: 0,
            blank: false,
            carriage_return: false,
        }
    }

    /// Hashes what comes next.
    pub fn push(&mut self, part: &[u8]) {
        // Most of a body has no blanks that would change.
        let plain = match self.canonical {
            Canonical::Simple => part.len(),
            Canonical::Relaxed if self.blank || !is_plain(part) => 0,
            // What follows its last blank is not known yet.
            Canonical::Relaxed => part.len() - usize::from(part.ends_with(b" ")),
        };
        let (plain, rest) = part.split_at_checked(plain).unwrap_or((part, &[]));
        self.lines(plain);
        self.words(rest);
    }

    /// The hash, once all came; none where that is less than `l=` says.
    pub fn finish(mut self) -> Option<[u8; 32]> {
        if self.carriage_return {
            self.text(b"\r");
        }
        match (self.is_filled, self.canonical) {
            (false, Canonical::Relaxed) => {}
            _ => self.hashed(CRLF),
        }
        let is_all = self.left.is_none_or(|left| left == 0);
        is_all.then(|| self.hash.finalize().into())
    }

    /// Blanks in it are as they stay.
    fn lines(&mut self, part: &[u8]) {
        let mut part = self.after_carriage_return(part);
        while let Some(at) = memchr(b'\r', part) {
            part = self.carriage_return_at(part, at);
        }
        self.text(part);
    }

    fn words(&mut self, part: &[u8]) {
        let mut part = self.after_carriage_return(part);
        while let Some(at) = memchr3(b'\r', b' ', b'\t', part) {
            if part.get(at) == Some(&b'\r') {
                part = self.carriage_return_at(part, at);
            } else {
                self.text(part.get(..at).unwrap_or_default());
                self.blank = true;
                part = part.get(at + 1..).unwrap_or_default();
            }
        }
        self.text(part);
    }

    /// What stands behind the line end, where a part before ended within it.
    fn after_carriage_return<'p>(&mut self, part: &'p [u8]) -> &'p [u8] {
        if part.is_empty() || !std::mem::take(&mut self.carriage_return) {
            return part;
        }
        if let Some(rest) = part.strip_prefix(b"\n") {
            self.end_line();
            return rest;
        }
        self.text(b"\r");
        part
    }

    /// What stands behind the line end, or behind the bare carriage return, at this place.
    fn carriage_return_at<'p>(&mut self, part: &'p [u8], at: usize) -> &'p [u8] {
        self.text(part.get(..at).unwrap_or_default());
        match part.get(at + 1) {
            None => self.carriage_return = true,
            Some(b'\n') => {
                self.end_line();
                return part.get(at + 2..).unwrap_or_default();
            }
            Some(_) => self.text(b"\r"),
        }
        part.get(at + 1..).unwrap_or_default()
    }

    fn end_line(&mut self) {
        self.blank = false;
        self.line_ends = self.line_ends.saturating_add(1);
    }

    fn text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.is_filled = true;
        while self.line_ends > 0 {
            let some = self.line_ends.min(16);
            let octets = usize::try_from(some).unwrap_or(1) * CRLF.len();
            self.hashed(CRLFS.get(..octets).unwrap_or_default());
            self.line_ends -= some;
        }
        if std::mem::take(&mut self.blank) {
            self.hashed(b" ");
        }
        self.hashed(text);
    }

    fn hashed(&mut self, octets: &[u8]) {
        let Some(left) = &mut self.left else {
            return self.hash.update(octets);
        };
        let most = usize::try_from(*left).unwrap_or(usize::MAX);
        let octets = octets.get(..most).unwrap_or(octets);
        self.hash.update(octets);
        *left -= u64::try_from(octets.len()).unwrap_or_default();
    }
}

/// Whether it is surely as relaxed canonicalisation leaves it: no blank but single spaces within lines.
fn is_plain(part: &[u8]) -> bool {
    let is_changed = |one, next| {
        let ends = (next == b' ') | (next == b'\t') | (next == b'\r');
        (one == b'\t') | ((one == b' ') & ends)
    };
    !any_pair(part, is_changed) && !part.ends_with(b"\t")
}

/// The hashes of a body that signatures need.
#[derive(Clone, Debug, Default)]
pub struct BodyHashes {
    simple: Option<BodyHash>,
    relaxed: Option<BodyHash>,
}

impl BodyHashes {
    /// Those for these canonicalisations, of nothing so far.
    pub fn new(canonicals: &[Canonical]) -> Self {
        let of = |canonical| {
            canonicals
                .contains(&canonical)
                .then(|| BodyHash::new(canonical))
        };
        Self {
            simple: of(Canonical::Simple),
            relaxed: of(Canonical::Relaxed),
        }
    }

    /// Hashes what comes next.
    pub fn push(&mut self, part: &[u8]) {
        for hash in [&mut self.simple, &mut self.relaxed].into_iter().flatten() {
            hash.push(part);
        }
    }

    /// The hash of all that came; none where it is not wanted.
    pub fn hash(&self, canonical: Canonical) -> Option<[u8; 32]> {
        let hash = match canonical {
            Canonical::Simple => &self.simple,
            Canonical::Relaxed => &self.relaxed,
        };
        hash.clone().and_then(BodyHash::finish)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Canonical::{Relaxed, Simple},
        *,
    };

    fn hash(canonical: Canonical, body: &[u8]) -> [u8; 32] {
        let mut hash = BodyHash::new(canonical);
        hash.push(body);
        hash.finish().unwrap()
    }

    fn of(canonical_form: &str) -> [u8; 32] {
        Sha256::digest(canonical_form).into()
    }

    /// The examples of RFC 6376 section 3.4.5 and 3.4.3, and each sort of end; in one piece and octet by octet.
    #[test]
    fn bodies_are_canonicalised_as_the_rfc_says() {
        for (body, as_simple, as_relaxed) in [
            (
                " C \r\nD \t E\r\n\r\n\r\n",
                " C \r\nD \t E\r\n",
                " C\r\nD E\r\n",
            ),
            ("", "\r\n", ""),
            ("\r\n", "\r\n", ""),
            ("\r\n\r\n", "\r\n", ""),
            (" \r\n", " \r\n", ""),
            (" ", " \r\n", ""),
            ("\t\r\n \r\n", "\t\r\n \r\n", ""),
            ("a", "a\r\n", "a\r\n"),
            ("a\r\n \r\n", "a\r\n \r\n", "a\r\n"),
            ("a\r\n \t\r\n\r\n", "a\r\n \t\r\n", "a\r\n"),
            ("a\r\n\r\n \r\n", "a\r\n\r\n \r\n", "a\r\n"),
            ("a \r\n \r\nb\r\n", "a \r\n \r\nb\r\n", "a\r\n\r\nb\r\n"),
            ("\r\n \r\na", "\r\n \r\na\r\n", "\r\n\r\na\r\n"),
            ("  a\t\tb  \r\n", "  a\t\tb  \r\n", " a b\r\n"),
            // A bare line feed or carriage return ends no line.
            ("a\nb\rc\r\n", "a\nb\rc\r\n", "a\nb\rc\r\n"),
            ("a\r", "a\r\r\n", "a\r\r\n"),
        ] {
            for (canonical, expected) in [(Simple, as_simple), (Relaxed, as_relaxed)] {
                let found = hash(canonical, body.as_bytes());
                assert_eq!(found, of(expected), "{body:?} {canonical:?}");
                let mut parts = BodyHash::new(canonical);
                for octet in body.as_bytes() {
                    parts.push(&[*octet]);
                }
                assert_eq!(parts.finish(), Some(found), "{body:?} {canonical:?}");
            }
        }
    }

    /// The hashes of the empty body in section 3.4.3 and 3.4.4.
    #[test]
    fn an_empty_body_has_the_hash_of_the_rfc() {
        for (canonical, expected) in [
            (Simple, "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY="),
            (Relaxed, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        ] {
            let found = hash(canonical, b"");
            assert_eq!(data_encoding::BASE64.encode(&found), expected);
        }
    }

    #[test]
    fn a_part_is_of_the_canonical_form() {
        let part = |length| {
            let mut hash = BodyHash::of_part(Relaxed, Some(length));
            hash.push(b"a  b\r\n");
            hash.finish()
        };
        assert_eq!(part(3), Some(of("a b")));
        assert_eq!(part(0), Some(of("")));
        assert!(part(5).is_some() && part(6).is_none() && part(u64::MAX).is_none());
    }

    #[test]
    fn the_tag_names_the_body_behind_the_slash() {
        for (tag, expected) in [
            (None, Simple),
            (Some("relaxed"), Simple),
            (Some("simple/relaxed"), Relaxed),
            (Some("relaxed / Relaxed "), Relaxed),
            (Some("relaxed/simple"), Simple),
            (Some("/"), Simple),
        ] {
            assert_eq!(
                Canonical::of_tag(tag.map(str::as_bytes)),
                expected,
                "{tag:?}"
            );
        }
    }

    /// Octet by octet, as the sentences of section 3.4.4 go.
    fn naive(body: &str) -> String {
        let lines = body.strip_suffix("\r\n").unwrap_or(body).split("\r\n");
        let mut lines: Vec<String> = lines
            .map(|line| {
                let mut reduced = line.replace('\t', " ");
                while reduced.contains("  ") {
                    reduced = reduced.replace("  ", " ");
                }
                reduced.strip_suffix(' ').unwrap_or(&reduced).to_owned()
            })
            .collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        lines.iter().map(|line| format!("{line}\r\n")).collect()
    }

    proptest! {
        /// However it is cut on its way.
        #[test]
        fn relaxed_is_what_the_rfc_says(
            body in "([ab\t\r\n]|  |   | x|\r\n|\r\n\r\n|a long line with single spaces){0,40}",
            at in any::<prop::sample::Index>(),
            other in any::<prop::sample::Index>(),
        ) {
            let expected = of(&naive(&body));
            prop_assert_eq!(hash(Relaxed, body.as_bytes()), expected);
            let octets = body.as_bytes();
            let (one, two) = (at.index(octets.len() + 1), other.index(octets.len() + 1));
            let (one, two) = (one.min(two), one.max(two));
            for canonical in [Simple, Relaxed] {
                let mut parts = BodyHash::new(canonical);
                parts.push(&octets[..one]);
                parts.push(&octets[one..two]);
                parts.push(&octets[two..]);
                prop_assert_eq!(parts.finish(), Some(hash(canonical, octets)));
            }
        }

        /// What is ignored at the end is ignored, however much of it there is.
        #[test]
        fn ends_do_not_matter(body in "[ab \t\r\n]{0,40}", ends in 0..5_usize) {
            let longer = format!("{body}{}", "\r\n".repeat(ends));
            prop_assume!(!body.ends_with('\r'));
            prop_assert_eq!(hash(Simple, body.as_bytes()), hash(Simple, longer.as_bytes()));
            let blank = format!("{body}\r\n{}", " \t\r\n".repeat(ends));
            prop_assert_eq!(hash(Relaxed, body.as_bytes()), hash(Relaxed, blank.as_bytes()));
        }
    }
}
