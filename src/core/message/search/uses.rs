//! What a proof is worth: a copy of one message of ours must not become a licence to flood.

use super::{Search, shown};
use crate::core::{
    address::Mailbox,
    message::{Open, Question},
    proof::{
        ProofKind,
        counted::Counted,
        dkim::OwnMessage,
        evidence::{ProofFinding, ProofResult},
        ledger::{Hashed, fingerprint},
        proven::Proven,
        uses::Attempt,
    },
};

impl Search<'_> {
    /// Whether the proof counts: the report is about a recipient of that message, which has not come back too often.
    /// `what` is said of the proof.
    pub(super) fn worth(
        &self,
        kind: ProofKind,
        what: String,
        proven: &Proven<'_>,
    ) -> Result<ProofFinding, Open> {
        let (settings, today) = (&self.policy().proof, self.today());
        if !proven.may_be_about(self.report, self.addressees(), settings, today) {
            let other = self.report.recipients.first().map(Mailbox::to_bytes);
            let other = shown(&other.unwrap_or_default());
            return Ok(ProofFinding {
                kind,
                result: ProofResult::AboutAnother,
                text: format!("{what}, but the message was not sent to {other}"),
            });
        }
        self.used(kind, what, proven, |attempt| attempt)
    }

    /// Of a message to others that our signature alone proves.
    pub(super) fn unlisted(&self, candidates: Vec<OwnMessage>) -> Result<Vec<ProofFinding>, Open> {
        let settings = &self.policy().proof;
        let mut found = Vec::new();
        for own in candidates {
            let proven = Proven {
                id: &own.id,
                sent_to: own.sent_to,
                remembered: None,
            };
            let what = format!("{}, though its To and Cc name others", own.text);
            let mut finding = self.used(ProofKind::Dkim, what, &proven, |attempt| {
                attempt.unlisted(settings)
            })?;
            if finding.result == ProofResult::Counts {
                finding.result = ProofResult::CountsUnlisted;
            }
            found.push(finding);
            if found.last().is_some_and(ProofFinding::settles) {
                break;
            }
        }
        Ok(found)
    }

    fn used(
        &self,
        kind: ProofKind,
        what: String,
        proven: &Proven<'_>,
        as_one: impl FnOnce(Attempt) -> Attempt,
    ) -> Result<ProofFinding, Open> {
        let settings = &self.policy().proof;
        let (headers, keys) = (&self.facts.headers, &settings.keys);
        let counted = || Counted::of(headers, self.report, self.is_reply, keys);
        let attempt = Attempt::of(self.content.counted(counted), proven, settings, self.now);
        let used = self.asker.use_proof(Question::Use {
            message: fingerprint(keys, Hashed::MessageId, proven.id),
            attempt: as_one(attempt),
            until: self.now + settings.uses_kept(),
        })?;
        let (result, times) = match used {
            Ok(Some(used)) => used.result(),
            Ok(None) => (ProofResult::Counts, "not counted".to_owned()),
            // It is ours all the same: that nobody can count must not cost a bounce.
            Err(outside) => {
                let times = format!("not counted, as {outside} did not answer");
                (ProofResult::Counts, times)
            }
        };
        Ok(ProofFinding {
            kind,
            result,
            text: format!("{what}; {times}"),
        })
    }
}
