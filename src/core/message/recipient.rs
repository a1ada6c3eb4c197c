//! The answer at RCPT: what is looked up for a recipient, and what is decided by the envelope.

use std::{net::IpAddr, sync::Arc};

use super::{
    Asked, Asker, Effects, Message, Open, Step,
    dns::{Dns, NOTHING},
};
use crate::core::{
    address::Mailbox,
    envelope::Recipient,
    notification::Notification,
    outside::Unanswered,
    policy::{Addressed, DomainAnswers, Judgement, Policy, Siege, Tag, WasLearned},
    proof::{
        self,
        guesses::Guesser,
        ledger::{Hashed, address, hashes},
    },
    recipients::Known,
    tenant::TenantAnswers,
    verdict::{Reason, Verdict},
};

/// The most recipients accepted, ten times Postfix's `smtpd_recipient_limit`: what is more is asked to come again.
const MAX_RECIPIENTS: usize = 10_000;
/// The most octets of their arguments, together.
const MAX_OCTETS: usize = 4 << 20;

/// RCPT, as the MTA hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RcptTo {
    /// Who is meant by it.
    pub recipient: Recipient,
    /// Its argument, as the MTA wrote it, in its angle brackets.
    pub path: Vec<u8>,
    /// What stood behind it (RFC 3461: NOTIFY, ORCPT), divided by blanks.
    pub parameters: Vec<u8>,
}

/// A recipient that was answered 250.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The recipient.
    pub addressed: Addressed,
    /// RCPT's argument, as the MTA wrote it.
    pub path: Vec<u8>,
    /// What stood behind it.
    pub parameters: Vec<u8>,
    /// What was looked up for it.
    pub lookups: Lookups,
    /// What is decided about it so far.
    pub verdict: Verdict,
}

/// What was looked up for a recipient at RCPT, and holds to the end of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookups {
    /// Whether a list knows it.
    pub known: Known,
    /// That its domain is besieged, where it is.
    pub siege: Option<Siege>,
    /// The row of its domain in `tenants`, where clients may have one.
    pub tenant: Option<Arc<TenantAnswers>>,
}

impl Lookups {
    /// Nothing was looked up.
    pub const NOTHING: Self = Self {
        known: Known::NotListed,
        siege: None,
        tenant: None,
    };
}

/// What was decided about a recipient at RCPT.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The recipient.
    pub addressed: Addressed,
    /// What was looked up for it.
    pub lookups: Lookups,
    /// The answer to it.
    pub judgement: Judgement,
    /// Whether it was kept among those that the message is for: its line in the log then waits for the end of the message.
    pub is_kept: bool,
    /// What is to be counted of it by now.
    pub effects: Effects,
}

impl Message {
    /// Judges the next recipient. `now` is in seconds since 1970.
    pub fn rcpt(&mut self, rcpt: &RcptTo, now: u64) -> Step<Judged> {
        let step = self.step(|asker| self.judge_rcpt(&rcpt.recipient, now, asker));
        let (addressed, lookups, dns, judgement) = match step {
            Step::Ask(questions) => return Step::Ask(questions),
            Step::Decided(decided) => decided,
        };
        self.answers.forget();
        if self.dns.is_none() {
            self.dns = dns;
        }
        if is_candidate(&addressed, &judgement.verdict) && self.company.is_none() {
            let dns = self.dns.as_ref().unwrap_or(&NOTHING);
            let company = self.policy.company(&self.case(dns, &addressed, &lookups));
            self.company = Some(company);
        }
        Step::Decided(self.decided(rcpt, addressed, lookups, judgement))
    }

    /// A recipient that is not judged, because we failed or stop.
    pub fn rcpt_failed(&mut self, rcpt: &RcptTo, verdict: Verdict) -> Judged {
        self.answers.forget();
        let judgement = Judgement {
            verdict,
            checks: Vec::new(),
        };
        let addressed = rcpt.recipient.clone().into();
        self.decided(rcpt, addressed, Lookups::NOTHING, judgement)
    }

    fn judge_rcpt(
        &self,
        sent: &Recipient,
        now: u64,
        asker: &Asker<'_>,
    ) -> Result<(Addressed, Lookups, Option<Dns>, Judgement), Open> {
        let policy = &*self.policy;
        let today = proof::today(now);
        let wrong_before = || match self.guesser() {
            Some(client) => Ok(asker
                .wrong_tags(client)?
                .saturating_add(self.not_counted_yet())),
            None => Ok(0),
        };
        let untagged = policy.addressed(&self.envelope, sent.clone(), today, wrong_before)?;
        let untagged = Addressed {
            tag: policy.tag_of_host(&untagged, &self.receiver, today),
            ..untagged
        };
        // What decides who is exempt, and all else.
        let tenant = self.tenant(&untagged.recipient, asker)?;
        let answers = policy.answers_of(tenant.as_deref());
        // A guess is counted before anything is asked that a stranger may slow down: else many could be tried at a time.
        let tag = self.doubted(&untagged, answers, now, asker)?;
        let addressed = Addressed { tag, ..untagged };
        if let Some(guesser) = self.guesser_of(&addressed, None) {
            asker.wrong_tag(guesser)?;
        }
        // These don't depend on each other.
        let dns = match &self.dns {
            Some(_) => Ok(None),
            None => self.ask_dns(&addressed.recipient, asker),
        };
        let known = self.known(&addressed.recipient, answers, asker);
        let is_besieged = self.is_besieged(&addressed.recipient, asker);
        let dns = dns?;
        let mut lookups = Lookups {
            known: known?,
            siege: None,
            tenant: tenant.clone(),
        };
        let said = self.dns.as_ref().or(dns.as_ref()).unwrap_or(&NOTHING);
        let learned = WasLearned::No;
        lookups.siege = is_besieged?.then_some(Siege { learned });
        let case = self.case(said, &addressed, &lookups);
        let mut judgement = policy.judge(&case);
        // What is refused before it matters whether it was learned stays refused: in a flood that is most of it.
        if case.siege.is_some() && !judgement.ignores_learning() && policy.closes_catch_all(&case) {
            let learned = self.was_learned(&addressed, now, asker)?;
            if learned != WasLearned::No {
                lookups.siege = Some(Siege { learned });
                judgement = policy.judge(&self.case(said, &addressed, &lookups));
            }
        }
        let case = self.case(said, &addressed, &lookups);
        if let Some(first) = &self.company {
            policy.part(&case, first, &mut judgement);
        }
        Ok((addressed, lookups, dns, judgement))
    }

    /// Keeps what was decided about a recipient.
    fn decided(
        &mut self,
        rcpt: &RcptTo,
        addressed: Addressed,
        lookups: Lookups,
        mut judgement: Judgement,
    ) -> Judged {
        let octets = self.octets + rcpt.path.len() + rcpt.parameters.len();
        let is_full = self.accepted.len() >= MAX_RECIPIENTS || octets > MAX_OCTETS;
        let is_candidate = is_candidate(&addressed, &judgement.verdict);
        if is_candidate && is_full {
            judgement.verdict = Verdict::internal();
        }
        let is_kept = is_candidate && !is_full;
        let effects = match is_kept {
            true => Effects::default(),
            false => self.effects_of(&addressed, &judgement.verdict),
        };
        if is_kept {
            self.octets = octets;
            self.accepted.push(Accepted {
                addressed: addressed.clone(),
                path: rcpt.path.clone(),
                parameters: rcpt.parameters.clone(),
                lookups: lookups.clone(),
                verdict: judgement.verdict.clone(),
            });
        }
        Judged {
            addressed,
            lookups,
            judgement,
            is_kept,
            effects,
        }
    }

    /// The tag, with what could prove its bounce otherwise.
    fn doubted(
        &self,
        addressed: &Addressed,
        answers: DomainAnswers<'_>,
        now: u64,
        asker: &Asker<'_>,
    ) -> Result<Option<Tag>, Open> {
        let Some(tag) = addressed.tag else {
            return Ok(None);
        };
        let policy = &*self.policy;
        let sent = match policy.may_be_sent_with(&self.envelope, addressed, answers) {
            true => self.sent_lately(&addressed.sent.mailbox, now, asker),
            false => Ok(Ok(false)),
        };
        let signed = match policy.only_signatures_prove(&self.envelope, addressed, answers) {
            true => asker.signatures_left(policy.proof.lifetime_days()),
            false => Ok(Ok(false)),
        };
        Ok(Some(tag.or(policy.otherwise(sent?, signed?))))
    }

    /// Whether a list knows the recipient, where its verdict depends on that: a directory far away is not asked in vain.
    fn known(
        &self,
        recipient: &Recipient,
        answers: DomainAnswers<'_>,
        asker: &Asker<'_>,
    ) -> Result<Known, Open> {
        let policy = &*self.policy;
        let judged = policy.judges(&self.envelope, recipient)
            && answers.exempt_by(&self.envelope, recipient).is_none();
        let Some((entry, _)) = policy
            .recipients_of(recipient)
            .filter(|(_, settings)| settings.has_lists && judged)
        else {
            return Ok(Known::NotListed);
        };
        Ok(match asker.known(entry, &recipient.mailbox)? {
            Ok(known) => known.clone(),
            Err(outside) => {
                let why = format!("{outside} did not answer in time");
                Known::Unanswered(Unanswered { outside, why })
            }
        })
    }

    /// What the recipient's domain answers, where clients may say so. Without an answer it is monitored: what its client
    /// does not want refused must not be.
    fn tenant(
        &self,
        recipient: &Recipient,
        asker: &Asker<'_>,
    ) -> Result<Option<Arc<TenantAnswers>>, Open> {
        let policy = &*self.policy;
        if !policy.has_tenants || !policy.judges(&self.envelope, recipient) {
            return Ok(None);
        }
        let domain = recipient.mailbox.domain();
        let Some(domain) = domain.filter(|domain| policy.local.is_ours(domain)) else {
            return Ok(None);
        };
        Ok(Some(match asker.tenant(domain)? {
            Ok(answers) => Arc::clone(answers),
            Err(_) => Arc::new(TenantAnswers::unanswered()),
        }))
    }

    fn is_besieged(&self, recipient: &Recipient, asker: &Asker<'_>) -> Result<bool, Open> {
        match recipient.mailbox.domain() {
            Some(domain) if self.policy.siege.watch => Ok(asker.siege(domain)?.is_besieged()),
            _ => Ok(false),
        }
    }

    fn was_learned(
        &self,
        addressed: &Addressed,
        now: u64,
        asker: &Asker<'_>,
    ) -> Result<WasLearned, Open> {
        let learn = &self.policy.siege.learn;
        let form = self.policy.learned_form(&addressed.recipient.mailbox);
        let (keys, today) = (&self.policy.proof.keys, proof::today(now));
        let hashes = hashes(keys, Hashed::Learned, &form, today, learn.keep_days());
        if hashes.is_empty() {
            return Ok(WasLearned::No);
        }
        Ok(match asker.learned(hashes)? {
            Ok(Some(learned)) if learned.last_sent.is_some() => WasLearned::Yes,
            Ok(Some(learned)) if learned.days >= learn.days => WasLearned::Yes,
            Ok(_) => WasLearned::No,
            Err(_) => WasLearned::Unanswered,
        })
    }

    /// Whether the ledger has mail of the last days that was sent from this very address.
    pub(super) fn sent_lately(&self, sender: &Mailbox, now: u64, asker: &Asker<'_>) -> Asked<bool> {
        let settings = &self.policy.proof;
        if !settings.ledger.remember {
            return Ok(Ok(false));
        }
        let (today, keep) = (proof::today(now), settings.ledger.keep_days());
        let senders = hashes(
            &settings.keys,
            Hashed::Sender,
            &address(sender),
            today,
            keep,
        );
        let since = now.saturating_sub(keep * proof::DAY);
        let last = asker.last_sent(senders)?;
        Ok(last.map(|last| last.is_some_and(|at| at >= since)))
    }

    /// Whose wrong tags are counted together. What strangers without an address sent is not held against each other.
    pub(super) fn guesser(&self) -> Option<IpAddr> {
        let client = self.envelope.client.address;
        client.filter(|address| !address.is_unspecified())
    }

    /// Wrong tags of this message that will count once its headers show a bounce. Else one message could try as many as it
    /// may have recipients.
    fn not_counted_yet(&self) -> u32 {
        if self.envelope.reverse_path.is_null() {
            return 0;
        }
        let tags = self.accepted.iter().filter_map(|one| one.addressed.tag);
        let limit = self.policy.proof.batv.guess_limit;
        let wrong = tags.filter(|tag| tag.is_wrong()).zip(0..limit).count();
        u32::try_from(wrong).unwrap_or(limit)
    }

    /// Who guessed the tag of this recipient, where it was one. `notification`: what the headers show, once they came.
    pub(super) fn guesser_of(
        &self,
        addressed: &Addressed,
        notification: Option<&Notification>,
    ) -> Option<Guesser> {
        let client = self.guesser()?;
        let domain = addressed.recipient.mailbox.domain()?;
        let domain = self.policy.local.ours(domain)?.clone();
        Policy::is_guess(&self.envelope, addressed.tag, notification)
            .then_some(Guesser { client, domain })
    }
}

/// Whether the message is for this recipient, as far as it goes: it is answered 250, and the MTA had not refused it.
fn is_candidate(addressed: &Addressed, verdict: &Verdict) -> bool {
    let refused = matches!(verdict.reason, Reason::RefusedByMta { .. });
    addressed.recipient.refused.is_none() && !refused && verdict.is_accepted()
}
