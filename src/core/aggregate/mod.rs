//! DMARC aggregate reports (RFC 9990, and RFC 7489 before it): who sent mail with our domain in From:, as those tell who got it.
//!
//! A report is the word of its reporter, who may be anybody: the domain that the mail with the report passed DMARC for. What it
//! calls itself (`org_name`, `email`) is shown, and decides nothing.

mod attached;
mod class;
mod reporter;
mod senders;
mod stored;
mod written;

use std::{collections::BTreeMap, net::IpAddr, ops::RangeInclusive};

pub use self::{
    attached::attached,
    class::{Backscatter, Class, MIN_REPORTERS, Named, Standing},
    reporter::{Unbelieved, author},
    senders::{Sender, Senders},
    written::{NotCounted, Written, plain},
};
use serde::{Deserialize, Serialize};

use super::{address::Domain, proof::DAY};

/// How many days are kept, today included.
pub const KEEP_DAYS: u64 = 90;
/// The maximum number of reports of a day, and of octets that they are stored in. Any stranger may report; 16 MiB have room for the
/// reports of some thousand honest ones.
pub const MAX_PER_DAY: Room = Room {
    reports: 5_000,
    octets: 16 << 20,
};
/// How much of that is for one reporter, with all the names below the one that a registry gave to it.
pub const MAX_OF_REPORTER: Room = Room {
    reports: 500,
    octets: 2 << 20,
};
/// The maximum number of rows of a report. Of more, those with the most messages are kept.
pub const MAX_ROWS: usize = 2_000;
/// The maximum number of SPF results, and of DKIM results, of a row.
pub const MAX_RESULTS: usize = 8;
/// The longest id, organization or selector of a report, in characters.
pub const MAX_TEXT: usize = 255;
/// The longest period of a report. RFC 9990 asks for a day; a few reporters collect a week.
const LONGEST_PERIOD: u64 = 32 * DAY;

/// How many reports, or how many octets, have room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Reports.
    pub reports: u64,
    /// Octets as they are stored.
    pub octets: u64,
}

/// An aggregate report that was believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AggregateReport {
    /// What it is known by.
    pub key: ReportKey,
    /// How its author calls itself: for people.
    pub organization: String,
    /// What it says, by source and result.
    #[serde(deserialize_with = "super::stored::at_most::<MAX_ROWS, _, _>")]
    pub rows: Vec<Row>,
    /// The messages of rows that were too many.
    pub others: u64,
}

/// What tells a report from all others: the same report counts once, however often it comes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReportKey {
    /// Whose word it is: the domain in From: of the mail that brought it, for which that mail passed DMARC.
    pub reporter: Domain,
    /// Our domain, which it is about.
    pub domain: Domain,
    /// The reporter's name for it, printable.
    pub id: String,
    /// The first second of its period, since 1970.
    pub begin: u64,
    /// The last one.
    pub end: u64,
}

/// Mail from one address with the same results.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Row {
    /// The client that the reporter saw.
    pub source: IpAddr,
    /// The domain in From:: that of the report, or a name below it.
    pub header_from: Domain,
    /// Whether SPF passed for a domain in line with From: (`policy_evaluated/spf`).
    pub spf_aligned: bool,
    /// Whether a DKIM signature of a domain in line with From: passed (`policy_evaluated/dkim`).
    pub dkim_aligned: bool,
    /// What SPF said, whether that is in line or not.
    #[serde(deserialize_with = "super::stored::at_most::<MAX_RESULTS, _, _>")]
    pub spf: Vec<Checked>,
    /// What became of each DKIM signature.
    #[serde(deserialize_with = "super::stored::at_most::<MAX_RESULTS, _, _>")]
    pub dkim: Vec<Checked>,
    /// How many messages.
    pub messages: u64,
}

/// An SPF or DKIM result (`auth_results`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Checked {
    /// The domain of MAIL FROM or HELO, or `d=`.
    pub domain: Domain,
    /// `s=` of a signature, printable; empty where it is not told.
    pub selector: String,
    /// Whether it passed.
    pub passes: bool,
}

/// What mail of a row has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    /// SPF or DKIM of our domain: DMARC passes.
    Ours,
    /// SPF or DKIM of another domain only.
    Theirs,
    /// Nothing that passes.
    Nothing,
}

/// What became of a report that was handed to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kept {
    /// It is counted.
    New,
    /// It was counted before.
    Known,
    /// Its day has no more room, or its reporter's part of it.
    NoRoom,
    /// Its day is over, or is not here yet.
    NotKept,
}

impl ReportKey {
    /// The day it is counted on, in days since 1970-01-01: that of the middle of its period.
    pub fn day(&self) -> u64 {
        let length = self.end.saturating_sub(self.begin);
        self.begin.saturating_add(length / 2) / DAY
    }

    /// Whether the period is one: it ends after it begins, and is not much longer than a report's.
    pub fn is_period(begin: u64, end: u64) -> bool {
        end.checked_sub(begin)
            .is_some_and(|length| length <= LONGEST_PERIOD)
    }

    /// Whose the reporter is: the name that a registry gave away, so that a thousand names below it are one voice.
    pub fn owner(&self) -> &str {
        owner(&self.reporter)
    }
}

/// The name above this one that a registry gave away, or itself where no such is known.
pub fn owner(domain: &Domain) -> &str {
    psl::domain_str(domain.as_str()).unwrap_or(domain.as_str())
}

/// The days that are kept today.
pub fn kept(today: u64) -> RangeInclusive<u64> {
    today.saturating_sub(KEEP_DAYS - 1)..=today.saturating_add(1)
}

impl AggregateReport {
    /// A report of these rows, as [`summed`] makes them fewer.
    pub fn new(key: ReportKey, organization: String, all: impl IntoIterator<Item = Row>) -> Self {
        let (rows, others) = summed(all);
        Self {
            key,
            organization,
            rows,
            others,
        }
    }

    /// How many messages it is about.
    pub fn messages(&self) -> u64 {
        total(&self.rows).saturating_add(self.others)
    }
}

/// Rows without equal ones, and no more than [`MAX_ROWS`]: those with most messages; and the messages of the others.
pub fn summed(all: impl IntoIterator<Item = Row>) -> (Vec<Row>, u64) {
    let mut sums: BTreeMap<Row, u64> = BTreeMap::new();
    for mut row in all {
        let messages = std::mem::take(&mut row.messages);
        let sum = sums.entry(row).or_default();
        *sum = sum.saturating_add(messages);
    }
    let rows = sums.into_iter();
    let mut rows: Vec<Row> = rows
        .map(|(row, messages)| Row { messages, ..row })
        .collect();
    let mut others = 0;
    if rows.len() > MAX_ROWS {
        rows.sort_by_key(|row| std::cmp::Reverse(row.messages));
        let dropped = rows.split_off(MAX_ROWS);
        others = total(&dropped);
        rows.sort();
    }
    (rows, others)
}

fn total(rows: &[Row]) -> u64 {
    rows.iter()
        .fold(0, |sum, row| sum.saturating_add(row.messages))
}

impl Row {
    /// What its mail has to show.
    pub fn shown(&self) -> Shown {
        let any = |results: &[Checked]| results.iter().any(|result| result.passes);
        if self.spf_aligned || self.dkim_aligned {
            Shown::Ours
        } else if any(&self.spf) || any(&self.dkim) {
            Shown::Theirs
        } else {
            Shown::Nothing
        }
    }
}

impl Room {
    /// Takes room for one report of so many octets, if there is some below `most`.
    pub fn take(&mut self, octets: u64, most: Self) -> bool {
        let taken = Self {
            reports: self.reports.saturating_add(1),
            octets: self.octets.saturating_add(octets),
        };
        let fits = taken.reports <= most.reports && taken.octets <= most.octets;
        if fits {
            *self = taken;
        }
        fits
    }
}

#[cfg(test)]
pub(in crate::core) mod tests;
