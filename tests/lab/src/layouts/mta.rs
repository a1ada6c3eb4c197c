//! What the acts ask of an MTA, whichever it is.

use std::{io, net::IpAddr, ops::Deref};

use super::layout::Service;
use crate::{
    mta::Running,
    postfix::Postfix,
    sendmail::Sendmail,
    sink::Sink,
    smtp::{Client, Identity},
};

pub(super) enum Mta {
    Postfix {
        postfix: Box<Postfix>,
        unlisted: u16,
        verified: u16,
        /// The LMTP server, and the next hop that is asked.
        sink: Sink,
    },
    Sendmail(Box<Sendmail>),
}

/// Who connects.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// One of our users.
    User,
    /// A host of this number.
    Stranger(u8),
}

impl Mta {
    /// A session before EHLO.
    pub(super) fn connect(&self, service: Service, who: Who) -> io::Result<Client> {
        let server = self.smtp_addr();
        match self {
            Self::Postfix {
                unlisted, verified, ..
            } => {
                let port = match service {
                    Service::Listed => server.port(),
                    Service::Unlisted => *unlisted,
                    Service::Verified => *verified,
                };
                let mut client = Client::connect((server.ip(), port).into())?;
                let (host, login) = match who {
                    Who::User => (99, Some("joe")),
                    Who::Stranger(number) => (number, None),
                };
                client.xclient(&Identity {
                    login,
                    ..Identity::stranger(IpAddr::from([198, 51, 100, host]))
                })?;
                Ok(client)
            }
            // Sendmail doesn't let anybody pretend.
            Self::Sendmail(_) => {
                let source = match who {
                    Who::User => [127, 0, 0, 1],
                    Who::Stranger(number) => [127, 0, 1, number],
                };
                Client::connect_from(server, IpAddr::from(source))
            }
        }
    }

    /// The envelope sender with which mail to this stranger arrived.
    pub(super) fn sender_of_mail_to(&self, far: &str) -> io::Result<String> {
        match self {
            Self::Postfix { sink, .. } => Ok(sink.wait_for_mail(far)?.sender),
            Self::Sendmail(sendmail) => {
                let mail = sendmail.wait_for_mail(far, 1)?;
                let text = String::from_utf8_lossy(&mail[0]);
                let path = text
                    .strip_prefix("Return-Path: <")
                    .and_then(|rest| rest.split('>').next());
                path.map(str::to_owned)
                    .ok_or_else(|| io::Error::other(format!("mail from nowhere: {text}")))
            }
        }
    }

    /// What arrived in a mailbox, as far as it has this text.
    pub(super) fn copies(&self, mailbox: &str, text: &str) -> io::Result<Vec<String>> {
        let mut mail = self.mailbox(mailbox)?;
        if let Self::Postfix { sink, .. } = self {
            let arrived = sink.mail().into_iter();
            let theirs = arrived.filter(|mail| mail.recipients.iter().any(|to| to == mailbox));
            mail.extend(theirs.map(|mail| mail.message));
        }
        let texts = mail
            .iter()
            .map(|mail| String::from_utf8_lossy(mail).into_owned());
        Ok(texts.filter(|mail| mail.contains(text)).collect())
    }

    /// What it logged of the message with this Message-ID.
    pub(super) fn log_of(&self, id: &str) -> String {
        let log = self.log();
        let named = log.lines().find(|line| line.contains(id));
        let queue_id = named.and_then(|line| line.split(": ").nth(1));
        let lines = log
            .lines()
            .filter(|line| queue_id.is_some_and(|queue_id| line.contains(queue_id)));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// How many recipients it has refused by itself, as its log says.
    pub(super) fn refused(&self) -> usize {
        let pattern = match self {
            Self::Postfix { .. } => ": reject: RCPT from ",
            Self::Sendmail(_) => "... User unknown",
        };
        self.log().matches(pattern).count()
    }
}

impl Deref for Mta {
    type Target = Running;

    fn deref(&self) -> &Running {
        match self {
            Self::Postfix { postfix, .. } => postfix,
            Self::Sendmail(sendmail) => sendmail,
        }
    }
}
