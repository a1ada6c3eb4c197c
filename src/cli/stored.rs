//! A stored message as a case for the policy: its envelope, from options, headers and mailbox.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use clap::ValueEnum;

use crate::{
    core::{
        address::{Mailbox, ReversePath},
        envelope::{Client, Envelope, Recipient},
        message::Message,
        network::Network,
    },
    engine::{Allowed, Engine},
    mailstore::{self, Recorded, Stored},
};

/// The address of a client that is not known. No client can have it (RFC 1122 section 3.2.1.3); and without an address it
/// would be a client that the MTA does not know, which gets a temporary refusal.
pub(super) const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Where to read the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ClientFrom {
    /// In the topmost Received with a client outside of local.networks
    Received,
}

/// The parts of the envelope that options give.
#[derive(Clone, Debug, Default)]
pub(super) struct Given {
    pub(super) client: Option<Client>,
    pub(super) client_from: Option<ClientFrom>,
    pub(super) reverse_path: Option<ReversePath>,
    pub(super) recipients: Vec<Mailbox>,
    /// For a message that names no recipient.
    pub(super) rcpt_default: Option<Mailbox>,
}

/// The envelope of a stored message.
#[derive(Clone, Debug)]
pub(super) struct Reconstructed {
    pub(super) envelope: Envelope,
    pub(super) recipients: Vec<Recipient>,
    /// The source of each part, one line each.
    pub(super) sources: Vec<String>,
    /// Why the client is not known, if it is not. Then DNS is not asked about it.
    pub(super) client_unknown: Option<String>,
}

impl Reconstructed {
    /// The message to judge, with this id in X-Backstop.
    pub(super) fn message(&self, id: &str, engine: &Engine, receiver: &str) -> Message {
        let policy = Arc::clone(&engine.policy);
        let envelope = self.envelope.clone();
        Message::new(id.to_owned(), policy, envelope, receiver.to_owned())
    }

    /// The allowed questions: no use of a proof is counted, and nothing is asked about an unknown client.
    pub(super) fn allowed(&self, no_dns: bool) -> Allowed {
        Allowed {
            client: self.client_unknown.is_none(),
            dns: !no_dns,
            counts: false,
            spf_trace: false,
        }
    }
}

/// The address of a client, if it is known.
pub(super) fn known(client: &Client) -> Option<IpAddr> {
    client.address.filter(|address| *address != UNKNOWN)
}

/// Makes the envelope. Options take precedence over the message.
///
/// # Errors
/// What is missing.
pub(super) fn reconstruct(
    stored: &Stored,
    given: &Given,
    networks: &[Network],
) -> Result<Reconstructed, String> {
    let by_flag = |what: &str| format!("{what}: by an option");
    let by = |what: &str, by: &str| format!("{what}: {by} of the message");
    let mut sources = Vec::new();
    let reverse_path = match &given.reverse_path {
        Some(given) => {
            sources.push(by_flag("MAIL FROM"));
            given.clone()
        }
        None => {
            let Recorded {
                value: what,
                by: header,
            } = mailstore::reverse_path(stored)
                .ok_or("no MAIL FROM: the message has no Return-Path")?;
            sources.push(by("MAIL FROM", header));
            what
        }
    };
    let mailboxes = if given.recipients.is_empty() {
        match mailstore::recipients(&stored.headers, networks) {
            Some(Recorded {
                value: what,
                by: header,
            }) => {
                sources.push(by("RCPT TO", header));
                what
            }
            None => {
                let default = given.rcpt_default.clone();
                sources.push(by_flag("RCPT TO"));
                vec![default.ok_or(
                    "no RCPT TO: the message has no X-Original-To, Envelope-To or Delivered-To, and its Received names no recipient",
                )?]
            }
        }
    } else {
        sources.push(by_flag("RCPT TO"));
        given.recipients.clone()
    };
    let (client, source) = client(stored, given, networks);
    let client_unknown = source.as_ref().err().map(|why| (*why).to_owned());
    sources.push(match source {
        Ok(source) => format!("client: {source}"),
        Err(why) => format!("client: unknown, so DNS is not asked about it: {why}"),
    });
    let recipients = mailboxes.into_iter().map(|mailbox| Recipient {
        mailbox,
        refused: None,
    });
    Ok(Reconstructed {
        envelope: Envelope {
            client,
            reverse_path,
        },
        recipients: recipients.collect(),
        sources,
        client_unknown,
    })
}

/// The client, and its source, or why it was not found.
fn client(
    stored: &Stored,
    given: &Given,
    networks: &[Network],
) -> (Client, Result<&'static str, &'static str>) {
    let (found, source) = match (&given.client, given.client_from) {
        (Some(client), _) => (Some(client.clone()), Ok("by an option")),
        (None, None) => (None, Err("no option gives its address")),
        (None, Some(ClientFrom::Received)) => match mailstore::client(&stored.headers, networks) {
            Ok(client) => (Some(client), Ok("Received of the message")),
            Err(why) => (None, Err(why)),
        },
    };
    let unknown = Client {
        address: Some(UNKNOWN),
        ..Client::default()
    };
    match found {
        Some(client) if client.address == Some(UNKNOWN) => {
            (client, Err("no option gives its address"))
        }
        Some(client) => (client, source),
        None => (unknown, source),
    }
}
