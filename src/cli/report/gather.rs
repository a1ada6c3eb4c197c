//! What the reports about all domains read from the store, in parts: each question has its own time limit.

use std::{collections::HashSet, ops::RangeInclusive, sync::Arc};

use crate::{
    config::Config,
    core::{
        address::Domain, attack::AttackTally, by_domain::Spans, proof::coverage::CoverageSummary,
        siege::spans,
    },
    engine::{Rounds, Sieges},
    store::{Store, Unavailable},
};

/// How many days are summed up at once, where a domain has a row or three a day.
const FEW: usize = 7;
/// The same where it has a row for each outcome.
const MANY: usize = 2;

/// These days, in parts of so many.
fn parts(days: RangeInclusive<u64>, at_once: usize) -> impl Iterator<Item = RangeInclusive<u64>> {
    let last = *days.end();
    let firsts = days.step_by(at_once);
    firsts.map(move |first| first..=last.min(first.saturating_add(at_once as u64 - 1)))
}

/// What can prove bounces, of these days, which are days since 1970-01-01.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn coverage(
    store: &dyn Store,
    days: RangeInclusive<u64>,
) -> Result<CoverageSummary, Unavailable> {
    let mut summary = CoverageSummary::default();
    for part in parts(days, MANY) {
        summary.add(store.coverage_sums(part).await?);
    }
    Ok(summary)
}

/// Of the same, only how much mail each domain sent, and how much of that can prove its bounces.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn provable(
    store: &dyn Store,
    days: RangeInclusive<u64>,
) -> Result<CoverageSummary, Unavailable> {
    let mut summary = CoverageSummary::default();
    for part in parts(days, FEW) {
        summary.add(store.provable_sums(part).await?);
    }
    Ok(summary)
}

/// What became of bounces on these days, by domain. A domain may come more than once.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn bounces(
    store: &dyn Store,
    days: RangeInclusive<u64>,
) -> Result<Vec<(String, AttackTally)>, Unavailable> {
    let mut sums = Vec::new();
    for part in parts(days, FEW) {
        sums.extend(store.attack_sums(part).await?);
    }
    Ok(sums)
}

/// When which domains were besieged between these seconds since 1970, of which the last is now.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn sieges(
    config: &Config,
    store: &dyn Store,
    (first, now): (u64, u64),
) -> Result<Spans, Unavailable> {
    let sieges = Arc::<Sieges>::default();
    Rounds::new(Arc::clone(&sieges))
        .look(&config.policy, store)
        .await;
    let view = sieges.view();
    let on: HashSet<Option<&Domain>> = view.besieged_domains().collect();
    // One that goes on may have begun before the period.
    let events = store.siege_events(0).await?;
    let is_on = |domain: Option<&Domain>| on.contains(&domain);
    Ok(spans(events, is_on, (first, now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_all_days_once() {
        for (days, at_once, expected) in [
            (5..=5, 7, vec![5..=5]),
            (5..=11, 7, vec![5..=11]),
            (5..=12, 7, vec![5..=11, 12..=12]),
            (1..=5, 2, vec![1..=2, 3..=4, 5..=5]),
        ] {
            let found: Vec<_> = parts(days.clone(), at_once).collect();
            assert_eq!(found, expected, "{days:?} {at_once}");
        }
    }
}
