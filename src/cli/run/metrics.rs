//! `observe.http`: the port, and the readings that are served there with the counters.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
};

use tokio::{net::TcpListener, task::JoinHandle};

use super::site::Site;
use crate::{
    core::{
        address::Domain,
        pattern::DomainPattern,
        siege::{State, Status},
    },
    engine::{Engine, Shared},
    milter::{Counters, Violation, bind_tcp},
    observe::{Hosts, Readings, SiegeReading, StoreReading, log_lines_lost, serve_http},
};

/// A port that is served, until it is dropped or the daemon begins to stop. Then it is free for the next daemon.
#[derive(Debug)]
pub(super) struct Http {
    socket: Weak<TcpListener>,
    task: JoinHandle<()>,
}

impl Http {
    /// Binds the port. Sockets of `ours` that are about to give way are no hindrance.
    ///
    /// # Errors
    /// Why it can't be bound, and what to do.
    pub fn open(
        address: SocketAddr,
        ours: &[Arc<TcpListener>],
    ) -> Result<Arc<TcpListener>, String> {
        let failed = |error: &dyn ToString| format!("observe.http: {}", error.to_string());
        let listener = bind_tcp(address, &address, ours).map_err(|error| failed(&error))?;
        let listener = TcpListener::from_std(listener).map_err(|error| failed(&error))?;
        Ok(Arc::new(listener))
    }

    /// Serves these pages on it.
    pub fn begin(listener: Arc<TcpListener>, hosts: &Arc<Hosts>, site: &Arc<Site>) -> Self {
        let (hosts, site) = (Arc::clone(hosts), Arc::clone(site));
        let socket = Arc::downgrade(&listener);
        let task = tokio::spawn(serve(listener, hosts, site));
        Self { socket, task }
    }

    /// Its socket, while it listens.
    pub fn socket(&self) -> Option<Arc<TcpListener>> {
        self.socket.upgrade()
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: Arc<TcpListener>, hosts: Arc<Hosts>, site: Arc<Site>) {
    if let Ok(address) = listener.local_addr() {
        log::info!("metrics are at http://{address}/metrics");
    }
    let shared = Arc::clone(&site.shared);
    tokio::select! {
        _ = serve_http(&listener, &hosts, site, &shared.warnings) => {}
        () = shared.drain.begun() => {}
    }
}

pub(super) fn readings(shared: &Shared, counters: &Counters) -> Readings {
    let engine = shared.engine.load();
    let counts = counters.snapshot();
    let of = |violation| counts.violations.get(&violation).copied();
    let violations = Violation::ALL.map(|one| (one.code(), of(one).unwrap_or_default()));
    let store = engine.store.as_ref().map(|store| store.health());
    Readings {
        messages: shared.drain.messages(),
        connections_open: counts.open,
        connections_accepted: counts.accepted,
        connections_refused: counts.refused_over_limit,
        accept_errors: counts.accept_errors,
        violations: violations.to_vec(),
        log_lines_lost: log_lines_lost(),
        guesses: engine.guesses.reading(),
        unreadable_lists: engine.directory.unreadable(),
        store: store.map(|health| StoreReading {
            is_up: health.down.is_none(),
            lost_messages: health.lost.messages.saturating_add(health.lost.late),
            lost_counts: health.lost.counts,
            failures: health.failures,
        }),
        sieges: sieges(&engine),
    }
}

/// Only for domains that the file names: strangers can invent any number of names below `.example.org`.
fn sieges(engine: &Engine) -> Vec<SiegeReading> {
    let named = |domain: &Domain| {
        let itself = |pattern: &DomainPattern| *pattern == DomainPattern::Itself(domain.clone());
        engine.policy.local.domains.iter().any(itself)
    };
    let view = engine.sieges.view();
    let statuses = view.statuses.iter();
    let shown = statuses.filter(|(domain, _)| domain.as_ref().is_none_or(named));
    let reading = |(domain, status): &(Option<Domain>, Status)| SiegeReading {
        domain: domain
            .as_ref()
            .map_or_else(|| "all".to_owned(), Domain::to_string),
        state: match status.state {
            State::Calm => 0,
            State::Alert => 1,
            State::Easing => 2,
            State::Siege => 3,
        },
        rate: status.rate,
        usual: status.baseline,
    };
    shown.map(reading).collect()
}
