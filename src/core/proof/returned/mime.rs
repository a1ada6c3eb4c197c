//! The parts of a message (RFC 2046), as octets, and their transfer encodings.

use std::borrow::Cow;

use mail_parser::{
    HeaderValue,
    decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode},
    parsers::MessageStream,
};
use memchr::{memchr, memchr_iter, memmem};

use crate::core::{
    header::{Header, Headers},
    octets::any_pair,
};

/// The most octets of a Content-Type that are read; a report's own are some hundred.
const MAX_CONTENT_TYPE: usize = 4096;

/// How the subtypes of messages and their headers end. Programs write text/rfc822, message/x-rfc822 or
/// application/rfc822-headers too.
const MESSAGES: [&str; 4] = ["rfc822", "rfc822-headers", "global", "global-headers"];
/// How the subtypes of a notification's fields end: message/delivery-status, global-delivery-status (RFC 6533),
/// xdelivery-status.
const STATUS: [&str; 2] = ["delivery-status", "disposition-notification"];

/// What a part is, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    /// Parts with this boundary between; in a digest they are messages unless they say otherwise.
    Multipart { boundary: Vec<u8>, digest: bool },
    /// A message.
    Message,
    /// A piece of one (RFC 2046 section 5.2.2): the first begins with its headers.
    Fragment,
    /// The headers of one.
    HeaderSection,
    /// The fields of a delivery status or disposition notification.
    Status,
    /// Text.
    Plain,
    /// HTML.
    Html,
    /// Nothing that returns mail.
    Other,
}

impl Content {
    /// Reads Content-Type; without one a part is text, or in a digest a message (RFC 2046 section 5.1.5).
    pub fn of(headers: &Headers, in_digest: bool) -> Self {
        let Some(header) = headers.first("Content-Type") else {
            return if in_digest {
                Self::Message
            } else {
                Self::Plain
            };
        };
        let mut line = header.without_comments();
        line.truncate(MAX_CONTENT_TYPE);
        line.push(b'\n');
        let HeaderValue::ContentType(parsed) = MessageStream::new(&line).parse_content_type()
        else {
            return Self::Plain;
        };
        let main = parsed.ctype().to_ascii_lowercase();
        let sub = parsed.subtype().unwrap_or_default().to_ascii_lowercase();
        match (main.as_str(), sub.as_str()) {
            ("multipart", _) => match parsed.attribute("boundary").map(str::trim_end) {
                Some(boundary) if !boundary.is_empty() => Self::Multipart {
                    boundary: boundary.as_bytes().to_vec(),
                    digest: sub == "digest",
                },
                // Without a boundary it is read as what it looks like.
                _ => Self::Plain,
            },
            _ if MESSAGES.iter().any(|kind| sub.ends_with(kind)) => {
                if sub.ends_with("headers") {
                    Self::HeaderSection
                } else {
                    Self::Message
                }
            }
            ("message", "partial") => Self::Fragment,
            ("message", _) if STATUS.iter().any(|kind| sub.ends_with(kind)) => Self::Status,
            ("text", "html") => Self::Html,
            ("text", _) => Self::Plain,
            _ => Self::Other,
        }
    }
}

/// A part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its headers and its body.
    pub octets: &'a [u8],
    /// Whether its end was not seen.
    pub open: bool,
}

/// The parts between the delimiters, which are whole lines (RFC 2046 section 5.1.1); the line end before one belongs
/// to it. Inner parts can't outlive the outer ones, because those are divided first (section 5.1.2).
pub fn parts<'a>(body: Part<'a>, boundary: &[u8]) -> Vec<Part<'a>> {
    let Part { octets: body, open } = body;
    let mut parts = Vec::new();
    let mut start = None;
    let begin = [b"--", boundary].concat();
    for at in memmem::find_iter(body, &begin) {
        let (before, rest) = body.split_at_checked(at).unwrap_or_default();
        if !before.is_empty() && !before.ends_with(b"\n") {
            continue;
        }
        let (line, _) = first_line(rest);
        let next = at + line.len();
        // The start of another line can look like one.
        let seen = !open || line.ends_with(b"\n");
        if let Some(last) = delimiter(line, boundary).filter(|_| seen) {
            if let Some(start) = start {
                let octets = body.get(start..at).unwrap_or_default();
                let octets = octets.strip_suffix(b"\r\n").unwrap_or(octets);
                parts.push(Part {
                    octets,
                    open: false,
                });
            }
            if last {
                return parts;
            }
            start = Some(next);
        }
    }
    let octets = start.and_then(|start| body.get(start..));
    parts.extend(octets.map(|octets| Part { octets, open: true }));
    parts
}

/// The first line, its end included, and what follows it.
pub fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b'\n', text);
    text.split_at(end.map_or(text.len(), |end| end + 1))
}

/// Whether the line is a delimiter, and then whether it is the last one (RFC 2046 section 5.1.1).
pub fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let rest = line.strip_prefix(b"--")?.strip_prefix(boundary)?;
    match rest.trim_ascii_end() {
        b"" => Some(false),
        b"--" => Some(true),
        _ => None,
    }
}

/// Undoes base64 and quoted-printable; line ends become CRLF. What isn't encoded as it should be is read as far as
/// it can be.
pub fn decoded<'a>(headers: &Headers, body: &'a [u8]) -> Cow<'a, [u8]> {
    match encoding(headers).as_slice() {
        b"base64" => Cow::Owned(crlf(&base64(body)).into_owned()),
        b"quoted-printable" => Cow::Owned(crlf(&quoted_printable(body)).into_owned()),
        _ => Cow::Borrowed(body),
    }
}

/// The token of Content-Transfer-Encoding (RFC 2045 section 6.1), in lower case. It has no parameters, and is no
/// quoted string; some programs write either.
fn encoding(headers: &Headers) -> Vec<u8> {
    let header = headers.first("Content-Transfer-Encoding");
    let line = header.map(Header::without_comments).unwrap_or_default();
    let mut tokens = line.split(|byte| byte.is_ascii_whitespace() || b";,\"".contains(byte));
    let token = tokens.find(|token| !token.is_empty());
    token.unwrap_or_default().to_ascii_lowercase()
}

/// RFC 2045 section 6.8: characters outside of the alphabet are to be ignored.
fn base64(body: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        .collect();
    base64_decode(&digits).unwrap_or_default()
}

/// Line by line, so that one that isn't quoted-printable (RFC 2045 section 6.7) costs no other.
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        match quoted_printable_decode(line) {
            Some(decoded) => octets.extend(decoded),
            None => octets.extend_from_slice(line),
        }
    }
    octets
}

/// The text with CRLF line ends, which mail has (RFC 5322 section 2.1), and signatures are over. Where no line ends in LF,
/// carriage returns end them.
pub fn crlf(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'\n', text).is_none() && memchr(b'\r', text).is_some() {
        let lines: Vec<_> = text.split(|&byte| byte == b'\r').collect();
        return Cow::Owned(lines.join(b"\r\n".as_slice()));
    }
    let any_bare = any_pair(text, |one, next| (one != b'\r') & (next == b'\n'));
    if !any_bare && !text.starts_with(b"\n") {
        return Cow::Borrowed(text);
    }
    let is_bare = |at: &usize| match at.checked_sub(1) {
        Some(before) => text.get(before) != Some(&b'\r'),
        None => true,
    };
    let bare = memchr_iter(b'\n', text).filter(is_bare);
    let mut lines = Vec::with_capacity(text.len() + text.len() / 16);
    let mut done = 0;
    for at in bare {
        lines.extend_from_slice(text.get(done..at).unwrap_or_default());
        lines.push(b'\r');
        done = at;
    }
    lines.extend_from_slice(text.get(done..).unwrap_or_default());
    Cow::Owned(lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Line by line.
    fn naive_parts(body: &[u8], open: bool) -> Vec<(Vec<u8>, bool)> {
        let mut parts = Vec::new();
        let mut part: Option<Vec<u8>> = None;
        for line in body.split_inclusive(|&byte| byte == b'\n') {
            let is_whole = !open || line.ends_with(b"\n");
            match delimiter(line, b"--b").filter(|_| is_whole) {
                Some(last) => {
                    if let Some(octets) = part.take() {
                        let octets = octets.strip_suffix(b"\r\n").unwrap_or(&octets);
                        parts.push((octets.to_vec(), false));
                    }
                    if last {
                        return parts;
                    }
                    part = Some(Vec::new());
                }
                None => {
                    part.iter_mut().for_each(|part| part.extend(line));
                }
            }
        }
        parts.extend(part.map(|octets| (octets, true)));
        parts
    }

    /// Octet by octet.
    fn naive_crlf(text: &[u8]) -> Vec<u8> {
        let mut lines = Vec::new();
        let has_lf = text.contains(&b'\n');
        for &byte in text {
            match byte {
                b'\n' if lines.last() != Some(&b'\r') => lines.extend(b"\r\n"),
                b'\r' if !has_lf => lines.extend(b"\r\n"),
                _ => lines.push(byte),
            }
        }
        lines
    }

    proptest! {
        #[test]
        fn parts_stand_between_delimiters(
            body in "(----b|--|-|b|----b--|\r\n|\n|\r| |x|\n----b){0,30}",
            open in any::<bool>(),
        ) {
            let octets = body.as_bytes();
            let found = parts(Part { octets, open }, b"--b").into_iter();
            let found: Vec<_> = found.map(|part| (part.octets.to_vec(), part.open)).collect();
            prop_assert_eq!(found, naive_parts(octets, open), "{:?}", body);
        }

        #[test]
        fn lines_end_in_crlf(text in "[a\r\n]{0,30}|[a\r]{0,10}|[a\n]{0,10}") {
            prop_assert_eq!(crlf(text.as_bytes()).into_owned(), naive_crlf(text.as_bytes()), "{:?}", text);
        }
    }
}
