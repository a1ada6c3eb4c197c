//! The facts of one message's envelope.

mod client;

pub use client::{Client, Peer};

use super::{
    address::{Mailbox, ReversePath},
    notification::Notification,
};

/// One message's envelope up to MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The client that sends it.
    pub client: Client,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
}

impl Envelope {
    /// Whether the message answers one that was sent from the address it came to. With the null sender it does as it stands
    /// (RFC 5321 section 4.5.5); with a sender only what the headers show to be a notification: the tag stands in every
    /// Return-Path, and people answer to the address they see.
    pub fn comes_back(&self, notification: Option<&Notification>) -> bool {
        self.reverse_path.is_null() || notification.is_some_and(Notification::answers_a_message)
    }
}

/// A recipient, as far as the MTA describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// RCPT TO.
    pub mailbox: Mailbox,
    /// The enhanced code with which the MTA refused it already (RCPT_REJ), if it did.
    pub refused: Option<String>,
}
