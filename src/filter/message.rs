//! One message: gathers the answers that the policy needs, and keeps what was decided about each recipient.
//!
//! It knows no milter, so `backstop explain` walks it exactly as the daemon does.

use std::{sync::Arc, time::SystemTime};

use tokio::time::Instant;

use crate::{
    core::{
        envelope::{Envelope, Recipient},
        policy::{Case, Judgement, Policy, SpfAnswers},
        recipients::Known,
        spf::{Identity, SpfCheck, SpfResult},
    },
    directory::Directory,
    dns::{Budgeted, Resolver},
    spf::{self, Query},
};

/// What the configuration made: the policy, and the adapters that answer its questions. A reload makes a new one;
/// messages in progress keep theirs.
pub struct Engine {
    /// What decides.
    pub policy: Policy,
    /// Answers DNS questions.
    pub resolver: Resolver,
    /// Knows the recipients.
    pub directory: Directory,
}

/// A message from MAIL on.
pub struct Message {
    engine: Arc<Engine>,
    envelope: Envelope,
    /// Our own host's name, for SPF's `%{r}` (RFC 7208 section 7.2).
    receiver: String,
    spf: Option<SpfAnswers>,
    let_in: usize,
}

impl Message {
    /// A message with this envelope, taken in by the host `receiver`.
    pub fn new(engine: Arc<Engine>, envelope: Envelope, receiver: String) -> Self {
        Self {
            engine,
            envelope,
            receiver,
            spf: None,
            let_in: 0,
        }
    }

    /// The envelope up to MAIL.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// What SPF said, if a recipient needed it.
    pub fn spf(&self) -> Option<&SpfAnswers> {
        self.spf.as_ref()
    }

    /// Judges the next recipient. DNS is asked at the first one that needs it, once for the whole message and
    /// within `dns.budget`.
    pub async fn judge(&mut self, recipient: &Recipient) -> Judgement {
        let engine = Arc::clone(&self.engine);
        if self.spf.is_none() && engine.policy.needs_spf(&self.envelope, recipient) {
            self.spf = Some(self.ask_spf().await);
        }
        let judgement = engine.policy.judge(&Case {
            envelope: &self.envelope,
            spf: self.spf.as_ref().unwrap_or(&SpfAnswers::default()),
            recipient,
            earlier: self.let_in,
            known: &self.ask_directory(recipient),
        });
        if recipient.refused.is_none() && judgement.verdict.lets_in() {
            self.let_in += 1;
        }
        judgement
    }

    fn ask_directory(&self, recipient: &Recipient) -> Known {
        let policy = &self.engine.policy;
        match policy.recipients_of(recipient) {
            Some((entry, settings)) if settings.has_lists => self.engine.directory.known(
                entry,
                &recipient.mailbox,
                &policy.local.recipient_delimiter,
            ),
            _ => Known::NotListed,
        }
    }

    async fn ask_spf(&self) -> SpfAnswers {
        let Some(client) = self.envelope.client.address else {
            return SpfAnswers::default();
        };
        let resolver = &self.engine.resolver;
        let lookup = resolver.budgeted(Instant::now() + resolver.budget());
        let mail_from = self.envelope.reverse_path.to_bytes();
        let query = Query {
            client,
            helo: self.envelope.client.helo.as_deref().unwrap_or_default(),
            mail_from: &mail_from,
            now: SystemTime::now(),
            receiver: &self.receiver,
        };
        let (helo, mail_from) = if self.envelope.reverse_path.is_null() {
            // RFC 7208 section 2.4: the null sender is checked as postmaster@HELO, which is what the check of
            // HELO has asked already.
            let helo = spf::check_helo(&lookup, &query).await;
            let mail_from = SpfCheck {
                identity: Identity::MailFrom,
                ..helo.clone()
            };
            (helo, mail_from)
        } else {
            tokio::join!(
                spf::check_helo(&lookup, &query),
                spf::check_mail_from(&lookup, &query)
            )
        };
        let mut answers = SpfAnswers {
            helo: Some(helo),
            mail_from: Some(mail_from),
            forwarder: None,
        };
        let policy = &self.engine.policy;
        if policy.needs_forwarder(&self.envelope, &answers) {
            answers.forwarder = forwarder(policy, &lookup, query).await;
        }
        answers
    }
}

/// The first domain of `spf.trusted_forwarders` that the client may send for.
async fn forwarder(policy: &Policy, lookup: &Budgeted, query: Query<'_>) -> Option<String> {
    for domain in policy.spf.forwarder_domains() {
        let postmaster = format!("postmaster@{domain}");
        let query = Query {
            mail_from: postmaster.as_bytes(),
            ..query
        };
        if spf::check_mail_from(lookup, &query).await.result == SpfResult::Pass {
            return Some(domain.to_string());
        }
    }
    None
}
