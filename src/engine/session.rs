//! One connection of the MTA: who the client is, and the message in progress.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime},
};

use arc_swap::ArcSwap;

use super::{Engine, drain::Drain, transaction::Transaction};
use crate::{
    core::{
        envelope::{Client, Envelope, Recipient},
        message::{Ending, Message, Negotiated, RcptTo},
        reply::Reply,
        understood::{self, MtaMacros},
        verdict::Verdict,
    },
    observe::{Lately, Metrics, Warnings},
};

/// Finds the MTA's queue id of the message, if it has one by now. Few stages have a line that shows it.
pub type QueueId<'a> = &'a (dyn Fn() -> Option<Vec<u8>> + Sync);

/// What all sessions share.
pub struct Shared {
    /// The engine of the current configuration.
    pub engine: ArcSwap<Engine>,
    /// Counts messages in progress.
    pub drain: Drain,
    /// Where warnings go that a stranger can repeat.
    pub warnings: Arc<Warnings>,
    /// Counts what was decided.
    pub metrics: Arc<Metrics>,
    /// Knows what was decided in the last hour.
    pub lately: Arc<Lately>,
    ids: AtomicU64,
    first_id: u64,
}

impl Shared {
    /// Shared state around a first engine.
    pub fn new(engine: Engine, drain: Drain) -> Self {
        // Ids stay apart across restarts, and sort by time within a run.
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let first_id = since_epoch.as_secs() << 20;
        Self {
            engine: ArcSwap::from_pointee(engine),
            drain,
            warnings: Arc::default(),
            metrics: Arc::default(),
            lately: Arc::default(),
            ids: AtomicU64::new(first_id),
            first_id,
        }
    }

    /// How many messages have begun since the start.
    pub fn messages(&self) -> u64 {
        self.ids
            .load(Ordering::Relaxed)
            .saturating_sub(self.first_id)
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
    /// On the heap, for most sessions idle most of the time.
    transaction: Option<Box<Transaction>>,
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

    /// What the MTA is to hand over of a message, as the configuration is now: whether it is to tell of DATA, and whether
    /// it is to hand over the content.
    pub fn stages(&self) -> (bool, bool) {
        let policy = &self.shared.engine.load().policy;
        (policy.requires_tag(), policy.reads_content())
    }

    /// What all sessions share.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// CONNECT: the client, and the MTA's own name.
    pub fn connect(&mut self, client: Client, receiver: Option<String>) {
        self.abandon(&|| None);
        self.client = client;
        if let Some(receiver) = receiver {
            self.receiver = receiver;
        }
    }

    /// HELO or EHLO; the latest counts.
    pub fn helo(&mut self, name: Vec<u8>) {
        self.client.helo = Some(name);
    }

    /// MAIL: its argument, what the MTA understood of it, and the macro `{client_addr}` of this stage, which is looked for
    /// where CONNECT had no address.
    pub fn mail(
        &mut self,
        path: &[u8],
        macros: MtaMacros<'_>,
        login: Option<Vec<u8>>,
        client_addr: impl FnOnce() -> Option<Vec<u8>>,
    ) {
        self.abandon(&|| None);
        let client_addr = match self.client.address {
            Some(_) => None,
            None => client_addr(),
        };
        let client = self.client.at_mail(login, client_addr.as_deref());
        let engine = self.shared.engine.load_full();
        if let Some(address) = engine.policy.hides_strangers(&client) {
            let text = format!(
                "{address} is a private address outside of `local.networks`, and its mail is judged as a stranger's. \
                 If a proxy or NAT stands before the MTA, it hides who sends, and SPF is asked about it: have it tell \
                 the MTA (PROXY protocol, XCLIENT) or keep the client's address. If it is a host of yours, add it to \
                 `local.networks`"
            );
            self.shared
                .warnings
                .warn("private client", &text, Instant::now());
        }
        let local = &engine.policy.local;
        let envelope = Envelope {
            client,
            reverse_path: understood::reverse_path(path, macros, local, &self.receiver),
        };
        let (id, policy) = (self.shared.next_id(), Arc::clone(&engine.policy));
        self.transaction = Some(Box::new(Transaction::new(
            engine,
            Message::new(id, policy, envelope, self.receiver.clone()),
            self.shared.drain.message(),
            Arc::clone(&self.shared.metrics),
            Arc::clone(&self.shared.lately),
        )));
    }

    /// Who is meant by RCPT's argument. `refused` is the code with which the MTA refused it already, if it did.
    pub fn recipient(
        &self,
        path: &[u8],
        macros: MtaMacros<'_>,
        refused: Option<String>,
    ) -> Recipient {
        let current = self.shared.engine.load();
        let engine = self
            .transaction
            .as_ref()
            .map_or(&**current, |transaction| transaction.engine());
        let local = &engine.policy.local;
        Recipient {
            mailbox: understood::recipient(path, macros, local, &self.receiver),
            refused,
        }
    }

    /// RCPT: the reply to give; none to accept the recipient.
    pub async fn rcpt(&mut self, rcpt: &RcptTo, queue_id: QueueId<'_>) -> Option<Reply> {
        // Out of order: RCPT without MAIL is the MTA's mistake or a stranger's, and is not accepted.
        let Some(transaction) = &mut self.transaction else {
            return Reply::to(&Verdict::internal(), None);
        };
        let warnings = &self.shared.warnings;
        transaction.rcpt(rcpt, queue_id, warnings).await
    }

    /// What to answer to a recipient whose judging failed by our own fault.
    pub fn rcpt_failed(&mut self, rcpt: &RcptTo, queue_id: QueueId<'_>) -> Option<Reply> {
        let Some(transaction) = &mut self.transaction else {
            return Reply::to(&Verdict::internal(), None);
        };
        transaction.rcpt_failed(rcpt, Verdict::internal(), queue_id)
    }

    /// Whether the daemon ends: every further command is then answered by [`rcpt_stopped`](Self::rcpt_stopped) or
    /// [`message_stopped`](Self::message_stopped).
    pub fn is_stopping(&self) -> bool {
        self.shared.drain.has_begun()
    }

    /// What to answer to a recipient while the daemon ends. It waits for the message only if somebody was accepted before,
    /// for then the MTA goes on with it.
    pub fn rcpt_stopped(&mut self, rcpt: &RcptTo, queue_id: QueueId<'_>) -> Option<Reply> {
        let Some(transaction) = &mut self.transaction else {
            return Reply::to(&Verdict::stopping(), None);
        };
        let reply = transaction.rcpt_failed(rcpt, Verdict::stopping(), queue_id);
        if !transaction.can_come() {
            transaction.release();
        }
        reply
    }

    /// One header.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        if let Some(transaction) = &mut self.transaction {
            transaction.header(name, value);
        }
    }

    /// DATA: the reply that refuses the message; none to go on.
    pub async fn data(&mut self, queue_id: QueueId<'_>) -> Option<Reply> {
        let transaction = self.transaction.as_mut()?;
        let reply = transaction.data(&self.shared.warnings).await;
        self.abandoned_with(reply, queue_id)
    }

    /// The end of the headers: the reply that refuses the message; none to go on. `content_comes`: the MTA hands over the
    /// content.
    pub async fn end_of_headers(
        &mut self,
        content_comes: bool,
        queue_id: QueueId<'_>,
    ) -> Option<Reply> {
        let transaction = self.transaction.as_mut()?;
        let warnings = &self.shared.warnings;
        let reply = transaction.end_of_headers(content_comes, warnings).await;
        self.abandoned_with(reply, queue_id)
    }

    /// A part of the content; whether more of it is wanted.
    pub fn body(&mut self, part: &[u8]) -> bool {
        self.transaction
            .as_mut()
            .is_some_and(|transaction| transaction.body(part))
    }

    /// The end of the content: the reply that refuses the message; none to go on.
    pub async fn end_of_content(&mut self, queue_id: QueueId<'_>) -> Option<Reply> {
        let transaction = self.transaction.as_mut()?;
        let reply = transaction.end_of_content(&self.shared.warnings).await;
        self.abandoned_with(reply, queue_id)
    }

    fn abandoned_with(&mut self, reply: Option<Reply>, queue_id: QueueId<'_>) -> Option<Reply> {
        if reply.is_some() {
            self.abandon(queue_id);
        }
        reply
    }

    /// What to answer to a message that could not be judged by our own fault.
    pub fn message_failed(&mut self, queue_id: QueueId<'_>) -> Option<Reply> {
        self.refuse(&Verdict::internal(), queue_id)
    }

    /// What to answer to a message while the daemon ends.
    pub fn message_stopped(&mut self, queue_id: QueueId<'_>) -> Option<Reply> {
        self.refuse(&Verdict::stopping(), queue_id)
    }

    fn refuse(&mut self, verdict: &Verdict, queue_id: QueueId<'_>) -> Option<Reply> {
        if let Some(transaction) = &mut self.transaction {
            transaction.fail(verdict);
        }
        self.abandon(queue_id);
        Reply::to(verdict, None)
    }

    /// The end of the message.
    pub async fn end_of_message(
        &mut self,
        negotiated: Negotiated,
        queue_id: QueueId<'_>,
    ) -> Ending {
        let Some(transaction) = self.transaction.take() else {
            return Ending::default();
        };
        let warnings = &self.shared.warnings;
        transaction.end(negotiated, queue_id, warnings).await
    }

    /// RSET, the end of the connection, or a refusal: who was accepted is logged, and forgotten.
    pub fn abandon(&mut self, queue_id: QueueId<'_>) {
        if let Some(transaction) = self.transaction.take() {
            transaction.broken_off(queue_id);
        }
    }
}
