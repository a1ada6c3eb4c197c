//! The walk of one message through the policy, without I/O: what is known of it, and what was decided.
//!
//! A stage ([`Message::rcpt`], [`Message::data`], [`Message::end_of_headers`], [`Message::end_of_content`],
//! [`Message::end`]) is a pure function of the message's facts and of the answers so far. It returns the questions that it
//! still needs, those that don't depend on each other together, or what it decided. Who drives it gives the answers
//! ([`Message::answer`]) and runs the stage again. The daemon, `explain`, `replay` and the tests drive the same; only who
//! answers differs.

mod answers;
mod by_question;
mod content;
mod dns;
mod effects;
mod end;
mod ending;
mod from;
mod no_dsn;
mod question;
mod recipient;
mod replied;
mod search;
mod stages;

use std::sync::Arc;

use self::{
    answers::{Answers, Asked, Asker, Open},
    dns::Dns,
    from::Authorship,
};
pub use self::{
    content::Content,
    effects::{Effects, Guess, SiegeHit},
    end::{End, Negotiated},
    ending::{Ending, Readded},
    question::{Answer, Part, Question},
    recipient::{Accepted, Judged, Lookups, RcptTo},
};
use super::{
    authserv_id::AuthservId,
    envelope::Envelope,
    header::Headers,
    policy::{Addressed, Case, Company, HeaderFacts, Policy, SpfAnswers},
    proof::dkim::body::BodyHashes,
    spf::{Identity, SpfCheck},
    trace_header::{Forgeries, SpfTrace},
    verdict::Verdict,
};

/// What a stage comes to.
#[must_use = "a stage that only asks has decided nothing"]
#[derive(Clone, Debug, PartialEq)]
pub enum Step<T> {
    /// It needs these answers, and is to be run again. There is at least one; they don't depend on each other.
    Ask(Vec<Question>),
    /// What was decided.
    Decided(T),
}

/// One message, from MAIL on.
#[derive(Clone, Debug)]
pub struct Message {
    /// Our own name for it.
    id: String,
    policy: Arc<Policy>,
    envelope: Envelope,
    /// Our own host's name, for SPF's `%{r}` (RFC 7208 section 7.2).
    receiver: String,
    answers: Answers,
    /// What DNS said of the client, once a recipient needed it.
    dns: Option<Dns>,
    accepted: Vec<Accepted>,
    /// How long the arguments of the accepted recipients are, together.
    octets: usize,
    /// What the first recipient that was accepted is to others.
    company: Option<Company>,
    /// Whether DATA was judged.
    data: bool,
    /// Those that came so far, and which of them only we may write.
    headers: Headers,
    forgeries: Forgeries,
    /// What the headers say, once all came.
    facts: Option<HeaderFacts>,
    /// Who may write what From: claims of us; once the headers came.
    authorship: Authorship,
    /// Only where it decides something.
    content: Option<Content>,
    /// Only where a signature may vouch for the author.
    body: Option<BodyHashes>,
    /// Whether somebody reads what each check finds.
    is_read: bool,
}

impl Message {
    /// A message with this envelope, which the host `receiver` takes in and calls `id`.
    pub fn new(id: String, policy: Arc<Policy>, envelope: Envelope, receiver: String) -> Self {
        let forgeries = Forgeries::new(authserv_id(&policy, &receiver));
        Self {
            id,
            policy,
            envelope,
            receiver,
            answers: Answers::default(),
            dns: None,
            accepted: Vec::new(),
            octets: 0,
            company: None,
            data: false,
            headers: Headers::new(),
            forgeries,
            facts: None,
            authorship: Authorship::default(),
            content: None,
            body: None,
            is_read: true,
        }
    }

    /// The same message, where nobody reads what each check finds: that is not written, which changes no verdict.
    pub fn unread(self) -> Self {
        Self {
            is_read: false,
            ..self
        }
    }

    /// The same message before another policy of the same `dnsbl`, no recipient judged yet. What DNS said of the client is
    /// not asked again.
    pub fn again(&self, policy: Arc<Policy>) -> Self {
        let (id, envelope) = (self.id.clone(), self.envelope.clone());
        let mut answers = self.answers.clone();
        answers.forget();
        Self {
            answers,
            is_read: self.is_read,
            ..Self::new(id, policy, envelope, self.receiver.clone())
        }
    }

    /// An answer to a question that a stage asked. A second one to the same question is ignored.
    pub fn answer(&mut self, question: Question, answer: Answer) {
        if question == Question::Spf(Identity::Helo) && self.envelope.reverse_path.is_null() {
            // RFC 7208 section 2.4: the null sender is checked as postmaster@HELO, which the check of HELO is.
            let mail_from = match &answer {
                Answer::Spf(check) => Answer::Spf(Arc::new(SpfCheck {
                    identity: Identity::MailFrom,
                    ..SpfCheck::clone(check)
                })),
                none => none.clone(),
            };
            self.answers
                .add(Question::Spf(Identity::MailFrom), mail_from);
        }
        self.answers.add(question, answer);
    }

    /// Whether a question that a stage asked still needs an answer, after those so far.
    pub fn lacks(&self, question: &Question) -> bool {
        self.answers.lack(question)
    }

    /// Our own name for it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What decides.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The envelope up to MAIL.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Our own host's name.
    pub fn receiver(&self) -> &str {
        &self.receiver
    }

    /// What SPF said, if a recipient needed it.
    pub fn spf(&self) -> Option<&SpfAnswers> {
        self.dns.as_ref().map(|dns| &dns.spf)
    }

    /// The recipients that were accepted, in their order.
    pub fn accepted(&self) -> &[Accepted] {
        &self.accepted
    }

    /// Whether DATA was judged: whoever only asked whether an address exists is gone before.
    pub fn came_to_data(&self) -> bool {
        self.data
    }

    /// What the headers say, once they came.
    pub fn facts(&self) -> Option<&HeaderFacts> {
        self.facts.as_ref()
    }

    /// The headers that came so far.
    pub fn headers(&self) -> &Headers {
        self.facts
            .as_ref()
            .map_or(&self.headers, |facts| &facts.headers)
    }

    /// What was read of the content, once it came.
    pub fn content(&self) -> Option<&Content> {
        self.content.as_ref()
    }

    /// The hashes of the body, where a signature may vouch for the author.
    pub fn body_hashes(&self) -> Option<&BodyHashes> {
        self.body.as_ref()
    }

    /// Who we are in Authentication-Results (RFC 8601 section 2.5).
    pub fn authserv_id(&self) -> &str {
        authserv_id(&self.policy, &self.receiver)
    }

    /// The verdict that refuses the message, after a stage behind RCPT.
    pub fn refusal(&self) -> Option<&Verdict> {
        let mut verdicts = self.accepted.iter().map(|accepted| &accepted.verdict);
        verdicts.find(|verdict| !verdict.is_accepted())
    }

    /// We failed, or stop: what was accepted gets this verdict, for the log is to say what the sender is answered.
    pub fn fail(&mut self, verdict: &Verdict) {
        for accepted in &mut self.accepted {
            accepted.verdict.clone_from(verdict);
        }
    }

    /// What the trace headers are written from.
    pub fn trace(&self) -> SpfTrace<'_> {
        SpfTrace {
            envelope: &self.envelope,
            spf: self.spf().unwrap_or(&dns::NOTHING.spf),
            receiver: &self.receiver,
            authserv_id: self.authserv_id(),
            dmarc: self.authorship.result.as_ref(),
        }
    }

    /// Runs a stage on the answers so far.
    fn step<T>(&self, stage: impl FnOnce(&Asker<'_>) -> Result<T, Open>) -> Step<T> {
        let asker = Asker::new(&self.answers);
        match stage(&asker) {
            Ok(decided) => Step::Decided(decided),
            Err(Open) => Step::Ask(asker.open()),
        }
    }

    fn case<'a>(
        &'a self,
        dns: &'a Dns,
        addressed: &'a Addressed,
        lookups: &'a Lookups,
    ) -> Case<'a> {
        Case {
            envelope: &self.envelope,
            spf: &dns.spf,
            recipient: &addressed.recipient,
            tag: addressed.tag,
            earlier: self.accepted.len(),
            known: &lookups.known,
            listings: &dns.listings,
            siege: lookups.siege,
            tenant: lookups.tenant.as_deref(),
            is_read: self.is_read,
        }
    }

    /// The facts of a recipient that was accepted.
    fn case_of<'a>(&'a self, accepted: &'a Accepted) -> Case<'a> {
        let dns = self.dns.as_ref().unwrap_or(&dns::NOTHING);
        self.case(dns, &accepted.addressed, &accepted.lookups)
    }
}

fn authserv_id<'a>(policy: &'a Policy, receiver: &'a str) -> &'a str {
    let configured = policy.local.authserv_id.as_ref();
    configured.map_or(receiver, AuthservId::as_str)
}

#[cfg(test)]
mod tests;
