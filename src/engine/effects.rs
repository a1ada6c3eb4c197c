//! What a message leaves behind is carried out: the store is given what is to be kept, the siege's sensor what came. An
//! outgoing message waits for its entry in the ledger; all else queues, and no message waits for it.

use super::Engine;
use crate::core::{
    attack::hour,
    message::Effects,
    proof::{ledger::Sent, today},
};

impl Engine {
    /// Whether the ledger has the entry of a message for good; it waits for that as long as the store allows.
    pub(super) async fn remembers(&self, sent: Sent) -> bool {
        match &self.store {
            Some(store) => store.remember(sent).is_kept().await,
            None => false,
        }
    }

    /// Carries out what a stage at `now`, in seconds since 1970, left behind.
    pub(super) fn carry_out(&self, effects: Effects, now: u64) {
        let Effects {
            hits,
            leaves,
            // The end of the message has waited for it.
            remember: _,
            learn,
            counts,
            attack,
            proven,
            forged,
            sample,
            would,
            accepted_sender,
        } = effects;
        self.sieges.sense(&self.policy, hits);
        if let Some((domain, recipients)) = &leaves {
            self.sieges.sent(&self.policy, domain, *recipients);
        }
        let Some(store) = self.store.as_deref() else {
            return;
        };
        let today = today(now);
        for learn in learn {
            self.sieges.learning.learn(store, learn);
        }
        for count in counts {
            self.signatures.note(today, &count);
            store.count(today, count);
        }
        let hour = hour(now);
        store.count_attack(hour, attack);
        for bounce in proven {
            let counts = self.accounts.count(&self.policy, hour, bounce);
            store.count_attack(hour, counts);
        }
        if !forged.is_empty() {
            self.forged.note(&forged, now);
            store.keep_forged(now, forged);
        }
        if let Some(sample) = sample {
            store.keep_sample(sample);
        }
        store.count_would(today, would, accepted_sender);
    }
}
