//! The content of the report, for text, HTML and JSON. Text from outside is plain already; it was made so before it was stored.

use std::collections::BTreeMap;

use serde::Serialize;

use super::known::Known;
use crate::core::{
    address::Domain,
    aggregate::{Backscatter, Class, Senders, Standing},
    attack::network,
    moment::rfc3339,
    printable::counted,
    proof::DAY,
};

/// The maximum number of senders in JSON.
const MAX_SENDERS: usize = 5_000;

#[derive(Serialize)]
pub(super) struct View {
    pub from: String,
    pub to: String,
    /// The only domain of the report; `None` for all.
    pub domain: Option<String>,
    /// How many reports there are.
    pub reports: u64,
    /// Whose word all of it is.
    pub reporters: Vec<Reporter>,
    pub messages: u64,
    /// How many senders and messages there are of each class, in order.
    pub classes: Vec<OfClass>,
    /// Those with most messages first.
    pub senders: Vec<Row>,
    /// The messages of senders that were too many to be named.
    pub other_messages: u64,
    /// The days with mail.
    pub days: Vec<Day>,
    #[serde(skip)]
    pub period: (u64, u64),
}

#[derive(Serialize)]
pub(super) struct Reporter {
    /// The name that a registry gave to it.
    pub reporter: String,
    /// How it calls itself.
    pub organization: String,
}

#[derive(Serialize)]
pub(super) struct OfClass {
    pub class: Class,
    pub senders: u64,
    pub messages: u64,
}

#[derive(Serialize)]
pub(super) struct Row {
    pub source: String,
    pub network: String,
    /// The domain in From:.
    pub domain: String,
    #[serde(flatten)]
    pub standing: Standing,
    pub messages: u64,
    pub spf_aligned: u64,
    pub dkim_aligned: u64,
    pub reporters: Vec<String>,
    /// On how many days it sent.
    pub active_days: usize,
    pub spf_domains: Vec<String>,
    pub dkim_domains: Vec<String>,
    pub backscatter: Option<Backscatter>,
}

#[derive(Serialize)]
pub(super) struct Day {
    pub day: String,
    #[serde(skip)]
    pub number: u64,
    /// The messages of each class.
    pub messages_by_class: BTreeMap<Class, u64>,
}

impl View {
    pub fn of(
        senders: &Senders,
        known: &Known,
        period: (u64, u64),
        domain: Option<&Domain>,
    ) -> Self {
        let mut rows = Vec::new();
        let mut days: BTreeMap<u64, BTreeMap<Class, u64>> = BTreeMap::new();
        let mut classes: BTreeMap<Class, (u64, u64)> = BTreeMap::new();
        let mut messages = senders.others;
        let names = |domains: Vec<&Domain>| domains.into_iter().map(Domain::to_string).collect();
        for (of, source, sender) in senders.all() {
            let backscatter = known.backscatter(source);
            let standing = Standing::of(sender, known.named(of, source), backscatter);
            let count = classes.entry(standing.class).or_default();
            *count = (count.0 + 1, count.1.saturating_add(sender.messages()));
            messages = messages.saturating_add(sender.messages());
            for (day, times) in sender.days() {
                let of_day = days.entry(*day).or_default();
                let sum = of_day.entry(standing.class).or_default();
                *sum = sum.saturating_add(*times);
            }
            if rows.len() < MAX_SENDERS {
                rows.push(Row {
                    source: source.to_string(),
                    network: network(source),
                    domain: of.to_string(),
                    standing,
                    messages: sender.messages(),
                    spf_aligned: sender.spf_aligned(),
                    dkim_aligned: sender.dkim_aligned(),
                    reporters: sender.reporters().map(str::to_owned).collect(),
                    active_days: sender.days().len(),
                    spf_domains: names(sender.spf()),
                    dkim_domains: names(sender.dkim()),
                    backscatter,
                });
            }
        }
        let of_class = |class: Class| {
            let (senders, messages) = classes.get(&class).copied().unwrap_or_default();
            OfClass {
                class,
                senders,
                messages,
            }
        };
        let reporters = senders.reporters.iter();
        Self {
            from: rfc3339(period.0.saturating_mul(DAY)),
            to: rfc3339(period.1.saturating_add(1).saturating_mul(DAY) - 1),
            domain: domain.map(Domain::to_string),
            reports: senders.reports,
            reporters: reporters
                .map(|(reporter, organization)| Reporter {
                    reporter: reporter.clone(),
                    organization: organization.clone(),
                })
                .collect(),
            messages,
            classes: Class::ALL.map(of_class).into(),
            senders: rows,
            other_messages: senders.others,
            days: days
                .into_iter()
                .map(|(number, messages_by_class)| Day {
                    day: date(number),
                    number,
                    messages_by_class,
                })
                .collect(),
            period,
        }
    }

    /// The senders of a class, the first `most` of them; and how many are left.
    pub fn of_class(&self, class: Class, most: usize) -> (Vec<&Row>, u64) {
        let all = self
            .senders
            .iter()
            .filter(|row| row.standing.class == class);
        let shown: Vec<_> = all.take(most).collect();
        let of_class = self.classes.iter().find(|one| one.class == class);
        let senders = of_class.map_or(0, |one| one.senders);
        let left = senders.saturating_sub(shown.len() as u64);
        (shown, left)
    }

    /// What all of it is about, for people.
    pub fn subject(&self) -> &str {
        self.domain.as_deref().unwrap_or("your domains")
    }
}

impl Row {
    /// What its mail had to show, and what else is known, for people.
    pub fn particulars(&self) -> Vec<String> {
        let mut words = Vec::new();
        let listed = |what: &str, domains: &[String]| match domains {
            [] => None,
            [first] => Some(format!("{what} passes for {first}")),
            [first, rest @ ..] => {
                Some(format!("{what} passes for {first} and {} more", rest.len()))
            }
        };
        let passes = [
            listed("SPF", &self.spf_domains),
            listed("DKIM", &self.dkim_domains),
        ];
        let passes: Vec<_> = passes.into_iter().flatten().collect();
        match passes.is_empty() {
            true => words.push("nothing passes".to_owned()),
            false => words.push(passes.join(", ")),
        }
        if let Some(found) = self.backscatter {
            words.push(format!(
                "also behind {} of {}",
                counted(found.bounces, "bounce"),
                counted(found.reporting_networks as u64, "network")
            ));
        }
        if let Some(claimed) = self.standing.claimed {
            let reporters = self.reporters.len();
            let who = match reporters {
                1 => "one reporter says".to_owned(),
                _ => format!("{reporters} reporters say"),
            };
            words.push(format!("{who}: {}", claimed.words()));
        }
        words
    }
}

/// A day since 1970-01-01, for example `2026-11-28`.
pub(super) fn date(day: u64) -> String {
    let mut text = rfc3339(day.saturating_mul(DAY));
    text.truncate("2026-11-28".len());
    text
}
