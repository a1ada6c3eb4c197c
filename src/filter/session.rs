//! One connection of the MTA: the facts so far, the message in progress, and a log line for each decision.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use arc_swap::ArcSwap;

use super::{
    drain::{Drain, MessageGuard},
    message::{Engine, Message},
};
use crate::{
    core::{
        address::{Mailbox, ReversePath},
        envelope::{Client, Envelope, Recipient},
        policy::Judgement,
        reply::Reply,
        trace_header::Tags,
        verdict::{Action, Reason, Verdict},
    },
    observe::{Decision, Warnings},
};

/// Decisions that wait for their queue id before they are logged; more than Postfix's `smtpd_recipient_limit`.
const MOST_UNLOGGED: usize = 1000;

/// What all sessions share.
pub struct Shared {
    /// The engine of the current configuration.
    pub engine: ArcSwap<Engine>,
    /// Counts messages in progress.
    pub drain: Drain,
    /// Where warnings go that a stranger can repeat.
    pub warnings: Warnings,
    ids: AtomicU64,
}

impl Shared {
    /// Shared state around a first engine.
    pub fn new(engine: Engine, drain: Drain) -> Self {
        // Ids stay apart across restarts, and sort by time within a run.
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Self {
            engine: ArcSwap::from_pointee(engine),
            drain,
            warnings: Warnings::default(),
            ids: AtomicU64::new(since_epoch.as_secs() << 20),
        }
    }

    fn next_id(&self) -> String {
        format!("{:x}", self.ids.fetch_add(1, Ordering::Relaxed))
    }
}

/// One connection of the MTA.
pub struct Session {
    shared: Arc<Shared>,
    client: Client,
    receiver: String,
    transaction: Option<Transaction>,
}

/// One message in progress.
struct Transaction {
    id: String,
    message: Message,
    /// Recipients let in, whose lines wait for the queue id.
    unlogged: Vec<(Mailbox, Verdict)>,
    tags: Tags,
    /// The paths, as the MTA wrote them, that get nothing although they were told 250.
    discarded: Vec<Vec<u8>>,
    delivered: usize,
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

impl Session {
    /// A session about which nothing is known yet.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            client: Client::default(),
            receiver: "unknown".to_owned(),
            transaction: None,
        }
    }

    /// Where warnings go that a stranger can repeat.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// CONNECT: the client's address, the MTA's own name and the name of its daemon.
    pub fn connect(
        &mut self,
        address: Option<IpAddr>,
        receiver: Option<String>,
        daemon: Option<Vec<u8>>,
    ) {
        self.abandon(None);
        self.client = Client {
            address,
            daemon,
            ..Client::default()
        };
        if let Some(receiver) = receiver {
            self.receiver = receiver;
        }
    }

    /// HELO or EHLO; the latest counts.
    pub fn helo(&mut self, name: Vec<u8>) {
        self.client.helo = Some(name);
    }

    /// MAIL. `address` is the client's, where the MTA didn't tell at CONNECT.
    pub fn mail(
        &mut self,
        reverse_path: ReversePath,
        login: Option<Vec<u8>>,
        address: Option<IpAddr>,
    ) {
        self.abandon(None);
        let address = self.client.address.or(address);
        let client = Client {
            login,
            address,
            ..self.client.clone()
        };
        let engine = self.shared.engine.load_full();
        self.transaction = Some(Transaction {
            id: self.shared.next_id(),
            message: Message::new(
                engine,
                Envelope {
                    client,
                    reverse_path,
                },
                self.receiver.clone(),
            ),
            unlogged: Vec::new(),
            tags: Tags::default(),
            discarded: Vec::new(),
            delivered: 0,
            quarantine: None,
            _in_progress: self.shared.drain.message(),
        });
    }

    /// RCPT: the reply to give; none to let the recipient in. `path` is the argument as the MTA wrote it.
    pub async fn rcpt(
        &mut self,
        recipient: Recipient,
        path: &[u8],
        queue_id: Option<&[u8]>,
    ) -> Option<Reply> {
        // Out of order: RCPT without MAIL is the MTA's mistake or a stranger's, and is not let in.
        let Some(transaction) = &mut self.transaction else {
            return Reply::to(&Verdict::internal(), None);
        };
        let Judgement { verdict, checks } = transaction.message.judge(&recipient).await;
        for check in checks {
            log::debug!(
                "id={} check={} {}",
                transaction.id,
                check.name,
                check.finding
            );
        }
        transaction.decided(recipient, path, verdict, queue_id)
    }

    /// What to answer to a recipient whose judging failed by our own fault.
    pub fn rcpt_failed(
        &mut self,
        recipient: Recipient,
        path: &[u8],
        queue_id: Option<&[u8]>,
    ) -> Option<Reply> {
        let Some(transaction) = &mut self.transaction else {
            return Reply::to(&Verdict::internal(), None);
        };
        transaction.decided(recipient, path, Verdict::internal(), queue_id)
    }

    /// The end of the message.
    pub fn end_of_message(&mut self, queue_id: Option<&[u8]>) -> Ending {
        let Some(mut transaction) = self.transaction.take() else {
            return Ending::default();
        };
        transaction.log_waiting(queue_id);
        Ending {
            discard: transaction.delivered == 0 && !transaction.discarded.is_empty(),
            x_backstop: transaction.tags.x_backstop(None, &transaction.id),
            delete_recipients: transaction.discarded,
            quarantine: transaction.quarantine,
        }
    }

    /// RSET, the end of the connection, or the MTA's own refusal: what was let in is logged, and forgotten.
    pub fn abandon(&mut self, queue_id: Option<&[u8]>) {
        if let Some(mut transaction) = self.transaction.take() {
            transaction.log_waiting(queue_id);
        }
    }
}

impl Transaction {
    fn decided(
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
        match verdict.action {
            Action::Discard => self.discarded.push(path.to_vec()),
            Action::Quarantine => self.quarantine = Some(verdict.reason.code()),
            Action::Accept | Action::Tag | Action::Tempfail | Action::Reject => {}
        }
        if verdict.lets_in() && verdict.action != Action::Discard {
            self.delivered += 1;
        }
        self.tags.note(&verdict);
        if verdict.lets_in() && queue_id.is_none() && self.unlogged.len() < MOST_UNLOGGED {
            self.unlogged.push((recipient.mailbox, verdict));
        } else {
            log::info!("{}", self.decision(&recipient.mailbox, &verdict, queue_id));
        }
        reply
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
