//! One message in progress: what the core decides about it is logged, counted and carried out.

use std::{sync::Arc, time::Instant};

use log::Level;

use super::{Allowed, Engine, QueueId, drain::MessageGuard, now};
use crate::{
    core::{
        envelope::Envelope,
        message::{Accepted, Effects, Ending, Guess, Judged, Message, Negotiated, RcptTo},
        policy::{Addressed, Check, Judgement, Tag},
        printable::shortened,
        reply::Reply,
        verdict::{Reason, Verdict},
    },
    observe::{Decision, Lately, Metrics, Stage, Warnings},
};

/// The longest queue id that is kept, in characters: Postfix's long ones have some twenty.
const MAX_QUEUE_ID: usize = 64;

/// One message in progress.
pub(super) struct Transaction {
    engine: Arc<Engine>,
    message: Message,
    metrics: Arc<Metrics>,
    lately: Arc<Lately>,
    /// None for a message that the end of the daemon does not wait for.
    in_progress: Option<MessageGuard>,
}

impl Transaction {
    pub(super) fn new(
        engine: Arc<Engine>,
        message: Message,
        in_progress: Option<MessageGuard>,
        metrics: Arc<Metrics>,
        lately: Arc<Lately>,
    ) -> Self {
        let is_shown = log::log_enabled!(Level::Debug);
        Self {
            engine,
            message: match is_shown {
                true => message,
                false => message.unread(),
            },
            metrics,
            lately,
            in_progress,
        }
    }

    /// The engine that it began under.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Judges a recipient: the reply to give; none to accept it.
    pub(super) async fn rcpt(
        &mut self,
        rcpt: &RcptTo,
        queue_id: QueueId<'_>,
        warnings: &Warnings,
    ) -> Option<Reply> {
        let begun = Instant::now();
        let asked_before = self.message.spf().is_some();
        let stage = |message: &mut Message, now| message.rcpt(rcpt, now);
        let engine = &self.engine;
        let judged = engine.decide(&mut self.message, Allowed::ALL, warnings, stage);
        let judged = judged.await;
        engine.timings.judged(Stage::Rcpt, begun.elapsed());
        if let Some(spf) = self.message.spf().filter(|_| !asked_before) {
            self.metrics.checked_spf(spf);
        }
        self.judged(judged, queue_id)
    }

    /// A recipient that is not judged, because we failed or stop: the reply to give.
    pub(super) fn rcpt_failed(
        &mut self,
        rcpt: &RcptTo,
        verdict: Verdict,
        queue_id: QueueId<'_>,
    ) -> Option<Reply> {
        let judged = self.message.rcpt_failed(rcpt, verdict);
        self.judged(judged, queue_id)
    }

    /// Whether somebody was accepted, so that the message can still come.
    pub(super) fn can_come(&self) -> bool {
        !self.message.accepted().is_empty()
    }

    /// Lets the daemon end before the message does.
    pub(super) fn release(&mut self) {
        self.in_progress = None;
    }

    fn judged(&mut self, judged: Judged, queue_id: QueueId<'_>) -> Option<Reply> {
        let Judged {
            addressed,
            judgement: Judgement { verdict, checks },
            is_kept,
            effects,
            ..
        } = judged;
        self.show(&checks);
        // Of one that was accepted, the line waits for the queue id, and for what the headers say.
        if !is_kept {
            // What the MTA refused it has logged already, and a flood of guesses makes thousands of them.
            let level = match verdict.reason {
                Reason::RefusedByMta { .. } => Level::Debug,
                _ => Level::Info,
            };
            self.record(level, &addressed, &verdict, &[], queue_id().as_deref());
        }
        self.engine.carry_out(effects, now());
        self.reply(&verdict)
    }

    /// Judges the message when it is about to come: the reply to give; none to go on.
    pub(super) async fn data(&mut self, warnings: &Warnings) -> Option<Reply> {
        let begun = Instant::now();
        let (engine, message) = (&self.engine, &mut self.message);
        let judged = engine.decide(message, Allowed::ALL, warnings, Message::data);
        let judged = judged.await;
        engine.timings.judged(Stage::Data, begun.elapsed());
        self.show_all(&judged);
        self.refusal()
    }

    /// Keeps a header.
    pub(super) fn header(&mut self, name: &[u8], value: &[u8]) {
        self.message.header(name, value);
    }

    /// Judges the message by its headers: the reply to give; none to go on. `content_comes`: the MTA will hand over the
    /// content.
    pub(super) async fn end_of_headers(
        &mut self,
        content_comes: bool,
        warnings: &Warnings,
    ) -> Option<Reply> {
        if !self.message.came_to_data() {
            let refusal = self.data(warnings).await;
            if refusal.is_some() {
                return refusal;
            }
        }
        let begun = Instant::now();
        let (engine, message) = (&self.engine, &mut self.message);
        let stage = |message: &mut Message, now| message.end_of_headers(content_comes, now);
        let decided = engine.decide(message, Allowed::ALL, warnings, stage);
        let (judged, guesses) = decided.await;
        engine.timings.judged(Stage::Headers, begun.elapsed());
        self.show_all(&judged);
        self.count_all(&guesses, warnings);
        self.refusal()
    }

    /// Keeps a part of the content; whether more of it is wanted.
    pub(super) fn body(&mut self, part: &[u8]) -> bool {
        self.message.body(part)
    }

    /// Judges the message by its content, where that was read: the reply to give; none to go on.
    pub(super) async fn end_of_content(&mut self, warnings: &Warnings) -> Option<Reply> {
        let begun = Instant::now();
        let (engine, message) = (&self.engine, &mut self.message);
        let stage = Message::end_of_content;
        let decided = engine.decide(message, Allowed::ALL, warnings, stage);
        let (judged, guesses) = decided.await;
        engine.timings.judged(Stage::Content, begun.elapsed());
        self.show_all(&judged);
        self.count_all(&guesses, warnings);
        self.refusal()
    }

    /// Refuses for now what was accepted, because we failed or stop: the log then says what the sender is answered.
    pub(super) fn fail(&mut self, verdict: &Verdict) {
        self.message.fail(verdict);
    }

    /// The end of the message, as far as the MTA lets it be changed.
    pub(super) async fn end(
        mut self: Box<Self>,
        negotiated: Negotiated,
        queue_id: QueueId<'_>,
        warnings: &Warnings,
    ) -> Ending {
        let begun = Instant::now();
        let (engine, message) = (&self.engine, &mut self.message);
        let silences = !message.policy().outbound.forwarded.no_dsn.is_empty();
        if silences && !negotiated.change_recipients {
            let text =
                "this MTA takes no NOTIFY=NEVER from a milter, so forged senders get bounces";
            warnings.warn("outbound.forwarded.no_dsn", text, begun);
        }
        let stage = |message: &mut Message, now| message.end(negotiated, now);
        let mut end = engine.decide(message, Allowed::ALL, warnings, stage).await;
        if let Some(sent) = end.effects.remember.take()
            && !engine.remembers(sent).await
        {
            end = end.without_entry();
        }
        engine.timings.judged(Stage::End, begun.elapsed());
        self.show_all(&end.checks);
        for (proof, why) in &end.unsigned {
            log::debug!(
                "id={} check=proof.{proof} not signed: {why}",
                self.message.id()
            );
        }
        name(&mut end.effects, queue_id);
        self.log(&end.signed, queue_id);
        self.engine.carry_out(end.effects, now());
        end.ending
    }

    /// The end before the message came, or after it was refused.
    pub(super) fn broken_off(mut self: Box<Self>, queue_id: QueueId<'_>) {
        let now = now();
        let mut effects = self.message.broken_off(now);
        name(&mut effects, queue_id);
        self.log(&[], queue_id);
        self.engine.carry_out(effects, now);
    }

    /// Logs what was decided about the recipients that were answered 250.
    fn log(&self, signed: &[&'static str], queue_id: QueueId<'_>) {
        let queue_id = match self.message.accepted() {
            [] => None,
            _ => queue_id(),
        };
        for Accepted {
            addressed, verdict, ..
        } in self.message.accepted()
        {
            self.record(Level::Info, addressed, verdict, signed, queue_id.as_deref());
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
        self.lately.decided(&decision, now());
    }

    fn count_all(&self, guesses: &[Guess], warnings: &Warnings) {
        for guess in guesses {
            self.engine.guesses.count(guess, warnings);
        }
    }

    fn show_all(&self, found: &[Vec<Check>]) {
        for checks in found {
            self.show(checks);
        }
    }

    fn show(&self, checks: &[Check]) {
        for check in checks {
            log::debug!(
                "id={} check={} {}",
                self.message.id(),
                check.name,
                check.finding
            );
        }
    }

    fn refusal(&self) -> Option<Reply> {
        self.message
            .refusal()
            .and_then(|verdict| self.reply(verdict))
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
        let envelope = self.message.envelope();
        let Envelope {
            client,
            reverse_path,
        } = envelope;
        let comes_back = envelope.comes_back(verdict.notification.as_ref());
        Decision {
            id: self.message.id(),
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

/// Writes the MTA's name of the message beside ours, where a report shows it.
fn name(effects: &mut Effects, queue_id: QueueId<'_>) {
    if effects.would.is_empty() {
        return;
    }
    let queue_id = queue_id().map(|id| shortened(&id, MAX_QUEUE_ID));
    for would in &mut effects.would {
        would.example.queue_id.clone_from(&queue_id);
    }
}
