//! The decision line: one for each recipient, with fixed fields, so that `grep` and `awk` can read it.

mod logged;

pub use logged::{LoggedCheck, LoggedDecision};

use std::{
    fmt::{self, Display, Formatter},
    net::IpAddr,
};

use crate::core::{
    address::{Mailbox, ReversePath},
    policy::SpfAnswers,
    printable::Printable,
    spf::SpfCheck,
    verdict::Verdict,
};

/// The longest value of a field that a stranger chose, in octets: a whole reverse-path (RFC 5321 section 4.5.3.1.3).
const MAX_VALUE: usize = 256;

/// Everything that the line shows.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Our own id of the message: the MTA has none before its first accepted recipient.
    pub id: &'a str,
    /// The MTA's queue id, where it exists by now.
    pub queue_id: Option<&'a [u8]>,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// What it said in HELO.
    pub helo: Option<&'a [u8]>,
    /// MAIL FROM.
    pub mail_from: &'a ReversePath,
    /// RCPT TO.
    pub rcpt: &'a Mailbox,
    /// What was decided, and why.
    pub verdict: &'a Verdict,
    /// What SPF said, where it was asked.
    pub spf: Option<&'a SpfAnswers>,
    /// What the tag in the recipient's address proves, where there is one.
    pub batv: Option<&'static str>,
    /// The proofs that the outgoing message left with.
    pub signed: &'a [&'static str],
}

impl Display for Decision<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let result = |check: Option<&SpfCheck>| check.map_or("-", |check| check.result.as_str());
        let (spf, verdict) = (self.spf, self.verdict);
        let notification = verdict.notification.as_ref();
        write!(
            f,
            "id={} queue_id={} client={} helo={} mail_from=<{}> rcpt=<{}> verdict={} reason={} by={} spf={} spf_helo={} kind={} evidence={} batv={} proof={} signed={} no_dsn={} would={}",
            self.id,
            word(self.queue_id),
            Or(self.client),
            word(self.helo),
            printable(&self.mail_from.to_bytes()),
            printable(&self.rcpt.to_bytes()),
            verdict.action,
            verdict.reason.code(),
            Or(verdict.by.as_ref()),
            result(spf.and_then(|spf| spf.mail_from.as_deref())),
            result(spf.and_then(|spf| spf.helo.as_deref())),
            notification.map_or("-", |notification| notification.kind.as_str()),
            Or(notification.and_then(|notification| listed(&notification.evidence_codes()))),
            self.batv.unwrap_or("-"),
            Or(verdict.proof.as_ref()),
            Or(listed(self.signed)),
            Or(verdict.no_dsn),
            verdict.would.map_or("-", |action| action.as_str()),
        )
    }
}

fn printable(bytes: &[u8]) -> Printable<'_> {
    Printable {
        bytes,
        limit: MAX_VALUE,
    }
}

fn word(bytes: Option<&[u8]>) -> Printable<'_> {
    match bytes {
        None | Some(b"") => printable(b"-"),
        Some(bytes) => printable(bytes),
    }
}

fn listed(words: &[&str]) -> Option<String> {
    (!words.is_empty()).then(|| words.join(","))
}

/// The value, or a dash where there is none.
struct Or<T>(Option<T>);

impl<T: Display> Display for Or<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::verdict::{Action, Mode, Reason, Rule};

    #[test]
    fn strangers_cannot_write_lines_or_fields() {
        let verdict = Verdict::of(Rule::new(Action::Reject), Mode::Monitor, Reason::NeverSends);
        let line = Decision {
            id: "1a",
            queue_id: None,
            client: "192.0.2.1".parse().ok(),
            helo: Some(b"x\r\nverdict=accept"),
            mail_from: &ReversePath::from_bytes(b"<a b@example.com>"),
            rcpt: &Mailbox::from_bytes(b"\xff@example.org"),
            verdict: &verdict,
            spf: None,
            batv: None,
            signed: &["batv", "watermark"],
        }
        .to_string();
        assert_eq!(
            line,
            "id=1a queue_id=- client=192.0.2.1 helo=x\\x0d\\x0averdict=accept mail_from=<a\\x20b@example.com> \
             rcpt=<\\xff@example.org> verdict=tag reason=never_sends by=- spf=- spf_helo=- kind=- evidence=- batv=- proof=- signed=batv,watermark no_dsn=- would=reject"
        );
    }
}
