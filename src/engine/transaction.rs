//! One message in progress: its recipients, its headers, what was decided, and what is to be done at its end.

use std::{mem::take, sync::Arc};

use log::Level;

use super::{
    content::Content,
    drain::MessageGuard,
    ending::Ending,
    message::{Asked, Engine, LetIn, Message, now},
};
use crate::{
    core::{
        envelope::{Envelope, Recipient},
        header::Headers,
        notification::Notification,
        policy::{Addressed, Check, Departure, HeaderFacts, Judgement, NotSigned, Tag},
        reply::Reply,
        trace_header::Forgeries,
        verdict::{Reason, Verdict},
    },
    observe::{Decision, Metrics, Warnings},
};

/// The most recipients let in, ten times Postfix's `smtpd_recipient_limit`: what is more is asked to come again.
const MOST_RECIPIENTS: usize = 10_000;
/// The most octets of their addresses, together.
const MOST_OCTETS: usize = 4 << 20;

/// RCPT's arguments, as the MTA wrote them.
#[derive(Clone, Copy, Debug)]
pub struct RcptArgs<'a> {
    /// The address, in its angle brackets.
    pub path: &'a [u8],
    /// What stood behind it (RFC 3461: NOTIFY, ORCPT), parted by blanks.
    pub parameters: &'a [u8],
}

/// What the MTA lets us change at the end of a message.
#[derive(Clone, Copy, Debug)]
pub struct May {
    /// Another sender.
    pub change_sender: bool,
    /// One more header.
    pub add_header: bool,
}

/// One message in progress.
pub(super) struct Transaction {
    id: String,
    message: Message,
    let_in: Vec<LetIn>,
    octets: usize,
    headers: Headers,
    forgeries: Forgeries,
    facts: Option<HeaderFacts>,
    /// Whether DATA was told of, so that what is decided there is decided.
    data: bool,
    /// Only of a notification, and only where something in it could prove that it is ours.
    content: Option<Content>,
    metrics: Arc<Metrics>,
    _in_progress: MessageGuard,
}

impl Transaction {
    pub(super) fn new(
        id: String,
        message: Message,
        in_progress: MessageGuard,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            id,
            forgeries: Forgeries::new(message.authserv_id()),
            message,
            let_in: Vec::new(),
            octets: 0,
            headers: Headers::new(),
            facts: None,
            data: false,
            content: None,
            metrics,
            _in_progress: in_progress,
        }
    }

    /// The engine that it began under.
    pub(super) fn engine(&self) -> &Engine {
        self.message.engine()
    }

    /// Judges a recipient: the reply to give; none to let it in.
    pub(super) async fn rcpt(
        &mut self,
        recipient: Recipient,
        args: RcptArgs<'_>,
        queue_id: Option<&[u8]>,
    ) -> Option<Reply> {
        let addressed = self.message.addressed(recipient).await;
        let asked_before = self.message.spf().is_some();
        let (Judgement { verdict, checks }, asked) = self.message.judge(&addressed).await;
        if let Some(spf) = self.message.spf().filter(|_| !asked_before) {
            self.metrics.checked_spf(spf);
        }
        self.tell(&checks);
        self.decided(addressed, asked, args, verdict, queue_id)
    }

    /// Keeps what was decided about a recipient.
    pub(super) fn decided(
        &mut self,
        addressed: Addressed,
        asked: Asked,
        args: RcptArgs<'_>,
        verdict: Verdict,
        queue_id: Option<&[u8]>,
    ) -> Option<Reply> {
        if let Reason::RefusedByMta { .. } = verdict.reason {
            // The MTA has logged it already, and a flood of guesses makes thousands of them.
            self.record(Level::Debug, &addressed, &verdict, &[], queue_id);
            self.count(&addressed, &verdict);
            return self.reply(&verdict);
        }
        let RcptArgs { path, parameters } = args;
        let octets = self.octets + path.len() + parameters.len();
        let full = self.let_in.len() >= MOST_RECIPIENTS || octets > MOST_OCTETS;
        let verdict = if verdict.lets_in() && full {
            Verdict::internal()
        } else {
            verdict
        };
        let reply = self.reply(&verdict);
        if verdict.lets_in() {
            // Its line waits for the queue id, and for what the headers say.
            self.octets = octets;
            self.let_in.push(LetIn {
                addressed,
                path: path.to_vec(),
                parameters: parameters.to_vec(),
                asked,
                verdict,
            });
        } else {
            self.record(Level::Info, &addressed, &verdict, &[], queue_id);
            self.count(&addressed, &verdict);
        }
        reply
    }

    /// Judges the message when it is about to come: the reply to give; none to go on.
    pub(super) async fn data(&mut self, warnings: &Warnings) -> Option<Reply> {
        self.data = true;
        for checks in self.message.at_data(&mut self.let_in, warnings).await {
            self.tell(&checks);
        }
        self.refusal()
    }

    /// Keeps a header.
    pub(super) fn header(&mut self, name: &[u8], value: &[u8]) {
        self.forgeries.see(name, value);
        self.headers.push(name, value);
    }

    /// Judges the message by its headers: the reply to give; none to go on. `body_comes`: the MTA will hand over the
    /// content.
    pub(super) async fn end_of_headers(
        &mut self,
        body_comes: bool,
        warnings: &Warnings,
    ) -> Option<Reply> {
        if !self.data {
            let refusal = self.data(warnings).await;
            if refusal.is_some() {
                return refusal;
            }
        }
        let reverse_path = &self.message.envelope().reverse_path;
        let headers = take(&mut self.headers);
        let facts = HeaderFacts {
            content_comes: body_comes,
            ..HeaderFacts::of(reverse_path, headers, self.forgeries.clone())
        };
        for checks in self.message.end_of_headers(&mut self.let_in, &facts) {
            self.tell(&checks);
        }
        if self.message.needs_content(&self.let_in, &facts) {
            self.content = Some(Content::new(self.message.most_content()));
        }
        self.facts = Some(facts);
        self.refusal()
    }

    /// Keeps a part of the content; whether more of it is wanted.
    pub(super) fn body(&mut self, part: &[u8]) -> bool {
        self.content
            .as_mut()
            .is_some_and(|content| content.push(part))
    }

    /// Judges the message by its content, where that was read: the reply to give; none to go on.
    pub(super) async fn end_of_content(&mut self, warnings: &Warnings) -> Option<Reply> {
        let content = self.content.as_ref()?;
        let facts = self.facts.as_ref()?;
        let found = self
            .message
            .end_of_content(
                &mut self.let_in,
                facts,
                content.octets(),
                content.is_cut(),
                warnings,
            )
            .await;
        for checks in found {
            self.tell(&checks);
        }
        self.refusal()
    }

    fn refusal(&self) -> Option<Reply> {
        self.let_in
            .iter()
            .find_map(|let_in| self.reply(&let_in.verdict))
    }

    /// Refuses for now what was let in, for we failed: the log is to say what the sender is told.
    pub(super) fn fail(&mut self) {
        for let_in in &mut self.let_in {
            let_in.verdict = Verdict::internal();
        }
    }

    /// The end of the message, as far as the MTA lets it be changed.
    pub(super) fn end(self, may: May, queue_id: Option<&[u8]>) -> Ending {
        let mut ending = Ending::of(&self.message, &self.let_in, self.facts.as_ref(), &self.id);
        let recipients = self.let_in.iter().map(|let_in| &let_in.addressed);
        let headers = self.facts.as_ref().map(|facts| &facts.headers);
        let headers = headers.unwrap_or(&self.headers);
        let departure = self.message.departure(recipients, headers);
        let departure = departure.within(may.change_sender, may.add_header);
        let envelope = self.message.envelope();
        let engine = self.message.engine();
        engine.departed(envelope, self.let_in.len(), headers, &departure, now());
        engine.learn(self.message.to_learn(&self.let_in), false, now());
        let Departure {
            sender,
            watermark,
            ledger,
        } = departure;
        ending.change_sender = self.left_with("batv", sender);
        ending.watermark = self.left_with("watermark", watermark);
        let remembered = self.left_with("ledger", ledger);
        let signed = [
            ending.change_sender.is_some().then_some("batv"),
            ending.watermark.is_some().then_some("watermark"),
            remembered.is_some().then_some("ledger"),
        ];
        let signed: Vec<_> = signed.into_iter().flatten().collect();
        self.log(&signed, queue_id);
        ending
    }

    /// What the message leaves with, unless something is in the way.
    fn left_with<T>(&self, proof: &str, made: Result<T, NotSigned>) -> Option<T> {
        if let Err(why) = &made {
            log::debug!("id={} check=proof.{proof} not signed: {why}", self.id);
        }
        made.ok()
    }

    /// The end before the message came, or after it was refused.
    pub(super) fn broken_off(mut self, queue_id: Option<&[u8]>) {
        if self.facts.is_none() && self.headers.is_empty() && !self.data {
            let callout = Notification::of_no_data(&self.message.envelope().reverse_path);
            for let_in in &mut self.let_in {
                let_in.verdict.notification.clone_from(&callout);
            }
        }
        self.log(&[], queue_id);
    }

    /// Logs what was decided about the recipients that were told 250.
    fn log(&self, signed: &[&'static str], queue_id: Option<&[u8]>) {
        for LetIn {
            addressed, verdict, ..
        } in &self.let_in
        {
            self.record(Level::Info, addressed, verdict, signed, queue_id);
            // Whoever asks whether an address exists, and goes away, brings nothing back.
            if self.data {
                self.count(addressed, verdict);
            }
        }
        if let Some(facts) = &self.facts {
            let read = self.content.as_ref();
            // What was not read may be there.
            let body = read.map_or((&[][..], true), |content| {
                (content.octets(), content.is_cut())
            });
            let Self { id, let_in, .. } = self;
            let envelope = self.message.envelope();
            let engine = self.message.engine();
            engine.is_over(id, envelope, let_in, &facts.headers, body, now());
        }
    }

    /// Logs and counts what was decided about a recipient, once it is final.
    fn record(
        &self,
        level: Level,
        rcpt: &Addressed,
        verdict: &Verdict,
        signed: &[&'static str],
        queue_id: Option<&[u8]>,
    ) {
        let decision = self.decision(rcpt, verdict, signed, queue_id);
        log::log!(level, "{decision}");
        self.metrics.decided(verdict);
    }

    fn count(&self, rcpt: &Addressed, verdict: &Verdict) {
        let engine = self.message.engine();
        let envelope = self.message.envelope();
        engine.came_back(envelope, &rcpt.recipient.mailbox, verdict, now());
        engine.sieges.sense(&engine.policy, envelope, rcpt, verdict);
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
        rcpt: &'a Addressed,
        verdict: &'a Verdict,
        signed: &'a [&'static str],
        queue_id: Option<&'a [u8]>,
    ) -> Decision<'a> {
        let Envelope {
            client,
            reverse_path,
        } = self.message.envelope();
        // With a sender it may be anybody's answer to the address that he sees.
        let comes_back = reverse_path.is_null()
            || verdict
                .notification
                .as_ref()
                .is_some_and(Notification::answers_a_message);
        Decision {
            id: &self.id,
            queue_id,
            client: client.address,
            helo: client.helo.as_deref(),
            mail_from: reverse_path,
            rcpt: &rcpt.sent.mailbox,
            verdict,
            spf: self.message.spf(),
            batv: rcpt.tag.filter(|_| comes_back).and_then(Tag::as_str),
            signed,
        }
    }
}
