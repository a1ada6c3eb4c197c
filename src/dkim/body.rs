//! The hash of a body, canonicalised as RFC 6376 says. It is our own, because mail-auth 0.13.3 keeps lines of blanks at the
//! end of a relaxed body as empty lines. Section 3.4.4 ignores them, so such mail seemed altered.

use std::borrow::Cow;

use mail_auth::dkim::Canonicalization;
use memchr::{memchr, memmem::Finder};
use sha2::{Digest, Sha256};

use crate::core::octets::any_pair;

/// The line end of SMTP.
const CRLF: &[u8] = b"\r\n";

/// The SHA-256 of a body with CRLF line ends. With `length` (`l=`), it is that of the first octets of its canonical form;
/// `None` where there are fewer.
pub(super) fn hash(
    canonicalization: Canonicalization,
    body: &[u8],
    length: Option<u64>,
) -> Option<[u8; 32]> {
    let canonical = match canonicalization {
        Canonicalization::Simple => simple(body),
        Canonicalization::Relaxed => relaxed(body),
    };
    let hashed = match length {
        None => &*canonical,
        Some(length) => canonical.get(..usize::try_from(length).ok()?)?,
    };
    Some(Sha256::digest(hashed).into())
}

/// Section 3.4.3: empty lines at the end are one line end. A line of blanks is not empty.
fn simple(body: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = body;
    while let Some(before) = rest.strip_suffix(CRLF) {
        rest = before;
    }
    match body.get(..rest.len() + CRLF.len()) {
        Some(canonical) => Cow::Borrowed(canonical),
        None => Cow::Owned([rest, CRLF].concat()),
    }
}

/// Section 3.4.4: first blanks at the end of lines are ignored, and those within are reduced to one; then empty lines at
/// the end are ignored, so that a body of nothing else is empty.
fn relaxed(body: &[u8]) -> Cow<'_, [u8]> {
    match simple(body) {
        // Most bodies need no more.
        Cow::Borrowed(body) if is_relaxed(body) => Cow::Borrowed(body),
        _ => Cow::Owned(reduced(body)),
    }
}

/// Whether it is surely as it would be made: no blank but single spaces within lines, and no empty line at its end.
fn is_relaxed(body: &[u8]) -> bool {
    let is_changed = |one, next| {
        let ends = (next == b' ') | (next == b'\t') | (next == b'\r');
        (one == b'\t') | ((one == b' ') & ends)
    };
    body.len() > CRLF.len() && !any_pair(body, is_changed)
}

fn reduced(body: &[u8]) -> Vec<u8> {
    let mut canonical = Vec::with_capacity(body.len() + CRLF.len());
    let line_end = Finder::new(CRLF);
    let mut rest = body;
    let mut filled = 0;
    while !rest.is_empty() {
        let end = line_end.find(rest);
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.strip_prefix(CRLF).unwrap_or(after);
        let start = canonical.len();
        reduce(line, &mut canonical);
        let is_empty = canonical.len() == start;
        canonical.extend_from_slice(CRLF);
        if !is_empty {
            filled = canonical.len();
        }
    }
    canonical.truncate(filled);
    canonical
}

/// A line without the blanks at its end, and with one space for each run of others.
fn reduce(line: &[u8], canonical: &mut Vec<u8>) {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = line.iter().rposition(|byte| !is_blank(byte));
    let line = line.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
    if has_single_spaces(line) {
        return canonical.extend_from_slice(line);
    }
    let mut was_blank = false;
    for byte in line {
        if !is_blank(byte) {
            canonical.push(*byte);
        } else if !was_blank {
            canonical.push(b' ');
        }
        was_blank = is_blank(byte);
    }
}

/// Whether there is no blank but single spaces, as in most lines.
fn has_single_spaces(line: &[u8]) -> bool {
    !any_pair(line, |one, next| (one == b' ') & (next == b' ')) && memchr(b'\t', line).is_none()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The examples of RFC 6376 section 3.4.5 and 3.4.3, and each sort of end.
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
        ] {
            assert_eq!(*simple(body.as_bytes()), *as_simple.as_bytes(), "{body:?}");
            assert_eq!(
                *relaxed(body.as_bytes()),
                *as_relaxed.as_bytes(),
                "{body:?}"
            );
        }
    }

    /// The hashes of the empty body in section 3.4.3 and 3.4.4.
    #[test]
    fn an_empty_body_has_the_hash_of_the_rfc() {
        for (canonicalization, expected) in [
            (
                Canonicalization::Simple,
                "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
            ),
            (
                Canonicalization::Relaxed,
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            ),
        ] {
            let found = hash(canonicalization, b"", None).unwrap();
            assert_eq!(data_encoding::BASE64.encode(&found), expected);
        }
    }

    #[test]
    fn a_part_is_of_the_canonical_form() {
        let part = |length| hash(Canonicalization::Relaxed, b"a  b\r\n", Some(length));
        assert_eq!(part(3), Some(Sha256::digest(b"a b").into()));
        assert_eq!(part(0), Some(Sha256::digest(b"").into()));
        assert!(part(5).is_some() && part(6).is_none());
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
        #[test]
        fn relaxed_is_what_the_rfc_says(body in "([ab\t\r\n]|  |   | x|\r\n|\r\n\r\n|a long line with single spaces){0,40}") {
            let expected = naive(&body);
            prop_assert_eq!(&*relaxed(body.as_bytes()), expected.as_bytes());
            prop_assert_eq!(reduced(body.as_bytes()), expected.as_bytes());
        }

        /// What is ignored at the end is ignored, however much of it there is.
        #[test]
        fn ends_do_not_matter(body in "[ab \t\r\n]{0,40}", ends in 0..5_usize) {
            let longer = format!("{body}{}", "\r\n".repeat(ends));
            prop_assume!(!body.ends_with('\r'));
            prop_assert_eq!(simple(body.as_bytes()), simple(longer.as_bytes()));
            let blank = format!("{body}\r\n{}", " \t\r\n".repeat(ends));
            prop_assert_eq!(relaxed(body.as_bytes()), relaxed(blank.as_bytes()));
        }
    }
}
