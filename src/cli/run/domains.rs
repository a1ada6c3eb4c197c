//! Follows the lists of `local.domains`: reads files that have changed, asks servers each minute, and has the daemon take
//! the domains that they list now.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc::Sender,
    time::{MissedTickBehavior, interval},
};

use crate::{
    directory::{
        Weight,
        domains::{DomainEvent, DomainLists},
    },
    engine::Shared,
};

/// How often files are looked at, and answers of servers taken.
const LOOK: Duration = Duration::from_secs(2);

/// Follows them forever, and notifies of each change.
pub(super) async fn follow(shared: Arc<Shared>, changed: Sender<()>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut followed: Option<(Arc<DomainLists>, u64)> = None;
    loop {
        ticks.tick().await;
        let lists = Arc::clone(&shared.engine.load().domains);
        let is_new = !matches!(&followed, Some((former, _)) if Arc::ptr_eq(former, &lists));
        lists.ask_again();
        let looked = Arc::clone(&lists);
        // Files block.
        let look = tokio::task::spawn_blocking(move || {
            looked.look();
            if is_new {
                looked.sweep();
            }
        });
        if let Err(panic) = look.await {
            log::error!("local.domains: {panic}");
        }
        let version = lists.version();
        lists.news().iter().for_each(log_event);
        let is_changed = !matches!(&followed, Some((_, seen)) if !is_new && *seen == version);
        followed = Some((lists, version));
        // What waits there already will see this change, too.
        if is_changed && changed.try_send(()).is_err() {
            log::debug!("local.domains: a change waits to be taken");
        }
    }
}

fn log_event(event: &DomainEvent) {
    match event.weight() {
        Weight::News => log::info!("{event}"),
        Weight::Warning | Weight::Problem => log::warn!("{event}"),
    }
}
