//! One message in progress: its recipients, its headers, what was decided, and what is to be done at its end.

use std::mem::take;

use super::{
    drain::MessageGuard,
    ending::Ending,
    message::{LetIn, Message},
};
use crate::{
    core::{
        envelope::{Envelope, Recipient},
        header::Headers,
        notification::Notification,
        policy::{Check, HeaderFacts, Judgement},
        reply::Reply,
        trace_header::Forgeries,
        verdict::{Reason, Verdict},
    },
    observe::Decision,
};

/// The most recipients let in, ten times Postfix's `smtpd_recipient_limit`: what is more is asked to come again.
const MOST_RECIPIENTS: usize = 10_000;
/// The most octets of their addresses, together.
const MOST_OCTETS: usize = 4 << 20;

/// One message in progress.
pub(super) struct Transaction {
    id: String,
    message: Message,
    let_in: Vec<LetIn>,
    octets: usize,
    headers: Headers,
    forgeries: Forgeries,
    facts: Option<HeaderFacts>,
    _in_progress: MessageGuard,
}

impl Transaction {
    pub(super) fn new(id: String, message: Message, in_progress: MessageGuard) -> Self {
        Self {
            id,
            forgeries: Forgeries::new(message.authserv_id()),
            message,
            let_in: Vec::new(),
            octets: 0,
            headers: Headers::new(),
            facts: None,
            _in_progress: in_progress,
        }
    }

    /// Judges a recipient: the reply to give; none to let it in.
    pub(super) async fn rcpt(
        &mut self,
        recipient: Recipient,
        path: &[u8],
        queue_id: Option<&[u8]>,
    ) -> Option<Reply> {
        let Judgement { verdict, checks } = self.message.judge(&recipient).await;
        self.tell(&checks);
        self.decided(recipient, path, verdict, queue_id)
    }

    /// Keeps what was decided about a recipient.
    pub(super) fn decided(
        &mut self,
        recipient: Recipient,
        path: &[u8],
        verdict: Verdict,
        queue_id: Option<&[u8]>,
    ) -> Option<Reply> {
        if let Reason::RefusedByMta { .. } = verdict.reason {
            // The MTA has logged it already, and a flood of guesses makes thousands of them.
            log::debug!("{}", self.decision(&recipient, &verdict, queue_id));
            return self.reply(&verdict);
        }
        let full = self.let_in.len() >= MOST_RECIPIENTS || self.octets + path.len() > MOST_OCTETS;
        let verdict = if verdict.lets_in() && full {
            Verdict::internal()
        } else {
            verdict
        };
        let reply = self.reply(&verdict);
        if verdict.lets_in() {
            // Its line waits for the queue id, and for what the headers say.
            let path = path.to_vec();
            self.octets += path.len();
            self.let_in.push(LetIn {
                recipient,
                path,
                verdict,
            });
        } else {
            log::info!("{}", self.decision(&recipient, &verdict, queue_id));
        }
        reply
    }

    /// Keeps a header.
    pub(super) fn header(&mut self, name: &[u8], value: &[u8]) {
        self.forgeries.see(name, value);
        self.headers.push(name, value);
    }

    /// Judges the message by its headers: the reply to give; none to go on.
    pub(super) fn end_of_headers(&mut self) -> Option<Reply> {
        let reverse_path = &self.message.envelope().reverse_path;
        let facts = HeaderFacts::of(
            reverse_path,
            take(&mut self.headers),
            self.forgeries.clone(),
        );
        for checks in self.message.end_of_headers(&mut self.let_in, &facts) {
            self.tell(&checks);
        }
        self.facts = Some(facts);
        self.let_in
            .iter()
            .find_map(|let_in| self.reply(&let_in.verdict))
    }

    /// The end of the message.
    pub(super) fn end(self, queue_id: Option<&[u8]>) -> Ending {
        self.log(queue_id);
        Ending::of(&self.message, &self.let_in, self.facts.as_ref(), &self.id)
    }

    /// The end before the message came, or after it was refused.
    pub(super) fn broken_off(mut self, queue_id: Option<&[u8]>) {
        if self.facts.is_none() && self.headers.is_empty() {
            let callout = Notification::of_no_data(&self.message.envelope().reverse_path);
            for let_in in &mut self.let_in {
                let_in.verdict.notification.clone_from(&callout);
            }
        }
        self.log(queue_id);
    }

    /// Logs what was decided about the recipients that were told 250.
    fn log(&self, queue_id: Option<&[u8]>) {
        for LetIn {
            recipient, verdict, ..
        } in &self.let_in
        {
            log::info!("{}", self.decision(recipient, verdict, queue_id));
        }
    }

    fn tell(&self, checks: &[Check]) {
        for check in checks {
            log::debug!("id={} check={} {}", self.id, check.name, check.finding);
        }
    }

    fn reply(&self, verdict: &Verdict) -> Option<Reply> {
        Reply::to(verdict, self.message.envelope().client.address)
    }

    fn decision<'a>(
        &'a self,
        rcpt: &'a Recipient,
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
            rcpt: &rcpt.mailbox,
            verdict,
            spf: self.message.spf(),
        }
    }
}
