//! One block of returned headers.

use crate::core::header::{self, Headers};

/// Of these a message that was sent has at least one.
const SIGNS_OF_MAIL: [&str; 6] = [
    "Message-ID",
    "From",
    "Date",
    "Received",
    "DKIM-Signature",
    "Subject",
];

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
    /// text may have gone on: its last field is then left out, because its end was not seen.
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

    /// Whether it can be the headers of a message, and not just some lines with colons.
    pub fn is_mail(&self) -> bool {
        SIGNS_OF_MAIL.iter().any(|name| self.headers.has(name))
    }
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
