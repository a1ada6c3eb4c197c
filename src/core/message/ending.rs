//! What is changed in a message at its end.

use std::collections::BTreeSet;

use super::{Accepted, Message};
use crate::core::{
    address::bracketless,
    forwarded::{NoDsn, without_notice},
    notification::Notification,
    trace_header::{Deletion, Notice, Tags},
    verdict::Action,
};

/// What is changed in the message at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Drop it: nobody is to get it.
    pub discard: bool,
    /// Recipients to take off, as the MTA wrote them.
    pub delete_recipients: Vec<Vec<u8>>,
    /// Recipients that are taken off and put back: under another address than the one they were named by, or so that no
    /// notice is sent.
    pub readd_recipients: Vec<Readded>,
    /// The sender it leaves with, where that is another one.
    pub change_sender: Option<Vec<u8>>,
    /// Hold it, for this reason.
    pub quarantine: Option<&'static str>,
    /// Headers to take out, in this order.
    pub delete_headers: Vec<Deletion>,
    /// The value of the watermark to put in below the MTA's own Received:.
    pub watermark: Option<String>,
    /// Headers to put in, from the top down: name and value.
    pub insert_headers: Vec<(&'static str, String)>,
}

/// A recipient who is taken off and put back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Readded {
    /// As the MTA wrote it.
    pub path: Vec<u8>,
    /// The address, without a tag of ours.
    pub address: Vec<u8>,
    /// The parameters of RCPT (RFC 3461), parted by blanks.
    pub parameters: Vec<u8>,
    /// Why they ask for no notice, where they do not as they came.
    pub no_dsn: Option<NoDsn>,
}

impl Ending {
    /// The end of a message that the accepted recipients are to get. Outgoing mail is left as it is.
    pub(super) fn of(message: &Message) -> Self {
        let (accepted, facts) = (message.accepted(), message.facts());
        let mut tags = Tags::default();
        let (mut discarded, mut delivered) = (BTreeSet::new(), BTreeSet::new());
        let mut quarantine = None;
        let mut readded = BTreeSet::new();
        for Accepted {
            addressed,
            path,
            parameters,
            verdict,
            ..
        } in accepted
        {
            let is_changed = addressed.is_untagged() || verdict.no_dsn.is_some();
            if is_changed && verdict.is_accepted() && verdict.action != Action::Discard {
                let silenced = verdict.no_dsn.and_then(|_| without_notice(parameters));
                readded.insert(Readded {
                    path: path.clone(),
                    address: match addressed.is_untagged() {
                        true => addressed.recipient.mailbox.to_bytes(),
                        false => bracketless(path).to_vec(),
                    },
                    parameters: silenced.unwrap_or_else(|| parameters.clone()),
                    no_dsn: verdict.no_dsn,
                });
            }
            tags.note(verdict);
            match verdict.action {
                Action::Discard => discarded.insert(path),
                Action::Quarantine => {
                    quarantine = Some(verdict.reason.code());
                    delivered.insert(path)
                }
                Action::Accept | Action::Tag | Action::Tempfail | Action::Reject => {
                    delivered.insert(path)
                }
            };
        }
        // What its content made of it, the verdicts have that it decided.
        let judged = accepted
            .iter()
            .find_map(|accepted| accepted.verdict.notification.as_ref());
        let by_headers = || facts.and_then(|facts| facts.notification.as_ref());
        let notification = judged.or_else(by_headers);
        let x_backstop = x_backstop(&tags, notification, message.id());
        let judged = x_backstop.is_some();
        Self {
            discard: delivered.is_empty() && !discarded.is_empty(),
            // An MTA deletes every recipient of that path, so one that is delivered too is spared: a copy too many
            // rather than none.
            delete_recipients: discarded
                .difference(&delivered)
                .map(|path| path.to_vec())
                .collect(),
            readd_recipients: readded.into_iter().collect(),
            change_sender: None,
            watermark: None,
            quarantine,
            delete_headers: facts
                .filter(|_| judged)
                .map(|facts| facts.forgeries.deletions().cloned().collect())
                .unwrap_or_default(),
            insert_headers: x_backstop
                .map(|value| inserted(message, value))
                .unwrap_or_default(),
        }
    }
}

fn x_backstop(tags: &Tags, notification: Option<&Notification>, id: &str) -> Option<String> {
    let evidence = notification
        .map(Notification::evidence_codes)
        .unwrap_or_default();
    let notice = notification.map(|notification| Notice {
        kind: notification.kind.as_str(),
        evidence: &evidence,
    });
    tags.x_backstop(notice, id)
}

/// RFC 7208 section 9.1: Received-SPF stands above all that was there.
fn inserted(message: &Message, x_backstop: String) -> Vec<(&'static str, String)> {
    let trace = message.trace();
    let received_spf = trace.received_spf().into_iter();
    received_spf
        .map(|value| ("Received-SPF", value))
        .chain([
            ("Authentication-Results", trace.authentication_results()),
            ("X-Backstop", x_backstop),
        ])
        .collect()
}
