//! Whether the ledger remembers all mail of a domain: then what it does not know was not sent from here.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

use crate::{
    core::{address::Domain, proof::coverage::CoverageSummary},
    store::{Lost, Store},
};

/// How long it counts what the store said.
const MEMORY: Duration = Duration::from_secs(10 * 60);

/// What the store has counted of outgoing mail, here or on any host that shares it.
#[derive(Debug, Default)]
pub struct Remembered {
    summary: Mutex<Option<(Instant, CoverageSummary)>>,
}

impl Remembered {
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
        let Lost { messages, late, .. } = health.lost;
        if health.down.is_some() || messages > 0 || late > 0 {
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
