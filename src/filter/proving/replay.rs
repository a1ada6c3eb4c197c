//! What a proof is worth: a copy of one message of ours must not become a licence to flood.

use sha2::{Digest, Sha256};

use super::{Search, shown};
use crate::core::{
    address::Mailbox,
    from_header,
    header::Headers,
    proof::{
        self,
        evidence::{Answer, By, Looked, is_about},
        ledger::{Hash, Hashed, MOST_RECIPIENTS, Remembered, address, hash, hashes},
    },
};

/// A message that is known to be ours.
pub(super) struct Proven<'a> {
    /// Its Message-ID, without brackets.
    pub(super) id: &'a [u8],
    /// Whom it was sent to, as its headers say.
    pub(super) sent_to: Vec<Mailbox>,
    /// What the ledger has of it, which says more of that.
    pub(super) remembered: Option<Remembered>,
}

impl<'a> Proven<'a> {
    pub(super) fn of_headers(
        id: &'a [u8],
        headers: &Headers,
        remembered: Option<Remembered>,
    ) -> Self {
        let headers = headers.iter();
        let to = headers.filter(|header| header.is("To") || header.is("Cc"));
        let sent_to = to.flat_map(from_header::addresses).take(MOST_RECIPIENTS);
        Self {
            id,
            sent_to: sent_to.collect(),
            remembered,
        }
    }

    /// How many recipients it had. What headers say is believed up to a bound only: not all proofs cover them.
    fn recipients(&self) -> u32 {
        let named = self.sent_to.len().min(MOST_RECIPIENTS);
        let named = u32::try_from(named).unwrap_or(u32::MAX);
        self.remembered
            .as_ref()
            .map_or(named, |remembered| remembered.recipient_count)
    }
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
        if !self.is_about(&proven) {
            let other = self.report.recipients.first().map(Mailbox::to_bytes);
            let other = shown(&other.unwrap_or_default());
            let finding = format!("{what}, but the message was not sent to {other}");
            return looked(Answer::AboutAnother, finding);
        }
        let limit = self.engine.policy.proof.replay_limit(proven.recipients());
        let used = if self.counts {
            let settings = &self.engine.policy.proof;
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

    fn is_about(&self, proven: &Proven<'_>) -> bool {
        let reported = &self.report.recipients;
        match &proven.remembered {
            None => is_about(reported, &proven.sent_to),
            Some(remembered) => {
                let all = usize::try_from(remembered.recipient_count)
                    .is_ok_and(|count| count <= remembered.recipients.len());
                let settings = &self.engine.policy.proof;
                let (today, keep) = (proof::today(self.now), settings.ledger.keep_days());
                let was_sent_to = |mailbox: &Mailbox| {
                    let mailbox = address(mailbox);
                    hashes(&settings.keys, Hashed::Recipient, &mailbox, today, keep)
                        .iter()
                        .any(|hash| remembered.recipients.contains(hash))
                };
                // Of a message to very many, not all recipients are remembered.
                !all || reported.is_empty() || reported.iter().any(was_sent_to)
            }
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
