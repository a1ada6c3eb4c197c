//! What a proof is worth: a copy of one message of ours must not become a licence to flood.

use sha2::{Digest, Sha256};

use super::{Search, shown};
use crate::core::{
    address::Mailbox,
    proof::{
        self,
        evidence::{Answer, By, Looked},
        ledger::{Hash, Hashed, hash},
        proven::Proven,
    },
};

impl Search<'_> {
    /// Whether the proof counts: the report is about a recipient of that message, which has not come back too often.
    /// `what` tells of the proof.
    pub(super) async fn worth(&self, by: By, what: String, proven: Proven<'_>) -> Looked {
        let looked = |answer, finding| Looked {
            by,
            answer,
            finding,
        };
        let settings = &self.engine.policy.proof;
        let today = proof::today(self.now);
        if !proven.may_be_about(self.report, &self.recipients, settings, today) {
            let other = self.report.recipients.first().map(Mailbox::to_bytes);
            let other = shown(&other.unwrap_or_default());
            let finding = format!("{what}, but the message was not sent to {other}");
            return looked(Answer::AboutAnother, finding);
        }
        let limit = settings.replay_limit(proven.recipients());
        let used = if self.counts {
            let (now, until) = (self.now, self.now + settings.uses_kept());
            let used = self.ask(|store| store.use_proof(self.identity(proven.id), now, until));
            used.await
        } else {
            None
        };
        match used {
            Some(Ok(used)) if used > limit => {
                let finding =
                    format!("{what}, but it has come back {used} times, and may {limit} times");
                looked(Answer::Replayed, finding)
            }
            Some(Ok(used)) => looked(Answer::Counts, format!("{what}; {used} of {limit} times")),
            // It is ours all the same: that nobody can count must not cost a bounce.
            Some(Err(_)) => looked(
                Answer::Counts,
                format!("{what}; not counted, as the store did not answer"),
            ),
            None => looked(Answer::Counts, format!("{what}; not counted")),
        }
    }

    /// What the uses of a message are counted by. Without a key its Message-ID is hashed bare: who reads the store could
    /// then find out whether a Message-ID that he knows has come back, and no more, for nothing is proven by this hash.
    fn identity(&self, id: &[u8]) -> Hash {
        hash(&self.engine.policy.proof.keys, Hashed::MessageId, id).unwrap_or_else(|| {
            let digest = Sha256::digest(id);
            let front = digest.first_chunk().copied();
            Hash::from_bytes(front.unwrap_or_default())
        })
    }

    /// `proof.lifetime` in seconds.
    pub(super) fn lifetime(&self) -> u64 {
        self.engine.policy.proof.lifetime_days() * proof::DAY
    }
}
