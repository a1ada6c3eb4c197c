//! How a recipient was answered, in the few kinds that a chart can show.

use crate::core::verdict::{Action, Reason, Verdict};

/// How a recipient was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answered {
    /// Refused, dropped or held.
    Refused,
    /// The MTA refused it before we were asked.
    RefusedByMta,
    /// Asked to come again.
    Deferred,
    /// Accepted, and refused or deferred without monitoring.
    WouldRefuse,
    /// Accepted, with a header that says what was found.
    Tagged,
    /// Accepted.
    Accepted,
    /// Outgoing mail, which is not judged.
    Outgoing,
}

impl Answered {
    /// All of them, in the order of charts.
    pub const ALL: [Self; 7] = [
        Self::Refused,
        Self::RefusedByMta,
        Self::Deferred,
        Self::WouldRefuse,
        Self::Tagged,
        Self::Accepted,
        Self::Outgoing,
    ];

    /// How this verdict answers.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict {
                reason: Reason::RefusedByMta { .. },
                ..
            } => Self::RefusedByMta,
            Verdict {
                reason: Reason::Outgoing(_),
                action: Action::Accept,
                ..
            } => Self::Outgoing,
            verdict => match verdict.action {
                Action::Reject | Action::Discard | Action::Quarantine => Self::Refused,
                Action::Tempfail => Self::Deferred,
                _ if verdict.would.is_some_and(Action::acts) => Self::WouldRefuse,
                Action::Tag => Self::Tagged,
                Action::Accept => Self::Accepted,
            },
        }
    }

    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::RefusedByMta => "refused by your MTA",
            Self::Deferred => "deferred",
            Self::WouldRefuse => "would be refused",
            Self::Tagged => "accepted with a tag",
            Self::Accepted => "accepted",
            Self::Outgoing => "outgoing",
        }
    }

    fn place(self) -> usize {
        match self {
            Self::Refused => 0,
            Self::RefusedByMta => 1,
            Self::Deferred => 2,
            Self::WouldRefuse => 3,
            Self::Tagged => 4,
            Self::Accepted => 5,
            Self::Outgoing => 6,
        }
    }
}

/// How many recipients were answered how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u64; Answered::ALL.len()]);

impl Tally {
    /// How many were answered so.
    pub fn of(&self, answered: Answered) -> u64 {
        self.0.get(answered.place()).copied().unwrap_or_default()
    }

    /// All that were judged: those of incoming mail.
    pub fn judged(&self) -> u64 {
        let judged = Answered::ALL
            .into_iter()
            .filter(|one| *one != Answered::Outgoing);
        judged.fold(0, |sum, one| sum.saturating_add(self.of(one)))
    }

    pub(super) fn add(&mut self, answered: Answered, times: u64) {
        if let Some(sum) = self.0.get_mut(answered.place()) {
            *sum = sum.saturating_add(times);
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for answered in Answered::ALL {
            self.add(answered, other.of(answered));
        }
    }
}
