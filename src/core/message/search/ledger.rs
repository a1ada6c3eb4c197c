//! The Message-ID as proof: the ledger remembers that we sent it.

use super::{Search, shown};
use crate::core::{
    message::{Asked, Open, content::Named},
    proof::{
        ProofKind,
        evidence::{ProofFinding, ProofResult},
        ledger::{Hash, Hashed, Remembered, hashes, message_id},
        proven::Proven,
    },
};

impl Search<'_> {
    pub(super) fn message_ids(&self) -> Result<Vec<ProofFinding>, Open> {
        if !self.policy().proof.ledger.remember {
            return Ok(Vec::new());
        }
        let looked = |result, text: String| ProofFinding {
            kind: ProofKind::Ledger,
            result,
            text,
        };
        let named = self.content.named(|| self.find_named());
        if named.is_empty() {
            let finding = "it names no Message-ID".to_owned();
            return Ok(vec![looked(ProofResult::Absent, finding)]);
        }
        let (id, remembered) = match self.first_of(named)? {
            Err(outside) => {
                let finding = format!("{outside}, which would know the Message-ID, did not answer");
                return Ok(vec![looked(ProofResult::Unanswered(outside), finding)]);
            }
            Ok(None) => {
                let finding = "no Message-ID that it names is of a message sent from here";
                return Ok(vec![looked(ProofResult::Absent, finding.to_owned())]);
            }
            Ok(Some(found)) => found,
        };
        let what = format!(
            "the Message-ID {} is of a message sent from here",
            shown(id)
        );
        let keep = self.policy().proof.ledger.keep_days();
        if !remembered.is_kept(keep, self.now) {
            let finding = format!("{what}, but longer ago than proof.ledger.keep");
            return Ok(vec![looked(ProofResult::Expired, finding)]);
        }
        let proven = Proven {
            id,
            sent_to: Vec::new(),
            remembered: Some(remembered.clone()),
        };
        Ok(vec![self.worth(ProofKind::Ledger, what, &proven)?])
    }

    /// What the ledger has of a message, where there is one.
    pub(super) fn in_ledger(&self, id: &[u8]) -> Asked<Option<&Remembered>> {
        match self.policy().proof.ledger.remember {
            true => self.asker.sent(self.hashes(id)),
            false => Ok(Ok(None)),
        }
    }

    /// The Message-IDs that it names, each once: of what it returns, and of what it answers, where that is all it says.
    fn find_named(&self) -> Vec<Named> {
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
        let named = ids.into_iter().map(|id| {
            let hashes = self.hashes(&id);
            Named { id, hashes }
        });
        named.collect()
    }

    /// The first of them that the ledger has. All are asked about at once, for mostly it has none.
    fn first_of<'i>(&self, named: &'i [Named]) -> Asked<Option<(&'i [u8], &Remembered)>> {
        let all = named.iter().flat_map(|one| one.hashes.iter().copied());
        let all = all.collect();
        let any = match self.asker.sent(all)? {
            Ok(Some(any)) => any,
            Ok(None) => return Ok(Ok(None)),
            Err(outside) => return Ok(Err(outside)),
        };
        if let [Named { id, .. }] = named {
            return Ok(Ok(Some((id, any))));
        }
        for Named { id, hashes } in named {
            match self.asker.sent(hashes.clone())? {
                Ok(Some(remembered)) => return Ok(Ok(Some((id, remembered)))),
                Ok(None) => {}
                Err(outside) => return Ok(Err(outside)),
            }
        }
        Ok(Ok(None))
    }

    fn hashes(&self, id: &[u8]) -> Vec<Hash> {
        let settings = &self.policy().proof;
        let keep = settings.ledger.keep_days();
        hashes(&settings.keys, Hashed::MessageId, id, self.today(), keep)
    }
}
