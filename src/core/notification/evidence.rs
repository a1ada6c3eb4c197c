//! The signs by which a notification is known.

use std::fmt;

use super::{ContentType, Subject};

/// One sign, seen in the envelope or the headers. What a stranger wrote is kept in it bounded and printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotificationEvidence {
    /// The message's own Content-Type is a report's.
    ContentType(ContentType),
    /// The envelope sender, not null, is a daemon's.
    SenderDaemon(Daemon),
    /// From: names a daemon.
    FromDaemon(Daemon),
    /// X-Failed-Recipients, as Exim and Gmail write it.
    XFailedRecipients,
    /// Another header that only bounces have; its name.
    BounceHeader(&'static str),
    /// The subject is one that notifications have.
    Subject(Subject),
    /// Auto-Submitted (RFC 3834 section 5), other than `no`: its first word, in lower case, 32 octets at most.
    AutoSubmitted(String),
    /// A header that only automatic replies have; its name.
    AutoReplyHeader(&'static str),
    /// Precedence.
    Precedence(Precedence),
    /// X-Auto-Response-Suppress, other than `None`: Exchange's wish that nobody answers.
    AutoResponseSuppress,
    /// Exchange says that it wrote the message itself.
    ExchangeGenerated,
    /// It has the null sender, X-Auto-Response-Suppress and headers of Exchange's transport, which is how mail to
    /// a distribution group leaves Exchange.
    ExchangeGroup,
    /// An answer to an invitation, or another message between calendars.
    Calendar,
    /// Mailman says that it wrote the message itself.
    ListAdministrivia,
    /// X-Loop names the address in From:, by which a program that answers knows its own mail again.
    OwnLoop,
    /// In-Reply-To or References name a message that another host wrote.
    InReplyTo,
    /// The headers of a mailing list or a newsletter.
    ListHeaders,
    /// A part of the content reports a delivery or a disposition, which the headers did not say.
    StatusPart,
    /// The transaction ended after RCPT, before DATA.
    NoData,
}

impl NotificationEvidence {
    /// The one word for it, in metrics and tests: `[A-Za-z]+`, stable between versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ContentType(_) => "ContentType",
            Self::SenderDaemon(_) => "SenderDaemon",
            Self::FromDaemon(_) => "FromDaemon",
            Self::XFailedRecipients => "XFailedRecipients",
            Self::BounceHeader(_) => "BounceHeader",
            Self::Subject(_) => "Subject",
            Self::AutoSubmitted(_) => "AutoSubmitted",
            Self::AutoReplyHeader(_) => "AutoReplyHeader",
            Self::Precedence(_) => "Precedence",
            Self::AutoResponseSuppress => "AutoResponseSuppress",
            Self::ExchangeGenerated => "ExchangeGenerated",
            Self::ExchangeGroup => "ExchangeGroup",
            Self::Calendar => "Calendar",
            Self::ListAdministrivia => "ListAdministrivia",
            Self::OwnLoop => "OwnLoop",
            Self::InReplyTo => "InReplyTo",
            Self::ListHeaders => "ListHeaders",
            Self::StatusPart => "StatusPart",
            Self::NoData => "NoData",
        }
    }
}

impl fmt::Display for NotificationEvidence {
    /// The code, and what was seen: `AutoSubmitted(auto-replied)`. One printable word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        match self {
            Self::ContentType(seen) => write!(f, "({seen})"),
            Self::SenderDaemon(seen) | Self::FromDaemon(seen) => write!(f, "({seen})"),
            Self::Subject(seen) => write!(f, "({seen})"),
            Self::AutoSubmitted(seen) => write!(f, "({seen})"),
            Self::BounceHeader(seen) | Self::AutoReplyHeader(seen) => write!(f, "({seen})"),
            Self::Precedence(seen) => write!(f, "({seen})"),
            Self::XFailedRecipients
            | Self::AutoResponseSuppress
            | Self::ExchangeGenerated
            | Self::ExchangeGroup
            | Self::Calendar
            | Self::ListAdministrivia
            | Self::OwnLoop
            | Self::InReplyTo
            | Self::ListHeaders
            | Self::StatusPart
            | Self::NoData => Ok(()),
        }
    }
}

/// Whose address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Daemon {
    /// MAILER-DAEMON and its like: no person writes from there.
    Mailer,
    /// postmaster: a program, or the person behind RFC 5321 section 4.5.1.
    Postmaster,
}

impl fmt::Display for Daemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mailer => "mailer-daemon",
            Self::Postmaster => "postmaster",
        })
    }
}

/// The values of Precedence that say something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precedence {
    /// `auto_reply`.
    AutoReply,
    /// `bulk`: autoresponders, and every newsletter.
    Bulk,
    /// `junk`: the same.
    Junk,
}

impl fmt::Display for Precedence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AutoReply => "auto_reply",
            Self::Bulk => "bulk",
            Self::Junk => "junk",
        })
    }
}
