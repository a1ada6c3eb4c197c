//! Floods of proven bounces, by what was counted in each hour.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::core::{
    attack::{AttackKind, AttackRow},
    siege::{SHARES, Settings},
};

/// How many hours are looked back at for what is usual.
pub const HISTORY: u64 = 28 * 24;
/// How many hours without a flood end it; the latest so many are not learned.
const DAY: u64 = 24;

/// Many bounces of one sender's mail.
#[derive(Clone, Debug, PartialEq)]
pub struct Flood {
    /// The sender, without an extension.
    pub account: String,
    /// Its domain.
    pub domain: String,
    /// The first hour that reached the limit, since 1970.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// How many bounces came from the first to the last.
    pub bounces: u64,
    /// From how many networks.
    pub networks: usize,
    /// How many are usual in an hour in which some come.
    pub usual: f64,
    /// How many in an hour are a flood.
    pub limit: f64,
}

impl Flood {
    /// Whether it goes on in this hour.
    pub fn is_on(&self, hour: u64) -> bool {
        hour < self.last.saturating_add(DAY)
    }
}

/// The floods in these counts, the latest first. `is_excepted` says of which senders they are usual.
pub fn floods(
    rows: impl IntoIterator<Item = AttackRow>,
    settings: &Settings,
    is_excepted: impl Fn(&str) -> bool,
) -> Vec<Flood> {
    let mut accounts: BTreeMap<(String, String), Hours> = BTreeMap::new();
    for row in rows {
        let (text, hour) = (&row.count.text, row.hour);
        // Without a text: too many in their hour.
        if let (AttackKind::Account, Some((account, network))) =
            (row.count.kind, text.rsplit_once(' '))
        {
            let key = (account.to_owned(), row.count.domain);
            let hours = accounts.entry(key).or_default();
            let count = hours
                .entry(hour)
                .or_default()
                .entry(network.to_owned())
                .or_default();
            *count = row.times.saturating_add(*count);
        }
    }
    let mut all = Vec::new();
    for ((account, domain), hours) in accounts {
        if !is_excepted(&account) {
            all.extend(of_account(&account, &domain, &hours, settings));
        }
    }
    all.sort_by(|one, other| (other.last, &one.account).cmp(&(one.last, &other.account)));
    all
}

/// The bounces of each hour, by network.
type Hours = BTreeMap<u64, BTreeMap<String, u64>>;

fn of_account(account: &str, domain: &str, hours: &Hours, settings: &Settings) -> Vec<Flood> {
    let mut floods: Vec<Flood> = Vec::new();
    let mut learned = Learned::default();
    for (&hour, networks) in hours {
        let usual = learned.usual(hour);
        let limit = settings.account_limit(usual);
        let counted = counted(networks, limit);
        let before = floods.last_mut().filter(|flood| flood.is_on(hour));
        match (counted >= limit, before) {
            (true, None) => floods.push(Flood {
                account: account.to_owned(),
                domain: domain.to_owned(),
                first: hour,
                last: hour,
                bounces: 0,
                networks: 0,
                usual,
                limit,
            }),
            (true, Some(before)) => before.last = hour,
            (false, Some(_)) => {}
            (false, None) => learned.learn(hour, counted.min(limit / 2.0)),
        }
    }
    for flood in &mut floods {
        let within = hours.range(flood.first..=flood.last);
        let mut networks = BTreeSet::new();
        for (network, times) in within.flat_map(|(_, networks)| networks) {
            networks.insert(network);
            flood.bounces = flood.bounces.saturating_add(*times);
        }
        flood.networks = networks.len();
    }
    floods
}

/// The bounces that count where so many are a flood: of each network a share at most.
fn counted(networks: &BTreeMap<String, u64>, limit: f64) -> f64 {
    let counts = networks.values();
    counts
        .map(|&times| (times as f64).min(limit / SHARES))
        .sum()
}

/// What is usual in the hours in which bounces come.
#[derive(Debug, Default)]
struct Learned {
    hours: VecDeque<(u64, f64)>,
    /// How many of them, and of how many bounces together, are a day old.
    settled: (usize, f64),
}

impl Learned {
    fn learn(&mut self, hour: u64, bounces: f64) {
        self.hours.push_back((hour, bounces));
    }

    fn usual(&mut self, now: u64) -> f64 {
        let (mut many, mut sum) = self.settled;
        while let Some((hour, bounces)) = self.hours.get(many)
            && hour.saturating_add(DAY) <= now
        {
            many += 1;
            sum += bounces;
        }
        while let Some((hour, bounces)) = self.hours.front()
            && hour.saturating_add(HISTORY) < now
        {
            sum -= bounces;
            many = many.saturating_sub(1);
            self.hours.pop_front();
        }
        self.settled = (many, sum);
        match many {
            0 => 0.0,
            many => (sum / many as f64).max(0.0),
        }
    }
}
