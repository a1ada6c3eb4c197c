//! A message's headers as a milter or a file gives them: raw bytes, bounded, looked up by name, decoded for rules.

mod comment;
mod encoded_word;

pub(in crate::core) use comment::comment_end;
use memchr::{memchr, memchr2};

/// The most headers that are kept.
const MAX_HEADERS: usize = 1000;
/// The most octets of names and values that are kept, together.
const MAX_OCTETS: usize = 256 * 1024;
/// The most octets that are kept of one value; Postfix itself cuts at 60 KB (`header_size_limit`, 102400, in Debian).
const MAX_VALUE: usize = 64 * 1024;
/// How many headers From: are kept, and how many octets of them together, beyond those bounds: what nobody reads would be
/// where a forger writes.
const MORE_FROM: usize = 16;
const MORE_FROM_OCTETS: usize = 64 * 1024;
/// The most octets that are kept of one name. RFC 5322 section 2.1.1 has whole lines end at 998.
const MAX_NAME: usize = 998;

/// One header field, as it came: 8-bit bytes and folds (CRLF, or a bare CR or LF) included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name, then its value: one piece of memory for both.
    octets: Box<[u8]>,
    name: usize,
}

impl Header {
    /// A header from its name (blanks before the colon are dropped: RFC 5322 section 4.5) and its value.
    pub fn new(name: &[u8], value: &[u8]) -> Self {
        let name = name.trim_ascii_end();
        Self {
            octets: [name, value].concat().into(),
            name: name.len(),
        }
    }

    /// The name as written.
    pub fn name(&self) -> &[u8] {
        self.octets.get(..self.name).unwrap_or_default()
    }

    /// The value as written, folds included.
    pub fn value(&self) -> &[u8] {
        self.octets.get(self.name..).unwrap_or_default()
    }

    /// Whether this is the name, in whatever case.
    pub fn is(&self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line, without blanks at its ends (RFC 5322 section 2.2.3). A line break that isn't a fold,
    /// because no blank follows it, becomes a space: it must not glue two words together.
    pub fn unfolded(&self) -> Vec<u8> {
        let mut line = Vec::with_capacity(self.value().len());
        let mut rest = self.value().trim_ascii();
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            let (before, behind) = rest.split_at(at);
            line.extend_from_slice(before);
            rest = behind.get(1..).unwrap_or_default();
            if !matches!(rest.first(), Some(b'\r' | b'\n' | b' ' | b'\t')) {
                line.push(b' ');
            }
        }
        line.extend_from_slice(rest);
        line
    }

    /// The unfolded value of a structured field, without its comments.
    pub fn without_comments(&self) -> Vec<u8> {
        comment::without_comments(&self.unfolded())
    }

    /// The value for rules and comparisons: unfolded, encoded words decoded (RFC 2047), raw 8-bit bytes taken as
    /// UTF-8 (RFC 6532), or as Windows-1252 where they can't be.
    ///
    /// Encoded words are decoded wherever they stand, in quoted strings too, although RFC 2047 section 5 forbids it
    /// there: this is what the reader's mail program shows.
    pub fn text(&self) -> String {
        encoded_word::decode(&self.unfolded())
    }
}

/// Headers in their order, as many as the bounds allow: 1000 headers, 256 KiB together, 64 KiB each; From: has some room
/// of its own beyond.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    kept: Vec<Header>,
    /// The marks of their names: most of the names that are asked for are not there, and it takes no walk to see that.
    marks: u64,
    octets: usize,
    cut: bool,
    from_cut: bool,
}

impl Headers {
    /// No headers yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps one more header, as far as the bounds allow.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let is_from = name.trim_ascii_end().eq_ignore_ascii_case(b"From");
        let (headers, octets) = match is_from {
            true => (MAX_HEADERS + MORE_FROM, MAX_OCTETS + MORE_FROM_OCTETS),
            false => (MAX_HEADERS, MAX_OCTETS),
        };
        let room = octets.saturating_sub(self.octets);
        if self.kept.len() >= headers || name.len() > room.min(MAX_NAME) {
            self.cut = true;
            self.from_cut |= is_from;
            return;
        }
        let longest = MAX_VALUE.min(room - name.len());
        let kept = value.get(..longest).unwrap_or(value);
        self.cut |= kept.len() < value.len();
        self.from_cut |= is_from && kept.len() < value.len();
        self.octets += name.len() + kept.len();
        let header = Header::new(name, kept);
        self.marks |= mark(header.name());
        self.kept.push(header);
    }

    /// Reads the headers at the front of a message, up to the blank line or the first line that can't belong to
    /// them, lines ending in CRLF or LF; also gives the offset, in octets, at which the body begins. A byte order
    /// mark and the `From ` line of an mbox are skipped. What is no mail at all has no headers, and is all body.
    pub fn parse(message: &[u8]) -> (Self, usize) {
        let mut headers = Self::new();
        let mut at = preamble(message);
        for RawField { name, value } in raw_fields(message.get(at..).unwrap_or_default()) {
            at += name.len() + 1 + value.len();
            let value = without_line_end(value);
            headers.push(name, value.strip_prefix(b" ").unwrap_or(value));
        }
        let blank = line(message.get(at..).unwrap_or_default());
        if without_line_end(blank).is_empty() {
            at += blank.len();
        }
        (headers, at.min(message.len()))
    }

    /// All headers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.kept.iter()
    }

    /// The headers of this name, in whatever case, in their order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Header> {
        let may_be_there = self.marks & mark(name.as_bytes()) != 0;
        let kept = match may_be_there {
            true => self.kept.as_slice(),
            false => &[],
        };
        kept.iter().filter(move |header| header.is(name))
    }

    /// The first header of this name.
    pub fn first<'a>(&'a self, name: &'a str) -> Option<&'a Header> {
        self.all(name).next()
    }

    /// Whether there is a header of this name.
    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// How many headers are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether there was more than the bounds allow, so that something is missing here.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Whether some of that was in a header From:.
    pub fn is_from_cut(&self) -> bool {
        self.from_cut
    }
}

/// One bit of 64, the same for a name in whatever case.
fn mark(name: &[u8]) -> u64 {
    let octet = |octet: Option<&u8>| octet.map_or(0, |octet| usize::from(octet | 0x20));
    // Of the names that are asked for, most begin with `X-` or `List-`.
    let mixed =
        name.len() * 7 + octet(name.first()) * 3 + octet(name.get(2)) * 5 + octet(name.last());
    1 << (mixed % 64)
}

/// A header field, every octet of it as it stands in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawField<'a> {
    /// What stands before the colon, blanks included.
    pub name: &'a [u8],
    /// What stands behind the colon, folds and the line end included.
    pub value: &'a [u8],
}

/// The fields at the front of a message, up to the blank line or the first line that can't belong to them.
pub fn raw_fields(message: &[u8]) -> impl Iterator<Item = RawField<'_>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        let (name, _) = rest.split_at_checked(colon(line(rest))?)?;
        let (field, behind) = rest.split_at_checked(folded_lines(rest).len())?;
        rest = behind;
        let value = field.get(name.len() + 1..)?;
        Some(RawField { name, value })
    })
}

/// How long the byte order mark and the mbox line are that files can have before the first header.
pub(crate) fn preamble(message: &[u8]) -> usize {
    let mark = if message.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        0
    };
    let rest = message.get(mark..).unwrap_or_default();
    if rest.starts_with(b"From ") || rest.starts_with(b">From ") {
        mark + line(rest).len()
    } else {
        mark
    }
}

/// The first line, its end included.
fn line(bytes: &[u8]) -> &[u8] {
    let end = memchr(b'\n', bytes);
    end.and_then(|end| bytes.get(..=end)).unwrap_or(bytes)
}

/// The first line and those that continue it.
fn folded_lines(bytes: &[u8]) -> &[u8] {
    let mut end = line(bytes).len();
    while let Some(rest) = bytes.get(end..) {
        let next = line(rest);
        // A line of blanks only would continue the field by RFC 5322 section 4.2; it does so here too.
        if !next.starts_with(b" ") && !next.starts_with(b"\t") {
            break;
        }
        end += next.len();
    }
    bytes.get(..end).unwrap_or(bytes)
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Where the name ends, if the line begins a header: printable ASCII (RFC 5322 section 2.2), then perhaps blanks
/// (section 4.5), then a colon.
pub(crate) fn colon(line: &[u8]) -> Option<usize> {
    let is_of_name = |byte: &u8| byte.is_ascii_graphic() && *byte != b':';
    // A line of prose is left at its first blank.
    let name = line.iter().position(|byte| !is_of_name(byte))?;
    let behind = line.get(name..)?;
    let blanks = behind.len() - behind.trim_ascii_start().len();
    let is_name = name > 0 && behind.get(blanks) == Some(&b':');
    is_name.then_some(name + blanks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(message: &[u8]) -> (Vec<(String, String)>, usize) {
        let (headers, body) = Headers::parse(message);
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let fields = headers.iter().map(|h| (text(h.name()), text(h.value())));
        (fields.collect(), body)
    }

    #[test]
    fn a_file_is_headers_up_to_the_blank_line() {
        for (message, expected, body) in [
            (
                b"A: 1\r\nB:2\r\n\r\nC: 3\r\n".as_slice(),
                &[("A", "1"), ("B", "2")][..],
                13,
            ),
            (b"A: 1\nB:\t2\n\nC: 3\n", &[("A", "1"), ("B", "\\t2")], 11),
            (b"A : 1\n\t2\r\n 3\n\nx", &[("A", "1\\n\\t2\\r\\n 3")], 14),
            (
                b"From a@b Mon Jan  1 00:00:00 2024\nA: 1\n\nx",
                &[("A", "1")],
                40,
            ),
            (b"\xef\xbb\xbfA: 1\n\n", &[("A", "1")], 9),
            (b"A: 1\nno header: here\nB: 2\n\n", &[("A", "1")], 5),
            (b"A: 1", &[("A", "1")], 4),
            (b"A:", &[("A", "")], 2),
            (b"\n\nA: 1\n", &[], 1),
            (b"", &[], 0),
            (b"\x7fELF\x02\x01\x01\n: x\n", &[], 0),
            (b": x\n", &[], 0),
            (b" A: 1\n", &[], 0),
            (b"<html>\n<p style=\"a: b\">\n", &[], 0),
        ] {
            let (found, at) = fields(message);
            let found: Vec<_> = found
                .iter()
                .map(|(n, v)| (n.as_str(), v.as_str()))
                .collect();
            assert_eq!(
                (found.as_slice(), at),
                (expected, body),
                "{}",
                message.escape_ascii()
            );
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let (headers, _) = Headers::parse(b"SUBJECT: a\nsubject : b\nX: c\n\n");
        let values: Vec<_> = headers.all("Subject").map(Header::value).collect();
        assert_eq!(values, [b"a", b"b"]);
        assert!(headers.has("x") && !headers.has("Y"));
        assert_eq!(headers.first("x").map(Header::value), Some(b"c".as_slice()));
    }

    #[test]
    fn folds_vanish_and_other_line_breaks_part_words() {
        for (value, unfolded) in [
            (b" a\r\n b ".as_slice(), b"a b".as_slice()),
            (b"a\n\tb", b"a\tb"),
            (b"a\r b\r\r\n  c", b"a b  c"),
            (b"a\nb\rc\r\nd", b"a b c d"),
            (b"\r\n", b""),
        ] {
            assert_eq!(
                Header::new(b"X", value).unfolded(),
                unfolded,
                "{}",
                value.escape_ascii()
            );
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut headers = Headers::new();
        headers.push(b"A", &vec![b'x'; MAX_VALUE]);
        assert!(!headers.is_cut());
        headers.push(b"A", &vec![b'x'; MAX_VALUE + 1]);
        assert!(headers.is_cut());
        for _ in 0..5000 {
            headers.push(b"Filler", &vec![b'x'; 1024]);
        }
        let kept = headers.iter();
        let octets: usize = kept.map(|one| one.name().len() + one.value().len()).sum();
        assert_eq!((octets, headers.octets), (MAX_OCTETS, MAX_OCTETS));
        let mut headers = Headers::new();
        for _ in 0..=MAX_HEADERS {
            assert!(!headers.is_cut());
            headers.push(b"A", b"");
        }
        assert_eq!((headers.len(), headers.is_cut()), (MAX_HEADERS, true));
        let mut headers = Headers::new();
        headers.push(&[b'n'; MAX_NAME + 1], b"");
        assert!(headers.is_cut() && headers.is_empty());
        headers.push(&[b'n'; MAX_NAME], b"");
        assert!(headers.has(&"N".repeat(MAX_NAME)));
    }

    #[test]
    fn from_is_read_below_whatever_is_heaped_upon_it() {
        let heaps = [vec![""; MAX_HEADERS * 2], vec!["x"; MAX_OCTETS]];
        for heap in heaps.map(|heap| heap.concat()) {
            let mut headers = Headers::new();
            for _ in 0..MAX_HEADERS {
                headers.push(b"A", heap.as_bytes());
            }
            for _ in 0..MORE_FROM {
                headers.push(b"from ", b"joe@example.org");
            }
            assert_eq!(headers.all("From").count(), MORE_FROM);
            assert!(!headers.is_from_cut());
            headers.push(b"Subject", b"");
            assert!(headers.is_cut() && !headers.is_from_cut());
            headers.push(b"From", &vec![b'x'; MORE_FROM_OCTETS]);
            assert!(headers.is_from_cut());
            let bound = MAX_OCTETS + MORE_FROM_OCTETS;
            assert!(headers.len() <= MAX_HEADERS + MORE_FROM && headers.octets <= bound);
        }
    }

    proptest! {
        #[test]
        fn a_name_is_found_as_if_each_header_were_looked_at(
            names in proptest::collection::vec("[A-Za-z@`_-]{0,3}", 0..6),
            name in "[A-Za-z@`_-]{0,3}",
        ) {
            let mut headers = Headers::new();
            names.iter().for_each(|name| headers.push(name.as_bytes(), b""));
            for name in names.iter().map(|name| name.to_uppercase()).chain([name]) {
                let each = headers.iter().filter(|header| header.is(&name)).count();
                prop_assert_eq!(headers.all(&name).count(), each);
            }
        }

        #[test]
        fn any_bytes_are_a_message(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(vec!["A", "Subject", ":", " ", "\t", "\r", "\n", "\n\n", "=?", "?=", "From "])
                        .prop_map(|piece| piece.as_bytes().to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..3),
                ],
                0..60,
            ),
        ) {
            let message = pieces.concat();
            let (headers, body) = Headers::parse(&message);
            prop_assert!(body <= message.len());
            for header in headers.iter() {
                let line = header.unfolded();
                prop_assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
                header.text();
            }
        }
    }
}
