//! What an import found and wrote; also its JSON object.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{cli::without_controls, core::aggregate::Kept};

/// How many lines say what is wrong with single mails and files.
const NAMED: usize = 10;

/// What was found, and what became of it.
#[derive(Debug, Default, Serialize)]
pub(super) struct ImportTally {
    pub dry_run: bool,
    /// The mails and files that were read.
    pub mails: u64,
    pub files: u64,
    /// The mails without a report.
    pub without_report: u64,
    /// The mails and files with a report that can't be read.
    pub broken: u64,
    /// What can't be read at all.
    pub unreadable: u64,
    /// The first of both, with the reasons.
    pub problems: Vec<String>,
    /// The reports that can be read.
    pub reports: u64,
    /// How many of these are new; none where nothing is written.
    pub new: Option<u64>,
    /// How many are there already.
    pub known: Option<u64>,
    /// The others, by what speaks against them.
    pub left_out: Vec<LeftOut>,
    #[serde(skip)]
    against: BTreeMap<String, u64>,
}

/// How many reports are left out for this reason.
#[derive(Debug, Serialize)]
pub(super) struct LeftOut {
    reason: String,
    reports: u64,
}

impl ImportTally {
    /// Nothing was found yet.
    pub fn new(dry_run: bool) -> Self {
        let written = (!dry_run).then_some(0);
        Self {
            dry_run,
            new: written,
            known: written,
            ..Self::default()
        }
    }

    /// A report does not count.
    pub fn leaves_out(&mut self, why: &dyn std::fmt::Display) {
        *self.against.entry(why.to_string()).or_default() += 1;
    }

    /// This is wrong with one of them.
    pub fn problem(&mut self, name: &str, why: &dyn std::fmt::Display) {
        if self.problems.len() < NAMED {
            let line = format!("{name}: {why}");
            self.problems
                .push(without_controls(&line).replace('\n', " "));
        }
    }

    /// The store says what became of a report.
    pub fn became(&mut self, kept: Kept) {
        match kept {
            Kept::New => *self.new.get_or_insert_default() += 1,
            Kept::Known => *self.known.get_or_insert_default() += 1,
            Kept::NoRoom => {
                self.leaves_out(
                    &"its day, or its reporter's part of the day, has no more room in the store",
                );
            }
            Kept::NotKept => self.leaves_out(&"its day is not kept"),
        }
    }

    /// All of it is counted.
    pub fn end(&mut self) {
        let against = std::mem::take(&mut self.against).into_iter();
        self.left_out = against
            .map(|(reason, reports)| LeftOut { reason, reports })
            .collect();
        self.left_out
            .sort_by_key(|one| std::cmp::Reverse(one.reports));
    }

    pub fn print(&self) {
        for problem in &self.problems {
            eprintln!("{problem}");
        }
        let problems = self.broken + self.unreadable;
        let unnamed = problems.saturating_sub(self.problems.len() as u64);
        if unnamed > 0 {
            eprintln!("and {unnamed} more that can't be read");
        }
        println!(
            "read: {} mails, {} of them without a DMARC report; {} files; broken or unreadable: {problems}",
            self.mails, self.without_report, self.files
        );
        println!("reports: {}", self.reports);
        for (count, what) in [
            (self.new, "new in the store"),
            (self.known, "in the store already"),
        ] {
            if let Some(count) = count {
                println!("  {count:>9}  {what}");
            }
        }
        for LeftOut { reason, reports } in &self.left_out {
            println!("  {reports:>9}  left out: {reason}");
        }
        if self.dry_run {
            println!("nothing was written: this is a dry run");
        }
    }
}
