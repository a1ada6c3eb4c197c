//! A report about a host that sent in our name, in the Abuse Reporting Format (RFC 5965).

use super::{
    arf::{Arf, Evidence, UNTRUSTED, quoted_received},
    complaints::Complaint,
    view::{View, exact},
};
use crate::core::{attack::redact::Redaction, header::Headers, printable::shortened};

/// The content of one report.
pub(super) struct OriginReport<'a> {
    pub complaint: &'a Complaint<'a>,
    /// Takes all addresses out, those of strangers, too.
    pub redaction: &'a Redaction<'a>,
    /// Our domain that was forged.
    pub domain: &'a str,
    pub view: &'a View,
    /// A unique word for the Message-ID.
    pub unique: &'a str,
    /// The time of writing, in seconds since 1970.
    pub now: u64,
}

impl OriginReport<'_> {
    /// The message.
    pub fn message(&self) -> std::io::Result<Vec<u8>> {
        let arf = Arf {
            domain: self.domain,
            to: self.complaint.contact.desks(),
            subject: format!(
                "Abuse report: mail with forged senders from {}",
                self.complaint.origin.address
            ),
            unique: self.unique,
            now: self.now,
            text: self.text(),
            fields: self.fields(),
            evidence: Evidence {
                media_type: "text/rfc822-headers",
                description: "the headers that a bounce returned, redacted; they are UNTRUSTED",
                content: self.redaction.headers(&self.complaint.returned),
            },
        };
        arf.message()
    }

    /// message/feedback-report (RFC 5965 section 3). Nobody here saw the mail itself arrive.
    fn fields(&self) -> String {
        let origin = self.complaint.origin;
        format!(
            "Feedback-Type: abuse\r\nUser-Agent: Backstop/{}\r\nVersion: 1\r\nOriginal-Mail-From: <{}>\r\n\
             Source-IP: {}\r\nIncidents: {}\r\n",
            env!("CARGO_PKG_VERSION"),
            self.forged(),
            origin.address,
            origin.bounces.clamp(1, u32::MAX.into()),
        )
    }

    /// The address that was forged, redacted.
    fn forged(&self) -> String {
        let recipients = &self.complaint.sample.recipients;
        let forged = recipients.first().map_or(&[][..], |recipient| &recipient.0);
        shortened(&self.redaction.text(forged), 200)
    }

    fn text(&self) -> String {
        let (origin, sample) = (self.complaint.origin, self.complaint.sample);
        let mut text = format!(
            "This is a report of mail with forged senders in the Abuse Reporting Format\r\n\
             (RFC 5965), written by Backstop and sent by a human.\r\n\r\n\
             A host of your network sent mail in the name of {}, which did not\r\n\
             send it. Other mail servers accepted that mail, could not deliver it, and bounced\r\n\
             it to us. Each of those bounces returned the headers of the mail, and the line that\r\n\
             the server wrote which took it in has the address of your host.\r\n\r\n\
             WHAT WE COUNTED:\r\n\r\n\
             \x20 host      {} (network {})\r\n\
             \x20 period    {} to {}\r\n\
             \x20 bounces   {}, from hosts in {} networks, each by itself; {} of them\r\n\
             \x20           show by the name of the host that it wrote the lines\r\n\r\n\
             The host is not one of ours: SPF of our domain does not name it.\r\n\r\n\
             WHAT ONE OF THESE BOUNCES RETURNED. It came at {} from\r\n\
             {}. The first line is that of the server which bounced, or of one beside it;\r\n\
             what stands below your host's line, its sender may have forged.\r\n\r\n",
            self.domain,
            origin.address,
            origin.network,
            self.view.from,
            self.view.to,
            origin.bounces,
            origin.reporting_networks,
            origin.reported,
            exact(sample.at),
            sample.client,
        );
        let (headers, _) = Headers::parse(&self.complaint.returned);
        for line in quoted_received(self.redaction, headers.all("Received")) {
            text.push_str(&line);
            text.push_str("\r\n");
        }
        if let Some(sent) = headers.first("Date") {
            let sent = shortened(&self.redaction.text(sent.text().as_bytes()), 80);
            text.push_str(&format!(
                "{UNTRUSTED}returned Date: {}\r\n",
                sent.replace("\\x20", " ")
            ));
        }
        text.push_str(
            "\r\nThe local parts of all addresses are replaced by keyed hashes (RFC 6590), the same\r\n\
             for the same address. Please find out who uses this host, and stop it.\r\n",
        );
        text
    }
}
