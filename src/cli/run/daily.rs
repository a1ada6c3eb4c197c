//! A line each day: how much of the mail of the day before can prove its bounces.

use std::{sync::Arc, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use crate::{
    cli::today,
    core::proof::{coverage::Summary, date},
    filter::Shared,
};

/// How often it is looked whether a day is over.
const LOOK: Duration = Duration::from_secs(10);

/// Logs the line after each midnight (UTC). Where the store does not answer then, it is asked again.
pub(super) async fn coverage(shared: Arc<Shared>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = today();
    loop {
        ticks.tick().await;
        let today = today();
        if today <= told {
            // The clock may also have been set back.
            told = today;
            continue;
        }
        let Some(store) = shared.engine.load().store.clone() else {
            told = today;
            continue;
        };
        let yesterday = today - 1;
        if let Ok(rows) = store.coverage(yesterday..=yesterday).await {
            log::info!("coverage of {}: {}", date(yesterday), Summary::of(rows));
            told = today;
        }
    }
}
