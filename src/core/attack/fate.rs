//! What became of a bounce.

use crate::core::{
    proof::evidence::Outcome,
    verdict::{Action, Reason, Verdict},
};

/// What became of a bounce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// We kept it from its recipient: refused, dropped or held.
    Refused,
    /// The MTA refused its recipient before we were asked.
    RefusedByMta,
    /// We would have kept it from its recipient without monitoring.
    WouldRefuse,
    /// It was accepted without proof.
    Accepted,
    /// It was asked to come again, or held, because we, or what we ask, did not answer: nothing is known of it. One that
    /// comes again is counted again.
    Deferred,
    /// It was accepted, and taken for an answer to mail of ours.
    Proven,
}

impl Fate {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Refused,
        Self::RefusedByMta,
        Self::WouldRefuse,
        Self::Accepted,
        Self::Deferred,
        Self::Proven,
    ];

    /// The word in the store and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::RefusedByMta => "refused_by_mta",
            Self::WouldRefuse => "would_refuse",
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Proven => "proven",
        }
    }

    /// The one with this word; `None` for one of a newer version.
    pub fn stored(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// The words in a report.
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::RefusedByMta => "refused by your MTA",
            Self::WouldRefuse => "would be refused",
            Self::Accepted => "accepted without proof",
            Self::Deferred => "deferred for want of an answer",
            Self::Proven => "accepted as yours",
        }
    }

    /// Whether it says something against the bounce.
    pub fn is_suspect(self) -> bool {
        !matches!(self, Self::Deferred | Self::Proven)
    }

    /// What became of it by this verdict.
    pub fn of(verdict: &Verdict) -> Self {
        let repeated = verdict.proof.as_ref().is_some_and(Outcome::is_repeated);
        let unanswered = verdict.is_unanswered() || repeated;
        let comes_later = matches!(verdict.action, Action::Tempfail | Action::Quarantine);
        match verdict {
            Verdict {
                reason: Reason::RefusedByMta { .. },
                ..
            } => Self::RefusedByMta,
            _ if unanswered && comes_later => Self::Deferred,
            verdict if verdict.action.acts() => Self::Refused,
            verdict if verdict.would.is_some_and(Action::acts) && !unanswered => Self::WouldRefuse,
            verdict => match &verdict.proof {
                Some(outcome) if is_ours(outcome) => Self::Proven,
                _ => Self::Accepted,
            },
        }
    }
}

/// Whether it proved to be ours, now or a moment ago.
pub(super) fn is_ours(outcome: &Outcome) -> bool {
    outcome.is_genuine() || outcome.is_repeated()
}
