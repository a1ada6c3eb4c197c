//! Which entry of `recipients` was asked for a recipient.

use serde::Serialize;

use crate::{
    config::{At, Located},
    core::policy::Policy,
    engine::Course,
};

/// An entry of `recipients`.
#[derive(Serialize)]
pub(super) struct EntryAsked {
    /// Its key `domain`.
    domain: String,
    /// Where that stands in the file, from 1.
    line: Option<usize>,
    column: Option<usize>,
}

impl EntryAsked {
    /// None where no entry was looked for, as none is for outgoing mail.
    pub(super) fn of(course: &Course, policy: &Policy, located: &Located) -> Option<Self> {
        let mut checks = course.rcpt.judgement.checks.iter();
        checks.find(|check| check.name == "recipients")?;
        let (number, entry) = policy.recipients_of(&course.rcpt.addressed.recipient)?;
        let at = [At::Key("recipients"), At::Item(number), At::Key("domain")];
        let place = located.place(&at);
        Some(Self {
            domain: entry.scope.to_string(),
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
        })
    }

    pub(super) fn print(&self) {
        let place = self.line.map(|line| format!(" (line {line})"));
        let place = place.unwrap_or_default();
        println!(
            "  {:<30} the entry `{}`{place}",
            "entry of recipients", self.domain
        );
    }
}
