//! What could prove a bounce whose tag is wrong or old: an MTA behind us may have changed the sender, or another BATV
//! signer has made it.

use super::{Addressed, Tag, bad};
use crate::core::{
    envelope::Envelope,
    outside::Outside,
    policy::{Case, DomainAnswers, Policy},
    proof::{
        ProofKind,
        evidence::{ProofFinding, ProofResult},
    },
};

/// What could still prove a bounce whose tag is wrong or old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Otherwise {
    /// Nothing: there is nothing to wait for.
    Nothing,
    /// What it returns.
    Content,
    /// What it returns; and the ledger has mail that was sent from that very address, with the tag of another signer.
    SentWithIt,
    /// It is not known, for this did not answer.
    Unanswered(Outside),
}

impl Otherwise {
    pub(super) fn is_worth_waiting(self) -> bool {
        self != Self::Nothing
    }

    pub(super) fn in_words(self) -> String {
        match self {
            Self::Nothing => "nothing else could prove it".to_owned(),
            Self::Content => "what it returns may prove it".to_owned(),
            Self::SentWithIt => "but mail was sent with it".to_owned(),
            Self::Unanswered(outside) => {
                format!("{outside} did not answer, which knows whether something else may prove it")
            }
        }
    }
}

impl Tag {
    fn otherwise(self) -> Option<Otherwise> {
        match self {
            Self::Wrong(otherwise) | Self::Expired(otherwise) | Self::Foreign(otherwise) => {
                Some(otherwise)
            }
            Self::Valid | Self::Unverified | Self::Irrelevant => None,
        }
    }

    /// The same with what could prove its bounce otherwise.
    pub fn or(self, otherwise: Otherwise) -> Self {
        match self {
            Self::Wrong(_) => Self::Wrong(otherwise),
            Self::Expired(_) => Self::Expired(otherwise),
            Self::Foreign(_) => Self::Foreign(otherwise),
            tag => tag,
        }
    }

    /// What did not answer that would speak for it.
    pub(super) fn unanswered(self) -> Option<Outside> {
        match self.otherwise() {
            Some(Otherwise::Unanswered(outside)) => Some(outside),
            _ => None,
        }
    }

    /// What it says beside what the content does.
    fn looked(self) -> Vec<ProofFinding> {
        let Some(otherwise) = self.otherwise() else {
            return Vec::new();
        };
        let looked = |answer, finding: String| ProofFinding {
            kind: ProofKind::Batv,
            result: answer,
            text: finding,
        };
        let (finding, _) = bad(self);
        let bad = match self {
            Self::Foreign(_) => None,
            Self::Expired(_) => Some(looked(ProofResult::Expired, finding.to_owned())),
            _ => Some(looked(ProofResult::Wrong, finding.to_owned())),
        };
        let more = match otherwise {
            Otherwise::Nothing | Otherwise::Content => None,
            Otherwise::SentWithIt => {
                let what = format!("{finding}, {}", otherwise.in_words());
                return vec![looked(ProofResult::Absent, what)];
            }
            Otherwise::Unanswered(outside) => Some(looked(
                ProofResult::Unanswered(outside),
                otherwise.in_words(),
            )),
        };
        bad.into_iter().chain(more).collect()
    }
}

impl Policy {
    /// Whether mail may have been sent from that very address, so that its tag is not called wrong before the ledger was asked.
    pub(in crate::core) fn may_be_sent_with(
        &self,
        envelope: &Envelope,
        addressed: &Addressed,
        answers: DomainAnswers<'_>,
    ) -> bool {
        self.proof.ledger.remember
            && matches!(addressed.tag, Some(Tag::Wrong(_) | Tag::Foreign(_)))
            && judges_tag(envelope, addressed, answers)
    }

    /// Whether DKIM signatures of ours are all that could still prove this bounce.
    pub(in crate::core) fn only_signatures_prove(
        &self,
        envelope: &Envelope,
        addressed: &Addressed,
        answers: DomainAnswers<'_>,
    ) -> bool {
        self.proof.dkim.verify
            && !self.requires_tag()
            && !self.proof.marks_content()
            && addressed.tag.and_then(Tag::otherwise).is_some()
            && judges_tag(envelope, addressed, answers)
    }

    /// What could prove a bounce whose tag is wrong or old. `sent`: the ledger has mail from that very address; `signed`:
    /// DKIM signatures of ours were seen leaving within `proof.lifetime`. Both are false where they were not asked.
    pub(in crate::core) fn otherwise(
        &self,
        sent: Result<bool, Outside>,
        signed: Result<bool, Outside>,
    ) -> Otherwise {
        match (sent, signed) {
            (Ok(true), _) => Otherwise::SentWithIt,
            (Err(outside), _) => Otherwise::Unanswered(outside),
            _ if self.requires_tag() => Otherwise::Nothing,
            _ if self.proof.marks_content() => Otherwise::Content,
            (_, Ok(true)) => Otherwise::Content,
            (_, Err(outside)) => Otherwise::Unanswered(outside),
            (_, Ok(false)) => Otherwise::Nothing,
        }
    }
}

/// With a sender no tag is refused, and neither is one of who is exempt.
fn judges_tag(envelope: &Envelope, addressed: &Addressed, answers: DomainAnswers<'_>) -> bool {
    envelope.reverse_path.is_null()
        && addressed.recipient.refused.is_none()
        && answers.exempt_by(envelope, &addressed.recipient).is_none()
}

impl Case<'_> {
    /// Whether a bad tag waits for what the bounce returns.
    pub(in crate::core::policy) fn waits_for_content(&self) -> bool {
        let otherwise = self.tag.and_then(Tag::otherwise);
        self.envelope.reverse_path.is_null() && otherwise.is_some_and(Otherwise::is_worth_waiting)
    }

    /// What the tag says, where it waited for what the bounce returns.
    pub(in crate::core::policy) fn tag_looked(&self) -> Vec<ProofFinding> {
        let waited = self.tag.filter(|_| self.waits_for_content());
        waited.map(Tag::looked).unwrap_or_default()
    }

    /// Whether mail was sent from the very address that the bounce came to.
    pub(in crate::core::policy) fn sent_with_tag(&self) -> bool {
        self.tag.and_then(Tag::otherwise) == Some(Otherwise::SentWithIt)
    }
}
