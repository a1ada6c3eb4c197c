//! What was found and written; also the JSON object.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    cli::without_controls,
    core::moment::{rfc3339, serialize_some},
    maillog::Seen,
};

/// What was found in logs and folders.
#[derive(Debug, Default, Serialize)]
pub(super) struct Found {
    /// The logs that were read, the oldest first.
    pub logs: Vec<String>,
    pub lines: u64,
    /// How many lines say something of a message.
    pub of_mta: u64,
    /// How many lines are from before the time that is asked for.
    pub too_old: u64,
    /// How many lines were so long that their ends were not read.
    pub cut: u64,
    pub unreadable: u64,
    /// The first of them.
    pub unreadable_lines: Vec<UnreadableLine>,
    /// What ended before its end, or could not be read, with the reason.
    pub failed: Vec<String>,
    /// The messages of the logs.
    #[serde(rename = "messages")]
    pub seen: Seen,
    /// How many messages of each folder were sent, or are something else.
    pub folders: BTreeMap<String, BTreeMap<String, u64>>,
    /// How many entries there are for the ledger.
    pub outgoing: u64,
    #[serde(serialize_with = "serialize_some")]
    pub oldest: Option<u64>,
    #[serde(serialize_with = "serialize_some")]
    pub newest: Option<u64>,
}

/// A line that can't be read.
#[derive(Debug, Serialize)]
pub(super) struct UnreadableLine {
    pub log: String,
    pub line: u64,
    pub why: &'static str,
}

impl Found {
    /// A message of this time, in seconds since 1970, is taken.
    pub fn takes(&mut self, at: u64) {
        self.outgoing += 1;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = self.newest.max(Some(at));
    }
}

/// What the command did.
#[derive(Serialize)]
pub(super) struct ImportReport {
    #[serde(serialize_with = "crate::core::moment::serialize")]
    pub since: u64,
    pub dry_run: bool,
    #[serde(flatten)]
    pub found: Found,
    /// How many Message-IDs are new in the ledger; none where nothing was to be written.
    pub new: Option<u64>,
}

impl ImportReport {
    pub fn print(&self) {
        let found = &self.found;
        for why in &found.failed {
            eprintln!("backstop ledger import: {}", without_controls(why));
        }
        for UnreadableLine { log, line, why } in &found.unreadable_lines {
            eprintln!("{}:{line}: unreadable: {why}", without_controls(log));
        }
        if !found.logs.is_empty() {
            self.print_logs();
        }
        for (name, counts) in &found.folders {
            print_folder(name, counts);
        }
        let since = rfc3339(self.since);
        match (found.oldest, found.newest) {
            (Some(oldest), Some(newest)) => println!(
                "outgoing since {since}: {} messages, from {} to {}",
                found.outgoing,
                rfc3339(oldest),
                rfc3339(newest)
            ),
            _ => println!("outgoing since {since}: none"),
        }
        match self.new {
            Some(new) => println!(
                "new in the ledger: {new}; the others were there already, or have no Message-ID"
            ),
            None => println!("nothing was written: this is a dry run"),
        }
    }

    fn print_logs(&self) {
        let Found {
            logs,
            lines,
            of_mta,
            unreadable,
            cut,
            seen,
            ..
        } = &self.found;
        let logs = without_controls(&logs.join(", "));
        println!(
            "{logs}: {lines} lines, {of_mta} of them about messages; unreadable: {unreadable}, too long: {cut}"
        );
        println!("messages: {}", seen.messages);
        for (count, what) in [
            (seen.of_logins, "outgoing: of clients that logged in"),
            (seen.of_networks, "outgoing: of clients in local.networks"),
            (seen.of_users, "outgoing: of users of the host"),
            (
                seen.of_strangers,
                "left out: strangers', also where they came back",
            ),
            (
                seen.without_beginning,
                "left out: their beginning is not in the logs",
            ),
            (
                seen.not_ours,
                "left out: outgoing, with a sender outside of local.domains",
            ),
            (
                seen.null_senders,
                "left out: outgoing, with the null sender",
            ),
            (seen.incomplete, "left out: refused or broken off"),
            (seen.dropped, "left out: too many were in progress"),
        ] {
            if count > 0 {
                println!("  {count:>9}  {what}");
            }
        }
    }
}

fn print_folder(name: &str, counts: &BTreeMap<String, u64>) {
    let total: u64 = counts.values().sum();
    let received = counts.get("received").copied().unwrap_or_default();
    let counts: Vec<_> = counts
        .iter()
        .map(|(why, count)| format!("{} {count}", why.replace('_', " ")))
        .collect();
    let name = without_controls(name);
    println!("{name}: {total} messages: {}", counts.join(", "));
    if received > total / 2 {
        eprintln!(
            "{name}: most of its messages were received, so it is no folder of sent mail; only what was sent was taken"
        );
    }
}
