//! One block of returned headers.

use super::markers;
use crate::core::{
    header::{self, Headers},
    proof::watermark,
};

/// Of these a message that was sent has at least one.
const SIGNS_OF_MAIL: [&str; 6] = [
    "Message-ID",
    "From",
    "Date",
    "Received",
    "DKIM-Signature",
    "Subject",
];

/// A message that was sent has several of these; a paragraph that happens to have colons has not.
const FIELDS_OF_MAIL: [&str; 8] = [
    "Message-ID",
    "Received",
    "Return-Path",
    "From",
    "Date",
    "Subject",
    "To",
    "Cc",
];
/// Of these at least one names one message, which no list of who wrote what and when does.
const NAMES_ONE: [&str; 2] = ["Message-ID", "Received"];

/// What a proof is found by.
const PROVING: [&str; 3] = ["Message-ID", watermark::HEADER, "DKIM-Signature"];
/// The most lines of a section that can have lost the blank which folds them: a message that went in a loop has fifty
/// Received fields, of four lines.
const MAX_UNFOLDED: usize = 200;

/// The header section at the front of a returned message.
pub struct Block {
    /// As it stood, without the blank line.
    pub raw: Vec<u8>,
    /// The same, parsed.
    pub headers: Headers,
    /// Where the body begins, in octets from the front.
    pub body_at: usize,
}

impl Block {
    /// Reads it from text with CRLF line ends; blank lines and mbox lines before it are skipped. Where `open`, the
    /// text can have gone on: its last field is then left out, because its end was not seen.
    pub fn read(text: &[u8], open: bool) -> Self {
        // Half a line end is none, nor are several.
        let end = text.iter().rposition(|&byte| byte != b'\r');
        let text = text.get(..end.map_or(0, |end| end + 1)).unwrap_or_default();
        let mut lead = blank_lines(text);
        let mut rest = text.get(lead..).unwrap_or_default();
        loop {
            let skipped = header::preamble(rest);
            if skipped == 0 {
                break;
            }
            lead += skipped;
            rest = rest.get(skipped..).unwrap_or_default();
        }
        let (mut headers, end) = Headers::parse(rest);
        #[cfg(test)]
        work::count(lead + end);
        let section = rest.get(..end).unwrap_or(rest);
        let blank = section.ends_with(b"\r\n\r\n");
        let mut raw = match section.strip_suffix(b"\r\n") {
            Some(fields) if blank => fields.to_vec(),
            _ => section.to_vec(),
        };
        let after = rest.get(end..).unwrap_or_default();
        if open && !blank && !after.contains(&b'\n') {
            raw.truncate(last_field(&raw));
            headers = Headers::parse(&raw).0;
        } else if !raw.is_empty() && !raw.ends_with(b"\r\n") {
            raw.extend_from_slice(b"\r\n");
        }
        Self {
            raw,
            headers,
            body_at: lead + end,
        }
    }

    /// The same from a plain text. Some programs put the lines of folded fields at the margin there (GMX does): where that
    /// hides what a proof is found by, each is folded again. Relaxed canonicalisation (RFC 6376 section 3.4.2) doesn't
    /// see which blank it was.
    ///
    /// Also gives how many octets of the text were looked at.
    pub fn read_from_text(text: &[u8], open: bool) -> (Self, usize) {
        let mut block = Self::read(text, open);
        let looked_at = block.body_at;
        let Some((folded, length)) = folded_again(text, looked_at) else {
            return (block, looked_at);
        };
        let cut = open && length == text.len();
        let again = Self {
            body_at: length,
            ..Self::read(&folded, cut)
        };
        let proving = |block: &Self| {
            PROVING
                .iter()
                .filter(|name| block.headers.has(name))
                .count()
        };
        if proving(&again) > proving(&block) {
            block = again;
        } else if cut {
            // More of the last field can stand at the margin.
            block.raw.truncate(last_field(&block.raw));
            block.headers = Headers::parse(&block.raw).0;
        }
        (block, length)
    }

    /// Whether it is surely the headers of a message, also where nothing announces one.
    pub fn is_surely_mail(&self) -> bool {
        is_surely_mail(&self.headers)
    }

    /// Whether it can be the headers of a message, and not just some lines with colons.
    pub fn is_mail(&self) -> bool {
        SIGNS_OF_MAIL.iter().any(|name| self.headers.has(name))
    }
}

/// Whether they are surely those of a message.
pub fn is_surely_mail(headers: &Headers) -> bool {
    let names_one = NAMES_ONE.iter().any(|name| headers.has(name));
    let fields = FIELDS_OF_MAIL.iter().filter(|name| headers.has(name));
    names_one && fields.count() >= 2
}

/// A section that ended here with a line that is no field, up to its blank line and with all such lines folded; and how
/// long it was.
fn folded_again(text: &[u8], ended: usize) -> Option<(Vec<u8>, usize)> {
    let (front, rest) = text.split_at_checked(ended)?;
    if front.is_empty() || front.ends_with(b"\r\n\r\n") {
        return None;
    }
    let mut folded = front.to_vec();
    let mut length = ended;
    let mut unfolded = 0;
    for line in rest.split_inclusive(|&byte| byte == b'\n') {
        let blank = line.trim_ascii().is_empty();
        if !blank && !line.starts_with(b" ") && !line.starts_with(b"\t") && !markers::is_field(line)
        {
            unfolded += 1;
            if unfolded > MAX_UNFOLDED || markers::is_rule(line) {
                break;
            }
            folded.push(b' ');
        }
        folded.extend_from_slice(line);
        length += line.len();
        if blank {
            break;
        }
    }
    (unfolded > 0).then_some((folded, length))
}

/// How many octets of blank lines there are in front.
fn blank_lines(text: &[u8]) -> usize {
    let mut length = 0;
    while text.get(length..).unwrap_or_default().starts_with(b"\r\n") {
        length += 2;
    }
    length
}

/// Where the last field begins: with the last line that continues no other.
fn last_field(raw: &[u8]) -> usize {
    let mut at = 0;
    let mut last = 0;
    for line in raw.split_inclusive(|&byte| byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            last = at;
        }
        at += line.len();
    }
    last
}

/// How much was read, for the tests that hold it linear.
#[cfg(test)]
pub mod work {
    use std::cell::Cell;

    thread_local! {
        static OCTETS: Cell<usize> = const { Cell::new(0) };
    }

    pub fn count(octets: usize) {
        OCTETS.set(OCTETS.get() + octets);
    }

    /// How many octets were read since it was last asked.
    pub fn take() -> usize {
        OCTETS.take()
    }
}
