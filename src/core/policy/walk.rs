//! One walk over the checks, and how they combine.
//!
//! Accepting and tagging never decide, and a check that is only monitored doesn't either: what comes after may
//! still refuse. So the verdict is the first answer that acts, else the first that would have acted, else the
//! first tag, else that nothing was found.

use std::{
    fmt::Display,
    ops::ControlFlow::{self, Break, Continue},
};

use super::soften::Softened;
use crate::core::{
    proof::evidence::Outcome,
    verdict::{Action, Entry, Mode, Reason, Rule, Verdict},
};

/// One check: what was asked, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The check, as the configuration names it.
    pub name: &'static str,
    /// What was asked, and the answer; empty where nobody is to read it.
    pub finding: String,
    /// What is to be done about it, as the file says and outages soften it; none where the check only reports.
    pub rule: Option<Rule>,
}

/// The verdict, and how it came about.
#[must_use = "a verdict that nobody reads lets mail pass"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Every check made, in order.
    pub checks: Vec<Check>,
}

impl Judgement {
    /// What another stage found as well: its checks come first, and the stronger verdict stands.
    pub fn add(&mut self, other: Self) {
        let Self { verdict, checks } = std::mem::replace(self, Self::nothing_found());
        self.verdict = verdict.or_stronger(other.verdict);
        self.checks = other.checks.into_iter().chain(checks).collect();
    }

    /// Nothing was asked.
    pub fn nothing_found() -> Self {
        Self {
            verdict: Verdict::accept(Reason::NothingFound),
            checks: Vec::new(),
        }
    }
}

/// The checks made so far.
pub(super) struct Walk {
    mode: Mode,
    /// Whether somebody reads what is found.
    is_read: bool,
    checks: Vec<Check>,
    /// The first answer that would have acted, or else the first tag.
    softer: Option<Verdict>,
    /// What the message proves, where that was asked.
    proof: Option<Outcome>,
    /// The entry of `milter.yaml` that spared it a check, the last of them.
    vouched: Option<Entry>,
}

impl Walk {
    /// A walk that nothing has been asked on. `is_read`: somebody reads what is found.
    pub(super) fn new(mode: Mode, is_read: bool) -> Self {
        Self {
            mode,
            is_read,
            checks: Vec::new(),
            softer: None,
            proof: None,
            vouched: None,
        }
    }

    /// The end of the walk: what decided it, or else the softer answers.
    pub(super) fn judgement(self, end: ControlFlow<Verdict>) -> Judgement {
        let mut verdict = match end {
            Break(verdict) => verdict,
            Continue(()) => self
                .softer
                .unwrap_or_else(|| Verdict::accept(Reason::NothingFound).by(self.vouched)),
        };
        verdict.proof = self.proof;
        Judgement {
            verdict,
            checks: self.checks,
        }
    }

    /// What the message proves, whatever is decided.
    pub(super) fn prove(&mut self, outcome: &Outcome) {
        self.proof = Some(outcome.clone());
    }

    /// An entry of `milter.yaml` spared it a check.
    pub(super) fn vouch(&mut self, entry: Option<Entry>) {
        self.vouched = entry.or(self.vouched.take());
    }

    pub(super) fn note(&mut self, name: &'static str, finding: impl Display) {
        self.add(name, finding, None);
    }

    /// Only what is read is written: it is the most that many a check costs.
    fn add(&mut self, name: &'static str, finding: impl Display, rule: Option<Rule>) {
        let finding = match self.is_read {
            true => finding.to_string(),
            false => String::new(),
        };
        self.checks.push(Check {
            name,
            finding,
            rule,
        });
    }

    pub(super) fn apply(
        &mut self,
        name: &'static str,
        finding: impl Display,
        rule: impl Into<Softened>,
        reason: Reason,
    ) -> ControlFlow<Verdict> {
        self.apply_by(name, finding, rule, reason, None)
    }

    /// The same, where an entry of `milter.yaml` decided.
    pub(super) fn apply_by(
        &mut self,
        name: &'static str,
        finding: impl Display,
        rule: impl Into<Softened>,
        reason: Reason,
        by: Option<Entry>,
    ) -> ControlFlow<Verdict> {
        let Softened { rule, unanswered } = rule.into();
        self.add(name, finding, Some(rule));
        let verdict = Verdict {
            unanswered,
            by,
            ..Verdict::of(rule, self.mode, reason)
        };
        if verdict.action.acts() {
            return Break(verdict);
        }
        if verdict.action == Action::Tag {
            let stronger = verdict.would.is_some()
                && self
                    .softer
                    .as_ref()
                    .is_some_and(|softer| softer.would.is_none());
            if self.softer.is_none() || stronger {
                self.softer = Some(verdict);
            }
        }
        Continue(())
    }
}
