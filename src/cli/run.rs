//! `backstop run`: the daemon.

mod accounts;
mod daily;
mod descriptors;
mod domains;
mod forged;
mod metrics;
mod notices;
mod parts;
mod process_group;
mod requests;
mod running;
mod siege;
mod site;
mod status_page;
mod systemd;
mod watchdog;

use std::{
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use self::{
    notices::Notices,
    requests::Requests,
    running::Running,
    systemd::{Status, notify},
};
use super::{control::Answer, domains::begin, load, unavailable};
use crate::{
    directory::{Event, Weight, domains::DomainLists},
    engine::Shared,
    milter::{Counters, Snapshot},
    observe::{end_logging, start_logging},
};

/// How often the DNS lists are tested.
const BLOCKLIST_TEST: Duration = Duration::from_secs(60 * 60);
/// The same while one is off. Mostly, DNS failed for a moment, or was not ready when the host started.
const BLOCKLIST_RETEST: Duration = Duration::from_secs(5 * 60);
/// How often we look for changes of lists and of the system's name servers, and sum up warnings.
const HOUSEKEEPING: Duration = Duration::from_secs(2);

pub(super) async fn run(path: &Path) -> ExitCode {
    let code = serve_mail(path).await;
    end_logging();
    code
}

async fn serve_mail(path: &Path) -> ExitCode {
    // First, so that SIGHUP never ends the daemon, not even while it starts.
    let (Ok(mut terminate), Ok(mut interrupt), Ok(hangup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    ) else {
        return unavailable("signals can't be caught");
    };
    let mut config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(error) = start_logging(config.log.level.into()) {
        return unavailable(&format!("the log can't be started: {error}"));
    }
    begin(&mut config, &DomainLists::default()).await;
    let mut running = match Running::start(config) {
        Ok(running) => running,
        Err(error) => return unavailable(&error),
    };
    let requests = Requests::new(hangup);
    let status = Arc::new(Status::default());
    status.ready(running.shown());
    let (shared, counters) = (Arc::clone(&running.shared), Arc::clone(&running.counters));
    let watchdog = tokio::spawn(watchdog::feed(running.self_check()));
    tokio::spawn(systemd::keep_status(
        Arc::clone(&status),
        Arc::clone(&shared),
    ));
    tokio::spawn(test_blocklists(Arc::clone(&shared)));
    tokio::spawn(housekeeping(Arc::clone(&shared), counters));
    tokio::spawn(daily::coverage(Arc::clone(&shared)));
    tokio::spawn(forged::follow(Arc::clone(&shared)));
    let (changed, changes) = mpsc::channel(1);
    tokio::spawn(domains::follow(Arc::clone(&shared), changed));
    let notices = Notices::start();
    tokio::spawn(siege::watch(Arc::clone(&shared), notices.clone()));
    tokio::spawn(accounts::watch(Arc::clone(&shared), notices));
    let failed = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        failed = follow(requests, changes, &mut running, &status) => Some(failed),
    };
    if let Some(error) = failed {
        return unavailable(&error);
    }
    // From now on the listener answers nobody, and TimeoutStopSec= of the unit is systemd's limit.
    watchdog.abort();
    notify(&[NotifyState::Stopping]);
    let drain = &shared.drain;
    drain.begin();
    log::info!("stopping; messages in progress: {}", drain.messages());
    if !drain.idle_in_time().await {
        log::warn!(
            "stopping with {} messages in progress; the MTA's `milter_default_action` answers them",
            drain.messages()
        );
    }
    let ended = running.end().await;
    if let Some(store) = &shared.engine.load().store {
        store.close().await;
    }
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => unavailable(&error),
    }
}

/// Reads the file again at each request. Mistakes in it are logged, and the running configuration stays. Changes of the
/// lists of domains are taken without reading it. It ends when the listener fails, and says why.
async fn follow(
    mut requests: Requests,
    mut changes: mpsc::Receiver<()>,
    running: &mut Running,
    status: &Status,
) -> String {
    loop {
        let request = tokio::select! {
            request = requests.next(systemd::reloading) => request,
            Some(()) = changes.recv() => {
                running.follow_domains();
                continue;
            }
            failed = running.failed() => return failed,
        };
        let reloaded = running.reload().await;
        running.shared.metrics.reloaded(reloaded.is_ok());
        let answer = match reloaded {
            Ok(answer) => {
                status.ready(running.shown());
                answer
            }
            Err(why) => {
                let failed = "reload failed, the running configuration stays";
                log::error!("{failed}: {}", why.line);
                status.reload_failed(&why.line);
                Answer {
                    is_done: false,
                    text: format!("{}\n{failed}", why.whole),
                }
            }
        };
        request.answer(&answer);
    }
}

/// Does the work that no message waits for.
async fn housekeeping(shared: Arc<Shared>, counters: Arc<Counters>) {
    let mut ticks = interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Not those of now: a stranger may have come before this was run.
    let mut before = Snapshot::default();
    loop {
        ticks.tick().await;
        let engine = shared.engine.load_full();
        // Files block, so other threads read them than those that serve mail.
        let read = move || {
            let mut events = engine.directory.refresh();
            events.extend(engine.tenants.refresh().into_iter().map(Event::from));
            (events, engine.resolver.refresh())
        };
        if let Ok((events, nameservers)) = tokio::task::spawn_blocking(read).await {
            log_events(&events);
            for nameserver in nameservers.iter().flatten() {
                log::info!("the system's name servers have changed; using {nameserver}");
            }
        }
        let after = counters.snapshot();
        for (kind, text) in after.troubles_since(&before) {
            shared.warnings.warn(kind, &text, Instant::now());
        }
        before = after;
        shared.warnings.sum_up(Instant::now());
    }
}

/// Tests the DNS lists at the start, each hour (sooner while one is off), and when a reload adds one.
async fn test_blocklists(shared: Arc<Shared>) {
    let mut ticks = interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut tested: Option<Instant> = None;
    loop {
        ticks.tick().await;
        let engine = shared.engine.load_full();
        let lists = &engine.policy.dnsbl;
        let pause = if engine.blocklists.any_off(lists) {
            BLOCKLIST_RETEST
        } else {
            BLOCKLIST_TEST
        };
        let due = tested.is_none_or(|tested| tested.elapsed() >= pause);
        if due
            || lists
                .iter()
                .any(|list| engine.blocklists.health(&list.zone).is_none())
        {
            for change in engine.blocklists.self_test(lists, &engine.resolver).await {
                log::warn!("{change}");
            }
            tested = Some(Instant::now());
        }
    }
}

/// Logs what happened to the lists of recipients.
fn log_events(events: &[Event]) {
    for event in events {
        match event.weight() {
            Weight::News => log::info!("{event}"),
            Weight::Warning | Weight::Problem => log::warn!("{event}"),
        }
    }
}
