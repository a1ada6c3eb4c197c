//! The facts of one message's envelope.

mod client;

pub use client::{Client, Peer};

use super::address::{Mailbox, ReversePath};

/// One message's envelope up to MAIL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The client that sends it.
    pub client: Client,
    /// MAIL FROM.
    pub reverse_path: ReversePath,
}

/// A recipient, as far as the MTA describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// RCPT TO.
    pub mailbox: Mailbox,
    /// The enhanced code with which the MTA refused it already (RCPT_REJ), if it did.
    pub refused: Option<String>,
}
