//! One message: gathers the answers that the policy needs, and keeps what was decided about each recipient.
//!
//! It knows no milter, so `backstop explain` walks it exactly as the daemon does.

mod asking;
mod besieged;
mod stored;
mod tag;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};

use tokio::time::Instant;

use super::{
    guesses::Guesses, proving::Search, remembered::Remembered, sieges::Sieges,
    signatures::Signatures,
};
use crate::{
    core::{
        authserv_id::AuthservId,
        dnsbl::Listing,
        envelope::{Envelope, Recipient},
        header::Headers,
        header_rules::Matches,
        policy::{
            Addressed, Case, Check, Company, Departure, HeaderFacts, Judgement, Policy, Siege,
            SpfAnswers, Tag, Vouched, settle,
        },
        proof::returned,
        recipients::Known,
        trace_header::{Forgeries, SpfTrace},
        verdict::Verdict,
    },
    directory::Directory,
    dkim,
    dns::{Blocklists, Resolver},
    observe::Warnings,
    store::Store,
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
    /// Knows which DNS lists can be believed.
    pub blocklists: Arc<Blocklists>,
    /// Counts wrong tags.
    pub guesses: Arc<Guesses>,
    /// Knows whether DKIM signatures of ours leave.
    pub signatures: Arc<Signatures>,
    /// Knows whether the ledger has all mail of a domain.
    pub remembered: Arc<Remembered>,
    /// The DKIM keys that are known without DNS.
    pub dkim_keys: dkim::DkimKeys,
    /// Knows which domains are besieged.
    pub sieges: Arc<Sieges>,
    /// Knows what was sent, and how often it came back; none where nothing asks that.
    pub store: Option<Arc<dyn Store>>,
    /// Whether it is given samples of refused bounces.
    pub keeps_samples: bool,
}

/// What SPF said where it was not asked.
const NOT_ASKED: SpfAnswers = SpfAnswers {
    helo: None,
    mail_from: None,
    forwarder: Vouched::Unanswered,
};

/// A message from MAIL on.
pub struct Message {
    engine: Arc<Engine>,
    envelope: Envelope,
    /// Our own host's name, for SPF's `%{r}` (RFC 7208 section 7.2).
    receiver: String,
    spf: Option<SpfAnswers>,
    listings: Vec<Listing>,
    let_in: usize,
    /// What the first recipient that was accepted is to others.
    company: Option<Company>,
    asks_dns: bool,
    counts_proofs: bool,
    knows_client: bool,
}

/// A recipient that was told 250.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LetIn {
    /// The recipient.
    pub addressed: Addressed,
    /// RCPT's argument, as the MTA wrote it.
    pub path: Vec<u8>,
    /// What stood behind it (RFC 3461: NOTIFY, ORCPT), parted by blanks.
    pub parameters: Vec<u8>,
    /// What was asked about it.
    pub asked: Asked,
    /// What is decided about it so far.
    pub verdict: Verdict,
}

/// What was asked about a recipient at RCPT, and holds to the end of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Whether a list knows it.
    pub known: Known,
    /// That its domain is besieged, where it is.
    pub siege: Option<Siege>,
}

impl Asked {
    /// Nothing was asked.
    pub const NOTHING: Self = Self {
        known: Known::NotListed,
        siege: None,
    };
}

impl Message {
    /// A message with this envelope, taken in by the host `receiver`.
    pub fn new(engine: Arc<Engine>, envelope: Envelope, receiver: String) -> Self {
        Self {
            engine,
            envelope,
            receiver,
            spf: None,
            listings: Vec::new(),
            let_in: 0,
            company: None,
            asks_dns: true,
            counts_proofs: true,
            knows_client: true,
        }
    }

    /// The envelope up to MAIL.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// The engine that it began with.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What SPF said, if a recipient needed it.
    pub fn spf(&self) -> Option<&SpfAnswers> {
        self.spf.as_ref()
    }

    /// Who we are in Authentication-Results (RFC 8601 section 2.5).
    pub fn authserv_id(&self) -> &str {
        let local = &self.engine.policy.local;
        local
            .authserv_id
            .as_ref()
            .map_or(&self.receiver, AuthservId::as_str)
    }

    /// What headers tell that are known all at once.
    pub fn facts(&self, headers: Headers) -> HeaderFacts {
        let mut forgeries = Forgeries::new(self.authserv_id());
        for header in headers.iter() {
            forgeries.see(header.name(), header.value());
        }
        HeaderFacts::of(&self.envelope.reverse_path, headers, forgeries)
    }

    /// What the trace headers are written from.
    pub fn trace(&self) -> SpfTrace<'_> {
        SpfTrace {
            envelope: &self.envelope,
            spf: self.spf.as_ref().unwrap_or(&NOT_ASKED),
            receiver: &self.receiver,
            authserv_id: self.authserv_id(),
        }
    }

    /// What the message leaves with, for these recipients and with these headers; or why it leaves as it is.
    pub fn departure<'a>(
        &self,
        recipients: impl IntoIterator<Item = &'a Addressed>,
        headers: &Headers,
    ) -> Departure {
        let recipients = recipients
            .into_iter()
            .map(|addressed| &addressed.recipient.mailbox);
        let policy = &self.engine.policy;
        policy.departure(&self.envelope, recipients, headers, now())
    }

    /// Judges the next recipient by the envelope, and by whether a list knows it. DNS is asked at the first one that needs it, once for the whole
    /// message and within `dns.budget`.
    pub async fn judge(&mut self, addressed: &Addressed) -> (Judgement, Asked) {
        let recipient = &addressed.recipient;
        let engine = Arc::clone(&self.engine);
        if self.spf.is_none() && engine.policy.needs_spf(&self.envelope, recipient) {
            self.ask_dns(engine.policy.needs_dnsbl(&self.envelope, recipient))
                .await;
        }
        let mut asked = Asked {
            known: self.known(recipient).await,
            ..Asked::NOTHING
        };
        asked.siege = self.siege(addressed, &asked).await;
        let case = self.case(addressed, &asked);
        let mut judgement = engine.policy.judge(&case);
        if let Some(first) = self.company {
            engine.policy.part(&case, first, &mut judgement);
        }
        if recipient.refused.is_none() && judgement.verdict.lets_in() {
            let company = self.company.unwrap_or_else(|| engine.policy.company(&case));
            self.company = Some(company);
            self.let_in += 1;
        }
        (judgement, asked)
    }

    /// Judges the recipients that were let in, now that the message is about to come.
    pub async fn at_data(&self, let_in: &mut [LetIn], warnings: &Warnings) -> Vec<Vec<Check>> {
        let policy = &self.engine.policy;
        let mut sent_lately = Vec::with_capacity(let_in.len());
        for LetIn {
            addressed, asked, ..
        } in &*let_in
        {
            let lacks_tag = policy.lacks_tag(&self.case(addressed, asked));
            let mailbox = &addressed.recipient.mailbox;
            sent_lately.push(lacks_tag && self.engine.sent_lately(mailbox, now(), warnings).await);
        }
        self.settled(let_in, |index, case| {
            let lately = sent_lately.get(index).copied().unwrap_or_default();
            policy.judge_data(&case, lately)
        })
    }

    /// Judges by the headers the recipients that were let in, and makes of both answers those that stand: what was
    /// found about each, in their order.
    pub fn end_of_headers(&self, let_in: &mut [LetIn], facts: &HeaderFacts) -> Vec<Vec<Check>> {
        let policy = &self.engine.policy;
        // With the null sender they were counted at RCPT.
        if !self.envelope.reverse_path.is_null() {
            self.note_guesses(tags(let_in), facts.notification.as_ref());
        }
        let matches = Matches::new(&policy.headers, &facts.headers);
        self.settled(let_in, |_, case| {
            policy.judge_headers(&case, facts, &matches)
        })
    }

    /// Whether the content decides something for one of the recipients that were let in.
    pub fn needs_content(&self, let_in: &[LetIn], facts: &HeaderFacts) -> bool {
        let mut cases = let_in.iter();
        cases.any(|let_in| self.needs_it(&self.case(&let_in.addressed, &let_in.asked), facts))
    }

    /// How much of the content is read, in octets.
    pub fn most_content(&self) -> usize {
        self.engine.policy.proof.body_limit.octets()
    }

    /// Judges by the content, of which this much was read, the recipients for whom it decides something.
    pub async fn end_of_content(
        &self,
        let_in: &mut [LetIn],
        facts: &HeaderFacts,
        body: &[u8],
        cut: bool,
        warnings: &Warnings,
    ) -> Vec<Vec<Check>> {
        let notification = facts.notification.as_ref();
        let report = returned::read(&facts.headers, body, cut);
        let search = Search {
            engine: &self.engine,
            headers: &facts.headers,
            body,
            recipients: let_in
                .iter()
                .map(|let_in| let_in.addressed.sent.mailbox.clone())
                .collect(),
            addressees: let_in
                .iter()
                .map(|let_in| &let_in.addressed)
                .flat_map(|addressed| [&addressed.sent, &addressed.recipient])
                .map(|recipient| recipient.mailbox.clone())
                .collect(),
            report: &report,
            is_reply: match notification {
                Some(notification) if !notification.is_report() => notification.is_reply(),
                // What does not say what it is answers what it returns, or else what it names.
                _ => report.returned.is_empty(),
            },
            now: now(),
            asks_dns: self.asks_dns,
            counts: self.counts_proofs,
            warnings,
            store_down: AtomicBool::new(false),
        };
        let resolver = &self.engine.resolver;
        let lookup = resolver.budgeted(Instant::now() + resolver.budget());
        let mut evidence = search.evidence(&lookup).await;
        if search.is_reply && !self.envelope.reverse_path.is_null() && !evidence.is_settled() {
            evidence.remembered = self.engine.remembered_of(let_in, now()).await;
        }
        if evidence.is_settled() {
            self.forgive_guesses(tags(let_in), notification);
        }
        let signed = match self.needs_authors_signature(facts) && !evidence.is_settled() {
            true => search.authors_signature(&facts.claims, &lookup).await,
            false => Vouched::No,
        };
        let mut sent_lately = Vec::with_capacity(let_in.len());
        for LetIn {
            addressed, asked, ..
        } in &*let_in
        {
            let needed = self.needs_it(&self.case(addressed, asked), facts);
            let besieged = asked.siege.is_some();
            let lately = if needed && evidence.proven_for(besieged).is_none() {
                search.sent_lately(&addressed.recipient.mailbox).await
            } else {
                Ok(false)
            };
            sent_lately.push(needed.then_some(lately));
        }
        let policy = &self.engine.policy;
        self.settled(let_in, |index, case| {
            match sent_lately.get(index).copied().flatten() {
                Some(lately) => policy.judge_content(&case, facts, &evidence, lately, &signed),
                None => Judgement::nothing_found(),
            }
        })
    }

    fn needs_it(&self, case: &Case<'_>, facts: &HeaderFacts) -> bool {
        let policy = &self.engine.policy;
        policy.needs_content(case, facts)
    }

    /// Judges every recipient that was let in once more, and makes of both answers those that stand.
    fn settled(
        &self,
        let_in: &mut [LetIn],
        judge: impl Fn(usize, Case<'_>) -> Judgement,
    ) -> Vec<Vec<Check>> {
        let mut verdicts = Vec::with_capacity(let_in.len());
        let mut found = Vec::with_capacity(let_in.len());
        for (index, let_in) in let_in.iter().enumerate() {
            let LetIn {
                addressed,
                asked,
                verdict,
                ..
            } = let_in;
            let judged = judge(index, self.case(addressed, asked));
            verdicts.push(verdict.clone().or_stronger(judged.verdict));
            found.push(judged.checks);
        }
        settle(&mut verdicts);
        for (let_in, verdict) in let_in.iter_mut().zip(verdicts) {
            let_in.verdict = verdict;
        }
        found
    }

    /// Whether a list knows the recipient, where its verdict depends on that. To be asked once, for the list may be a
    /// server far away.
    pub async fn known(&self, recipient: &Recipient) -> Known {
        let Engine {
            policy, directory, ..
        } = &*self.engine;
        let Some(entry) = policy.lists_to_ask(&self.envelope, recipient) else {
            return Known::NotListed;
        };
        let delimiters = &policy.local.recipient_delimiter;
        directory.known(entry, &recipient.mailbox, delimiters).await
    }

    fn case<'a>(&'a self, addressed: &'a Addressed, asked: &'a Asked) -> Case<'a> {
        Case {
            envelope: &self.envelope,
            spf: self.spf.as_ref().unwrap_or(&NOT_ASKED),
            recipient: &addressed.recipient,
            tag: addressed.tag,
            earlier: self.let_in,
            known: &asked.known,
            listings: &self.listings,
            siege: asked.siege,
        }
    }
}

fn tags(let_in: &[LetIn]) -> impl Iterator<Item = Option<Tag>> {
    let_in.iter().map(|let_in| let_in.addressed.tag)
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed();
    since_epoch.unwrap_or_default().as_secs()
}
