//! What the store is told of each message: the ledger's entry, what the reports count, and samples of what was refused. It
//! queues, and no message waits for it.

use super::message::{Engine, LetIn};
use crate::core::{
    address::Mailbox,
    attack::{Sample, hour},
    envelope::Envelope,
    header::Headers,
    policy::Departure,
    proof::{coverage::Count, today},
    verdict::Verdict,
};

impl Engine {
    /// An outgoing message leaves.
    pub(super) fn departed(
        &self,
        envelope: &Envelope,
        headers: &Headers,
        departure: &Departure,
        now: u64,
    ) {
        let Some(store) = &self.store else {
            return;
        };
        if let Ok(sent) = &departure.ledger {
            store.remember(sent.clone());
        }
        for count in self.policy.coverage(envelope, headers, departure) {
            store.count(today(now), count);
        }
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
        for count in Count::of_bounce(recipient, verdict) {
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
}
