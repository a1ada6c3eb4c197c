//! All that Postfix sends for one message, made once for each filter: what the filter negotiated decides which steps there
//! are, which macros go with them, and where a reply is awaited.

use std::io;

use lab::milter::{
    Negotiated,
    wire::{command, step, strings},
};

use super::mail::{Mail, SERIAL};

/// The longest part of a body that one packet holds (Postfix's MILTER_CHUNK_SIZE), in octets.
const BODY_CHUNK: usize = 65_535;

/// A command, with the macros that go before it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) command: u8,
    pub(super) bytes: Vec<u8>,
    /// Where the serial number of the message stands in the bytes.
    pub(super) serials: Vec<usize>,
    pub(super) is_answered: bool,
    /// Postfix writes it without waiting for what comes after it: another process of its goes on from there.
    pub(super) is_written: bool,
}

/// The steps of a session, and those of each of its messages.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) session: Vec<Step>,
    pub(super) message: Vec<Step>,
}

impl Script {
    pub(super) fn new(mail: &Mail, agreed: &Negotiated) -> io::Result<Self> {
        let mut session = Steps::new(mail, agreed);
        session.add(
            command::CONNECT,
            &mail.connect(),
            step::NO_CONNECT,
            step::NR_CONNECT,
        )?;
        let helo = strings([mail.helo.as_bytes()]);
        session.add(command::HELO, &helo, step::NO_HELO, step::NR_HELO)?;

        let mut message = Steps::new(mail, agreed);
        let path = |address: &str| strings([format!("<{address}>").as_bytes()]);
        message.add(
            command::MAIL,
            &path(&mail.mail_from),
            step::NO_MAIL,
            step::NR_MAIL,
        )?;
        for recipient in &mail.recipients {
            message.recipient = recipient;
            message.add(
                command::RCPT,
                &path(recipient),
                step::NO_RCPT,
                step::NR_RCPT,
            )?;
        }
        message.add(command::DATA, &[], step::NO_DATA, step::NR_DATA)?;
        let blank = if agreed.steps & step::HEADER_LEADING_SPACE == 0 {
            ""
        } else {
            " "
        };
        for (name, value) in &mail.headers {
            let data = strings([name.as_bytes(), format!("{blank}{value}").as_bytes()]);
            message.add(command::HEADER, &data, step::NO_HEADERS, step::NR_HEADER)?;
        }
        message.add(
            command::END_OF_HEADERS,
            &[],
            step::NO_END_OF_HEADERS,
            step::NR_END_OF_HEADERS,
        )?;
        for chunk in mail.body.as_bytes().chunks(BODY_CHUNK) {
            message.add(command::BODY, chunk, step::NO_BODY, step::NR_BODY)?;
        }
        message.add(command::END_OF_MESSAGE, &[], 0, 0)?;
        Ok(Self {
            session: session.steps,
            message: message.steps,
        })
    }
}

struct Steps<'a> {
    mail: &'a Mail,
    agreed: &'a Negotiated,
    recipient: &'a str,
    steps: Vec<Step>,
}

impl<'a> Steps<'a> {
    fn new(mail: &'a Mail, agreed: &'a Negotiated) -> Self {
        Self {
            mail,
            agreed,
            recipient: "",
            steps: Vec::new(),
        }
    }

    fn add(&mut self, command: u8, data: &[u8], unwanted: u32, unanswered: u32) -> io::Result<()> {
        let is_unwanted = self.agreed.steps & unwanted != 0;
        let is_of_message = matches!(
            command,
            command::HEADER | command::END_OF_HEADERS | command::BODY
        );
        if is_unwanted && is_of_message {
            return Ok(());
        }
        let mut bytes = Vec::new();
        // Postfix sends macros before every command, and before those of SMTP also where the filter does not want these.
        self.macros(&mut bytes, command)?;
        if !is_unwanted {
            packet(&mut bytes, command, data)?;
        }
        let serials = places(&bytes);
        self.steps.push(Step {
            command,
            bytes,
            serials,
            is_answered: !is_unwanted && self.agreed.steps & unanswered == 0,
            is_written: command == command::DATA,
        });
        Ok(())
    }

    fn macros(&self, bytes: &mut Vec<u8>, command: u8) -> io::Result<()> {
        let (stage, default) = match command {
            command::CONNECT => (0, "j {daemon_name} {daemon_addr} v _"),
            command::HELO => (1, ""),
            command::MAIL => (
                2,
                "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
            ),
            command::RCPT => (3, "i {rcpt_addr} {rcpt_host} {rcpt_mailer}"),
            command::DATA => (4, "i"),
            command::END_OF_MESSAGE => (5, "i"),
            _ => (6, "i"),
        };
        let asked = self.agreed.macros.iter().find(|(of, _)| *of == stage);
        let names: Vec<&str> = match asked {
            Some((_, names)) => names.iter().map(String::as_str).collect(),
            None => default.split(' ').collect(),
        };
        let mut data = vec![command];
        for name in names {
            if let Some(value) = self.mail.macro_value(command, name, self.recipient) {
                data.extend(strings([name.as_bytes(), value.as_bytes()]));
            }
        }
        packet(bytes, command::MACROS, &data)
    }
}

/// Adds a packet: its length, its type, its data.
pub(super) fn packet(bytes: &mut Vec<u8>, kind: u8, data: &[u8]) -> io::Result<()> {
    let length = u32::try_from(data.len() + 1).map_err(io::Error::other)?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(data);
    Ok(())
}

fn places(bytes: &[u8]) -> Vec<usize> {
    let serial = SERIAL.as_bytes();
    let windows = bytes.windows(serial.len()).enumerate();
    windows
        .filter(|(_, window)| *window == serial)
        .map(|(place, _)| place)
        .collect()
}
