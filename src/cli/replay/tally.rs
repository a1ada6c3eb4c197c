//! Counts results, and keeps the slowest and the most surprising ones.

use std::{collections::BTreeMap, path::Path, time::Duration, time::Instant};

use super::{
    judge::{Failure, Judged, ReplayOutcome},
    report::{Count, Named, ReplayReport, Slow, Surprising},
    surprise::Surprise,
};
use crate::core::{policy::Policy, verdict::Verdict};

/// How many of the slowest and the most surprising messages are named.
const NAMED: usize = 10;
/// How many entries that could not be judged are named.
const NAMED_FAILURES: usize = 20;

/// The action, the reason, and the entry of `milter.yaml` that decided.
type Decided = (&'static str, &'static str, Option<String>);

/// The counts so far. They grow with the variety of results, not with their number.
pub(super) struct ReplayTally {
    begun: Instant,
    messages: u64,
    recipients: u64,
    configured: BTreeMap<Decided, u64>,
    enforced: BTreeMap<Decided, u64>,
    kinds: BTreeMap<&'static str, u64>,
    clients_unknown: BTreeMap<String, u64>,
    unjudged: Failures,
    unreadable: Failures,
    slowest: Vec<(Duration, String)>,
    surprising: Vec<(Surprise, String)>,
}

impl Default for ReplayTally {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            messages: 0,
            recipients: 0,
            configured: BTreeMap::new(),
            enforced: BTreeMap::new(),
            kinds: BTreeMap::new(),
            clients_unknown: BTreeMap::new(),
            unjudged: Failures::default(),
            unreadable: Failures::default(),
            slowest: Vec::new(),
            surprising: Vec::new(),
        }
    }
}

#[derive(Default)]
struct Failures {
    count: u64,
    first: Vec<String>,
}

impl Failures {
    fn add(&mut self, name: &str, why: &str) {
        self.count += 1;
        if self.first.len() < NAMED_FAILURES {
            self.first.push(format!("{name}: {why}"));
        }
    }

    fn named(self) -> Named {
        Named {
            count: self.count,
            first: self.first,
        }
    }
}

impl ReplayTally {
    /// Counts a result.
    pub(super) fn add(&mut self, outcome: ReplayOutcome) {
        let ReplayOutcome { name, result, .. } = outcome;
        match result {
            Ok(judged) => self.judged(name, judged),
            Err(Failure::Unjudged(why)) => self.unjudged.add(&name, &why),
            Err(Failure::Unreadable(why)) => self.unreadable.add(&name, &why),
        }
    }

    fn judged(&mut self, name: String, judged: Judged) {
        self.messages += 1;
        self.recipients += judged.configured.len() as u64;
        count(&mut self.configured, &judged.configured);
        count(&mut self.enforced, &judged.enforced);
        if let Some(kind) = judged.kind {
            *self.kinds.entry(kind).or_default() += 1;
        }
        if let Some(why) = judged.client_unknown {
            *self.clients_unknown.entry(why).or_default() += 1;
        }
        if let Some(surprise) = judged.surprise {
            let entry = (surprise, name.clone());
            keep(&mut self.surprising, entry, |(surprise, _)| surprise.score);
        }
        keep(&mut self.slowest, (judged.took, name), |(took, _)| *took);
    }

    /// The report.
    pub(super) fn report(
        self,
        path: &Path,
        kind: &'static str,
        policy: &Policy,
        dns: bool,
    ) -> ReplayReport {
        let slow = |(took, name): (Duration, String)| Slow {
            name,
            milliseconds: took.as_secs_f64() * 1000.0,
        };
        let surprising = |(surprise, name): (Surprise, String)| Surprising {
            name,
            score: surprise.score,
            because: surprise.because,
            verdict: surprise.verdict.action.as_str(),
            reason: surprise.verdict.reason.code(),
            by: surprise.verdict.decided_by().map(ToString::to_string),
        };
        ReplayReport {
            path: path.display().to_string(),
            kind,
            mode: policy.mode.as_str(),
            has_tenants: policy.has_tenants,
            dns_asked: dns,
            messages: self.messages,
            recipients: self.recipients,
            as_configured: counts(self.configured),
            enforced: counts(self.enforced),
            kinds: self.kinds,
            clients_unknown: self.clients_unknown,
            unjudged: self.unjudged.named(),
            unreadable: self.unreadable.named(),
            slowest: self.slowest.into_iter().map(slow).collect(),
            surprising: self.surprising.into_iter().map(surprising).collect(),
            seconds: self.begun.elapsed().as_secs_f64(),
        }
    }
}

fn count(into: &mut BTreeMap<Decided, u64>, verdicts: &[Verdict]) {
    for verdict in verdicts {
        let by = verdict.decided_by().map(ToString::to_string);
        let key = (verdict.action.as_str(), verdict.reason.code(), by);
        *into.entry(key).or_default() += 1;
    }
}

/// Keeps the largest by this measure; of equals, the first.
fn keep<T, M: Ord>(kept: &mut Vec<T>, entry: T, measure: impl Fn(&T) -> M) {
    let place = kept.partition_point(|other| measure(other) >= measure(&entry));
    if place < NAMED {
        kept.insert(place, entry);
        kept.truncate(NAMED);
    }
}

/// The most frequent first.
fn counts(counted: BTreeMap<Decided, u64>) -> Vec<Count> {
    let mut counts: Vec<Count> = counted
        .into_iter()
        .map(|((verdict, reason, by), count)| Count {
            verdict,
            reason,
            by,
            count,
        })
        .collect();
    counts.sort_by_key(|entry| std::cmp::Reverse(entry.count));
    counts
}
