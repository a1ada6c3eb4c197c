//! What a notification counts as where it uses a proof, and by what it is recognised when it comes again.

use super::{
    Keys, ProofSettings,
    ledger::{Hash, Hashed, address, fingerprint, message_id},
    proven::Proven,
    returned::NotificationReport,
    uses::{Attempt, Counter},
};
use crate::core::{from_header::Claims, header::Headers};

/// What subjects of delay warnings hold that have no Action field; in lower case.
const DELAYED: &[&str] = &[
    "delay",
    "still being retried",
    "warning: could not send message",
    "not yet been delivered",
    "verzöger",
    "verspätet",
    "différé",
    "retardé",
    "retrasad",
    "ritardat",
    "atrasad",
    "vertraag",
];

/// What a notification counts as, and what it is known again by, whichever message of ours it proves to be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    counter: Counter,
    notification: Option<Hash>,
}

impl Counted {
    /// A notification with these headers. `is_reply`: it answers a message, and returns nothing.
    pub fn of(headers: &Headers, report: &NotificationReport, is_reply: bool, keys: &Keys) -> Self {
        let counter = match is_reply {
            true => reply(headers, keys),
            false => bounce(headers, report),
        };
        Self {
            counter,
            notification: notification(headers, report, keys),
        }
    }
}

impl Attempt {
    /// A notification that returns or answers this message. `now` is in seconds since 1970.
    pub fn of(counted: Counted, proven: &Proven<'_>, settings: &ProofSettings, now: u64) -> Self {
        let Counted {
            counter,
            notification,
        } = counted;
        Self {
            counter,
            limit: settings.replay_limit(proven.recipients()),
            notification,
            now,
        }
    }

    /// The same where our signature alone proves it, of a message to others.
    pub fn unlisted(self, settings: &ProofSettings) -> Self {
        Self {
            counter: Counter::Unlisted,
            limit: settings.unlisted_limit(),
            ..self
        }
    }
}

/// A failure, unless it says something else: of several recipients the worst counts.
fn bounce(headers: &Headers, report: &NotificationReport) -> Counter {
    let fields = &report.fields;
    if fields.failed {
        Counter::Failure
    } else if fields.delayed {
        Counter::Delay
    } else if fields.succeeded {
        Counter::Success
    } else if is_delayed(headers) {
        Counter::Delay
    } else {
        Counter::Failure
    }
}

fn is_delayed(headers: &Headers) -> bool {
    let Some(subject) = headers.first("Subject") else {
        return false;
    };
    let subject = subject.text().to_lowercase();
    DELAYED.iter().any(|words| subject.contains(words))
}

/// A recipient who was away can read the message later: a receipt counts beside an automatic answer.
fn reply(headers: &Headers, keys: &Keys) -> Counter {
    let is_receipt = headers.first("Content-Type").is_some_and(|header| {
        let text = header.text().to_lowercase();
        text.contains("disposition-notification")
    });
    let from = Claims::of(headers).addresses;
    let replier = from.first().map(address).unwrap_or_default();
    let kind: &[u8] = if is_receipt { b"receipt " } else { b"reply " };
    let replier = [kind, &replier].concat();
    Counter::Reply(fingerprint(keys, Hashed::Replier, &replier))
}

/// Its Message-ID, and the recipients that it is about: some programs give one Message-ID to several notifications.
fn notification(headers: &Headers, report: &NotificationReport, keys: &Keys) -> Option<Hash> {
    let id = message_id(&headers.first("Message-ID")?.unfolded())?;
    let mut about: Vec<_> = report.recipients.iter().map(address).collect();
    about.sort_unstable();
    let text = std::iter::once(id)
        .chain(about)
        .fold(Vec::new(), |mut text, part| {
            text.extend_from_slice(&part);
            // None of them has one.
            text.push(b'\n');
            text
        });
    Some(fingerprint(keys, Hashed::Notification, &text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::proof::returned;

    fn attempt(headers: &str, body: &str, is_reply: bool) -> Attempt {
        let headers = headers.replace('\n', "\r\n");
        let (headers, _) = Headers::parse(headers.as_bytes());
        let report = returned::read(&headers, body.replace('\n', "\r\n").as_bytes(), false);
        let proven = Proven {
            id: b"1@own.example",
            sent_to: Vec::new(),
            remembered: None,
        };
        let settings = ProofSettings::default();
        let counted = Counted::of(&headers, &report, is_reply, &settings.keys);
        Attempt::of(counted, &proven, &settings, 0)
    }

    const DSN: &str = "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n";

    fn status(fields: &str) -> String {
        format!("--b\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n{fields}\n--b--\n")
    }

    #[test]
    fn a_report_counts_as_the_worst_that_it_says() {
        for (fields, counter) in [
            (
                "Final-Recipient: rfc822; a@b\nAction: failed\n",
                Counter::Failure,
            ),
            ("Action: delayed\n", Counter::Delay),
            ("Action: DELAYED (for 4 hours)\n", Counter::Delay),
            ("Action: relayed\n", Counter::Success),
            ("Action: delivered\n", Counter::Success),
            ("Action: expanded\n", Counter::Success),
            ("Action: delivered\n\nAction: delayed\n", Counter::Delay),
            ("Action: delayed\n\nAction: failed\n", Counter::Failure),
            ("Action: unheard-of\n", Counter::Failure),
            ("Status: 5.1.1\n", Counter::Failure),
        ] {
            assert_eq!(
                attempt(DSN, &status(fields), false).counter,
                counter,
                "{fields}"
            );
        }
        for (subject, counter) in [
            (
                "Warning: could not send message for past 4 hours",
                Counter::Delay,
            ),
            (
                "Warning: message 1abc-0002-Xy delayed 24 hours",
                Counter::Delay,
            ),
            ("Delivery Status Notification (Delay)", Counter::Delay),
            ("=?utf-8?q?Verz=C3=B6gerte_Zustellung?=", Counter::Delay),
            ("Undelivered Mail Returned to Sender", Counter::Failure),
            ("", Counter::Failure),
        ] {
            let headers = format!("Subject: {subject}\n");
            assert_eq!(attempt(&headers, "", false).counter, counter, "{subject}");
        }
    }

    #[test]
    fn what_a_signature_alone_proves_has_a_limit_of_its_own() {
        let one = attempt("Message-ID: <1@mx>\n", "", false);
        for (replay_limit, limit) in [(0, 5), (3, 3), (100, 5)] {
            let settings = ProofSettings {
                replay_limit,
                ..ProofSettings::default()
            };
            let unlisted = one.unlisted(&settings);
            let found = (unlisted.counter, unlisted.limit);
            assert_eq!(found, (Counter::Unlisted, limit), "{replay_limit}");
            assert_eq!(unlisted.notification, one.notification);
        }
    }

    #[test]
    fn repliers_are_told_apart_by_their_address() {
        let counter = |headers: &str| attempt(headers, "", true).counter;
        let bob = counter("From: Bob <bob@friend.example>\nSubject: Out of office\n");
        assert_eq!(
            bob,
            counter("From: bob@FRIEND.example\nSubject: Delayed answer\n")
        );
        assert_ne!(bob, counter("From: ann@friend.example\n"));
        assert_ne!(bob, counter("Subject: Out of office\n"));
        let receipt =
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n";
        assert_ne!(
            bob,
            counter(&format!("From: bob@friend.example\n{receipt}"))
        );
    }

    #[test]
    fn a_notification_is_known_by_its_message_id_and_its_recipients() {
        let key = |headers: &str, fields: &str| {
            let headers = format!("{DSN}{headers}");
            attempt(&headers, &status(fields), false).notification
        };
        let about = "Final-Recipient: rfc822; a@b.example\n";
        let one = key("Message-ID: <1@mx>\n", about);
        assert!(one.is_some());
        assert_eq!(
            one,
            key("Message-Id:\n <1@mx>\nReceived: by another\n", about)
        );
        assert_ne!(one, key("Message-ID: <2@mx>\n", about));
        assert_ne!(
            one,
            key(
                "Message-ID: <1@mx>\n",
                "Final-Recipient: rfc822; c@b.example\n"
            )
        );
        assert_eq!(key("", about), None);
        assert_eq!(key("Message-ID: <>\n", about), None);
    }
}
