//! Whether the ledger remembers all mail of a domain: then what it does not know was not sent from here.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    core::{
        address::Domain,
        proof::coverage::{CoverageCount, CoverageSummary},
    },
    store::Store,
};

/// How long it counts what the store said.
const MEMORY: Duration = Duration::from_secs(10 * 60);

/// What the store has counted of outgoing mail, here or on any host that shares it.
#[derive(Debug, Default)]
pub struct Remembered {
    summary: Mutex<Option<(Instant, CoverageSummary)>>,
    /// How many entries the store had lost when that was last looked at.
    lost: AtomicU64,
}

impl Remembered {
    /// Mail of this domain leaves: what the store lost since then is counted against its ledger.
    pub(super) fn leaves(&self, store: &dyn Store, domain: &Domain, today: u64) {
        let lost = store.health().dropped;
        if self.lost.swap(lost, Ordering::Relaxed) < lost {
            store.count(today, CoverageCount::lost_by_ledger(domain.as_str()));
        }
    }

    /// Whether the ledger has all mail that this domain sent in so many days. The store is asked once in ten minutes and by
    /// one message at a time; one that is down, or has lost something, has not.
    pub(super) async fn has_all(
        &self,
        store: &dyn Store,
        domain: &Domain,
        today: u64,
        days: u64,
    ) -> bool {
        let health = store.health();
        if health.down.is_some() || health.dropped > 0 {
            return false;
        }
        let since = today.saturating_sub(days);
        let mut summary = self.summary.lock().await;
        if summary
            .as_ref()
            .is_none_or(|(at, _)| at.elapsed() >= MEMORY)
        {
            let Ok(rows) = store.coverage(since..=today.saturating_add(1)).await else {
                return false;
            };
            *summary = Some((Instant::now(), CoverageSummary::of(rows)));
        }
        let remembered = |(_, summary): &(Instant, CoverageSummary)| {
            summary.is_remembered(domain.as_str(), since)
        };
        summary.as_ref().is_some_and(remembered)
    }
}
