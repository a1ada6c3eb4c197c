//! systemd's watchdog (WatchdogSec=): it is fed when the daemon has answered itself, and only then.

use std::{io, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use super::systemd::notify;
use crate::milter::SelfCheck;

/// How many checks there are in the time after which systemd ends us. A check may fail now and then: a machine that is too
/// busy is no better after a restart.
const CHECKS: u32 = 4;

/// Feeds the watchdog, if there is one.
pub(super) async fn feed(mut self_check: watch::Receiver<SelfCheck>) {
    let mut patience = 0;
    if !sd_notify::watchdog_enabled(false, &mut patience) || patience == 0 {
        return;
    }
    let period = Duration::from_micros(patience) / CHECKS;
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failed = false;
    loop {
        ticks.tick().await;
        let answered = run_latest(&mut self_check, period).await;
        if answered.is_ok() {
            notify(&[NotifyState::Watchdog]);
        }
        report(&answered, &mut failed);
    }
}

/// After a reload another listener answers. That one which it closed meanwhile does not says nothing.
async fn run_latest(
    self_check: &mut watch::Receiver<SelfCheck>,
    limit: Duration,
) -> io::Result<()> {
    loop {
        let check = self_check.borrow_and_update().clone();
        let answered = check.run(limit).await;
        if answered.is_ok() || !self_check.has_changed().unwrap_or(false) {
            return answered;
        }
    }
}

/// Each change is logged once.
fn report(answered: &io::Result<()>, failed: &mut bool) {
    match answered {
        Ok(()) if *failed => log::info!("the listener answers itself again"),
        Err(error) if !*failed => log::error!(
            "the listener does not answer itself: {error}; without an answer, systemd restarts the daemon"
        ),
        _ => {}
    }
    *failed = answered.is_err();
}
