//! A message that is known to be ours, and whether a report can be about it: a copy of one message must not prove
//! bounces of others.

use super::{
    ProofSettings,
    ledger::{self, Hashed, MAX_RECIPIENTS, Remembered},
    returned::NotificationReport,
};
use crate::core::{address::Mailbox, from_header, header::Headers};

/// A message that is known to be ours.
#[derive(Clone, Debug)]
pub struct Proven<'a> {
    /// Its Message-ID, without brackets.
    pub id: &'a [u8],
    /// Whom it was sent to, as its headers say.
    pub sent_to: Vec<Mailbox>,
    /// What the ledger has of it, which says more of that.
    pub remembered: Option<Remembered>,
}

impl<'a> Proven<'a> {
    /// One whose To: and Cc: say whom it was sent to, where the ledger does not.
    pub fn of_headers(id: &'a [u8], headers: &Headers, remembered: Option<Remembered>) -> Self {
        let headers = headers.iter();
        let to = headers.filter(|header| header.is("To") || header.is("Cc"));
        let sent_to = to.flat_map(from_header::addresses).take(MAX_RECIPIENTS);
        Self {
            id,
            sent_to: sent_to.collect(),
            remembered,
        }
    }

    /// How many recipients it had. What headers say is believed up to a bound only: not all proofs cover them.
    pub fn recipients(&self) -> u32 {
        let named = self.sent_to.len().min(MAX_RECIPIENTS);
        let named = u32::try_from(named).unwrap_or(u32::MAX);
        self.remembered
            .as_ref()
            .map_or(named, |remembered| remembered.recipient_count)
    }

    /// Whether the report, which came to these addressees, can be about it: it names one of its recipients, or none in its
    /// fields; or not all of them are known (Bcc, say, or those of a message to very many). `today` is in days since
    /// 1970-01-01.
    pub fn may_be_about(
        &self,
        report: &NotificationReport,
        addressees: &[&Mailbox],
        settings: &ProofSettings,
        today: u64,
    ) -> bool {
        match &self.remembered {
            None => {
                let sent_to = &self.sent_to;
                sent_to.is_empty()
                    || report.names(addressees, |one| sent_to.iter().any(|to| to.is_same(one)))
            }
            Some(remembered) => {
                let all = usize::try_from(remembered.recipient_count)
                    .is_ok_and(|count| count <= remembered.recipients.len());
                let (keys, keep) = (&settings.keys, settings.ledger.keep_days());
                let was_sent_to = |mailbox: &Mailbox| {
                    let mailbox = ledger::address(mailbox);
                    ledger::hashes(keys, Hashed::Recipient, &mailbox, today, keep)
                        .iter()
                        .any(|hash| remembered.recipients.contains(hash))
                };
                !all || report.names(addressees, was_sent_to)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::proof::Keys;

    const TODAY: u64 = 20_000;

    fn mailboxes(addresses: &str) -> Vec<Mailbox> {
        let addresses = addresses.split_whitespace();
        addresses
            .map(|address| Mailbox::from_bytes(address.as_bytes()))
            .collect()
    }

    fn settings() -> ProofSettings {
        let key = "0 2024-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";
        ProofSettings {
            keys: Keys::parse(key).unwrap(),
            ..ProofSettings::default()
        }
    }

    /// A message to these; the ledger has as many of them as it has hashes, and knows of `count`.
    fn remembered(sent_to: &str, count: u32) -> Remembered {
        let hash = |mailbox: &Mailbox| {
            let address = ledger::address(mailbox);
            ledger::hash(&settings().keys, Hashed::Recipient, &address)
        };
        Remembered {
            at: 0,
            recipient_count: count,
            sender: None,
            recipients: mailboxes(sent_to).iter().filter_map(hash).collect(),
            hosts: Vec::new(),
        }
    }

    #[test]
    fn a_report_is_about_somebody() {
        for (reported, named, sent_to, about) in [
            (
                "bob@friend.example",
                "",
                "ann@friend.example bob@friend.example",
                true,
            ),
            ("\"BOB\"@Friend.example.", "", "bob@friend.example", true),
            (
                "x@new.example bob@friend.example",
                "",
                "bob@friend.example",
                true,
            ),
            ("bob@other.example", "", "bob@friend.example", false),
            ("", "", "bob@friend.example", true),
            ("bob@friend.example", "", "", true),
            // A forwarder's new address, and the one that it had the message for.
            (
                "bob@new.example",
                "bob@friend.example",
                "bob@friend.example",
                true,
            ),
            (
                "bob@new.example",
                "x@new.example",
                "bob@friend.example",
                false,
            ),
            (
                "bob@new.example",
                "bob@friend.example.x",
                "bob@friend.example",
                false,
            ),
            // A report on a message that its author also sent to themselves names the author in any case.
            (
                "bob@new.example",
                "joe@own.example",
                "joe@own.example",
                false,
            ),
            ("joe@own.example", "", "joe@own.example", true),
        ] {
            let report = NotificationReport {
                recipients: mailboxes(reported),
                named: mailboxes(named),
                ..NotificationReport::default()
            };
            let to = Mailbox::from_bytes(b"joe@own.example");
            let by_headers = Proven {
                id: b"1@own.example",
                sent_to: mailboxes(sent_to),
                remembered: None,
            };
            let found = by_headers.may_be_about(&report, &[&to], &settings(), TODAY);
            assert_eq!(found, about, "{reported} {named} {sent_to}");
            let count = by_headers.recipients();
            let by_ledger = Proven {
                sent_to: Vec::new(),
                remembered: Some(remembered(sent_to, count)),
                ..by_headers.clone()
            };
            let found = by_ledger.may_be_about(&report, &[&to], &settings(), TODAY);
            // The ledger knows that there was none.
            let expected = about && !sent_to.is_empty();
            assert_eq!(found, expected, "the ledger: {reported} {named} {sent_to}");
            let by_part = Proven {
                remembered: Some(remembered(sent_to, count + 1)),
                ..by_ledger.clone()
            };
            assert!(by_part.may_be_about(&report, &[&to], &settings(), TODAY));
        }
    }
}
