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
        let run = |check: SelfCheck| async move { check.run(period).await };
        let answered = run_latest(&mut self_check, run).await;
        if answered.is_ok() {
            notify(&[NotifyState::Watchdog]);
        }
        report(&answered, &mut failed);
    }
}

/// After a reload another listener answers. If the former one does not, it may be because it has been closed meanwhile.
async fn run_latest<C, R>(checks: &mut watch::Receiver<C>, run: impl Fn(C) -> R) -> io::Result<()>
where
    C: Clone,
    R: Future<Output = io::Result<()>>,
{
    loop {
        let check = checks.borrow_and_update().clone();
        let answered = run(check).await;
        if answered.is_ok() || !checks.has_changed().unwrap_or(false) {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The listeners by number; those up to `last_closed` do not answer, and each time one is asked, a reload brings the next,
    /// up to `newest`.
    async fn asked(newest: u8, last_closed: u8) -> (bool, Vec<u8>) {
        let (reload, mut checks) = watch::channel(1);
        let asked = std::sync::Mutex::new(Vec::new());
        let answered = run_latest(&mut checks, |number: u8| {
            asked.lock().unwrap().push(number);
            if number < newest {
                reload.send_replace(number + 1);
            }
            async move {
                match number > last_closed {
                    true => Ok(()),
                    false => Err(io::ErrorKind::TimedOut.into()),
                }
            }
        });
        (answered.await.is_ok(), asked.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_listener_that_a_reload_closed_says_nothing_of_the_next() {
        for (newest, last_closed, expected) in [
            (1, 0, (true, vec![1])),
            (1, 1, (false, vec![1])),
            (2, 0, (true, vec![1])),
            (2, 1, (true, vec![1, 2])),
            (2, 2, (false, vec![1, 2])),
            (3, 2, (true, vec![1, 2, 3])),
        ] {
            assert_eq!(
                asked(newest, last_closed).await,
                expected,
                "{newest}, {last_closed}"
            );
        }
        // Nobody is left to reload.
        let (reload, mut checks) = watch::channel(1);
        drop(reload);
        let silent = |_| async { Err(io::ErrorKind::TimedOut.into()) };
        assert!(run_latest(&mut checks, silent).await.is_err());
    }
}
