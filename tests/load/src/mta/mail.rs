//! One message, and the session around it, as an MTA passes them on.

use lab::milter::wire::{command, strings};

/// Stands in texts where each message has ten digits of its own, so that no two messages are alike where it counts.
pub const SERIAL: &str = "serial0000";

/// A message of one client to its recipients. Texts can hold [`SERIAL`].
#[derive(Debug, Clone)]
pub struct Mail {
    /// The address of the client, IPv4.
    pub client: String,
    /// Its name by reverse DNS; `unknown` if it has none.
    pub client_name: String,
    /// What it says in HELO.
    pub helo: String,
    /// The name it logged in with.
    pub login: Option<String>,
    /// The reverse-path, without angle brackets.
    pub mail_from: String,
    /// The recipients, without angle brackets.
    pub recipients: Vec<String>,
    /// Header fields: names, and values as they stand after the colon and the blank.
    pub headers: Vec<(String, String)>,
    /// The body, with CR LF.
    pub body: String,
}

impl Mail {
    /// Ordinary mail of a stranger: ten headers and a body of 2 KB.
    #[must_use]
    pub fn ordinary(client: &str, helo: &str, mail_from: &str, recipient: &str) -> Self {
        let header = |name: &str, value: String| (name.to_owned(), value);
        let line =
            "Please find the figures of this month below, and write back if they differ.\r\n";
        Self {
            client: client.to_owned(),
            client_name: helo.to_owned(),
            helo: helo.to_owned(),
            login: None,
            mail_from: mail_from.to_owned(),
            recipients: vec![recipient.to_owned()],
            headers: vec![
                header(
                    "Received",
                    format!(
                        "from pc.example.com (pc.example.com [192.0.2.77])\n\tby {helo} (Postfix) with ESMTPSA id {SERIAL}\n\t\
                         for <{recipient}>; Mon, 23 Nov 2026 10:00:00 +0000 (UTC)"
                    ),
                ),
                header("Date", "Mon, 23 Nov 2026 10:00:00 +0000".to_owned()),
                header("From", format!("Joan Sender <{mail_from}>")),
                header("To", format!("<{recipient}>")),
                header("Subject", "The figures of this month".to_owned()),
                header("Message-ID", format!("<{SERIAL}.20261123@{helo}>")),
                header("MIME-Version", "1.0".to_owned()),
                header("Content-Type", "text/plain; charset=utf-8".to_owned()),
                header("Content-Transfer-Encoding", "7bit".to_owned()),
                header("User-Agent", "Mozilla Thunderbird".to_owned()),
            ],
            body: line.repeat(2048 / line.len()),
        }
    }

    /// What the macros of a session with Postfix hold; a name that is missing is not set, and is not sent.
    pub(super) fn macro_value(&self, stage: u8, name: &str, recipient: &str) -> Option<String> {
        let address = match stage {
            command::MAIL => &self.mail_from,
            _ => recipient,
        };
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        let queued = !matches!(
            stage,
            command::CONNECT | command::HELO | command::MAIL | command::RCPT
        );
        Some(match name {
            "j" => "mx.example.org".to_owned(),
            "{daemon_name}" => "smtpd".to_owned(),
            "{daemon_addr}" => "192.0.2.250".to_owned(),
            "v" => "Postfix 3.7.11".to_owned(),
            "_" => format!("{} [{}]", self.client_name, self.client),
            "{client_addr}" => self.client.clone(),
            "{client_name}" | "{client_ptr}" => self.client_name.clone(),
            "{client_port}" => "40000".to_owned(),
            "i" if queued => SERIAL.to_owned(),
            "{auth_type}" if self.login.is_some() => "PLAIN".to_owned(),
            "{auth_authen}" => self.login.clone()?,
            "{mail_addr}" => self.mail_from.clone(),
            "{mail_host}" if stage == command::MAIL => domain.to_owned(),
            "{mail_mailer}" if stage == command::MAIL => "smtp".to_owned(),
            "{rcpt_addr}" if stage == command::RCPT => recipient.to_owned(),
            "{rcpt_host}" if stage == command::RCPT => domain.to_owned(),
            "{rcpt_mailer}" if stage == command::RCPT => "virtual".to_owned(),
            _ => return None,
        })
    }

    /// The data of CONNECT.
    pub(super) fn connect(&self) -> Vec<u8> {
        let name = strings([self.client_name.as_bytes()]);
        let address = strings([self.client.as_bytes()]);
        [&name[..], b"4", &40_000_u16.to_be_bytes(), &address].concat()
    }
}
