//! What the store is told of each message: the ledger's entry, and what the coverage report counts. It queues, and no
//! message waits for it.

use super::message::Engine;
use crate::core::{
    address::Mailbox,
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

    /// A notification came to this recipient, or was refused.
    pub(super) fn came_back(&self, recipient: &Mailbox, verdict: &Verdict, now: u64) {
        let Some(store) = &self.store else {
            return;
        };
        for count in Count::of_bounce(recipient, verdict) {
            store.count(today(now), count);
        }
    }
}
