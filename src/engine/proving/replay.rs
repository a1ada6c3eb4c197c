//! What a proof is worth: a copy of one message of ours must not become a licence to flood.

use super::{Search, shown};
use crate::core::{
    address::Mailbox,
    proof::{
        self, ProofKind,
        dkim::OwnMessage,
        evidence::{ProofFinding, ProofResult},
        ledger::{Hashed, fingerprint},
        proven::Proven,
        uses::Attempt,
    },
};

impl Search<'_> {
    /// Whether the proof counts: the report is about a recipient of that message, which has not come back too often.
    /// `what` tells of the proof.
    pub(super) async fn worth(
        &self,
        kind: ProofKind,
        what: String,
        proven: Proven<'_>,
    ) -> ProofFinding {
        let settings = &self.engine.policy.proof;
        let today = proof::today(self.now);
        if !proven.may_be_about(self.report, &self.addressees, settings, today) {
            let other = self.report.recipients.first().map(Mailbox::to_bytes);
            let other = shown(&other.unwrap_or_default());
            return ProofFinding {
                kind,
                result: ProofResult::AboutAnother,
                text: format!("{what}, but the message was not sent to {other}"),
            };
        }
        self.used(kind, what, &proven, |attempt| attempt).await
    }

    /// Of a message to others that our signature alone proves.
    pub(super) async fn unlisted(&self, candidates: Vec<OwnMessage>) -> Vec<ProofFinding> {
        let settings = &self.engine.policy.proof;
        let mut found = Vec::new();
        for own in candidates {
            let proven = Proven {
                id: &own.id,
                sent_to: own.sent_to,
                remembered: None,
            };
            let what = format!("{}, though its To and Cc name others", own.text);
            let used = self.used(ProofKind::Dkim, what, &proven, |attempt| {
                attempt.unlisted(settings)
            });
            let mut finding = used.await;
            if finding.result == ProofResult::Counts {
                finding.result = ProofResult::CountsUnlisted;
            }
            found.push(finding);
            if found.last().is_some_and(ProofFinding::settles) {
                break;
            }
        }
        found
    }

    async fn used(
        &self,
        kind: ProofKind,
        what: String,
        proven: &Proven<'_>,
        as_one: impl FnOnce(Attempt) -> Attempt,
    ) -> ProofFinding {
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
        let (result, times) = match used {
            Some(Ok(used)) => used.told(),
            // It is ours all the same: that nobody can count must not cost a bounce.
            Some(Err(_)) => {
                let times = "not counted, as the store did not answer";
                (ProofResult::Counts, times.to_owned())
            }
            None => (ProofResult::Counts, "not counted".to_owned()),
        };
        ProofFinding {
            kind,
            result,
            text: format!("{what}; {times}"),
        }
    }

    /// `proof.lifetime` in seconds.
    pub(super) fn lifetime(&self) -> u64 {
        self.engine.policy.proof.lifetime_days() * proof::DAY
    }
}
