//! What the store is told of each message: the ledger's entry, what the reports count, samples of what was refused, and
//! which addresses are in use. It queues, and no message waits for it.

use super::{
    message::{Engine, LetIn},
    sieges::learned_form,
};
use crate::core::{
    address::{Domain, Mailbox},
    attack::{Sample, hour},
    envelope::Envelope,
    header::Headers,
    policy::{Departure, Policy, WasLearned},
    proof::{
        coverage::CoverageCount,
        ledger::{Hashed, hashes},
        today,
    },
    verdict::Verdict,
};

impl Engine {
    /// An outgoing message leaves, to so many recipients. Of others nothing is told.
    pub(super) fn departed(
        &self,
        envelope: &Envelope,
        recipients: usize,
        headers: &Headers,
        departure: &Departure,
        now: u64,
    ) {
        let sender = self.policy.our_sender(envelope).ok();
        if let Some(domain) = sender.and_then(Mailbox::domain) {
            self.sieges.sent(&self.policy, domain, recipients);
        }
        let Some(store) = &self.store else {
            return;
        };
        if let Ok(sent) = &departure.ledger {
            store.remember(sent.clone());
        }
        if let Some(domain) = sender.and_then(Mailbox::domain) {
            self.remembered.departs(&**store, domain, today(now));
        }
        self.learn(sender, true, now);
        for count in self.policy.coverage(envelope, headers, departure) {
            self.signatures.note(today(now), &count);
            store.count(today(now), count);
        }
    }

    /// The domains of these recipients of which the ledger has all that was sent within the time that proofs count.
    pub(super) async fn remembered_of(&self, let_in: &[LetIn], now: u64) -> Vec<Domain> {
        let mut domains: Vec<Domain> = Vec::new();
        let Some(store) = self
            .store
            .as_deref()
            .filter(|_| self.policy.proof.ledger.remember)
        else {
            return domains;
        };
        let days = self.policy.proof.lifetime_days();
        for one in let_in {
            if let Some(domain) = one.addressed.recipient.mailbox.domain()
                && !domains.contains(domain)
                && self
                    .remembered
                    .has_all(store, domain, today(now), days)
                    .await
            {
                domains.push(domain.clone());
            }
        }
        domains
    }

    /// A message came to this recipient, or was refused. What is no notification is not counted.
    pub(super) fn came_back(
        &self,
        envelope: &Envelope,
        recipient: &Mailbox,
        verdict: &Verdict,
        now: u64,
    ) {
        let Some(store) = &self.store else {
            return;
        };
        let srs = self.policy.unknown_srs(envelope, recipient);
        for count in CoverageCount::of_bounce(recipient, verdict)
            .into_iter()
            .chain(srs)
        {
            self.signatures.note(today(now), &count);
            store.count(today(now), count);
        }
        let attack = self.policy.attack(envelope, recipient, verdict);
        store.count_attack(hour(now), attack);
    }

    /// A message whose headers were read is over: it is a sample, if it is a bounce that was refused. `body` is what was
    /// read of it; `cut` where that is not all.
    pub(super) fn is_over(
        &self,
        id: &str,
        envelope: &Envelope,
        let_in: &[LetIn],
        headers: &Headers,
        body: (&[u8], bool),
        now: u64,
    ) {
        let Some(store) = self.store.as_ref().filter(|_| self.keeps_samples) else {
            return;
        };
        let refused = let_in.iter().filter_map(
            |LetIn {
                 addressed, verdict, ..
             }| {
                let mailbox = &addressed.recipient.mailbox;
                let kept = self.policy.is_sample(envelope, mailbox, verdict);
                kept.then(|| (mailbox.to_bytes(), verdict))
            },
        );
        let refused: Vec<_> = refused.collect();
        if let Some(sample) = Sample::new(now, id, envelope, &refused, headers, body) {
            store.keep_sample(sample);
        }
    }

    /// These addresses were in use today: they sent mail, or got some. Only a siege asks that.
    pub(super) fn learn<'a>(
        &self,
        mailboxes: impl IntoIterator<Item = &'a Mailbox>,
        sent: bool,
        now: u64,
    ) {
        let Policy {
            siege,
            proof,
            local,
            ..
        } = &self.policy;
        let learns = siege.watch && siege.learn.max_addresses > 0;
        let Some(store) = self.store.as_deref().filter(|_| learns) else {
            return;
        };
        for mailbox in mailboxes {
            let form = learned_form(mailbox, &local.recipient_delimiter);
            let learning = &self.sieges.learning;
            learning.learn(store, &proof.keys, &form, today(now), sent);
        }
    }

    /// Whether the address was in use before.
    pub(super) async fn learned(&self, mailbox: &Mailbox, now: u64) -> WasLearned {
        let Policy {
            siege,
            proof,
            local,
            ..
        } = &self.policy;
        let form = learned_form(mailbox, &local.recipient_delimiter);
        let keep = siege.learn.keep_days();
        let hashes = hashes(&proof.keys, Hashed::Learned, &form, today(now), keep);
        let Some(store) = self.store.as_deref().filter(|_| !hashes.is_empty()) else {
            return WasLearned::No;
        };
        match store.learned(hashes).await {
            Ok(Some(learned)) if learned.last_sent.is_some() => WasLearned::Yes,
            Ok(Some(learned)) if learned.days >= siege.learn.days => WasLearned::Yes,
            Ok(_) => WasLearned::No,
            Err(_) => WasLearned::Unanswered,
        }
    }
}
