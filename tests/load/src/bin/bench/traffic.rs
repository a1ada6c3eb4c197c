//! The messages of the bench.

use std::io;

use load::mta::{Mail, SERIAL};
use mail_auth::{
    common::{crypto::RsaKey, headers::HeaderWriter},
    dkim::DkimSigner,
};
use rustls_pki_types::{PrivateKeyDer, pem::PemObject};

use super::zone::{CLIENT, HELO, SELECTOR};

/// The signing key of our domain, and its record: those of the unit tests.
const KEY: &str = include_str!("../../../../../src/dkim/tests/keys/rsa2048.pem");
pub const RECORD: &str = include_str!("../../../../../src/dkim/tests/keys/rsa2048.txt");

/// Messages of ours that bounces return, as many different ones.
const RETURNED: usize = 100;

/// Mail of a stranger to this recipient.
pub fn stranger(mail_from: &str, recipient: &str) -> Mail {
    Mail::ordinary(CLIENT, HELO, mail_from, recipient)
}

/// Ordinary mail.
pub fn ordinary() -> Mail {
    stranger(&format!("{SERIAL}@example.com"), "info@example.org")
}

/// Mail from us.
pub fn outgoing() -> Mail {
    Mail::ordinary(
        "192.0.2.250",
        "mx.example.org",
        "joe@example.org",
        &format!("{SERIAL}@example.com"),
    )
}

/// Bounces of nothing that we sent, to addresses that nobody has, from many networks.
pub fn flood() -> Vec<Mail> {
    let bounces = (0..250).map(|host| {
        let client = format!("198.51.{host}.7");
        let helo = format!("mx{host}.flood.example");
        Mail {
            mail_from: String::new(),
            recipients: vec![format!("x{SERIAL}@example.org")],
            ..Mail::ordinary(&client, &helo, "", "joe@example.org")
        }
    });
    bounces.collect()
}

/// Bounces of about this many octets that return mail of ours whole, with our DKIM signature.
pub fn bounces(octets: usize) -> io::Result<Vec<Mail>> {
    (0..RETURNED).map(|number| bounce(octets, number)).collect()
}

fn bounce(octets: usize, number: usize) -> io::Result<Mail> {
    let line = "We have counted the boxes in the cellar twice, and found as many as before.\r\n";
    let message = format!(
        "From: Joe <joe@example.org>\r\nTo: Joan <joan@example.com>\r\nSubject: The boxes\r\n\
         Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{number}.boxes@example.org>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{}",
        line.repeat((octets.saturating_sub(2000) / line.len()).max(1))
    );
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).map_err(io::Error::other)?;
    let key = RsaKey::from_key_der(key).map_err(|error| io::Error::other(error.to_string()))?;
    let signature = DkimSigner::from_key(key)
        .domain("example.org")
        .selector(SELECTOR)
        .headers(["From", "To", "Subject", "Date", "Message-ID"])
        .sign(message.as_bytes())
        .map_err(|error| io::Error::other(error.to_string()))?
        .to_header();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ok(Mail {
        mail_from: String::new(),
        headers: vec![
            header("Date", "Mon, 23 Nov 2026 10:00:00 +0000"),
            header(
                "From",
                "MAILER-DAEMON@mx.example.com (Mail Delivery System)",
            ),
            header("Subject", "Undelivered Mail Returned to Sender"),
            header("To", "joe@example.org"),
            header("Auto-Submitted", "auto-replied"),
            header("MIME-Version", "1.0"),
            header(
                "Content-Type",
                "multipart/report; report-type=delivery-status;\n\tboundary=\"4BQ.1763892000/mx.example.com\"",
            ),
            header("Content-Transfer-Encoding", "8bit"),
            header("Message-Id", &format!("<{SERIAL}.bounce@mx.example.com>")),
        ],
        body: format!(
            "This is a MIME-encapsulated message.\r\n\r\n\
             --4BQ.1763892000/mx.example.com\r\nContent-Description: Notification\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\n\
             This is the mail system at host mx.example.com.\r\n\r\n\
             I'm sorry to have to inform you that your message could not\r\n\
             be delivered to one or more recipients. It's attached below.\r\n\r\n\
             <joan@example.com>: host mail.example.com[192.0.2.2] said: 550 5.1.1 User unknown\r\n\r\n\
             --4BQ.1763892000/mx.example.com\r\nContent-Description: Delivery report\r\n\
             Content-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mx.example.com\r\nX-Postfix-Sender: rfc822; joe@example.org\r\n\
             Arrival-Date: Mon, 23 Nov 2026 09:59:59 +0000 (UTC)\r\n\r\n\
             Final-Recipient: rfc822; joan@example.com\r\nOriginal-Recipient: rfc822;joan@example.com\r\n\
             Action: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mail.example.com\r\n\
             Diagnostic-Code: smtp; 550 5.1.1 User unknown\r\n\r\n\
             --4BQ.1763892000/mx.example.com\r\nContent-Description: Undelivered Message\r\n\
             Content-Type: message/rfc822\r\n\r\n{signature}{message}\r\n\
             --4BQ.1763892000/mx.example.com--\r\n"
        ),
        ..stranger("", "joe@example.org")
    })
}
