//! What the MTA's lines about a message say, in words. What is not known here is shown as it is.

use crate::{
    core::{
        address::Mailbox,
        proof::batv::{self, Tagged},
    },
    maillog::{handed_on_as, queue_id},
};

/// A line of the MTA about a message that it has a queue id for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MtaLine<'a> {
    /// The queue id; none for a client that was refused before it got one.
    pub(super) queue_id: Option<&'a str>,
    rest: &'a str,
    service: &'a str,
}

/// Programs whose lines begin with a queue id.
const PROGRAMS: [&str; 4] = ["postfix", "sendmail", "sm-mta", "sm-que"];

impl<'a> MtaLine<'a> {
    /// Reads a line of an MTA. `None` for any other.
    pub(super) fn read(program: &'a str, text: &'a str) -> Option<Self> {
        if !PROGRAMS.iter().any(|mta| program.starts_with(mta)) {
            return None;
        }
        let (id, _) = queue_id(text.as_bytes())?;
        let (id, rest) = text.split_at_checked(id.len())?;
        Some(Self {
            queue_id: Some(id).filter(|id| *id != "NOQUEUE"),
            rest: rest.strip_prefix(": ")?,
            service: program.rsplit('/').next().unwrap_or(program),
        })
    }

    /// The address or Message-ID behind `key=<`, and where the next one begins.
    fn named(&self, key: &str) -> impl Iterator<Item = &'a str> {
        let begin = format!("{key}=<");
        let rest = self.rest;
        let found: Vec<usize> = rest.match_indices(&begin).map(|(at, _)| at).collect();
        found.into_iter().filter_map(move |at| {
            // `to` is the end of `orig_to`, too, and both are recipients.
            let value = rest.get(at + begin.len()..)?;
            value.split('>').next()
        })
    }

    /// Whether it names this address as sender or recipient.
    pub(super) fn has_address(&self, address: &str) -> bool {
        let mut named = self.named("from").chain(self.named("to"));
        named.any(|found| is_address(found, address))
    }

    /// Whether it names this Message-ID, without its angle brackets.
    pub(super) fn has_message_id(&self, message_id: &str) -> bool {
        let mut named = self.named("message-id").chain(self.named("msgid"));
        named.any(|found| found == message_id)
    }

    /// The queue id of a message that came of this one: a bounce, or what a filter handed back.
    pub(super) fn leads_to(&self) -> Option<&'a str> {
        let behind = ["non-delivery notification: ", "delay notification: "];
        let notification = behind.iter().find_map(|words| {
            let rest = self.rest.split(words).nth(1)?;
            rest.split(|c: char| !c.is_ascii_alphanumeric()).next()
        });
        let handed_on = || str::from_utf8(handed_on_as(self.rest.as_bytes())?).ok();
        notification.or_else(handed_on)
    }

    /// The same in words.
    pub(super) fn words(&self) -> String {
        let rest = self.rest;
        let field = |name: &str| {
            let from = rest.split(&format!("{name}=")).nth(1)?;
            from.split(", ")
                .next()
                .map(|value| value.trim_end_matches(','))
        };
        if let Some(client) = rest.strip_prefix("client=") {
            let (client, more) = client.split_once(", ").unwrap_or((client, ""));
            let login = more.split("sasl_username=").nth(1);
            let login = login.and_then(|login| login.split(", ").next());
            return match login {
                Some(login) => format!("came from {client}, logged in as {login}"),
                None => format!("came from {client}"),
            };
        }
        if let Some(id) = rest.strip_prefix("message-id=") {
            return format!("its Message-ID is {id}");
        }
        if rest == "removed" {
            return "left the queue: nothing more is done".to_owned();
        }
        for (begin, words) in [
            ("reject: ", "refused by the MTA: "),
            ("milter-reject: ", "refused by a milter: "),
            ("milter-hold: ", "held in the queue by a milter: "),
            ("milter-discard: ", "dropped by a milter: "),
            ("warning: ", "warning: "),
            (
                "sender non-delivery notification: ",
                "the sender gets a bounce: queue id ",
            ),
            (
                "sender delay notification: ",
                "the sender is told of the delay: queue id ",
            ),
        ] {
            if let Some(behind) = rest.strip_prefix(begin) {
                return format!("{words}{behind}");
            }
        }
        let said = rest
            .split_once('(')
            .map(|(_, said)| said.strip_suffix(')').unwrap_or(said));
        if let (Some(to), Some(status)) = (field("to"), field("status")) {
            let relay = field("relay")
                .filter(|relay| *relay != "none")
                .unwrap_or(self.service);
            let words = match status.split(' ').next().unwrap_or(status) {
                "sent" => format!("delivered to {to} by {relay}"),
                "deferred" => {
                    format!("could not be delivered to {to} yet, and is tried again ({relay})")
                }
                "bounced" => format!("could not be delivered to {to} ({relay})"),
                "expired" => {
                    format!("was not delivered to {to} in time, and is returned ({relay})")
                }
                "undeliverable" => format!("{to} can't get mail ({relay})"),
                "deliverable" => format!("{to} can get mail ({relay})"),
                other => format!("{other}: {to} ({relay})"),
            };
            return match said {
                Some(said) => format!("{words}: {said}"),
                None => words,
            };
        }
        if let (Some(from), Some(size)) = (field("from"), field("size")) {
            let recipients = field("nrcpt").and_then(|count| count.split(' ').next());
            return match recipients {
                Some(count) => {
                    format!("is in the queue: from {from}, {size} octets, recipients: {count}")
                }
                None => format!("is in the queue: from {from}, {size} octets"),
            };
        }
        if let (Some(to), Some(stat)) = (field("to"), field("stat")) {
            return format!("to {to}: {stat}");
        }
        rest.to_owned()
    }
}

/// Whether this is the address, with a BATV tag of whoever signs for it or without: bounces come to the address with the tag.
pub(super) fn is_address(found: &str, wanted: &str) -> bool {
    if found.eq_ignore_ascii_case(wanted) {
        return true;
    }
    match batv::read(&Mailbox::from_bytes(found.as_bytes()), "+") {
        Some(Tagged::Ours(tag)) => tag
            .original
            .to_bytes()
            .eq_ignore_ascii_case(wanted.as_bytes()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_postfix_and_sendmail_in_words() {
        for (program, text, queue_id, words) in [
            (
                "postfix/smtpd",
                "4dYxQ1: client=mx.friend.example[192.0.2.20]",
                Some("4dYxQ1"),
                "came from mx.friend.example[192.0.2.20]",
            ),
            (
                "postfix/submission/smtpd",
                "4dYxQ1: client=a[192.0.2.9], sasl_method=PLAIN, sasl_username=joe",
                Some("4dYxQ1"),
                "came from a[192.0.2.9], logged in as joe",
            ),
            (
                "postfix/cleanup",
                "4dYxQ1: message-id=<1@friend.example>",
                Some("4dYxQ1"),
                "its Message-ID is <1@friend.example>",
            ),
            (
                "postfix/qmgr",
                "4dYxQ1: from=<bob@friend.example>, size=345, nrcpt=2 (queue active)",
                Some("4dYxQ1"),
                "is in the queue: from <bob@friend.example>, 345 octets, recipients: 2",
            ),
            (
                "postfix/local",
                "4dYxQ1: to=<joe@example.org>, relay=local, delay=0.1, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)",
                Some("4dYxQ1"),
                "delivered to <joe@example.org> by local: delivered to mailbox",
            ),
            (
                "postfix/smtp",
                "4dYxQ1: to=<a@b.example>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to b[192.0.2.3]:25: Connection timed out)",
                Some("4dYxQ1"),
                "could not be delivered to <a@b.example> yet, and is tried again (smtp): connect to b[192.0.2.3]:25: Connection timed out",
            ),
            (
                "postfix/smtp",
                "4dYxQ1: to=<a@b.example>, relay=mx.b.example[192.0.2.3]:25, dsn=5.1.1, status=bounced (host mx.b.example[192.0.2.3] said: 550 5.1.1 no (in reply to RCPT TO command))",
                Some("4dYxQ1"),
                "could not be delivered to <a@b.example> (mx.b.example[192.0.2.3]:25): host mx.b.example[192.0.2.3] said: 550 5.1.1 no (in reply to RCPT TO command)",
            ),
            (
                "postfix/bounce",
                "4dYxQ1: sender non-delivery notification: 4dYxQ2",
                Some("4dYxQ1"),
                "the sender gets a bounce: queue id 4dYxQ2",
            ),
            (
                "postfix/qmgr",
                "4dYxQ1: removed",
                Some("4dYxQ1"),
                "left the queue: nothing more is done",
            ),
            (
                "postfix/smtpd",
                "NOQUEUE: reject: RCPT from a[192.0.2.1]: 550 5.1.1 <x@example.org>: no such user; from=<> to=<x@example.org> proto=ESMTP helo=<a>",
                None,
                "refused by the MTA: RCPT from a[192.0.2.1]: 550 5.1.1 <x@example.org>: no such user; from=<> to=<x@example.org> proto=ESMTP helo=<a>",
            ),
            (
                "postfix/smtpd",
                "NOQUEUE: milter-reject: RCPT from a[192.0.2.1]: 550 5.7.1 no; from=<> to=<x@example.org>",
                None,
                "refused by a milter: RCPT from a[192.0.2.1]: 550 5.7.1 no; from=<> to=<x@example.org>",
            ),
            (
                "sm-mta",
                "5AU0abc123: to=<joe@example.org>, delay=00:00:01, mailer=local, pri=1, dsn=2.0.0, stat=Sent",
                Some("5AU0abc123"),
                "to <joe@example.org>: Sent",
            ),
            (
                "postfix/pickup",
                "4dYxQ1: uid=0 from=<root>",
                Some("4dYxQ1"),
                "uid=0 from=<root>",
            ),
        ] {
            let line = MtaLine::read(program, text).unwrap();
            assert_eq!(
                (line.queue_id, line.words()),
                (queue_id, words.to_owned()),
                "{text}"
            );
        }
        for (program, text) in [
            ("sshd", "4dYxQ1: removed"),
            ("postfix/smtpd", "connect from a[192.0.2.1]"),
            ("postfix/smtpd", "warning: hostname a does not resolve"),
            ("postfix/smtpd", "x: y"),
        ] {
            assert_eq!(MtaLine::read(program, text), None, "{text}");
        }
    }

    #[test]
    fn lines_are_found_by_what_they_name() {
        let read = |text| MtaLine::read("postfix/smtp", text).unwrap();
        let line = read(
            "4dYxQ1: to=<Joe@example.org>, orig_to=<sales@example.org>, relay=local, status=sent (250 2.0.0 Ok: queued as 4dYxQ3)",
        );
        for (address, found) in [
            ("joe@EXAMPLE.org", true),
            ("sales@example.org", true),
            ("oe@example.org", false),
        ] {
            assert_eq!(line.has_address(address), found, "{address}");
        }
        for tagged in [
            "prvs=0123cfcd40=joe@example.org",
            "joe+prvs=0123cfcd40@example.org",
        ] {
            assert!(is_address(tagged, "Joe@example.org"), "{tagged}");
            assert!(!is_address(tagged, "ann@example.org"), "{tagged}");
        }
        assert_eq!(line.leads_to(), Some("4dYxQ3"));
        assert_eq!(
            read("4dYxQ1: sender non-delivery notification: 4dYxQ2").leads_to(),
            Some("4dYxQ2")
        );
        assert_eq!(read("4dYxQ1: removed").leads_to(), None);
        let line = read("4dYxQ1: message-id=<1@a.example>");
        assert!(line.has_message_id("1@a.example") && !line.has_message_id("2@a.example"));
    }
}
