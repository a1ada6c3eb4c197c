//! The Message-ID as proof: the ledger remembers that we sent it.

use super::{Search, shown};
use crate::core::proof::{
    self, ProofKind,
    evidence::{Outside, ProofFinding, ProofResult},
    ledger::{Hashed, Remembered, hashes, message_id},
    proven::Proven,
};

impl Search<'_> {
    pub(super) async fn message_ids(&self) -> Vec<ProofFinding> {
        if !self.engine.policy.proof.ledger.remember {
            return Vec::new();
        }
        let looked = |result, text: &str| {
            vec![ProofFinding {
                kind: ProofKind::Ledger,
                result,
                text: text.to_owned(),
            }]
        };
        let ids = self.named();
        if ids.is_empty() {
            return looked(ProofResult::Absent, "it names no Message-ID");
        }
        match self.known(&ids).await {
            Err(()) => looked(
                ProofResult::Unanswered(Outside::Store),
                "the store, which would know the Message-ID, did not answer",
            ),
            Ok(None) => looked(
                ProofResult::Absent,
                "no Message-ID that it names is of a message sent from here",
            ),
            Ok(Some((id, remembered))) => {
                let what = format!(
                    "the Message-ID {} is of a message sent from here",
                    shown(id)
                );
                let keep = self.engine.policy.proof.ledger.keep_days();
                vec![if !remembered.is_kept(keep, self.now) {
                    ProofFinding {
                        kind: ProofKind::Ledger,
                        result: ProofResult::Expired,
                        text: format!("{what}, but longer ago than proof.ledger.keep"),
                    }
                } else {
                    let proven = self.in_ledger(id, remembered);
                    self.worth(ProofKind::Ledger, what, proven).await
                }]
            }
        }
    }

    fn in_ledger<'a>(&self, id: &'a [u8], remembered: Remembered) -> Proven<'a> {
        Proven {
            id,
            sent_to: Vec::new(),
            remembered: Some(remembered),
        }
    }

    /// The Message-IDs that it names, each once: of what it returns, and of what it answers, where that is all it says.
    fn named(&self) -> Vec<Vec<u8>> {
        let returned = self
            .returned()
            .filter_map(|headers| headers.first("Message-ID"))
            .filter_map(|header| message_id(&header.unfolded()));
        let answers = self.report.answers.iter().filter(|_| self.is_reply);
        let answered = answers.filter_map(|id| message_id(id));
        let mut ids: Vec<Vec<u8>> = Vec::new();
        for id in returned.chain(answered) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        ids
    }

    /// The first of them that the ledger has. All are asked about at once, for mostly it has none.
    async fn known<'i>(&self, ids: &'i [Vec<u8>]) -> Result<Option<(&'i [u8], Remembered)>, ()> {
        let settings = &self.engine.policy.proof;
        let (today, keep) = (proof::today(self.now), settings.ledger.keep_days());
        let all = ids
            .iter()
            .flat_map(|id| hashes(&settings.keys, Hashed::MessageId, id, today, keep));
        let all = all.collect();
        match self.ask(|store| store.sent(all)).await {
            None if self.engine.store.is_some() => return Err(()),
            None => return Ok(None),
            Some(Err(_)) => return Err(()),
            Some(Ok(None)) => return Ok(None),
            Some(Ok(Some(remembered))) => {
                if let [id] = ids {
                    return Ok(Some((id, remembered)));
                }
            }
        }
        for id in ids {
            if let Some(remembered) = self.remembered(id).await.map_err(|_| ())? {
                return Ok(Some((id, remembered)));
            }
        }
        Ok(None)
    }
}
