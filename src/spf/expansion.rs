//! What macros stand for, and how they expand (RFC 7208 sections 7.2 and 7.3).

use std::{
    borrow::Cow,
    fmt::Write,
    net::{IpAddr, Ipv6Addr},
};

use super::{
    limits::{MAX_MACRO_VALUE, MAX_NAME},
    macros::{Letter, Macro, MacroString, Token},
};

/// What the macros of one check stand for, at one `<domain>`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    /// `%{l}`
    pub(super) local: &'a [u8],
    /// `%{o}`
    pub(super) sender_domain: &'a [u8],
    /// `%{d}`
    pub(super) domain: &'a [u8],
    /// `%{i}`, `%{c}`, `%{v}`; canonical, never IPv4-mapped.
    pub(super) client: IpAddr,
    /// `%{h}`
    pub(super) helo: &'a [u8],
    /// `%{p}`
    pub(super) validated_name: &'a [u8],
    /// `%{r}`
    pub(super) receiver: &'a [u8],
    /// `%{t}`, in seconds since 1970.
    pub(super) now: u64,
}

impl MacroString {
    /// Expands it for a name: only the right end, as long as [`MAX_NAME`] can matter, and enough more that
    /// it is seen to be cut. `None` where a value is too long to be split.
    pub(super) fn expand_name(&self, values: &Values<'_>) -> Option<Vec<u8>> {
        let mut pieces = Vec::new();
        let mut length = 0;
        for token in self.0.iter().rev() {
            // One octet for a trailing dot, and one to be over the limit without it.
            if length > MAX_NAME + 1 {
                break;
            }
            let piece = token.expand(values)?;
            length += piece.len();
            pieces.push(piece);
        }
        pieces.reverse();
        Some(pieces.concat())
    }

    /// Expands it for people: the first `limit` octets.
    pub(super) fn expand_text(&self, values: &Values<'_>, limit: usize) -> Vec<u8> {
        let mut text = Vec::new();
        for token in &self.0 {
            if text.len() >= limit {
                break;
            }
            text.extend_from_slice(&token.expand(values).unwrap_or(Cow::Borrowed(b"unknown")));
        }
        text.truncate(limit);
        text
    }
}

impl Macro {
    /// 7.3: split, reversed, cut to the right-hand parts, rejoined with dots; then URL-escaped.
    fn transform<'a>(&self, value: Cow<'a, [u8]>) -> Cow<'a, [u8]> {
        let plain = self.parts.is_none() && !self.reversed && self.delimiters.is_empty();
        let value = if plain {
            value
        } else {
            let splits: &[u8] = match self.delimiters.as_slice() {
                [] => b".",
                delimiters => delimiters,
            };
            let mut parts: Vec<&[u8]> = value.split(|byte| splits.contains(byte)).collect();
            if self.reversed {
                parts.reverse();
            }
            let dropped = parts.len().saturating_sub(self.parts.unwrap_or(usize::MAX));
            Cow::Owned(parts.get(dropped..).unwrap_or_default().join(&b'.'))
        };
        if self.escaped {
            Cow::Owned(url_escaped(&value))
        } else {
            value
        }
    }
}

impl Token {
    fn expand<'a>(&'a self, values: &Values<'a>) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Literal(bytes) => Some(Cow::Borrowed(bytes)),
            Self::Macro(the_macro) => {
                let value = values.value(the_macro.letter);
                (value.len() <= MAX_MACRO_VALUE).then(|| the_macro.transform(value))
            }
        }
    }
}

impl<'a> Values<'a> {
    fn value(&self, letter: Letter) -> Cow<'a, [u8]> {
        match letter {
            Letter::Sender => Cow::Owned([self.local, b"@", self.sender_domain].concat()),
            Letter::LocalPart => Cow::Borrowed(self.local),
            Letter::SenderDomain => Cow::Borrowed(self.sender_domain),
            Letter::Domain => Cow::Borrowed(self.domain),
            Letter::Ip => Cow::Owned(match self.client {
                IpAddr::V4(address) => address.to_string().into_bytes(),
                IpAddr::V6(address) => nibbles(address),
            }),
            Letter::ValidatedName => Cow::Borrowed(self.validated_name),
            Letter::Version => Cow::Borrowed(match self.client {
                IpAddr::V4(_) => b"in-addr",
                IpAddr::V6(_) => b"ip6",
            }),
            Letter::Helo => Cow::Borrowed(self.helo),
            Letter::ReadableIp => Cow::Owned(self.client.to_string().into_bytes()),
            // 7.3: "the word "unknown" SHOULD be substituted" where the receiver has no name to give.
            Letter::Receiver if self.receiver.is_empty() => Cow::Borrowed(b"unknown"),
            Letter::Receiver => Cow::Borrowed(self.receiver),
            Letter::Time => Cow::Owned(self.now.to_string().into_bytes()),
        }
    }
}

/// 7.3: "a dot-format address"; in upper case, as the public test suite writes it.
fn nibbles(address: Ipv6Addr) -> Vec<u8> {
    let mut text = String::with_capacity(63);
    for octet in address.octets() {
        for nibble in [octet >> 4, octet & 0xf] {
            let dot = if text.is_empty() { "" } else { "." };
            // Writing to a String can't fail.
            let _ = write!(text, "{dot}{nibble:X}");
        }
    }
    text.into_bytes()
}

/// RFC 3986 section 2.3: everything but the unreserved characters.
fn url_escaped(value: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(value.len());
    for &byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(byte);
        } else {
            escaped.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    escaped
}
