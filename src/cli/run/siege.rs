//! Runs the rounds of the sieges. Each change is logged, and runs the command of `siege.notify`.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use tokio::time::sleep;

use super::notices::{Notice, Notices};
use crate::{
    core::{
        policy::{Modes, Policy},
        siege::{Cause, Change, SiegeEvent},
        verdict::Mode,
    },
    engine::{Rounds, Shared},
    store::{SiegeStore, Store},
};

/// The time between rounds on average: other hosts follow within two seconds.
const ROUND: Duration = Duration::from_millis(500);

/// Runs rounds forever.
pub(super) async fn watch(shared: Arc<Shared>, notices: Notices) {
    let mut rounds = Rounds::new(Arc::clone(&shared.engine.load().sieges));
    loop {
        sleep(pause()).await;
        let engine = shared.engine.load_full();
        let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let policy = &engine.policy;
        let store = engine.store.as_deref();
        let sieges = store.map(|store| store as &dyn SiegeStore);
        for change in rounds.round(policy, sieges, now).await {
            note(store, &change);
            announce(policy, change, &notices);
        }
    }
}

/// Keeps when it began or ended, for reports. Of hosts that share a store, the one that saw it first does.
fn note(store: Option<&dyn Store>, change: &Change) {
    let event = SiegeEvent::of(change).filter(|_| change.cause != Cause::Elsewhere);
    if let Some((store, event)) = store.zip(event) {
        store.note_siege(event);
    }
}

/// Half a round to one and a half, at random. Of hosts that keep step, the slower one would lose the race for each record
/// each time, and what it counts would be seen late.
fn pause() -> Duration {
    // A system that gives no random number gives the time of a round.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    ROUND / 2 + ROUND.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn announce(policy: &Policy, change: Change, notices: &Notices) {
    let line = format!("siege of {change}; {}", answered(policy, &change));
    log::warn!("{line}");
    // Only the host that saw it first runs the command.
    if change.cause == Cause::Elsewhere {
        return;
    }
    let domain = change.domain.as_ref();
    notices.send(Notice {
        argv: policy.siege.notify.clone(),
        line,
        variables: vec![
            (
                "BACKSTOP_DOMAIN",
                domain.map_or_else(|| "all".to_owned(), ToString::to_string),
            ),
            ("BACKSTOP_FROM", change.from.to_string()),
            ("BACKSTOP_TO", change.to.to_string()),
        ],
    });
}

/// The answers from now on.
fn answered(policy: &Policy, change: &Change) -> String {
    let siege = &policy.siege;
    if !change.to.is_besieged() {
        return "the usual answers apply".to_owned();
    }
    let mode = match policy.modes() {
        Modes::One(Mode::Enforce) => "",
        Modes::One(Mode::Monitor) => " (mode monitor: logged only)",
        Modes::OfEach(Mode::Enforce) => ", or what the domain's row in tenants answers",
        Modes::OfEach(Mode::Monitor) => {
            " (mode monitor: logged only), or what the domain's row in tenants answers, in its mode"
        }
    };
    format!(
        "unproven notifications: {}, catch-all: mail {}, bounces {}, null senders from listed hosts: {}, their second \
         recipient: {}{mode}",
        siege.unproven.action,
        siege.catch_all.mail.action,
        siege.catch_all.bounces.action,
        siege.listed.action,
        siege.extra_recipients.action,
    )
}
