//! A sample as a report to an abuse desk, in the Abuse Reporting Format (RFC 5965).
//!
//! Its Feedback-Type is `abuse`, "unsolicited email or some other kind of email abuse" (RFC 5965 section 7.3), which fits
//! backscatter. `other` is for what no registered type describes, and abuse desks ignore it.

use std::fmt::Write;

use mail_builder::{
    MessageBuilder,
    headers::{content_type::ContentType, date::Date, raw::Raw},
    mime::{BodyPart, MimePart},
};

use super::view::exact;
use crate::core::{
    address::{Domain, Mailbox},
    attack::{Sample, network, redact::Redaction},
    header::{Header, Headers},
    local::Local,
    printable::{cut, printable, shortened},
    proof::returned,
};

/// The maximum length of a quoted word or line, in characters. A line of 7bit text has at most 998 (RFC 2045 section
/// 2.7).
const MAX_QUOTE: usize = 200;
/// The maximum number of quoted Received lines.
const MAX_RECEIVED: usize = 20;
/// The mark before each line from outside.
pub(super) const UNTRUSTED: &str = "UNTRUSTED| ";

/// A report, and whom it is for.
pub(super) struct Arf<'a> {
    /// Our domain that it is from.
    pub domain: &'a str,
    /// The abuse desks, where they are known.
    pub to: &'a [String],
    pub subject: String,
    /// A unique word for the Message-ID.
    pub unique: &'a str,
    /// The time of writing, in seconds since 1970.
    pub now: u64,
    /// The text for humans, ASCII.
    pub text: String,
    /// message/feedback-report (RFC 5965 section 3).
    pub fields: String,
    pub evidence: Evidence,
}

/// What is reported: a message, or its headers.
pub(super) struct Evidence {
    pub media_type: &'static str,
    pub description: &'static str,
    pub content: Vec<u8>,
}

impl Arf<'_> {
    /// The message: ASCII except in the evidence, with CRLF after each line. It is not sent.
    pub fn message(self) -> std::io::Result<Vec<u8>> {
        let Self { domain, unique, .. } = self;
        let Evidence {
            media_type,
            description,
            content,
        } = self.evidence;
        let encoding = if content.is_ascii() { "7bit" } else { "8bit" };
        let parts = vec![
            MimePart::new("text/plain", self.text).transfer_encoding("7bit"),
            MimePart::new(
                ContentType::new("message/feedback-report"),
                BodyPart::Binary(self.fields.into_bytes().into()),
            )
            .transfer_encoding("7bit"),
            MimePart::new(
                ContentType::new(media_type),
                BodyPart::Binary(content.into()),
            )
            .header("Content-Description", Raw::new(description))
            .transfer_encoding(encoding),
        ];
        let report =
            ContentType::new("multipart/report").attribute("report-type", "feedback-report");
        let postmaster = format!("postmaster@{domain}");
        let mut message = MessageBuilder::new()
            .from(("Postmaster", postmaster.as_str()))
            .subject(self.subject)
            .date(date(self.now))
            .message_id(format!("{unique}@{domain}"));
        if !self.to.is_empty() {
            message = message.to(self.to.to_vec());
        }
        // What holds 8bit is 8bit itself (RFC 2045 section 6.4).
        message
            .body(MimePart::new(report, parts).transfer_encoding(encoding))
            .write_to_vec()
    }
}

/// The content of one report.
pub(super) struct AbuseReport<'a> {
    pub sample: &'a Sample,
    pub redaction: &'a Redaction<'a>,
    /// Our domain that it came to.
    pub domain: &'a str,
    /// The number of bounces of this host in the period; `None` if it was not counted by name.
    pub incidents: Option<u64>,
    /// Whether there may be more, which were counted together with others.
    pub some_unnamed: bool,
    /// A unique word for the Message-ID.
    pub unique: &'a str,
    /// The time of writing, in seconds since 1970.
    pub now: u64,
}

impl AbuseReport<'_> {
    /// The message. It has no To:, because who is to get it is not known.
    pub fn message(&self) -> std::io::Result<Vec<u8>> {
        let arf = Arf {
            domain: self.domain,
            to: &[],
            subject: format!("Abuse report: backscatter from {}", self.sample.client),
            unique: self.unique,
            now: self.now,
            text: self.text(),
            fields: self.fields(),
            evidence: Evidence {
                media_type: "message/rfc822",
                description: "the bounce, redacted; its content is UNTRUSTED",
                content: self.redaction.message(self.sample),
            },
        };
        arf.message()
    }

    /// message/feedback-report (RFC 5965 section 3).
    fn fields(&self) -> String {
        let sample = self.sample;
        let mut fields = format!(
            "Feedback-Type: abuse\r\nUser-Agent: Backstop/{}\r\nVersion: 1\r\nOriginal-Mail-From: <{}>\r\n",
            env!("CARGO_PKG_VERSION"),
            self.quoted(&sample.mail_from.0),
        );
        for recipient in &sample.recipients {
            // Writing to a String can't fail.
            let _ = write!(
                fields,
                "Original-Rcpt-To: <{}>\r\n",
                self.quoted(&recipient.0)
            );
        }
        let _ = write!(
            fields,
            "Arrival-Date: {}\r\nSource-IP: {}\r\n",
            date(sample.at).to_rfc822(),
            sample.client
        );
        // The name in HELO, unless it is no domain, such as [192.0.2.1], or is ours.
        let name = Domain::from_bytes(&sample.helo.0);
        if let Some(domain) = name.filter(|domain| !self.redaction.is_ours(domain)) {
            let _ = write!(fields, "Reported-Domain: {domain}\r\n");
        }
        if let Some(incidents) = self.incidents {
            let incidents = incidents.clamp(1, u32::MAX.into());
            let _ = write!(fields, "Incidents: {incidents}\r\n");
        }
        fields
    }

    /// The text for humans.
    fn text(&self) -> String {
        let sample = self.sample;
        let recipients = sample.recipients.iter();
        let recipients: Vec<_> = recipients
            .map(|recipient| format!("RCPT TO:<{}>", self.quoted(&recipient.0)))
            .collect();
        let answer = if sample.done {
            format!("{} ({})", sample.action, sample.reason)
        } else {
            format!(
                "none; without monitoring: {} ({})",
                sample.action, sample.reason
            )
        };
        let mut text = format!(
            "This is a report of backscatter in the Abuse Reporting Format (RFC 5965),\r\n\
             written by Backstop and sent by a human.\r\n\r\n\
             One of your hosts sent a bounce to one of our mail servers. The bounce does not\r\n\
             return mail of ours; we believe that the sender of that mail was forged.\r\n\
             Please refuse mail that you can't deliver while its sender is still connected,\r\n\
             and don't bounce it afterwards: those bounces go to people who sent nothing.\r\n\r\n\
             WHAT OUR SERVER SAW in its SMTP session with your host:\r\n\r\n\
             \x20 when      {}\r\n\
             \x20 client    {} (network {})\r\n\
             \x20 commands  HELO {}\r\n\
             \x20           MAIL FROM:<{}>\r\n\
             \x20           {}\r\n\
             \x20 answer    {answer}\r\n\
             \x20 in total  {} of this host in the period of the report\r\n\r\n\
             WHAT THE BOUNCE SAYS. We do not vouch for any of it. Its author may have forged it,\r\n\
             especially the Received lines of the returned message.\r\n\r\n",
            exact(sample.at),
            sample.client,
            network(sample.client),
            self.helo(),
            self.quoted(&sample.mail_from.0),
            recipients.join("\r\n            "),
            self.bounces(),
        );
        for line in self.untrusted() {
            text.push_str(&line);
            text.push_str("\r\n");
        }
        text.push_str(
            "\r\nThe local parts of our users' addresses are replaced by keyed hashes (RFC 6590),\r\n\
             the same for the same address. Encoded parts are omitted, and long parts are cut.\r\n",
        );
        text
    }

    /// The Subject of the bounce and the Received lines of the returned message, each marked as untrusted.
    fn untrusted(&self) -> Vec<String> {
        let (headers, _) = Headers::parse(&self.sample.headers.0);
        let report = returned::read(&headers, &self.sample.body.0, self.sample.cut);
        let subject = headers
            .first("Subject")
            .map(|subject| ("its Subject", subject.clone()));
        let mut lines: Vec<String> = subject
            .into_iter()
            .map(|(what, header)| quoted_header(self.redaction, what, &header))
            .collect();
        let returned = report.returned.iter();
        let received = returned.flat_map(|returned| returned.headers.all("Received"));
        lines.extend(quoted_received(self.redaction, received));
        if report.returned.is_empty() {
            lines.push(format!(
                "{UNTRUSTED}no headers of a returned message were read"
            ));
        }
        lines
    }

    /// The number of Received lines in the returned messages.
    pub fn returned_received(&self) -> usize {
        let marked = self.untrusted();
        marked
            .iter()
            .filter(|line| line.contains("returned Received: "))
            .count()
    }

    fn quoted(&self, bytes: &[u8]) -> String {
        shortened(&self.redaction.text(bytes), MAX_QUOTE)
    }

    /// The number of bounces of this host, in words.
    pub fn bounces(&self) -> String {
        // This one at least.
        let known = self.incidents.unwrap_or(1).max(1);
        let at_least = match self.incidents {
            Some(_) if !self.some_unnamed => "",
            _ => "at least ",
        };
        let plural = if known == 1 { "" } else { "s" };
        format!("{at_least}{known} bounce{plural}")
    }

    /// The name in HELO.
    pub fn helo(&self) -> String {
        match self.sample.helo.0.as_slice() {
            [] => "(nothing)".to_owned(),
            helo => self.quoted(helo),
        }
    }
}

/// Received lines of a returned message, redacted and marked as untrusted.
pub(super) fn quoted_received<'h>(
    redaction: &Redaction<'_>,
    headers: impl Iterator<Item = &'h Header>,
) -> Vec<String> {
    let quoted = |header| quoted_header(redaction, "returned Received", header);
    headers.take(MAX_RECEIVED).map(quoted).collect()
}

fn quoted_header(redaction: &Redaction<'_>, what: &str, header: &Header) -> String {
    let value = redaction.text(header.text().as_bytes());
    format!("{UNTRUSTED}{what}: {}", spaced(&value))
}

/// The domain of ours that a sample came to.
pub(super) fn domain_of<'a>(sample: &Sample, local: &'a Local) -> Option<&'a Domain> {
    let recipient = Mailbox::from_bytes(&sample.recipients.first()?.0);
    local.ours(recipient.domain()?)
}

/// Printable text that keeps its spaces.
fn spaced(bytes: &[u8]) -> String {
    let words = bytes.split(|byte| *byte == b' ' || *byte == b'\t');
    let words: Vec<_> = words.map(|word| printable(word, MAX_QUOTE)).collect();
    cut(words.join(" "), MAX_QUOTE)
}

fn date(seconds: u64) -> Date {
    Date::new(i64::try_from(seconds).unwrap_or(i64::MAX))
}
