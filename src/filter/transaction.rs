//! One message in progress: its recipients, its headers, what was decided, and what is to be done at its end.

use std::{collections::BTreeSet, mem::take};

use super::{drain::MessageGuard, message::Message};
use crate::{
    core::{
        envelope::{Envelope, Recipient},
        from_header::Claims,
        header::Headers,
        notification::Notification,
        policy::{Check, HeaderFacts, Judgement, settle},
        reply::Reply,
        trace_header::{Deletion, Forgeries, Notice, Tags},
        verdict::{Action, Reason, Verdict},
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

/// A recipient that was told 250.
struct LetIn {
    recipient: Recipient,
    /// RCPT's argument, as the MTA wrote it.
    path: Vec<u8>,
    verdict: Verdict,
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
    /// Headers to take out, in this order.
    pub delete_headers: Vec<Deletion>,
    /// Headers to put in, from the top down: name and value.
    pub insert_headers: Vec<(&'static str, String)>,
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
        let headers = take(&mut self.headers);
        let envelope = self.message.envelope();
        let facts = HeaderFacts {
            notification: Notification::recognise(&envelope.reverse_path, &headers),
            claims: Claims::of(&headers),
            headers,
        };
        let mut verdicts = Vec::with_capacity(self.let_in.len());
        for LetIn {
            recipient, verdict, ..
        } in &self.let_in
        {
            let judged = self.message.judge_headers(recipient, &facts);
            self.tell(&judged.checks);
            verdicts.push(verdict.clone().or_stronger(judged.verdict));
        }
        if self.forgeries.too_many() {
            // What can't be taken out would be believed: nobody writes a thousand of our headers in good faith.
            verdicts.fill(Verdict::internal());
        }
        settle(&mut verdicts);
        for (let_in, verdict) in self.let_in.iter_mut().zip(verdicts) {
            let_in.verdict = verdict;
        }
        self.facts = Some(facts);
        self.let_in
            .iter()
            .find_map(|let_in| self.reply(&let_in.verdict))
    }

    /// The end of the message.
    pub(super) fn end(mut self, queue_id: Option<&[u8]>) -> Ending {
        self.log(queue_id);
        let mut tags = Tags::default();
        let (mut discarded, mut delivered) = (BTreeSet::new(), BTreeSet::new());
        let mut quarantine = None;
        for LetIn { path, verdict, .. } in take(&mut self.let_in) {
            tags.note(&verdict);
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
        Ending {
            discard: delivered.is_empty() && !discarded.is_empty(),
            // An MTA deletes every recipient of that path, so one that is delivered too is spared: a copy too many
            // rather than none.
            delete_recipients: discarded.difference(&delivered).cloned().collect(),
            quarantine,
            ..self.headers_at_end(&tags)
        }
    }

    /// What is written into the message, and what is taken out of it. Outgoing mail is left as it is.
    fn headers_at_end(&self, tags: &Tags) -> Ending {
        let notification = self
            .facts
            .as_ref()
            .and_then(|facts| facts.notification.as_ref());
        let evidence = notification
            .map(Notification::evidence_codes)
            .unwrap_or_default();
        let notice = notification.map(|notification| Notice {
            kind: notification.kind.as_str(),
            evidence: &evidence,
        });
        let Some(x_backstop) = tags.x_backstop(notice, &self.id) else {
            return Ending::default();
        };
        let trace = self.message.trace();
        let received_spf = trace
            .received_spf()
            .into_iter()
            .map(|value| ("Received-SPF", value));
        Ending {
            delete_headers: self.forgeries.deletions().cloned().collect(),
            insert_headers: received_spf
                .chain([
                    ("Authentication-Results", trace.authentication_results()),
                    ("X-Backstop", x_backstop),
                ])
                .collect(),
            ..Ending::default()
        }
    }

    /// Logs what was decided about the recipients that were told 250.
    pub(super) fn log(&self, queue_id: Option<&[u8]>) {
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
            notification: self
                .facts
                .as_ref()
                .and_then(|facts| facts.notification.as_ref()),
        }
    }
}
