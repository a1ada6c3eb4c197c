//! Logs one line each day: how much of the previous day's mail can prove its bounces; and a warning where tenants refuse
//! bounces that their mail can't prove.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    cli::{
        tenants::{stricter, uncovered},
        today,
    },
    core::proof::{coverage::CoverageSummary, date},
    engine::Shared,
    store::Store,
};

/// How often we check whether a day is over.
const LOOK: Duration = Duration::from_secs(10);

/// Logs the line after each midnight (UTC). If the store does not answer then, it is asked again.
pub(super) async fn coverage(shared: Arc<Shared>) {
    let store = || shared.engine.load().store.clone();
    let then = |store, today| tenants(Arc::clone(&shared), store, today);
    lines(LOOK, today, store, |line| log::info!("{line}"), then).await;
}

/// Warns of tenants that refuse bounces which their mail can't prove.
async fn tenants(shared: Arc<Shared>, store: Arc<dyn Store>, today: u64) {
    let engine = shared.engine.load_full();
    let stricter = stricter(engine.tenants.rows(), &engine.policy);
    if stricter.is_empty() {
        return;
    }
    let first = today.saturating_sub(engine.policy.proof.lifetime_days());
    // If the store does not answer, it is tomorrow's turn.
    let Ok(rows) = store.coverage(first..=today).await else {
        return;
    };
    let summary = CoverageSummary::of(rows);
    if let Some(warning) = uncovered(&stricter, &summary, today, &engine.policy) {
        log::warn!("{warning}");
    }
}

async fn lines<Then: Future<Output = ()>>(
    look: Duration,
    today: impl Fn() -> u64,
    store: impl Fn() -> Option<Arc<dyn Store>>,
    write: impl Fn(String),
    then: impl Fn(Arc<dyn Store>, u64) -> Then,
) {
    let mut ticks = interval(look);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done = today();
    loop {
        ticks.tick().await;
        let today = today();
        if today <= done {
            // The clock may also have been set back.
            done = today;
            continue;
        }
        let Some(store) = store() else {
            done = today;
            continue;
        };
        let yesterday = today - 1;
        if let Ok(rows) = store.coverage(yesterday..=yesterday).await {
            write(format!(
                "coverage of {}: {}",
                date(yesterday),
                CoverageSummary::of(rows)
            ));
            then(store, today).await;
            done = today;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    };

    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::{
        core::proof::{ProofKind, coverage::CoverageCount},
        store::{self, Retention},
    };

    const LOOK: Duration = Duration::from_millis(5);

    #[tokio::test(flavor = "multi_thread")]
    async fn each_day_that_is_over_has_its_line() {
        let folder = lab::mta::folder_in_memory().unwrap();
        let url = format!("sqlite:{}", folder.path().join("state.db").display());
        let store = store::open(
            &url.parse().unwrap(),
            Retention {
                ledger_days: 30,
                learned_days: 1,
                max_learned: 1,
            },
        );
        let first = today();
        for count in CoverageCount::of_outgoing("example.org", &[ProofKind::Ledger], &[]) {
            store.count(first, count);
        }
        store.flush().await;
        let (day, written) = (AtomicU64::new(first), Mutex::new(Vec::new()));
        let written_so_far = || written.lock().unwrap().clone();
        let looks = AtomicU64::new(0);
        let today = || {
            looks.fetch_add(1, Ordering::Relaxed);
            day.load(Ordering::Relaxed)
        };
        // By the second look, everything after the first is done.
        let two_more_looks = async || {
            let before = looks.load(Ordering::Relaxed);
            while looks.load(Ordering::Relaxed) < before + 2 {
                sleep(LOOK).await;
            }
        };
        let clock = async {
            two_more_looks().await;
            assert!(written_so_far().is_empty());
            // When the clock is set back, that day gets another line.
            for (add, lines) in [(1, 1), (0, 1), (1, 2), (3, 3)] {
                day.store(first + add, Ordering::Relaxed);
                while written_so_far().len() < lines {
                    sleep(LOOK).await;
                }
                two_more_looks().await;
                assert_eq!(written_so_far().len(), lines);
            }
        };
        let open = || Some(Arc::clone(&store));
        let write = |line| written.lock().unwrap().push(line);
        let days = Mutex::new(Vec::new());
        let then = |_, day| {
            days.lock().unwrap().push(day);
            std::future::ready(())
        };
        let lines = lines(LOOK, today, open, write, then);
        let written = timeout(Duration::from_secs(20), async {
            tokio::select! {
                () = lines => Vec::new(),
                () = clock => written_so_far(),
            }
        });
        let written = written.await.unwrap();
        let line = "1 messages sent, 100.0 % of them can prove their bounces; 0 notifications came";
        assert_eq!(written[0], format!("coverage of {}: {line}", date(first)));
        assert_eq!(written[1], written[0]);
        let nothing = "0 messages sent; 0 notifications came";
        let last = date(first + 2);
        assert_eq!(written[2], format!("coverage of {last}: {nothing}"));
        // What is done once a day is done with each of them.
        assert_eq!(*days.lock().unwrap(), [first + 1, first + 1, first + 3]);
    }
}
