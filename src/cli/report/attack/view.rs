//! The content of the report, for text, HTML and JSON. Text from outside is printable ASCII already; it was made so before
//! it was stored.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{origins::Origins, period::Period, whose::Owners};
use crate::{
    cli::{rfc3339, suspected::SuspectedAccount},
    core::{
        attack::{AttackSummary, AttackTally, Fate, HOUR, Ranked},
        verdict::reason_words,
    },
};

#[derive(Serialize)]
pub(in crate::cli::report) struct View {
    pub from: String,
    pub to: String,
    /// The only domain of the report; `None` for all.
    pub domain: Option<String>,
    pub bounces: Numbers,
    /// Accounts that somebody may have abused.
    pub accounts: Vec<SuspectedAccount>,
    /// Who sent in our name, by those who bounced.
    pub origins: Origins,
    pub worst_hour: Option<Worst>,
    pub reasons: Vec<Reason>,
    pub proofs: BTreeMap<String, u64>,
    pub domains: BTreeMap<String, Numbers>,
    pub hosts: List,
    pub networks: List,
    pub recipients: List,
    /// The hours with bounces.
    pub hours: Vec<Hour>,
    #[serde(skip)]
    pub summary: AttackSummary,
    #[serde(skip)]
    pub period: Period,
}

#[derive(Serialize)]
pub(in crate::cli::report) struct Worst {
    pub hour: String,
    pub suspect: u64,
}

#[derive(Serialize)]
pub(in crate::cli::report) struct Reason {
    pub fate: &'static str,
    /// The action, done or monitored, and its reason.
    pub why: String,
    pub bounces: u64,
    /// What became of them.
    #[serde(skip)]
    pub words: &'static str,
    /// The reason in words; `None` for one that this version does not know.
    #[serde(skip)]
    pub explained: Option<String>,
}

#[derive(Serialize)]
pub(in crate::cli::report) struct Hour {
    pub hour: String,
    #[serde(flatten)]
    pub bounces: Numbers,
}

/// Hosts, networks or addresses, those with the most suspect bounces first.
#[derive(Serialize)]
pub(in crate::cli::report) struct List {
    pub different: usize,
    pub top: Vec<Entry>,
    /// The bounces of all others, which were counted together.
    pub others: Numbers,
}

#[derive(Serialize)]
pub(in crate::cli::report) struct Entry {
    pub name: String,
    #[serde(flatten)]
    pub bounces: Numbers,
}

/// A tally, with the name of each fate.
#[derive(Clone, Copy)]
pub(in crate::cli::report) struct Numbers(pub AttackTally);

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("all", &self.0.all())?;
        map.serialize_entry("suspect", &self.0.suspect())?;
        for fate in Fate::ALL {
            map.serialize_entry(fate.as_str(), &self.0.of(fate))?;
        }
        map.end()
    }
}

impl View {
    pub fn of(
        summary: AttackSummary,
        accounts: Vec<SuspectedAccount>,
        period: Period,
        domain: Option<&str>,
        owners: &Owners,
    ) -> Self {
        let end = period.last.saturating_add(1).saturating_mul(HOUR) - 1;
        let domains = summary.domains.iter();
        let hours = summary.hours.iter();
        let worst = summary.worst_hour();
        let reasons = summary.reasons().into_iter();
        let reasons = reasons.map(|(fate, why, bounces)| Reason {
            fate: fate.as_str(),
            why: or_others(why).to_owned(),
            bounces,
            words: fate.words(),
            explained: explained(why),
        });
        let proofs = summary.proofs.iter();
        let proofs = proofs.map(|(proof, bounces)| (or_others(proof).to_owned(), *bounces));
        Self {
            from: rfc3339(period.first.saturating_mul(HOUR)),
            to: rfc3339(end),
            domain: domain.map(str::to_owned),
            bounces: Numbers(summary.all),
            accounts,
            origins: Origins::of(&summary, owners),
            worst_hour: worst.map(|(hour, suspect)| Worst {
                hour: rfc3339(hour.saturating_mul(HOUR)),
                suspect,
            }),
            reasons: reasons.collect(),
            proofs: proofs.collect(),
            domains: domains
                .map(|(domain, tally)| (domain.clone(), Numbers(*tally)))
                .collect(),
            hosts: List::of(&summary.hosts),
            networks: List::of(&summary.networks),
            recipients: List::of(&summary.recipients),
            hours: hours
                .map(|(hour, tally)| Hour {
                    hour: rfc3339(hour.saturating_mul(HOUR)),
                    bounces: Numbers(*tally),
                })
                .collect(),
            summary,
            period,
        }
    }

    /// The hours per column, and the period in at most `most` columns.
    pub fn columns(&self, most: u64) -> (u64, Vec<(u64, AttackTally)>) {
        let Period { first, last } = self.period;
        let hours = last - first + 1;
        let widths = [1, 2, 3, 4, 6, 8, 12, 24, 48];
        let width = widths
            .into_iter()
            .find(|width| hours.div_ceil(*width) <= most);
        let width = width.unwrap_or(72);
        (width, self.summary.series(first, last, width))
    }

    /// The fates that occur in this report, in order.
    pub fn fates(&self) -> impl Iterator<Item = Fate> {
        let all = self.bounces.0;
        Fate::ALL.into_iter().filter(move |fate| all.of(*fate) > 0)
    }
}

impl List {
    fn of(ranked: &Ranked) -> Self {
        let top = ranked.top(usize::MAX);
        Self {
            different: ranked.len(),
            top: top
                .into_iter()
                .map(|(name, tally)| Entry {
                    name: name.to_owned(),
                    bounces: Numbers(*tally),
                })
                .collect(),
            others: Numbers(ranked.others),
        }
    }

    /// The first `most` entries, and how many are left.
    pub fn first(&self, most: usize) -> (&[Entry], usize) {
        let shown = self.top.get(..most).unwrap_or(&self.top);
        (shown, self.top.len() - shown.len())
    }
}

/// An entry without a name stands for all that were counted together.
fn or_others(name: &str) -> &str {
    if name.is_empty() { "others" } else { name }
}

/// `reject dnsbl by dnsbl:ips.backscatterer.org` in words: the reason, and the entry of the file that decided.
fn explained(why: &str) -> Option<String> {
    let mut words = why.split(' ').skip(1);
    let reason = reason_words(words.next()?)?;
    Some(match (words.next(), words.next()) {
        (Some("by"), Some(entry)) => format!("{reason} ({entry})"),
        _ => reason.to_owned(),
    })
}

/// An hour since 1970, for example `2026-11-28 13:00`.
pub(in crate::cli::report) fn short(hour: u64) -> String {
    let mut text = rfc3339(hour.saturating_mul(HOUR)).replace('T', " ");
    text.truncate("2026-11-28 13:00".len());
    text
}

/// A time in seconds since 1970, for example `20261128T134500Z`.
pub(super) fn compact(seconds: u64) -> String {
    rfc3339(seconds).replace(['-', ':'], "")
}

/// A time in seconds since 1970, for example `2026-11-28T13:45:00Z`.
pub(super) fn exact(seconds: u64) -> String {
    rfc3339(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_in_words() {
        for (why, words) in [
            (
                "reject unproven",
                Some("no proof that it returns mail of yours"),
            ),
            (
                "tag dnsbl by dnsbl:x.test",
                Some("from a host on a DNS list (dnsbl:x.test)"),
            ),
            ("reject some_new_reason", None),
            ("others", None),
            ("", None),
        ] {
            assert_eq!(explained(why).as_deref(), words, "{why}");
        }
    }
}
