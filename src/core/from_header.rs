//! All the addresses that a message's From: claims, by any reading a mail program can give it.
//!
//! mail-parser's reading is not used: it gives the one most likely meaning, while a forger writes what programs read
//! differently. So the grammar (RFC 5322 section 3.4 and its obsolete forms, section 4.4) is read strictly enough to
//! separate addresses from display names, and what else looks like an address is kept apart as displayed.

mod displayed;
pub(super) mod lexeme;

use super::{
    address::{Domain, Mailbox},
    header::{Header, Headers},
};
use lexeme::{Lexeme, lexemes};

/// The most addresses of each sort that are kept.
const MAX_ADDRESSES: usize = 64;
/// The most octets of an address, from its end. RFC 5321 section 4.5.3.1 has 64 and 255 for its halves.
const MAX_ADDRESS: usize = 1024;

/// What the From: headers of a message claim.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The addresses of all From: headers, of groups too, each once, 64 at most. In a header that is out of balance
    /// (an open quote, comment or bracket) all that looks like an address is one.
    pub addresses: Vec<Mailbox>,
    /// What looks like an address to a reader but isn't one of `addresses`: in display names, comments, encoded
    /// words, group names. Each has a domain; 64 at most.
    pub displayed: Vec<Mailbox>,
    /// How many From: headers there are. RFC 5322 section 3.6 has exactly one.
    pub from_headers: usize,
    /// Whether something stands in From: that the grammar doesn't allow. Honest mail does so too: a comma in an
    /// unquoted name, a bare address for a name, an empty From:.
    pub unparsable: bool,
    /// Whether there was more than is kept: more addresses, or more From: than [`Headers`] has room for.
    pub cut: bool,
}

impl Claims {
    /// Reads all From: headers.
    pub fn of(headers: &Headers) -> Self {
        let mut claims = Self {
            cut: headers.is_from_cut(),
            ..Self::default()
        };
        for header in headers.all("From") {
            claims.from_headers += 1;
            claims.read(header);
        }
        let Self {
            addresses,
            displayed,
            ..
        } = &mut claims;
        displayed.retain(|mailbox| !addresses.contains(mailbox));
        claims
    }

    /// Whether the owner of this domain speaks for all authors: each is in it, below it or above it.
    pub fn are_of(&self, domain: &Domain) -> bool {
        let of_it = |author: &Mailbox| {
            author
                .domain()
                .is_some_and(|own| own.is_in_line_with(domain))
        };
        !self.cut && !self.addresses.is_empty() && self.addresses.iter().all(of_it)
    }

    fn read(&mut self, header: &Header) {
        let line = header.unfolded();
        let (lexemes, balanced) = lexemes(&line);
        let mut element = Vec::new();
        let mut any = false;
        for lexeme in lexemes.into_iter().chain([Lexeme::Separator(b',')]) {
            match lexeme {
                // What stood before it was the name of a group.
                Lexeme::Separator(b':') => element.clear(),
                Lexeme::Separator(_) => any |= self.element(&std::mem::take(&mut element)),
                other => element.push(other),
            }
        }
        let shown = displayed::mailboxes(&header.text());
        self.unparsable |= !balanced || !any;
        if !balanced {
            for mailbox in &shown {
                self.claim(mailbox.clone());
            }
        }
        for mailbox in shown {
            self.cut |= !keep(&mut self.displayed, mailbox);
        }
    }

    /// One element of the list, between two separators. Whether it held an address.
    fn element(&mut self, lexemes: &[Lexeme<'_>]) -> bool {
        let angles = lexemes.iter().filter_map(|lexeme| match lexeme {
            Lexeme::Angle(address) => Some(address),
            _ => None,
        });
        let mut any = false;
        let mut bracketed = 0;
        for angle in angles {
            bracketed += 1;
            any |= self.address(angle);
        }
        let words = words(lexemes);
        if bracketed > 0 {
            // An `@` in a display name must be quoted; and one name has one address.
            let at = |word: &Vec<u8>| !word.starts_with(b"\"") && word.contains(&b'@');
            self.unparsable |= bracketed > 1 || words.iter().any(at);
            return any;
        }
        self.unparsable |= words.len() > 1 || words.iter().any(|word| !word.contains(&b'@'));
        for word in words.iter().filter(|word| word.contains(&b'@')) {
            any |= self.address(word);
        }
        // A lone word is a local user's name; an empty element is RFC 5322's obs-addr-list.
        match words.as_slice() {
            [word] if !any && !word.starts_with(b"\"") => self.address(word),
            _ => any,
        }
    }

    fn address(&mut self, bytes: &[u8]) -> bool {
        // Against RFC 2047 section 5, but mail programs decode it.
        let decoded = bytes
            .windows(2)
            .any(|pair| pair == b"=?")
            .then(|| Header::new(b"From", bytes).text().into_bytes());
        let bytes = decoded.as_deref().unwrap_or(bytes).trim_ascii();
        let start = bytes.len().saturating_sub(MAX_ADDRESS);
        let bytes = bytes.get(start..).unwrap_or(bytes);
        if bytes.is_empty() {
            return false;
        }
        self.claim(Mailbox::from_bytes(bytes));
        true
    }

    fn claim(&mut self, mailbox: Mailbox) {
        self.cut |= !keep(&mut self.addresses, mailbox);
    }
}

/// The addresses of one header, From: or any other that has a list of them (RFC 5322 section 3.6.3): 64 at most, each
/// once. Of a header that is out of balance, all that looks like an address.
pub fn addresses(header: &Header) -> Vec<Mailbox> {
    let mut claims = Claims::default();
    claims.read(header);
    claims.addresses
}

/// Keeps it once; false when there is no room.
fn keep(mailboxes: &mut Vec<Mailbox>, mailbox: Mailbox) -> bool {
    if mailboxes.contains(&mailbox) {
        return true;
    }
    let room = mailboxes.len() < MAX_ADDRESSES;
    if room {
        mailboxes.push(mailbox);
    }
    room
}

/// The words outside of angle brackets. Those that an `@` or a dot joins are one, whatever blanks and comments stand
/// between them (RFC 5322 section 4.4: `joe @ example . org`).
fn words(lexemes: &[Lexeme<'_>]) -> Vec<Vec<u8>> {
    let joins = |byte: Option<&u8>| matches!(byte, Some(b'@' | b'.'));
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut apart = true;
    for lexeme in lexemes {
        match lexeme {
            Lexeme::Word(word) => match words.last_mut() {
                Some(last) if !apart || joins(last.last()) || joins(word.first()) => {
                    last.extend_from_slice(word);
                    apart = false;
                }
                _ => {
                    words.push(word.to_vec());
                    apart = false;
                }
            },
            _ => apart = true,
        }
    }
    words
}

#[cfg(test)]
mod tests;
