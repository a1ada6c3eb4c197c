//! What the counts of some days say together.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use super::{WouldExample, WouldGroup, WouldRow};

/// What came of a group in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Total {
    /// The group.
    pub group: WouldGroup,
    /// How often it came.
    pub times: u64,
    /// The newest of them.
    pub example: Option<WouldExample>,
    /// How many messages of the same sender were accepted, with nothing against them.
    pub accepted: u64,
}

/// The counts of some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WouldSummary {
    /// Senders of which other mail was accepted come first, then what came most often.
    pub groups: Vec<Total>,
    /// How many recipients found no room among the groups, by reason.
    pub others: BTreeMap<String, u64>,
    /// How many recipients there are in all.
    pub times: u64,
}

impl WouldSummary {
    /// What these rows say. `accepted`: how much was accepted of each sender, by [`WouldGroup::sender_key`].
    pub fn of(rows: Vec<WouldRow>, accepted: &HashMap<String, u64>) -> Self {
        let mut groups: BTreeMap<WouldGroup, (u64, Option<WouldExample>)> = BTreeMap::new();
        let mut summary = Self::default();
        for row in rows {
            summary.times = summary.times.saturating_add(row.times);
            if row.group.is_others() {
                let sum = summary.others.entry(row.group.reason).or_default();
                *sum = sum.saturating_add(row.times);
                continue;
            }
            let (times, newest) = groups.entry(row.group).or_default();
            *times = times.saturating_add(row.times);
            let at = |example: &Option<WouldExample>| example.as_ref().map(|example| example.at);
            if at(&row.example) >= at(newest) {
                *newest = row.example;
            }
        }
        let groups = groups.into_iter();
        summary.groups = groups
            .map(|(group, (times, example))| Total {
                accepted: accepted
                    .get(&group.sender_key())
                    .copied()
                    .unwrap_or_default(),
                group,
                times,
                example,
            })
            .collect();
        let order = |total: &Total| (total.accepted == 0, Reverse(total.times));
        summary.groups.sort_by_key(order);
        summary
    }

    /// The senders of the groups, each once, as [`of`](Self::of) wants to know of them.
    pub fn senders(rows: &[WouldRow]) -> Vec<String> {
        let groups = rows.iter().map(|row| &row.group);
        let named = groups.filter(|group| !group.is_others());
        let mut senders: Vec<_> = named.map(WouldGroup::sender_key).collect();
        senders.sort_unstable();
        senders.dedup();
        senders
    }
}
