//! `backstop run`: the daemon.

mod daily;
mod descriptors;
mod metrics;
mod parts;
mod process_group;
mod siege;
mod site;
mod status_page;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use self::site::Site;
use super::{engine, load, open_store, retention, unavailable};
use crate::{
    config::{self, Config},
    directory::{Event, Weight},
    engine::{Drain, Engine, Shared},
    milter::{Counters, ListenAddress, Listener, serve},
    observe::{Hosts, end_logging, set_level, start_logging},
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
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(error) = start_logging(config.log.level.into()) {
        return unavailable(&format!("the log can't be started: {error}"));
    }
    for warning in &config.warnings {
        log::warn!("{warning}");
    }
    let drain = Drain::new();
    drain.apply(config.drain);
    let counters = Arc::new(Counters::default());
    let engine = match engine(&config, None, open_store(&config, None)) {
        Ok((engine, events)) => {
            log_events(&events);
            engine
        }
        Err(error) => return unavailable(&error.to_string()),
    };
    let http = match config.observe.http.map(metrics::bind).transpose() {
        Ok(http) => http,
        Err(error) => return unavailable(&error),
    };
    let max_connections = descriptors::max_connections();
    let listener = match Listener::bind(
        &config.listen,
        &config.socket,
        max_connections,
        &drain,
        Arc::clone(&counters),
    ) {
        Ok(listener) => listener,
        Err(error) => return unavailable(&error.to_string()),
    };
    let listening = listener
        .tcp_address()
        .map_or_else(|| config.listen.to_string(), |address| address.to_string());
    log::info!(
        "backstop {} listens on {listening}, mode {}",
        env!("CARGO_PKG_VERSION"),
        config.policy.mode.as_str()
    );
    let reachable = listener
        .tcp_address()
        .map_or_else(|| config.listen.clone(), ListenAddress::from);
    let shared = Arc::new(Shared::new(engine, drain.clone()));
    site::keep(&shared.lately, &config.observe);
    notify(&[
        NotifyState::Ready,
        NotifyState::Status(&format!("listening on {listening}")),
    ]);
    let hosts = Arc::new(Hosts::default());
    hosts.set(&config.observe.hosts);
    if let Some(http) = http {
        let (shared, counters) = (Arc::clone(&shared), Arc::clone(&counters));
        let site = Site::new(shared, counters, reachable, path.to_path_buf());
        tokio::spawn(metrics::serve(http, Arc::clone(&hosts), Arc::new(site)));
    }
    tokio::spawn(test_blocklists(Arc::clone(&shared)));
    tokio::spawn(housekeeping(Arc::clone(&shared), counters));
    tokio::spawn(daily::coverage(Arc::clone(&shared)));
    tokio::spawn(siege::watch(Arc::clone(&shared)));
    tokio::spawn(reload_on(
        hangup,
        path.to_path_buf(),
        config,
        hosts,
        Arc::clone(&shared),
    ));
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        notify(&[NotifyState::Stopping]);
        drain.begin();
        log::info!("stopping; messages in progress: {}", drain.messages());
        if !drain.idle_in_time().await {
            log::warn!(
                "stopping with {} messages in progress; the MTA's `milter_default_action` answers them",
                drain.messages()
            );
        }
    };
    // In a task, so on a thread that serves: here, each connection would wake this thread, and this one another.
    let serving = Arc::clone(&shared);
    let served =
        tokio::spawn(async move { serve(listener, &serving, max_connections, end).await }).await;
    if let Some(store) = &shared.engine.load().store {
        store.close().await;
    }
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => unavailable(&error.to_string()),
        Err(panicked) => unavailable(&panicked.to_string()),
    }
}

/// Does the work that no message waits for.
async fn housekeeping(shared: Arc<Shared>, counters: Arc<Counters>) {
    let mut ticks = interval(HOUSEKEEPING);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = counters.snapshot();
    loop {
        ticks.tick().await;
        let engine = shared.engine.load_full();
        // Files block, so other threads read them than those that serve mail.
        let read = move || (engine.directory.refresh(), engine.resolver.refresh());
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

/// Reads the file again at each SIGHUP. Mistakes in it are logged, and the running configuration stays.
async fn reload_on(
    mut hangup: Signal,
    path: PathBuf,
    mut running: Config,
    hosts: Arc<Hosts>,
    shared: Arc<Shared>,
) {
    while hangup.recv().await.is_some() {
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now]);
        }
        let read = {
            let (path, former) = (path.clone(), shared.engine.load_full());
            let running = running.clone();
            // Files block, so other threads read them than those that serve mail.
            tokio::task::spawn_blocking(move || reloaded(&path, &running, &former)).await
        };
        let read = read.unwrap_or_else(|panic| Err(panic.to_string()));
        shared.metrics.reloaded(read.is_ok());
        let status = match read {
            Ok((config, engine)) => {
                if (&config.listen, &config.socket) != (&running.listen, &running.socket) {
                    log::warn!("`listen` and `socket` take effect at the next restart");
                }
                if config.observe.http != running.observe.http {
                    log::warn!("`observe.http` takes effect at the next restart");
                }
                for warning in &config.warnings {
                    log::warn!("{warning}");
                }
                hosts.set(&config.observe.hosts);
                site::keep(&shared.lately, &config.observe);
                let former = shared.engine.swap(Arc::new(engine));
                hand_over(&former, &shared.engine.load());
                set_level(config.log.level.into());
                shared.drain.apply(config.drain);
                running = config;
                log::info!(
                    "reloaded {}, mode {}",
                    path.display(),
                    running.policy.mode.as_str()
                );
                "reloaded".to_owned()
            }
            Err(why) => {
                log::error!("reload failed, the running configuration stays: {why}");
                format!("reload failed: {}", why.lines().next().unwrap_or_default())
            }
        };
        notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    }
}

fn reloaded(path: &Path, running: &Config, former: &Engine) -> Result<(Config, Engine), String> {
    let config = config::load(path).map_err(|diagnostics| diagnostics.to_string())?;
    let kept = |config: &Config| (config.store.clone(), retention(config));
    let store = match &former.store {
        Some(store) if kept(&config) == kept(running) => Some(Arc::clone(store)),
        former_store => open_store(&config, former_store.as_ref()),
    };
    let (engine, events) =
        engine(&config, Some(former), store).map_err(|error| error.to_string())?;
    log_events(&events);
    Ok((config, engine))
}

/// Gives the new store what the former one could not write yet.
fn hand_over(former: &Engine, engine: &Engine) {
    if let (Some(former), Some(store)) = (&former.store, &engine.store)
        && !Arc::ptr_eq(former, store)
    {
        former.hand_over_to(&**store);
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

/// Notifies systemd, if it runs us.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, states) {
        log::debug!("systemd could not be notified: {error}");
    }
}
