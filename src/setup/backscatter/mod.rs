//! What makes the MTA accept mail first and bounce it later: facts in, findings out. Such a bounce goes to the sender of the
//! message, who is forged where it is spam: it is the backscatter that others suffer.

mod delivery;
mod dovecot;
mod filters;
mod forwards;
mod postfix;
mod programs;
mod queue;
mod recipients;
mod sendmail;
mod services;
mod targets;
mod transports;
mod unlisted;

use std::{collections::BTreeSet, path::PathBuf};

use super::facts::{Facts, Mta};
use crate::core::address::Domain;

/// The most findings of one kind that are shown one by one.
const MAX_OF_A_KIND: usize = 5;

/// A setting by which mail is bounced that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands.
    pub file: PathBuf,
    /// From 1; none where it stands in no line, because it is the default.
    pub line: Option<usize>,
    /// What stands there, and what comes of it.
    pub message: String,
    /// The lines that mend it.
    pub mend: String,
}

impl Finding {
    /// What to do.
    pub fn help(&self) -> String {
        format!("use {}", self.mend)
    }
}

/// All findings, those of main.cf and master.cf first. `refused`: the domains in which Backstop itself refuses addresses that
/// don't exist.
pub fn findings(facts: &Facts, refused: &BTreeSet<Domain>) -> Vec<Finding> {
    match &facts.mta {
        Mta::Postfix {
            settings,
            services,
            folder,
        } => postfix::findings(&postfix::Postfix {
            facts,
            settings,
            services,
            folder,
            refused,
        }),
        Mta::Sendmail(sendmail) => sendmail::findings(facts, sendmail, refused),
    }
}

/// Some names, and how many more there are.
fn some<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown = names.get(..3).unwrap_or(&names).join(", ");
    match names.len().saturating_sub(3) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Those that are shown one by one; the last says how many more there are.
fn bounded(mut findings: Vec<Finding>) -> Vec<Finding> {
    let more = findings.len().saturating_sub(MAX_OF_A_KIND);
    findings.truncate(MAX_OF_A_KIND);
    if let Some(last) = findings.last_mut().filter(|_| more > 0) {
        last.message = format!("{} (and {more} more such lines)", last.message);
    }
    findings
}

#[cfg(test)]
mod tests;
