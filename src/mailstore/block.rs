//! Reads the headers of a message and the front of its body, within bounds.

use std::{
    fmt,
    io::{self, BufRead, Read},
    sync::Arc,
};

use crate::core::header::Headers;

/// The most octets that are kept of a header with its name; [`Headers`] keeps less.
const MAX_FIELD: usize = 68 * 1024;
/// The most octets that are kept of all headers; [`Headers`] keeps less.
const MAX_LENGTH: usize = 512 * 1024;

/// Collects the headers of one message, line by line.
#[derive(Debug, Default)]
pub(super) struct Block {
    octets: Vec<u8>,
    /// How much is kept of the header to which the last line belongs.
    field: usize,
}

impl Block {
    /// Keeps a line of the headers, its end included, as far as the bounds allow.
    pub(super) fn push(&mut self, line: &[u8]) {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            self.field = 0;
        }
        let room = (MAX_FIELD - self.field).min(MAX_LENGTH - self.octets.len());
        let kept = line.get(..room).unwrap_or(line);
        self.octets.extend_from_slice(kept);
        self.field += kept.len();
        // A line that was cut must not run into the next one.
        if !kept.is_empty() && !kept.ends_with(b"\n") {
            self.octets.pop();
            self.octets.push(b'\n');
        }
    }

    fn is_full(&self) -> bool {
        self.octets.len() >= MAX_LENGTH
    }

    /// The headers.
    pub(super) fn headers(&self) -> Headers {
        Headers::parse(&self.octets).0
    }

    /// What was kept of them, as it stands in the store.
    pub(super) fn into_octets(self) -> Vec<u8> {
        self.octets
    }
}

/// The headers of a file that holds one message, and the front of its body. What follows is not read.
pub(super) fn of_message(
    reader: &mut impl BufRead,
    limit: &BodyLimit,
) -> io::Result<(Block, Body)> {
    let mut block = Block::default();
    let mut line = Vec::new();
    while next_line(reader, MAX_FIELD, &mut line)? > 0 && !is_blank(&line) && !block.is_full() {
        block.push(&line);
    }
    let mut body = Body::new(limit.of(&block));
    while !body.is_full() && next_line(reader, MAX_FIELD, &mut line)? > 0 {
        body.push(&line);
    }
    Ok((block, body))
}

/// How many octets of a body are read, which may depend on the headers above it.
#[derive(Clone)]
pub enum BodyLimit {
    /// As many of each.
    Fixed(usize),
    /// As many as the headers say.
    ByHeaders(Arc<dyn Fn(&Headers) -> usize + Send + Sync>),
}

impl BodyLimit {
    pub(super) fn of(&self, block: &Block) -> usize {
        match self {
            Self::Fixed(most) => *most,
            Self::ByHeaders(most) => most(&block.headers()),
        }
    }
}

impl From<usize> for BodyLimit {
    fn from(most: usize) -> Self {
        Self::Fixed(most)
    }
}

impl fmt::Debug for BodyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(most) => f.debug_tuple("Fixed").field(most).finish(),
            Self::ByHeaders(_) => f.write_str("ByHeaders"),
        }
    }
}

/// The front of a body, with line ends as SMTP has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    octets: Vec<u8>,
    most: usize,
}

impl Body {
    pub(super) fn new(most: usize) -> Self {
        let octets = Vec::new();
        Self { octets, most }
    }

    /// Keeps a line, its end included, as far as the bound allows.
    pub(super) fn push(&mut self, line: &[u8]) {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let ended = text.len() < line.len();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        for part in [text, if ended { b"\r\n" } else { b"" }] {
            let room = self.most.saturating_sub(self.octets.len());
            self.octets
                .extend_from_slice(part.get(..room).unwrap_or(part));
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.octets.len() >= self.most
    }

    /// What was kept.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether there can be more of it.
    pub fn is_cut(&self) -> bool {
        self.is_full()
    }
}

/// Reads the next line into `line`, its end included, but no more than `max` octets of it; the rest is skipped. Gives
/// its length in octets; 0 at the end.
pub(super) fn next_line(
    reader: &mut impl BufRead,
    max: usize,
    line: &mut Vec<u8>,
) -> io::Result<u64> {
    line.clear();
    let kept = reader.take(max as u64).read_until(b'\n', line)?;
    let skipped = if kept == max && !line.ends_with(b"\n") {
        reader.skip_until(b'\n')?
    } else {
        0
    };
    Ok((kept + skipped) as u64)
}

/// Whether the line ends the headers.
pub(super) fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_header_is_cut_and_those_behind_it_are_read() {
        let long = "x".repeat(3 * MAX_FIELD);
        let folds = format!("y{}", "\n yyyyyyy".repeat(MAX_FIELD));
        let message = format!("A: 1\nB: {long}\nC: {folds}\nD: 4\n\nE: body\n");
        let (block, body) = of_message(&mut message.as_bytes(), &BodyLimit::Fixed(99)).unwrap();
        let headers = block.headers();
        assert_eq!((body.octets(), body.is_cut()), (&b"E: body\r\n"[..], false));
        let (_, cut) = of_message(&mut message.as_bytes(), &BodyLimit::Fixed(4)).unwrap();
        assert_eq!((cut.octets(), cut.is_cut()), (&b"E: b"[..], true));
        let names: Vec<_> = headers.iter().map(|header| header.name()).collect();
        assert_eq!(names, [b"A", b"B", b"C", b"D"]);
        assert_eq!(headers.first("D").unwrap().value(), b"4");
        assert!(headers.is_cut());
    }

    #[test]
    fn headers_may_say_how_much_of_the_body_is_read() {
        let limit = BodyLimit::ByHeaders(Arc::new(|headers| headers.len() * 3));
        for (message, expected) in [
            ("A: 1\n\nbody\n", "bod"),
            ("A: 1\nB: 2\n\nbody\n", "body\r\n"),
        ] {
            let (_, body) = of_message(&mut message.as_bytes(), &limit).unwrap();
            assert_eq!(body.octets(), expected.as_bytes());
        }
    }

    #[test]
    fn many_headers_are_bounded() {
        let mut block = Block::default();
        for _ in 0..100_000 {
            block.push(b"Filler: of some octets\n");
        }
        assert!(block.is_full() && block.octets.len() <= MAX_LENGTH);
        assert!(block.headers().is_cut());
    }
}
