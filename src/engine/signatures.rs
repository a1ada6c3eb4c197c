//! Whether DKIM signatures of ours were seen leaving lately: then what a bounce returns may prove it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use crate::{
    core::{outside::Outside, proof::coverage::CoverageCount},
    store::Store,
};

/// How long it counts that the store knew of none.
const MEMORY: Duration = Duration::from_secs(10 * 60);

/// The last day on which one was seen; here, or by any host that shares the store.
#[derive(Debug, Default)]
pub struct Signatures {
    /// In days since 1970-01-01; 0 for none.
    last_day: AtomicU64,
    /// When the store knew of none.
    none_at: Mutex<Option<Instant>>,
}

impl Signatures {
    /// Something is counted on this day.
    pub(super) fn note(&self, day: u64, count: &CoverageCount) {
        if count.shows_signature() {
            self.last_day.fetch_max(day, Ordering::Relaxed);
        }
    }

    /// Whether one was seen on one of the last `days` days. The store is asked where none was seen here, once in ten
    /// minutes and by one message at a time.
    pub(super) async fn seen(
        &self,
        store: Option<&dyn Store>,
        today: u64,
        days: u64,
    ) -> Result<bool, Outside> {
        let first = today.saturating_sub(days);
        let seen_here = || {
            let last_day = self.last_day.load(Ordering::Relaxed);
            last_day > 0 && last_day >= first
        };
        let Some(store) = store else {
            return Ok(seen_here());
        };
        if seen_here() {
            return Ok(true);
        }
        let mut none_at = self.none_at.lock().await;
        if seen_here() {
            return Ok(true);
        }
        if none_at.is_some_and(|at| at.elapsed() < MEMORY) {
            return Ok(false);
        }
        // A host whose clock is ahead counts on a day that hasn't come here.
        let rows = store.coverage(first..=today.saturating_add(1)).await;
        for row in rows.map_err(Outside::from)? {
            self.note(row.day, &row.count);
        }
        *none_at = (!seen_here()).then(Instant::now);
        Ok(seen_here())
    }
}
