//! The fields by which a notification says what it is about.

use std::str;

use memchr::memrchr;

use super::NotificationReport;
use crate::core::{
    address::{Mailbox, bracketless},
    header::Headers,
};

/// The longest address, in octets: both halves of RFC 5321 section 4.5.3.1 and the `@`.
const MAX_ADDRESS: usize = 64 + 1 + 255;
/// The longest Message-ID: it stands on one line (RFC 5322 section 2.1.1).
const MAX_MESSAGE_ID: usize = 998;

/// What the status parts of a report say of the message: its Action fields (RFC 3464 section 2.3.3), of all recipients
/// together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusFields {
    /// `failed`
    pub failed: bool,
    /// `delayed`
    pub delayed: bool,
    /// `delivered`, `relayed`, `expanded`
    pub succeeded: bool,
}

impl StatusFields {
    /// Whether one says what became of the message.
    pub fn has_action(&self) -> bool {
        self.failed || self.delayed || self.succeeded
    }
}

/// Reads message/delivery-status (RFC 3464 section 2.1: groups of fields with blank lines between) or
/// message/disposition-notification (RFC 8098 section 3.1).
pub fn read(report: &mut NotificationReport, fields: &[u8]) {
    let mut rest = fields;
    while !rest.is_empty() {
        let (group, end) = Headers::parse(rest);
        for header in group.iter() {
            report.name_in_status(header);
            if header.is("Final-Recipient") || header.is("Original-Recipient") {
                let value = header.without_comments();
                let recipients = [typed_address(&value), decoded_address(&value)];
                recipients
                    .into_iter()
                    .flatten()
                    .for_each(|one| report.recipient(one));
            } else if header.is("Action") {
                action(report, &header.unfolded());
            } else if header.is("Original-Message-ID") {
                let ids = message_ids(&header.unfolded());
                ids.into_iter().for_each(|id| report.answers(id));
            }
        }
        // What is no field and no blank line is skipped, a line at a time.
        let line = rest.iter().position(|&byte| byte == b'\n');
        let skipped = if end == 0 {
            line.map(|at| at + 1)
        } else {
            Some(end)
        };
        rest = skipped.and_then(|end| rest.get(end..)).unwrap_or_default();
    }
}

fn action(report: &mut NotificationReport, value: &[u8]) {
    let is_letter = |byte: &&u8| byte.is_ascii_alphabetic();
    let word = value.trim_ascii_start().iter().take_while(is_letter);
    let word: Vec<u8> = word.map(u8::to_ascii_lowercase).take(16).collect();
    let fields = &mut report.fields;
    match word.as_slice() {
        b"failed" => fields.failed = true,
        b"delayed" => fields.delayed = true,
        b"delivered" | b"relayed" | b"expanded" => fields.succeeded = true,
        _ => {}
    }
}

/// X-Failed-Recipients, as Exim and Gmail write it: addresses, with commas between.
pub fn failed_recipients(report: &mut NotificationReport, headers: &Headers) {
    for header in headers.all("X-Failed-Recipients") {
        for one in header.unfolded().split(|&byte| byte == b',') {
            address(one)
                .into_iter()
                .for_each(|one| report.recipient(one));
        }
    }
}

/// The bytes as an address, angle brackets or not; `None` for what isn't one.
pub fn address(bytes: &[u8]) -> Option<Mailbox> {
    let bytes = bracketless(bytes);
    let at = memrchr(b'@', bytes)?;
    let odd = |&byte: &u8| byte <= b' ' || byte == 0x7f || b"<>".contains(&byte);
    let is_one =
        at > 0 && at + 1 < bytes.len() && bytes.len() <= MAX_ADDRESS && !bytes.iter().any(odd);
    is_one.then(|| Mailbox::from_bytes(bytes))
}

/// The Message-IDs in an unfolded value, with their angle brackets.
pub fn message_ids(line: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, &byte) in line.iter().enumerate() {
        match (byte, start) {
            (b'<', _) => start = Some(at),
            (b'>', Some(from)) => {
                let id = line.get(from..=at).unwrap_or_default();
                if id.len() > 2 && id.len() <= MAX_MESSAGE_ID {
                    found.push(id.to_vec());
                }
                start = None;
            }
            (0..=b' ' | 0x7f, _) => start = None,
            _ => {}
        }
    }
    found
}

/// `rfc822; user@example.org`. The type is left out by some; others' types (X.400, fax) are no mail addresses.
fn typed_address(value: &[u8]) -> Option<Mailbox> {
    let Some(at) = value.iter().position(|&byte| byte == b';') else {
        return address(value);
    };
    let (kind, rest) = value.split_at(at);
    let rest = rest.strip_prefix(b";").unwrap_or(rest);
    match kind.trim_ascii().to_ascii_lowercase().as_slice() {
        b"rfc822" => address(rest),
        b"utf-8" => address(&unescaped(rest)),
        _ => None,
    }
}

/// The same where it is still encoded as in RCPT's ORCPT (RFC 3461 section 4.2), from which Original-Recipient is made
/// (RFC 3464 section 2.3.1): some hosts don't decode it. `+2B` can also be a detail, so both readings count.
fn decoded_address(value: &[u8]) -> Option<Mailbox> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'+' {
            decoded.push(byte);
            continue;
        }
        // RFC 3461 section 4: a plus sign, and two digits, the letters among them in upper case.
        let (digits, after) = rest.split_at_checked(2)?;
        let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
        if !digits.iter().all(is_digit) {
            return None;
        }
        decoded.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    (decoded.len() < value.len())
        .then(|| typed_address(&decoded))
        .flatten()
}

/// RFC 6533 section 3: `\x{E9}` is a code point in an address that had to be ASCII.
fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        match escape(rest) {
            Some((char, length)) => {
                plain.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(length..).unwrap_or_default();
            }
            None => {
                plain.push(byte);
                rest = after;
            }
        }
    }
    plain
}

/// The character that is escaped here, and the length of the escape.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let digits = bytes.strip_prefix(b"\\x{")?;
    let length = digits.iter().take(7).position(|&byte| byte == b'}')?;
    let digits = str::from_utf8(digits.get(..length)?).ok()?;
    let char = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
    Some((char, length + 4))
}
