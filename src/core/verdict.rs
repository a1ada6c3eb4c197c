//! The answer to one recipient, and why: one value that the reply, the log line, the metrics and the tests read.

mod action;
mod entry;
mod reason;
mod rule;
mod words;

use serde::Deserialize;

pub use action::Action;
pub use entry::Entry;
pub use reason::{Exempt, Outgoing, Reason, UnderSiege};
pub use rule::Rule;
pub use words::{proof_words, reason_words};

use super::{
    forwarded::NoDsn, notification::Notification, outside::Outside, proof::evidence::Outcome,
};

/// Whether verdicts act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Judge, log and tag; never refuse.
    Monitor,
    /// Act.
    Enforce,
}

impl Mode {
    /// The word in `milter.yaml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Enforce => "enforce",
        }
    }
}

/// The answer to one recipient.
#[must_use = "a verdict that nobody reads lets mail pass"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is done.
    pub action: Action,
    /// What would be done without monitoring.
    pub would: Option<Action>,
    /// Why.
    pub reason: Reason,
    /// What did not answer, where its answer could have changed the verdict, which is softened for that.
    pub unanswered: Option<Outside>,
    /// Which entry of `milter.yaml` decided; where nothing spoke against it, which one vouched for it.
    pub by: Option<Entry>,
    /// What notification it is on, and by which evidence, where that is known by now and it is one.
    pub notification: Option<Notification>,
    /// What it proves, where that was asked, whatever decided.
    pub proof: Option<Outcome>,
    /// Why the sender gets no notice of what becomes of the mail, where that is so by `outbound.forwarded.no_dsn`.
    pub no_dsn: Option<NoDsn>,
}

impl Verdict {
    /// Accepts the mail.
    pub fn accept(reason: Reason) -> Self {
        Self {
            action: Action::Accept,
            would: None,
            reason,
            unanswered: None,
            by: None,
            notification: None,
            proof: None,
            no_dsn: None,
        }
    }

    /// The same, by this entry of `milter.yaml`.
    pub fn by(self, entry: Option<Entry>) -> Self {
        Self { by: entry, ..self }
    }

    /// The entry of `milter.yaml` that decided. One that only vouched has decided nothing: strangers
    /// must not learn where our users are listed.
    pub fn decided_by(&self) -> Option<&Entry> {
        self.by
            .as_ref()
            .filter(|_| self.reason != Reason::NothingFound)
    }

    /// Applies a rule. Under monitoring mail is accepted, with a header: never refused, dropped or held.
    pub fn of(rule: Rule, mode: Mode, reason: Reason) -> Self {
        let softened = rule.monitor || mode == Mode::Monitor;
        let (action, would) = match rule.action {
            action if !action.acts() => (action, None),
            action if softened => (Action::Tag, Some(action)),
            action => (action, None),
        };
        Self {
            action,
            would,
            reason,
            unanswered: None,
            by: None,
            notification: None,
            proof: None,
            no_dsn: None,
        }
    }

    /// Our own failure: 451 4.3.0 whatever the mode, because accepting unjudged mail would be a surprise and
    /// refusing it a loss.
    pub fn internal() -> Self {
        Self {
            action: Action::Tempfail,
            ..Self::accept(Reason::Internal)
        }
    }

    /// The daemon stops: 451 4.3.2 whatever the mode, for the same reason.
    pub fn stopping() -> Self {
        Self {
            action: Action::Tempfail,
            ..Self::accept(Reason::Stopping)
        }
    }

    /// The stronger of two verdicts on the same recipient; this one, where they are of like strength. What the later one
    /// knows of the message is kept.
    pub fn or_stronger(self, other: Self) -> Self {
        let proof = other.proof.clone().or_else(|| self.proof.clone());
        let (mut stronger, weaker) = if other.strength() > self.strength() {
            (other, self)
        } else {
            (self, other)
        };
        if stronger.reason == weaker.reason {
            stronger.by = stronger.by.or(weaker.by);
        }
        stronger.notification = stronger.notification.or(weaker.notification);
        stronger.proof = proof;
        stronger
    }

    /// Of accepted mail, that for which something spoke counts more; of tagged mail, that which would not have been.
    fn strength(&self) -> (u8, bool) {
        let more = match self.action {
            Action::Accept => self.reason != Reason::NothingFound,
            _ => self.would.is_some(),
        };
        (self.action.strength(), more)
    }

    /// Whether it is what it is because we, or what we ask, did not answer: that says nothing of the mail.
    pub fn is_unanswered(&self) -> bool {
        self.unanswered.is_some() || self.reason.is_unanswered()
    }

    /// Whether this recipient is answered 250.
    pub fn is_accepted(&self) -> bool {
        self.action.is_accepted()
    }
}

#[cfg(test)]
mod tests;
