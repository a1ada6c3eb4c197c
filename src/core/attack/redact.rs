//! Takes our users, and where it is wanted everybody, out of what is shown to strangers (RFC 6590): the local part of each
//! address of ours is replaced by
//! a keyed hash, the same one for the same address, with a tag (BATV) or without, so that reports can be compared and
//! nobody learns who it is.
//!
//! What is encoded can't be searched for addresses, so it is left out: parts in base64 or quoted-printable, and headers
//! whose encoded words hide an address of ours.

mod encoded;

use std::ops::Range;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use encoded::Encoded;

use super::Sample;
use crate::core::{
    address::{Domain, Mailbox},
    header::Header,
    local::Local,
    proof::batv,
};

/// What the hash is of, ending in NUL: no tag, watermark or hash of the ledger can be had for one of these.
const LABEL: &[u8] = b"backstop redaction\0";
/// What a redacted local part begins with.
pub const REDACTED: &str = "redacted-";
/// How many octets of the hash are written.
const LENGTH: usize = 10;
/// What stands for what was left out.
const LEFT_OUT: &[u8] = b"[left out by Backstop: encoded, so it can't be searched for addresses]";
/// The longest line of a message, in octets, without its end (RFC 5322 section 2.1.1).
const MAX_LINE: usize = 998;

/// What redacts, by one key.
#[derive(Clone, Debug)]
pub struct Redaction<'a> {
    mac: Hmac<Sha256>,
    local: &'a Local,
    /// Whether addresses of strangers are redacted, too.
    of_all: bool,
}

impl<'a> Redaction<'a> {
    /// By this secret; `local` says which domains are ours. `None` for a secret that HMAC can't take; it takes all.
    pub fn new(secret: &[u8], local: &'a Local) -> Option<Self> {
        let mac = Hmac::new_from_slice(secret).ok()?;
        Some(Self {
            mac: mac.chain_update(LABEL),
            local,
            of_all: false,
        })
    }

    /// The same, with all addresses redacted, whosever they are.
    pub fn of_all(self) -> Self {
        Self {
            of_all: true,
            ..self
        }
    }

    /// The text with all addresses of ours redacted, those within VERP and SRS addresses (`user=example.org@`,
    /// `=example.org=user@`) too.
    pub fn text(&self, text: &[u8]) -> Vec<u8> {
        let mut written = Vec::with_capacity(text.len());
        // From where on the text is still to be written.
        let mut from = 0;
        let mut at = 0;
        while at < text.len() {
            let Some(Found {
                local,
                domain,
                next,
            }) = self.found(text, from, at)
            else {
                at += 1;
                continue;
            };
            if !local.is_empty() {
                let (start, end) = (local.start, local.end);
                let domain = text.get(domain).unwrap_or_default();
                written.extend_from_slice(text.get(from..start).unwrap_or_default());
                let local = text.get(local).unwrap_or_default();
                written.extend_from_slice(self.hash(local, domain).as_bytes());
                from = end;
            }
            at = next;
        }
        written.extend_from_slice(text.get(from..).unwrap_or_default());
        written
    }

    /// Whether a host of this name is, by its name, one of ours.
    pub fn is_ours(&self, name: &Domain) -> bool {
        self.local.has_host(name)
    }

    /// The sample as a message: redacted, its lines ending in CRLF and none too long, and no control character in it.
    pub fn message(&self, sample: &Sample) -> Vec<u8> {
        let mut message = Vec::new();
        let mut encoded = Encoded::default();
        lines(&sample.headers.0).for_each(|line| encoded.see(line));
        encoded.see(b"");
        message.extend(self.headers(&sample.headers.0));
        message.extend_from_slice(b"\r\n");
        if encoded.is_inside {
            push_line(&mut message, LEFT_OUT);
        }
        for line in lines(whole_lines(sample)) {
            let was_inside = encoded.is_inside;
            encoded.see(line);
            match (was_inside, encoded.is_inside) {
                (false, false) => push_line(&mut message, &self.line(line)),
                (false, true) => {
                    push_line(&mut message, line);
                    push_line(&mut message, LEFT_OUT);
                }
                (true, false) => push_line(&mut message, &self.line(line)),
                (true, true) => {}
            }
        }
        message
    }

    /// Headers, redacted, their lines ending in CRLF and none too long, and no control character in them.
    pub fn headers(&self, headers: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        let headers = self.fields(headers);
        lines(&headers).for_each(|line| push_line(&mut written, line));
        written
    }

    /// Headers, each redacted as a whole: a fold parts encoded words of one value.
    fn fields(&self, headers: &[u8]) -> Vec<u8> {
        let mut written = Vec::with_capacity(headers.len());
        let mut field: Vec<u8> = Vec::new();
        for line in lines(headers) {
            if !line.starts_with(b" ") && !line.starts_with(b"\t") && !field.is_empty() {
                written.extend(self.field(&field));
                field.clear();
            }
            field.extend_from_slice(line);
            field.extend_from_slice(b"\r\n");
        }
        written.extend(self.field(&field));
        written
    }

    fn field(&self, field: &[u8]) -> Vec<u8> {
        if !self.hides_ours(field) {
            return self.text(field);
        }
        let name = field.iter().position(|&byte| byte == b':');
        let name = name.and_then(|colon| field.get(..=colon));
        [name.unwrap_or_default(), b" ", LEFT_OUT, b"\r\n"].concat()
    }

    fn line(&self, line: &[u8]) -> Vec<u8> {
        if self.hides_ours(line) {
            return LEFT_OUT.to_vec();
        }
        self.text(line)
    }

    /// Whether there is an address of ours in its encoded words (RFC 2047).
    fn hides_ours(&self, text: &[u8]) -> bool {
        if !text.windows(2).any(|two| two == b"=?") {
            return false;
        }
        let decoded = Header::new(b"", text).text();
        self.text(decoded.as_bytes()) != decoded.as_bytes()
    }

    /// The address of ours whose separator the text has at `at`; none of it is before `from`.
    fn found(&self, text: &[u8], from: usize, at: usize) -> Option<Found> {
        let rest = text.get(at..)?;
        let (&byte, behind) = rest.split_first()?;
        let length = match byte {
            b'@' => 1 + blanks(behind),
            b'%' | b'=' | b'+' if encoded_at(rest) > 0 => encoded_at(rest),
            b'%' | b'=' => 1,
            _ => return None,
        };
        let domain = self.domain(text, at + length)?;
        let next = domain.end;
        let behind = text.get(next..).unwrap_or_default();
        if byte == b'=' && length == 1 && !behind.starts_with(b"@") && encoded_at(behind) == 0 {
            // `d=example.org` of a signature is no address; the `=example.org=user` of SRS is one.
            behind.strip_prefix(b"=")?;
            let start = next + 1;
            let local = text.get(start..)?.iter();
            let local = local.take_while(|byte| is_of_local(**byte)).count();
            return Some(Found {
                local: start..start + local,
                domain,
                next: start + local,
            });
        }
        // RFC 5322 section 4.4 allows blanks around the @.
        let before = text.get(from..at).unwrap_or_default();
        let before = match byte {
            b'@' => before.trim_ascii_end(),
            _ => before,
        };
        let end = from + before.len();
        Some(Found {
            local: local_start(text, from, end)..end,
            domain,
            next,
        })
    }

    /// Where a domain of ours ends that begins here.
    fn domain(&self, text: &[u8], start: usize) -> Option<Range<usize>> {
        let name = text.get(start..)?;
        let length = name.iter().take_while(|byte| is_of_domain(**byte)).count();
        let name = name.get(..length)?;
        let last = name.iter().rposition(|byte| !b".-".contains(byte))?;
        let name = name.get(..=last)?;
        let is_redacted = |domain: Domain| self.of_all || self.is_ours(&domain);
        let is_redacted = Domain::from_bytes(name).is_some_and(is_redacted);
        is_redacted.then(|| start..start + name.len())
    }

    fn hash(&self, local: &[u8], domain: &[u8]) -> String {
        let mailbox = Mailbox::from_bytes(&[local, b"@", domain].concat());
        let user = batv::untagged(&mailbox, &self.local.recipient_delimiter);
        let domain = domain.to_ascii_lowercase();
        let mac = self.mac.clone().chain_update(user.local_key());
        let bytes = mac.chain_update(b"@").chain_update(domain).finalize();
        let bytes = bytes.into_bytes();
        let bytes = bytes.get(..LENGTH).unwrap_or(&bytes);
        format!("{REDACTED}{}", HEXLOWER.encode(bytes))
    }
}

/// An address of ours in a text.
struct Found {
    local: Range<usize>,
    domain: Range<usize>,
    /// Where to look on.
    next: usize,
}

/// How long an encoded `@` at the beginning is, if there is one: `%40` of a URL, `=40` of quoted-printable, `+40` of xtext
/// (RFC 3461 section 4), or `%2540`, which was encoded twice.
fn encoded_at(text: &[u8]) -> usize {
    let Some((b'%' | b'=' | b'+', mut code)) = text.split_first() else {
        return 0;
    };
    while let Some(once) = code.strip_prefix(b"25") {
        code = once;
    }
    let rest = code.strip_prefix(b"40");
    rest.map_or(0, |rest| text.len() - rest.len())
}

fn blanks(text: &[u8]) -> usize {
    text.len() - text.trim_ascii_start().len()
}

/// Where the local part that ends at `at` begins, no earlier than `from`.
fn local_start(text: &[u8], from: usize, at: usize) -> usize {
    let before = text.get(from..at).unwrap_or_default();
    if let Some(inner) = before.strip_suffix(b"\"") {
        let line = inner.iter().rposition(|byte| matches!(byte, b'\r' | b'\n'));
        let line = line.map_or(0, |end| end + 1);
        let quote = (line..inner.len()).rev().find(|&quote| {
            let escaped = quote > 0 && inner.get(quote - 1) == Some(&b'\\');
            inner.get(quote) == Some(&b'"') && !escaped
        });
        if let Some(quote) = quote {
            return from + quote;
        }
    }
    let length = before.iter().rev().take_while(|byte| is_of_local(**byte));
    at - length.count()
}

/// RFC 5322's atext and the dot, what RFC 6532 adds, and a quotation mark that has no other.
fn is_of_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.\"\\".contains(&byte) || byte >= 0x80
}

fn is_of_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || byte >= 0x80
}

/// The body without a line that was cut: half an address is not known to be ours.
fn whole_lines(sample: &Sample) -> &[u8] {
    let body = &sample.body.0;
    let end = body.iter().rposition(|&byte| byte == b'\n');
    match sample.cut {
        false => body,
        true => end.and_then(|end| body.get(..=end)).unwrap_or_default(),
    }
}

/// Lines without their ends, which are CRLF, LF or CR.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let lines = text.split(|&byte| byte == b'\n');
    lines
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .take(if text.is_empty() { 0 } else { usize::MAX })
}

fn push_line(message: &mut Vec<u8>, line: &[u8]) {
    let kept = line.get(..MAX_LINE).unwrap_or(line);
    let shown = kept.iter().map(|&byte| match byte {
        b'\t' => byte,
        byte if byte.is_ascii_control() => b'?',
        byte => byte,
    });
    message.extend(shown);
    message.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
