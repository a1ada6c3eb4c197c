//! What a message leaves behind is carried out: the store is given what is to be kept, the siege's sensor what came. All of
//! it queues, and no message waits for it.

use super::Engine;
use crate::core::{attack::hour, message::Effects, proof::today};

impl Engine {
    /// Carries out what a stage at `now`, in seconds since 1970, left behind.
    pub(super) fn carry_out(&self, effects: Effects, now: u64) {
        let Effects {
            hits,
            leaves,
            remember,
            learn,
            counts,
            attack,
            sample,
        } = effects;
        self.sieges.sense(hits);
        if let Some((domain, recipients)) = &leaves {
            self.sieges.sent(&self.policy, domain, *recipients);
        }
        let Some(store) = self.store.as_deref() else {
            return;
        };
        if let Some(sent) = remember {
            store.remember(sent);
        }
        let today = today(now);
        if let Some((domain, _)) = &leaves {
            self.remembered.leaves(store, domain, today);
        }
        for learn in learn {
            self.sieges.learning.learn(store, learn);
        }
        for count in counts {
            self.signatures.note(today, &count);
            store.count(today, count);
        }
        store.count_attack(hour(now), attack);
        if let Some(sample) = sample {
            store.keep_sample(sample);
        }
    }
}
