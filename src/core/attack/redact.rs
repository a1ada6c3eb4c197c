//! Takes our users out of what is shown to strangers (RFC 6590): the local part of each address of ours is replaced by
//! a keyed hash, the same one for the same address, so that reports can be compared and nobody learns who it is.
//!
//! What is encoded can't be searched for addresses, so it is left out: parts in base64 or quoted-printable, and headers
//! whose encoded words hide an address of ours.

mod encoded;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use encoded::Encoded;

use super::Sample;
use crate::core::{
    address::{Domain, Mailbox},
    envelope::Local,
    header::Header,
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
const LONGEST_LINE: usize = 998;

/// What redacts, by one key.
#[derive(Clone, Debug)]
pub struct Redaction<'a> {
    mac: Hmac<Sha256>,
    local: &'a Local,
}

impl<'a> Redaction<'a> {
    /// By this secret; `local` says which domains are ours. `None` for a secret that HMAC can't take; it takes all.
    pub fn new(secret: &[u8], local: &'a Local) -> Option<Self> {
        let mac = Hmac::new_from_slice(secret).ok()?;
        Some(Self {
            mac: mac.chain_update(LABEL),
            local,
        })
    }

    /// The text with all addresses of ours redacted, those within VERP addresses (`user=example.org@`) too.
    pub fn text(&self, text: &[u8]) -> Vec<u8> {
        let mut written = Vec::with_capacity(text.len());
        // From where on the text is still to be written.
        let mut from = 0;
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            if let Some((end, domain_end)) = self.separator(text, at, byte) {
                let start = local_start(text, from, at);
                if start < at {
                    let local = text.get(start..at).unwrap_or_default();
                    let domain = text.get(end..domain_end).unwrap_or_default();
                    written.extend_from_slice(text.get(from..start).unwrap_or_default());
                    written.extend_from_slice(self.hash(local, domain).as_bytes());
                    from = at;
                }
                at = domain_end;
            } else {
                at += 1;
            }
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
        let headers = self.fields(&sample.headers.0);
        lines(&headers).for_each(|line| push_line(&mut message, line));
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

    /// Where the text has, from `at` on, what parts a local part from a domain of ours: where that domain begins and
    /// ends.
    fn separator(&self, text: &[u8], at: usize, byte: u8) -> Option<(usize, usize)> {
        let rest = text.get(at..)?;
        let (length, is_verp) = match byte {
            b'@' => (1, false),
            b'%' | b'=' if rest.get(1..3) == Some(b"40") => (3, false),
            b'=' => (1, true),
            _ => return None,
        };
        let start = at + length;
        let name = text.get(start..)?;
        let length = name.iter().take_while(|byte| is_of_domain(**byte)).count();
        let name = name.get(..length)?;
        let trimmed = name.trim_ascii_end();
        let trimmed = trimmed
            .iter()
            .rposition(|byte| !matches!(byte, b'.' | b'-'))
            .and_then(|last| trimmed.get(..=last))?;
        let end = start + trimmed.len();
        let domain = Domain::from_bytes(trimmed);
        let ours = domain.is_some_and(|domain| self.is_ours(&domain));
        // `d=example.org` of a signature is no address; `user=example.org@` is one.
        let follows = !is_verp || text.get(end) == Some(&b'@');
        (ours && follows).then_some((start, end))
    }

    fn hash(&self, local: &[u8], domain: &[u8]) -> String {
        let mailbox = Mailbox::from_bytes(&[local, b"@", domain].concat());
        let domain = domain.to_ascii_lowercase();
        let mac = self.mac.clone().chain_update(mailbox.local_key());
        let bytes = mac.chain_update(b"@").chain_update(domain).finalize();
        let bytes = bytes.into_bytes();
        let bytes = bytes.get(..LENGTH).unwrap_or(&bytes);
        format!("{REDACTED}{}", HEXLOWER.encode(bytes))
    }
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
    let kept = line.get(..LONGEST_LINE).unwrap_or(line);
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
