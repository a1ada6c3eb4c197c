//! DKIM signatures of ours, and the DKIM2 chain, as proof.

use super::Search;
use crate::core::{
    header::Header,
    message::{Open, Part},
    outside::Outside,
    proof::{
        ProofKind,
        dkim::{OwnMessage, Signed},
        evidence::{ProofFinding, ProofResult},
        proven::Proven,
    },
};

impl Search<'_> {
    /// `unlisted` gets those that prove a message of ours to others than the report is about.
    pub(super) fn signatures(
        &self,
        unlisted: &mut Vec<OwnMessage>,
    ) -> Result<Vec<ProofFinding>, Open> {
        if !self.policy().proof.dkim.verify {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for place in 0..self.report.returned.len() {
            let signed = match self.asker.signatures(Part::Returned(place))? {
                Ok(signed) => signed,
                Err(outside) => {
                    found.push(late(ProofKind::Dkim, "no DKIM signature", outside));
                    continue;
                }
            };
            for signed in signed {
                found.push(self.signature(signed, unlisted)?);
                if found.last().is_some_and(ProofFinding::settles) {
                    return Ok(found);
                }
            }
        }
        Ok(self.or_absent(ProofKind::Dkim, found, "no DKIM signature of ours"))
    }

    fn signature(
        &self,
        signed: &Signed,
        unlisted: &mut Vec<OwnMessage>,
    ) -> Result<ProofFinding, Open> {
        let own = match signed.own_message(self.policy().proof.dkim.altered_body) {
            Err(finding) => return Ok(finding),
            Ok(own) => own,
        };
        let proven = Proven {
            id: &own.id,
            sent_to: own.sent_to.clone(),
            remembered: None,
        };
        let finding = self.worth(ProofKind::Dkim, own.text.clone(), &proven)?;
        if finding.result == ProofResult::AboutAnother {
            unlisted.push(own);
        }
        Ok(finding)
    }

    /// The DKIM2 chain, where somebody wants to follow the draft.
    pub(super) fn chain(&self) -> Result<Vec<ProofFinding>, Open> {
        if !self.policy().proof.dkim.dkim2 {
            return Ok(Vec::new());
        }
        if self.report.cut {
            return Ok(vec![ProofFinding {
                kind: ProofKind::Dkim2,
                result: ProofResult::Absent,
                text: "no DKIM2 chain can be verified in a part of a message".to_owned(),
            }]);
        }
        let chain = match self.asker.chain()? {
            Ok(chain) => chain,
            Err(outside) => return Ok(vec![late(ProofKind::Dkim2, "no DKIM2 chain", outside)]),
        };
        let id = self
            .returned()
            .find_map(|headers| headers.first("Message-ID"));
        let id = id.map(Header::unfolded);
        let own = match chain.own_message(id.as_deref()) {
            Err(finding) => return Ok(vec![finding]),
            Ok(own) => own,
        };
        let proven = Proven {
            id: &own.id,
            sent_to: own.sent_to,
            remembered: None,
        };
        Ok(vec![self.worth(ProofKind::Dkim2, own.text, &proven)?])
    }
}

fn late(kind: ProofKind, what: &str, outside: Outside) -> ProofFinding {
    ProofFinding {
        kind,
        result: ProofResult::Unanswered(outside),
        text: format!("{what} was verified: {outside} did not answer in time"),
    }
}
