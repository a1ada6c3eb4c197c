//! Every address that a notification names in words of its own, beside the recipients in the fields that are made for
//! them: a redirect, an alias or a forwarder has it report a recipient that the message was not sent to, and name the one
//! that it was sent to in a text (Exim: `(ultimately generated from joe@example.org)`; Postfix: `(expanded from
//! <joe@example.org>)`; Sendmail: `<joe@example.org>... Deferred`) or in the trace of what it returns.
//!
//! They are looked for as what they are, addresses, and not in the phrases of some makes: a text that is not known must
//! not cost a bounce. See [`NotificationReport::names`] for their use.

use memchr::memchr_iter;

use super::{NotificationReport, fields, text};
use crate::core::{
    address::Mailbox,
    header::{Header, Headers},
    received,
};

/// The longest local part, in octets (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL: usize = 64;
/// The longest domain (RFC 5321 section 4.5.3.1.2).
const MAX_DOMAIN: usize = 255;
/// The most signs that a text is searched around: each costs as much as an address is long, and a stranger can write only
/// signs.
const MAX_SIGNS: usize = 500;
/// The most Received lines that are read; Postfix calls 50 a loop (`hopcount_limit`).
const MAX_HOPS: usize = 50;
/// The most headers of each other name.
const MAX_OF_A_NAME: usize = 20;
/// Headers in which hosts write whom they had a message for.
const DELIVERY: [&str; 8] = [
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "X-Forwarded-To",
    "X-Forwarded-For",
    "Original-Recipient",
];

impl NotificationReport {
    /// Reads what the notification's own headers name: `Undeliverable: mail to joe@example.org`.
    pub(super) fn name_in_headers(&mut self, headers: &Headers) {
        for header in headers.all("Subject").take(MAX_OF_A_NAME) {
            self.name_in(header.text().as_bytes());
        }
    }

    /// Reads a field of message/delivery-status: `X-Actual-Recipient` (Sendmail) and its kin, whatever type they claim,
    /// and `Diagnostic-Code`, in which the other side's reply stands.
    pub(super) fn name_in_status(&mut self, field: &Header) {
        let names = [&b"-Recipient"[..], b"-Recipients"].iter().any(|end| {
            let at = field.name().len().checked_sub(end.len());
            let found = at.and_then(|at| field.name().get(at..));
            found.is_some_and(|found| found.eq_ignore_ascii_case(end))
        });
        if names || field.is("Diagnostic-Code") {
            self.name_in(&field.unfolded());
        }
    }

    /// Reads a text with CRLF line ends, up to where it returns something: what stands there is somebody else's.
    pub(super) fn name_in_text(&mut self, text: &[u8]) {
        let own = text::own_length(text);
        self.name_in(text.get(..own).unwrap_or_default());
    }

    /// Reads whom the hosts had a returned message for: their Received (RFC 5321 section 4.4) and the like.
    pub(super) fn name_in_trace(&mut self, returned: &Headers) {
        for header in returned.all("Received").take(MAX_HOPS) {
            let recipient = received::recipient(&header.unfolded());
            self.name(recipient.as_deref().and_then(fields::address));
        }
        for name in DELIVERY {
            for header in returned.all(name).take(MAX_OF_A_NAME) {
                self.name_in(&header.unfolded());
            }
        }
    }

    fn name_in(&mut self, text: &[u8]) {
        for at in memchr_iter(b'@', text).take(MAX_SIGNS) {
            let whole = address_around(text, at, |byte| !byte.is_ascii());
            // Where no blank parts it from a word of another script, or from a quotation mark.
            let ascii = address_around(text, at, |_| false);
            let other = whole.filter(|whole| Some(*whole) != ascii);
            let [other, ascii] = [other, ascii].map(|around| around.map(Around::mailbox));
            // `to=joe@example.org`
            let value = ascii.as_ref().and_then(behind_equals);
            [other, ascii, value]
                .into_iter()
                .for_each(|one| self.name(one));
        }
    }

    fn name(&mut self, named: Option<Mailbox>) {
        let has_room = self.named.len() < super::MAX_RECIPIENTS;
        let new = named.filter(|one| has_room && !self.named.contains(one));
        self.named.extend(new);
    }
}

/// What stands on both sides of an `@`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Around<'t> {
    local: &'t [u8],
    domain: &'t [u8],
}

impl Around<'_> {
    fn mailbox(self) -> Mailbox {
        Mailbox::from_bytes(&[self.local, b"@", self.domain].concat())
    }
}

/// The address whose `@` stands here, if one does. `also`: what it can consist of beside ASCII (RFC 6531 section 3.3).
fn address_around(text: &[u8], at: usize, also: impl Fn(&u8) -> bool) -> Option<Around<'_>> {
    let (before, domain) = (text.get(..at)?, text.get(at + 1..)?);
    let domain = match domain.first()? {
        // RFC 5321 section 4.1.3: an address literal.
        b'[' => {
            let end = domain.iter().take(64).position(|&byte| byte == b']')?;
            domain.get(..=end)?
        }
        _ => {
            let length = length_of(
                domain.iter(),
                |byte| is_of_domain(byte) || also(byte),
                MAX_DOMAIN,
            );
            let domain = domain.get(..length)?;
            let end = domain.iter().rposition(|byte| !b".-_".contains(byte))?;
            domain.get(..=end)?
        }
    };
    let local = match before.last()? {
        b'"' => {
            let inner = before.get(..at - 1)?;
            let length = length_of(
                inner.iter().rev(),
                |byte| is_of_quoted(byte) || also(byte),
                MAX_LOCAL,
            );
            let start = inner.len().checked_sub(length + 1)?;
            (inner.get(start) == Some(&b'"')).then_some(())?;
            before.get(start..)?
        }
        _ => {
            let length = length_of(
                before.iter().rev(),
                |byte| is_of_local(byte) || also(byte),
                MAX_LOCAL,
            );
            let (before, local) = before.split_at_checked(at - length)?;
            // ISO 2022 turns to ASCII by an escape sequence with a letter at its end.
            let local = if before.ends_with(b"\x1b(") {
                local.get(1..)?
            } else {
                local
            };
            // What can begin a local part, but does not where people quote one or stress it.
            let start = local.iter().position(|byte| !b".'*`{|".contains(byte))?;
            local.get(start..)?
        }
    };
    Some(Around { local, domain })
}

fn behind_equals(mailbox: &Mailbox) -> Option<Mailbox> {
    let local = mailbox.local();
    let at = local.iter().rposition(|&byte| byte == b'=')?;
    let value = local.get(at + 1..).filter(|value| !value.is_empty())?;
    Some(mailbox.with_local(value))
}

/// How many of the octets in front are `of` it, or none where those are more than `most`.
fn length_of<'a>(
    octets: impl Iterator<Item = &'a u8>,
    of: impl Fn(&u8) -> bool,
    most: usize,
) -> usize {
    let length = octets.take(most + 1).take_while(|byte| of(byte)).count();
    if length > most { 0 } else { length }
}

/// RFC 5322 section 3.2.3, and dots.
fn is_of_local(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(byte)
}

fn is_of_domain(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-_".contains(byte)
}

fn is_of_quoted(byte: &u8) -> bool {
    (b' '..=b'~').contains(byte) && *byte != b'"'
}
