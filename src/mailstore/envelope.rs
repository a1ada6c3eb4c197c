//! MAIL FROM and RCPT TO of a stored message, as the delivery recorded them. To: and Cc: are never read for it: they say
//! whom the author meant, which is something else.

use super::{Stored, mbox};
use crate::core::{
    address::{Mailbox, ReversePath, bracketless},
    header::{Header, Headers},
    network::Network,
    received::{self, Hop, Through},
};

/// The most recipients that are read of one message.
const MAX_RECIPIENTS: usize = 100;
/// The most Received that are read.
const MAX_HOPS: usize = 30;

/// A value that is recorded in a stored message, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded<T> {
    /// The value.
    pub value: T,
    /// Where it is recorded: a header, or the From line of an mbox.
    pub by: &'static str,
}

/// MAIL FROM: the topmost Return-Path (RFC 5321 section 4.4), or the `From ` line of an mbox.
pub fn reverse_path(stored: &Stored) -> Option<Recorded<ReversePath>> {
    if let Some(header) = stored.headers.first("Return-Path") {
        return Some(Recorded {
            value: sender(&path(&header.unfolded())),
            by: "Return-Path",
        });
    }
    let value = match mbox::sender(stored.from_line.as_ref()?) {
        // Programs that don't know the sender write this (Mozilla, Gmail's export), or nothing.
        b"" | b"-" => return None,
        unknown if unknown.ends_with(b"@xxx") => return None,
        address => sender(address),
    };
    Some(Recorded {
        value,
        by: "the mbox's From line",
    })
}

/// An mbox can't hold an empty address, so Sendmail and others write this name, without a domain, for the null sender.
/// It gets into Return-Path too.
fn sender(address: &[u8]) -> ReversePath {
    let name = address.strip_prefix(b"\"").unwrap_or(address);
    let name = name.strip_suffix(b"\"").unwrap_or(name);
    if name.eq_ignore_ascii_case(b"MAILER-DAEMON") {
        ReversePath::Null
    } else {
        ReversePath::from_bytes(address)
    }
}

/// RCPT TO: the topmost X-Original-To (Postfix), Envelope-To (Exim) or Delivered-To (Postfix, qmail, Dovecot), in this
/// order, because Delivered-To can name an address behind an alias. At most 100. Sendmail writes none of them: then it is
/// the recipient in the Received that names a client outside of `networks`.
pub fn recipients(headers: &Headers, networks: &[Network]) -> Option<Recorded<Vec<Mailbox>>> {
    ["X-Original-To", "Envelope-To", "Delivered-To"]
        .into_iter()
        .find_map(|by| {
            let value = addresses(headers.first(by)?);
            (!value.is_empty()).then_some(Recorded { value, by })
        })
        .or_else(|| {
            let value = vec![received_for(headers, networks)?];
            let by = "Received";
            Some(Recorded { value, by })
        })
}

/// The recipient in the Received of the host that got the message from outside; where it names none, in that of the nearest
/// of our own hops above it. Strangers can have made up what stands further down.
fn received_for(headers: &Headers, networks: &[Network]) -> Option<Mailbox> {
    let mut above = None;
    for header in headers.all("Received").take(MAX_HOPS) {
        let line = header.unfolded();
        let named = received::recipient(&line).and_then(|word| addressee(&word));
        above = named.or(above);
        let hop = Hop::read(&line);
        let is_ours = hop.address.is_some_and(|address| {
            address.is_loopback() || networks.iter().any(|network| network.contains(address))
        });
        if hop.through == Through::Smtp && !is_ours {
            break;
        }
    }
    above
}

/// `<joe@example.org>`, or the same without its brackets (Exim); nothing where a blank within quotes has cut it.
fn addressee(word: &[u8]) -> Option<Mailbox> {
    let word = word.trim_ascii();
    let whole = word.starts_with(b"<") == word.ends_with(b">");
    let mailbox = Mailbox::from_bytes(bracketless(word));
    (whole && !mailbox.local().is_empty()).then_some(mailbox)
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
    .take(MAX_RECIPIENTS)
    .collect()
}

/// The path, without what stands behind its brackets.
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
            raw_headers: headers.as_bytes().to_vec(),
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
            (None, "Return-Path: <MAILER-DAEMON>\n", Some("")),
            (None, "Return-Path: <Mailer-Daemon> (x)\n", Some("")),
            (None, "Return-Path: MAILER-DAEMON\n", Some("")),
            (None, "Return-Path: <\"MAILER-DAEMON\">\n", Some("")),
            (
                None,
                "Return-Path: <MAILER-DAEMON@mx.example>\n",
                Some("MAILER-DAEMON@mx.example"),
            ),
            (
                Some("From MAILER-DAEMON@mx.example Mon Jan  1 00:00:00 2024"),
                "",
                Some("MAILER-DAEMON@mx.example"),
            ),
            (Some("From <> Mon Jan  1 00:00:00 2024"), "", Some("")),
            (Some("From - Mon Jan  1 00:00:00 2024"), "", None),
            (Some("From 17@xxx Mon Jan  1 00:00:00 2024"), "", None),
            (
                None,
                "From: joe@example.org\nSender: joe@example.org\n",
                None,
            ),
        ] {
            let recorded = reverse_path(&stored(from_line, headers));
            let found = recorded.map(|recorded| recorded.value.to_bytes());
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
            // Sendmail with mail.local.
            (
                "Received: from h.example (h.example [192.0.2.1])\n\tby mx.example.org (8.17.1.9) with ESMTP id 7A\n\t\
                 for <joe@example.org>; Sat, 28 Nov 2026 21:00:00 GMT\n",
                vec!["joe@example.org"],
            ),
            // Postfix, Exim (no brackets, a comment before) and Google (a comment behind).
            (
                "Received: from h.example (h.example [192.0.2.1]) by mx.example.org (Postfix) with ESMTPS id 7A\n\
                 \tfor <joe+x@example.org>; Sat, 28 Nov 2026 21:00:00 +0000 (UTC)\n",
                vec!["joe+x@example.org"],
            ),
            (
                "Received: from h.example ([192.0.2.1]:4711 helo=h.example) by mx.example.org with esmtp (Exim 4.96)\n\
                 \t(envelope-from <for@b.example>) id 1x-2y-3z for joe@example.org; Sat, 28 Nov 2026 21:00:00 +0000\n",
                vec!["joe@example.org"],
            ),
            (
                "Received: from h.example (h.example. [192.0.2.1]) by mx.example.org with SMTPS id 7A\n\
                 \tfor <joe@example.org> (Google Transport Security); Sat, 28 Nov 2026 21:00:00 -0800\n",
                vec!["joe@example.org"],
            ),
            // The last step names the mailbox, the one before the address.
            (
                "Received: from mx.example.org by box.example.org with LMTP id 7A for <box@example.org>; x\n\
                 Received: from h.example (h.example [192.0.2.1]) by mx.example.org with ESMTP id 7A for <info@example.org>; x\n",
                vec!["info@example.org"],
            ),
            (
                "Received: from mx.example.org by box.example.org with LMTP id 7A for <box@example.org>; x\n\
                 Received: from h.example (h.example [192.0.2.1]) by mx.example.org with ESMTP id 7A; x\n",
                vec!["box@example.org"],
            ),
            // Through a content filter and a relay of ours.
            (
                "Received: from localhost (localhost [127.0.0.1]) by mx.example.org with ESMTP id 7A for <box@example.org>; x\n\
                 Received: from edge.example.org (edge [10.0.0.2]) by mx.example.org with ESMTP id 7A; x\n\
                 Received: from h.example (h.example [192.0.2.1]) by edge.example.org with ESMTP id 7A for <info@example.org>; x\n\
                 Received: from a (a [192.0.2.2]) by h.example with ESMTP for <ceo@example.org>; x\n",
                vec!["info@example.org"],
            ),
            // Below our own hop a stranger speaks; of several recipients no MTA names one.
            (
                "Received: from h.example (h.example [192.0.2.1]) by mx.example.org with ESMTP id 7A; x\n\
                 Received: from a (a [192.0.2.2]) by h.example with ESMTP for <ceo@example.org>; x\n",
                vec![],
            ),
            // A name in HELO is no recipient, nor is half an address.
            (
                "Received: from for (h.example [192.0.2.1]) by mx.example.org with ESMTP id 7A; x\n",
                vec![],
            ),
            (
                "Received: from h (h.example [192.0.2.1]) by mx.example.org with ESMTP for <\"a b\"@example.org>; x\n",
                vec![],
            ),
            (
                "Received: from h (h [192.0.2.1]) by mx.example.org with ESMTP for <r@example.org>; x\n\
                 Delivered-To: joe@example.org\n",
                vec!["joe@example.org"],
            ),
        ] {
            let (headers_read, _) = Headers::parse(headers.as_bytes());
            let recorded = recipients(&headers_read, &["10.0.0.0/8".parse().unwrap()])
                .map(|recorded| recorded.value)
                .unwrap_or_default();
            let found: Vec<_> = recorded.iter().map(Mailbox::to_bytes).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|text| text.as_bytes().to_vec())
                .collect();
            assert_eq!(found, expected, "{headers}");
        }
    }
}
