//! The copy of a message that its author keeps in a folder for sent mail.

use super::Stored;
use crate::core::{
    address::{Domain, Mailbox},
    from_header::{Claims, addresses},
    moment::of_date,
    proof::ledger::message_id,
};

/// What the way through MTAs puts into a message: who wrote it may be anybody.
const OF_THE_WAY: [&str; 8] = [
    "Received",
    "Return-Path",
    "Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
    "Received-SPF",
    "Authentication-Results",
];
/// Where the recipients stand.
const RECIPIENTS: [&str; 3] = ["To", "Cc", "Bcc"];

/// What the copy says of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCopy {
    /// The author: the sender as well, as far as a copy shows that.
    pub author: Mailbox,
    /// All that To, Cc and Bcc name.
    pub recipients: Vec<Mailbox>,
    /// Without angle brackets.
    pub message_id: Vec<u8>,
    /// When it was written, in seconds since 1970.
    pub at: u64,
}

/// Why a stored message is no such copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotSent {
    /// It came through an MTA, so others can have written it.
    Received,
    /// Its author is not in a domain of ours, or is not known.
    NotOurs,
    /// It is a draft.
    Draft,
    /// It has no Message-ID, or no Date.
    Incomplete,
}

impl SentCopy {
    /// Reads a message in a folder for sent mail.
    ///
    /// # Errors
    /// It is no copy that its author made.
    pub fn read(stored: &Stored, is_ours: impl Fn(&Domain) -> bool) -> Result<Self, NotSent> {
        let headers = &stored.headers;
        // What has more headers than are kept may have these, too.
        if headers.is_cut() || OF_THE_WAY.iter().any(|name| headers.has(name)) {
            return Err(NotSent::Received);
        }
        let claims = Claims::of(headers);
        let all_ours = claims
            .addresses
            .iter()
            .all(|author| author.domain().is_some_and(&is_ours));
        let author = match claims.addresses.as_slice() {
            [author, ..] if all_ours && claims.from_headers == 1 => author.clone(),
            _ => return Err(NotSent::NotOurs),
        };
        if is_draft(&stored.name) {
            return Err(NotSent::Draft);
        }
        let id = headers
            .first("Message-ID")
            .and_then(|header| message_id(header.value()));
        let at = headers.first("Date").and_then(of_date);
        let (Some(message_id), Some(at)) = (id, at) else {
            return Err(NotSent::Incomplete);
        };
        let mut recipients: Vec<Mailbox> = Vec::new();
        for header in RECIPIENTS.iter().flat_map(|name| headers.all(name)) {
            for recipient in addresses(header) {
                if !recipients.contains(&recipient) {
                    recipients.push(recipient);
                }
            }
        }
        Ok(Self {
            author,
            recipients,
            message_id,
            at,
        })
    }
}

/// Whether the name of a maildir's file has the flag D.
fn is_draft(name: &str) -> bool {
    let flags = [":2,", ";2,", "!2,"]
        .iter()
        .find_map(|begin| name.rsplit_once(begin));
    flags.is_some_and(|(_, flags)| flags.contains('D'))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::mailstore::MailStore;

    const SENT: &str = "From: Joe <joe@example.org>\nTo: Bob <bob@far.example>, ann@far.example\nCc: bob@far.example\n\
                        Bcc: eve@far.example\nDate: Sat, 28 Nov 2026 13:00:00 +0100\nMessage-ID: <1@example.org>\n\nbody\n";

    fn read(name: &str, message: &str) -> Result<SentCopy, NotSent> {
        let folder = tempfile::tempdir().unwrap();
        let cur = folder.path().join("cur");
        fs::create_dir_all(&cur).unwrap();
        fs::create_dir_all(folder.path().join("new")).unwrap();
        fs::write(cur.join(name), message).unwrap();
        let stored = MailStore::open(folder.path(), 0)
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        SentCopy::read(&stored, |domain| domain.as_str() == "example.org")
    }

    #[test]
    fn a_copy_says_what_was_sent() {
        let copy = read("1.host,S=9,W=10:2,S", SENT).unwrap();
        let address = |text: &str| Mailbox::from_bytes(text.as_bytes());
        assert_eq!(copy.author, address("joe@example.org"));
        let recipients = ["bob@far.example", "ann@far.example", "eve@far.example"].map(address);
        assert_eq!(copy.recipients, recipients);
        assert_eq!(
            (&copy.message_id[..], copy.at),
            (&b"1@example.org"[..], 1_795_867_200)
        );
    }

    #[test]
    fn what_others_wrote_is_none() {
        let with = |header: &str| format!("{header}\n{SENT}");
        let without = |name: &str| {
            let lines = SENT.lines().filter(|line| !line.starts_with(name));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        };
        for (message, why) in [
            (
                with("Received: from a by b; Sat, 28 Nov 2026 13:00:00 +0100"),
                NotSent::Received,
            ),
            (with("return-path: <joe@example.org>"), NotSent::Received),
            (with("Delivered-To: joe@example.org"), NotSent::Received),
            (with("X-Original-To: joe@example.org"), NotSent::Received),
            (with("Envelope-to: joe@example.org"), NotSent::Received),
            (with("Received-SPF: pass"), NotSent::Received),
            (
                with("Authentication-Results: mx; spf=pass"),
                NotSent::Received,
            ),
            (with("From: eve@far.example"), NotSent::NotOurs),
            (with("X: y\n".repeat(5_000).trim_end()), NotSent::Received),
            (
                SENT.replace("joe@example.org", "joe@far.example"),
                NotSent::NotOurs,
            ),
            (
                SENT.replace("<joe@example.org>", "<joe@example.org>, eve@far.example"),
                NotSent::NotOurs,
            ),
            (without("From"), NotSent::NotOurs),
            (without("Date"), NotSent::Incomplete),
            (without("Message-ID"), NotSent::Incomplete),
            (
                SENT.replace("Sat, 28 Nov 2026", "Yesterday"),
                NotSent::Incomplete,
            ),
        ] {
            assert_eq!(read("1", &message), Err(why), "{message}");
        }
        assert_eq!(read("1.host:2,DS", SENT), Err(NotSent::Draft));
        assert_eq!(read("1.host;2,D", SENT), Err(NotSent::Draft));
        assert!(read("1.Dhost:2,S", SENT).is_ok());
    }
}
