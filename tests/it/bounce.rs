//! Messages of ours with the proofs that they leave with, and bounces that return them.

use std::{sync::LazyLock, time::SystemTime};

use backstop::core::{
    header::Headers,
    proof::{self, Keys, watermark},
};
use data_encoding::BASE64;
use mail_auth::{
    common::{crypto::Ed25519Key, headers::HeaderWriter},
    dkim::DkimSigner,
};

/// The selector of [`record`].
pub const SELECTOR: &str = "s2026._domainkey.example.org";

static KEY: LazyLock<Vec<u8>> = LazyLock::new(|| Ed25519Key::generate_pkcs8().unwrap());

fn key() -> Ed25519Key {
    Ed25519Key::from_pkcs8_der(&KEY).unwrap()
}

/// What DNS says of the key.
pub fn record() -> String {
    let public = BASE64.encode(&key().public_key());
    format!("v=DKIM1; k=ed25519; p={public}")
}

/// The DKIM-Signature that this domain makes for the message, of these headers; its key is that of [`record`].
pub fn signature(domain: &str, headers: &[&str], message: &str) -> String {
    let signer = DkimSigner::from_key(key())
        .domain(domain)
        .selector("s2026")
        .headers(headers.iter().copied());
    signer.sign(message.as_bytes()).unwrap().to_header()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// A message that left here: headers and body.
#[derive(Clone, Debug)]
pub struct Ours {
    pub headers: String,
    pub body: &'static str,
}

impl Ours {
    pub fn new(id: &str, to: &str) -> Self {
        Self {
            headers: format!(
                "From: Joe <joe@example.org>\r\nTo: {to}\r\nSubject: Hello\r\n\
                 Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{id}@example.org>\r\n"
            ),
            body: "How are you?\r\n\r\nJoe\r\n",
        }
    }

    /// The same with a watermark of so many days ago.
    pub fn marked(mut self, keys: &Keys, days_ago: u64) -> Self {
        let (headers, _) = Headers::parse(self.headers.as_bytes());
        let today = proof::today(now()) - days_ago;
        let value = watermark::write(&headers, keys, today, 7).unwrap();
        let value = value.replace('\n', "\r\n");
        self.headers = format!("{}: {value}\r\n{}", watermark::HEADER, self.headers);
        self
    }

    /// The same with a DKIM signature of these headers.
    pub fn signed(mut self, headers: &[&str]) -> Self {
        let message = format!("{}\r\n{}", self.headers, self.body);
        let signature = signature("example.org", headers, &message);
        self.headers = format!("{signature}{}", self.headers);
        self
    }

    /// The same with another line on top.
    pub fn with(mut self, line: &str) -> Self {
        self.headers = format!("{line}\r\n{}", self.headers);
        self
    }
}

/// What is signed of [`Ours`], if nothing else is said.
pub const SIGNED: &[&str] = &["From", "To", "Subject", "Date", "Message-ID"];

/// The headers of every bounce here.
pub const BOUNCE: &str = "From: Mail Delivery System <MAILER-DAEMON@mx.friend.example>\n\
    To: joe@example.org\n\
    Subject: Undelivered Mail Returned to Sender\n\
    Auto-Submitted: auto-replied\n\
    MIME-Version: 1.0\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\n";

/// The body of a bounce (RFC 3464) about `recipient`, that returns the message.
pub fn body(recipient: &str, ours: &Ours) -> String {
    format!(
        "--b\r\nContent-Type: text/plain\r\n\r\nIt could not be delivered.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.friend.example\r\n\r\n\
         Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
         --b\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n{}\r\n--b--\r\n",
        ours.headers, ours.body
    )
}
