//! One message in progress: what was decided about its recipients, and what that makes of it at its end.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    drain::MessageGuard,
    message::{Engine, Message},
};
use crate::{
    core::{
        address::Mailbox,
        envelope::{Envelope, Recipient},
        policy::Judgement,
        reply::Reply,
        trace_header::Tags,
        verdict::{Action, Reason, Verdict},
    },
    observe::Decision,
};

/// The longest path that is remembered for more than a moment: four times what RFC 5321 section 4.5.3.1.3 allows.
const LONGEST_KEPT: usize = 1024;
/// Decisions that wait for their queue id before they are logged; more than Postfix's `smtpd_recipient_limit`.
const MOST_UNLOGGED: usize = 1000;

/// A message from MAIL to its end.
pub(super) struct Transaction {
    id: String,
    message: Message,
    /// Recipients let in, whose lines wait for the queue id.
    unlogged: Vec<(Mailbox, Verdict)>,
    tags: Tags,
    /// The paths, as the MTA wrote them, that get nothing although they were told 250.
    discarded: BTreeSet<Vec<u8>>,
    /// The paths that get it, as far as they are no longer than sense has it.
    delivered: BTreeSet<Vec<u8>>,
    nobody_gets_it: bool,
    quarantine: Option<&'static str>,
    _in_progress: MessageGuard,
}

/// What is to be done with the message at its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// Drop it: nobody is to get it.
    pub discard: bool,
    /// Recipients to take off, as the MTA wrote them.
    pub delete_recipients: Vec<Vec<u8>>,
    /// Hold it, for this reason.
    pub quarantine: Option<&'static str>,
    /// The value of X-Backstop, if there is something to say.
    pub x_backstop: Option<String>,
}

impl Transaction {
    /// A message just begun. `id` is for the log, `receiver` our host's own name.
    pub(super) fn new(
        id: String,
        engine: Arc<Engine>,
        envelope: Envelope,
        receiver: String,
        in_progress: MessageGuard,
    ) -> Self {
        Self {
            id,
            message: Message::new(engine, envelope, receiver),
            unlogged: Vec::new(),
            tags: Tags::default(),
            discarded: BTreeSet::new(),
            delivered: BTreeSet::new(),
            nobody_gets_it: true,
            quarantine: None,
            _in_progress: in_progress,
        }
    }

    /// Judges the next recipient.
    pub(super) async fn judge(&mut self, recipient: &Recipient) -> Verdict {
        let Judgement { verdict, checks } = self.message.judge(recipient).await;
        for check in checks {
            log::debug!("id={} check={} {}", self.id, check.name, check.finding);
        }
        verdict
    }

    /// Keeps and logs what was decided about a recipient, and gives the reply; none to let it in.
    pub(super) fn decided(
        &mut self,
        recipient: Recipient,
        path: &[u8],
        verdict: Verdict,
        queue_id: Option<&[u8]>,
    ) -> Option<Reply> {
        let reply = Reply::to(&verdict, self.message.envelope().client.address);
        if let Reason::RefusedByMta { .. } = verdict.reason {
            // The MTA has logged it already, and a flood of guesses makes thousands of them.
            log::debug!("{}", self.decision(&recipient.mailbox, &verdict, queue_id));
            return reply;
        }
        let sensible = path.len() <= LONGEST_KEPT;
        match verdict.action {
            Action::Discard => {
                self.discarded.insert(path.to_vec());
            }
            Action::Quarantine => self.quarantine = Some(verdict.reason.code()),
            Action::Accept | Action::Tag | Action::Tempfail | Action::Reject => {}
        }
        if verdict.lets_in() && verdict.action != Action::Discard {
            self.nobody_gets_it = false;
            if sensible {
                self.delivered.insert(path.to_vec());
            }
        }
        self.tags.note(&verdict);
        let waits = sensible && queue_id.is_none() && self.unlogged.len() < MOST_UNLOGGED;
        if verdict.lets_in() && waits {
            self.unlogged.push((recipient.mailbox, verdict));
        } else {
            log::info!("{}", self.decision(&recipient.mailbox, &verdict, queue_id));
        }
        reply
    }

    /// The end of the message, at which its recipients are logged at the latest.
    pub(super) fn end(mut self, queue_id: Option<&[u8]>) -> Ending {
        self.log_waiting(queue_id);
        Ending {
            discard: self.nobody_gets_it && !self.discarded.is_empty(),
            delete_recipients: self.deletions(),
            quarantine: self.quarantine,
            x_backstop: self.tags.x_backstop(&self.id),
        }
    }

    /// An MTA deletes every recipient of that path, so one that is delivered too is spared: a copy too many rather
    /// than none.
    fn deletions(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.discarded)
            .into_iter()
            .filter(|path| !self.delivered.contains(path))
            .collect()
    }

    fn log_waiting(&mut self, queue_id: Option<&[u8]>) {
        for (mailbox, verdict) in std::mem::take(&mut self.unlogged) {
            log::info!("{}", self.decision(&mailbox, &verdict, queue_id));
        }
    }

    fn decision<'a>(
        &'a self,
        rcpt: &'a Mailbox,
        verdict: &'a Verdict,
        queue_id: Option<&'a [u8]>,
    ) -> Decision<'a> {
        let Envelope {
            client,
            reverse_path,
        } = self.message.envelope();
        Decision {
            id: &self.id,
            queue_id,
            client: client.address,
            helo: client.helo.as_deref(),
            from: reverse_path,
            rcpt,
            verdict,
            spf: self.message.spf(),
        }
    }
}
