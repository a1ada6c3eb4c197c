//! MAIL FROM and RCPT TO, as the delivery wrote them down. To: and Cc: say whom the writer meant, which is something
//! else, and are never asked.

use super::{Stored, mbox};
use crate::core::{
    address::{Mailbox, ReversePath, bracketless},
    header::{Header, Headers},
};

/// The most recipients that are read of one message.
const MOST_RECIPIENTS: usize = 100;

/// Something that a stored message tells, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<T> {
    /// What it tells.
    pub what: T,
    /// Where it stands.
    pub by: &'static str,
}

/// MAIL FROM: the topmost Return-Path (RFC 5321 section 4.4), or the `From ` line of an mbox.
pub fn reverse_path(stored: &Stored) -> Option<Told<ReversePath>> {
    if let Some(header) = stored.headers.first("Return-Path") {
        return Some(Told {
            what: ReversePath::from_bytes(&path(&header.unfolded())),
            by: "Return-Path",
        });
    }
    let what = match mbox::sender(stored.from_line.as_ref()?) {
        // Programs that don't know write this (Mozilla, Gmail's export), or nothing.
        b"" | b"-" => return None,
        unknown if unknown.ends_with(b"@xxx") => return None,
        // An mbox can't hold an empty address.
        sender if sender.eq_ignore_ascii_case(b"MAILER-DAEMON") => ReversePath::Null,
        sender => ReversePath::from_bytes(sender),
    };
    Some(Told {
        what,
        by: "the mbox's From line",
    })
}

/// RCPT TO: the topmost X-Original-To (Postfix), Envelope-To (Exim) or Delivered-To (Postfix, qmail, Dovecot), the first
/// that is there: only Delivered-To may tell of an address behind an alias. At most 100.
pub fn recipients(headers: &Headers) -> Option<Told<Vec<Mailbox>>> {
    ["X-Original-To", "Envelope-To", "Delivered-To"]
        .into_iter()
        .find_map(|by| {
            let what = addresses(headers.first(by)?);
            (!what.is_empty()).then_some(Told { what, by })
        })
}

/// Exim writes all recipients into one Envelope-To, with commas between them.
fn addresses(header: &Header) -> Vec<Mailbox> {
    let line = header.unfolded();
    let mut quoted = false;
    let mut escaped = false;
    line.split(|&byte| {
        quoted ^= byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        byte == b',' && !quoted
    })
    .map(|address| Mailbox::from_bytes(&path(address)))
    .filter(|mailbox| !mailbox.local().is_empty())
    .take(MOST_RECIPIENTS)
    .collect()
}

/// The path, with what may stand behind its brackets left out.
fn path(value: &[u8]) -> Vec<u8> {
    let value = value.trim_ascii();
    match value.iter().rposition(|&byte| byte == b'>') {
        Some(end) if value.starts_with(b"<") => {
            bracketless(value.get(..=end).unwrap_or(value)).to_vec()
        }
        _ => bracketless(value).to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::mailstore::{Body, Marks};

    fn stored(from_line: Option<&str>, headers: &str) -> Stored {
        Stored {
            body: Body::default(),
            name: String::new(),
            headers: Headers::parse(headers.as_bytes()).0,
            from_line: from_line.map(|line| line.as_bytes().to_vec()),
            marks: Marks::of_file(Path::new("x")),
            position: 0,
        }
    }

    #[test]
    fn senders() {
        for (from_line, headers, expected) in [
            (None, "Return-Path: <>\n", Some("")),
            (
                None,
                "Return-Path: <Joe@Example.org>\n",
                Some("Joe@example.org"),
            ),
            (
                None,
                "Return-path:\n <a@b.example> (x)\n",
                Some("a@b.example"),
            ),
            (
                None,
                "Return-Path: a@b.example\nReturn-Path: <c@d>\n",
                Some("a@b.example"),
            ),
            (
                Some("From a@b.example Mon Jan  1 00:00:00 2024"),
                "Return-Path: <>\n",
                Some(""),
            ),
            (
                Some("From a@b.example Mon Jan  1 00:00:00 2024"),
                "From: x@y\n",
                Some("a@b.example"),
            ),
            (
                Some("From MAILER-DAEMON Mon Jan  1 00:00:00 2024"),
                "",
                Some(""),
            ),
            (Some("From - Mon Jan  1 00:00:00 2024"), "", None),
            (Some("From 17@xxx Mon Jan  1 00:00:00 2024"), "", None),
            (
                None,
                "From: joe@example.org\nSender: joe@example.org\n",
                None,
            ),
        ] {
            let told = reverse_path(&stored(from_line, headers));
            let found = told.map(|told| told.what.to_bytes());
            assert_eq!(
                found.as_deref(),
                expected.map(str::as_bytes),
                "{from_line:?} {headers}"
            );
        }
    }

    #[test]
    fn who_got_it() {
        for (headers, expected) in [
            ("Delivered-To: joe@example.org\n", vec!["joe@example.org"]),
            (
                "Delivered-To: box@example.org\nX-Original-To: info@example.org\n",
                vec!["info@example.org"],
            ),
            (
                "Delivered-To: <joe@example.org>\nDelivered-To: b@c\n",
                vec!["joe@example.org"],
            ),
            (
                "Envelope-to: a@b.example,\n \"c,d\"@b.example, <e@b.example>,\n",
                vec!["a@b.example", "\"c,d\"@b.example", "e@b.example"],
            ),
            ("X-Original-To:\nDelivered-To: joe\n", vec!["joe"]),
            ("To: joe@example.org\nCc: x@y\n", vec![]),
        ] {
            let (headers_read, _) = Headers::parse(headers.as_bytes());
            let told = recipients(&headers_read)
                .map(|told| told.what)
                .unwrap_or_default();
            let found: Vec<_> = told.iter().map(Mailbox::to_bytes).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect();
            assert_eq!(found, expected, "{headers}");
        }
    }
}
