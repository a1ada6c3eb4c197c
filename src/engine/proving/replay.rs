//! What a proof is worth: a copy of one message of ours must not become a licence to flood.

use super::{Search, shown};
use crate::core::{
    address::Mailbox,
    proof::{
        self,
        evidence::{Answer, By, Looked},
        ledger::{Hashed, fingerprint},
        proven::Proven,
        uses::Attempt,
    },
};

/// A message of ours, by its signature, whose To: and Cc: do not name whom the report is about.
pub(super) struct Unlisted {
    /// What tells of the signature.
    pub(super) what: String,
    /// Its Message-ID, without brackets.
    pub(super) id: Vec<u8>,
    /// Whom it was sent to, as its signed headers say.
    pub(super) sent_to: Vec<Mailbox>,
}

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
        if !proven.may_be_about(self.report, &self.addressees, settings, today) {
            let other = self.report.recipients.first().map(Mailbox::to_bytes);
            let other = shown(&other.unwrap_or_default());
            let finding = format!("{what}, but the message was not sent to {other}");
            return looked(Answer::AboutAnother, finding);
        }
        self.used(by, what, &proven, |attempt| attempt).await
    }

    /// Of a message to others that our signature alone proves.
    pub(super) async fn unlisted(&self, candidates: Vec<Unlisted>) -> Vec<Looked> {
        let settings = &self.engine.policy.proof;
        let mut found = Vec::new();
        for Unlisted { what, id, sent_to } in candidates {
            let proven = Proven {
                id: &id,
                sent_to,
                remembered: None,
            };
            let what = format!("{what}, though its To and Cc name others");
            let looked = self.used(By::DkimUnlisted, what, &proven, |attempt| {
                attempt.unlisted(settings)
            });
            found.push(looked.await);
            if found.last().is_some_and(Looked::settles) {
                break;
            }
        }
        found
    }

    async fn used(
        &self,
        by: By,
        what: String,
        proven: &Proven<'_>,
        as_one: impl FnOnce(Attempt) -> Attempt,
    ) -> Looked {
        let settings = &self.engine.policy.proof;
        let attempt = Attempt::of(
            self.headers,
            self.report,
            self.is_reply,
            proven,
            settings,
            self.now,
        );
        let attempt = as_one(attempt);
        let message = fingerprint(&settings.keys, Hashed::MessageId, proven.id);
        let until = self.now + settings.uses_kept();
        let used = match self.counts {
            true => {
                self.ask(|store| store.use_proof(message, attempt, until))
                    .await
            }
            false => None,
        };
        let (answer, times) = match used {
            Some(Ok(used)) => used.told(),
            // It is ours all the same: that nobody can count must not cost a bounce.
            Some(Err(_)) => {
                let times = "not counted, as the store did not answer";
                (Answer::Counts, times.to_owned())
            }
            None => (Answer::Counts, "not counted".to_owned()),
        };
        let finding = format!("{what}; {times}");
        Looked {
            by,
            answer,
            finding,
        }
    }

    /// `proof.lifetime` in seconds.
    pub(super) fn lifetime(&self) -> u64 {
        self.engine.policy.proof.lifetime_days() * proof::DAY
    }
}
