//! `observe.http`: the port or socket file, and the readings that are served there with the counters.

use std::sync::{Arc, Weak};

use tokio::{
    net::{TcpListener, UnixListener},
    task::JoinHandle,
};

use super::site::Site;
use crate::{
    cli::domains::age,
    core::{
        address::Domain,
        siege::{State, Status, View},
    },
    directory::domains::ListState,
    engine::{Engine, Shared},
    milter::{Counters, SocketFile, Violation, bind_for_group, bind_tcp},
    observe::{
        DomainListReading, Hosts, HttpAddress, HttpSocket, Readings, SiegeReading, StoreReading,
        TenantReading, log_lines_lost, serve_http,
    },
};

/// An address that is served, until it is dropped or the daemon begins to stop. Then it is free for the next daemon.
#[derive(Debug)]
pub(super) struct Http {
    /// None where it is a file.
    port: Option<Weak<TcpListener>>,
    task: JoinHandle<()>,
}

/// A socket that listens, and that nobody serves yet.
#[derive(Debug)]
pub(super) struct HttpListener {
    socket: HttpSocket,
    address: HttpAddress,
    file: Option<SocketFile>,
}

impl Http {
    /// Binds the address. Sockets of `ours` that are about to give way are no hindrance.
    ///
    /// # Errors
    /// Why it can't be bound, and what to do.
    pub fn open(address: &HttpAddress, ours: &[Arc<TcpListener>]) -> Result<HttpListener, String> {
        let failed = |error: &dyn ToString| format!("observe.http: {}", error.to_string());
        match address {
            HttpAddress::Tcp(port) => {
                let listener = bind_tcp(*port, port, ours).map_err(|error| failed(&error))?;
                let listener = TcpListener::from_std(listener).map_err(|error| failed(&error))?;
                let bound = listener.local_addr().map_err(|error| failed(&error))?;
                Ok(HttpListener {
                    socket: HttpSocket::Tcp(Arc::new(listener)),
                    address: HttpAddress::Tcp(bound),
                    file: None,
                })
            }
            HttpAddress::Unix(path) => {
                let (listener, file) = bind_for_group(path).map_err(|error| failed(&error))?;
                listener
                    .set_nonblocking(true)
                    .map_err(|error| failed(&error))?;
                let listener = UnixListener::from_std(listener).map_err(|error| failed(&error))?;
                Ok(HttpListener {
                    socket: HttpSocket::Unix(listener),
                    address: address.clone(),
                    file: Some(file),
                })
            }
        }
    }

    /// Serves these pages on it.
    pub fn begin(listener: HttpListener, hosts: &Arc<Hosts>, site: &Arc<Site>) -> Self {
        let (hosts, site) = (Arc::clone(hosts), Arc::clone(site));
        let port = match &listener.socket {
            HttpSocket::Tcp(socket) => Some(Arc::downgrade(socket)),
            HttpSocket::Unix(_) => None,
        };
        let task = tokio::spawn(serve(listener, hosts, site));
        Self { port, task }
    }

    /// Its TCP socket, while it listens.
    pub fn socket(&self) -> Option<Arc<TcpListener>> {
        self.port.as_ref().and_then(Weak::upgrade)
    }
}

impl Drop for Http {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: HttpListener, hosts: Arc<Hosts>, site: Arc<Site>) {
    let HttpListener {
        socket,
        address,
        // Removed at the end.
        file: _file,
    } = listener;
    log::info!("metrics are at {}", address.page("/metrics"));
    let shared = Arc::clone(&site.shared);
    tokio::select! {
        _ = serve_http(&socket, &hosts, site, &shared.warnings) => {}
        () = shared.drain.begun() => {}
    }
}

pub(super) fn readings(shared: &Shared, counters: &Counters) -> Readings {
    let engine = shared.engine.load();
    let view = engine.sieges.view();
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
        domain_lists: engine.domains.states().iter().map(domain_list).collect(),
        tenants: engine.tenants.state().map(|state| TenantReading {
            is_up: !state.is_down,
            rows: state.rows.unwrap_or_default(),
            wrong: state.mistaken,
            silent_for: state.silent_for.unwrap_or_default().as_secs(),
        }),
        store: store.map(|health| StoreReading {
            is_up: health.down.is_none(),
            lost_messages: health.lost.messages.saturating_add(health.lost.late),
            lost_counts: health.lost.counts,
            failures: health.failures,
        }),
        sieges: sieges(&engine, &view),
        domains: State::ALL
            .map(|state| (state.as_str(), view.count(state)))
            .to_vec(),
        accounts_suspected: engine.accounts.suspected().len(),
    }
}

fn domain_list(state: &ListState) -> DomainListReading {
    DomainListReading {
        name: state.name.clone(),
        domains: state.domains.unwrap_or_default(),
        age: age(state),
        is_failing: state.failing.is_some(),
    }
}

/// Only for domains that the file names: strangers can invent any number of names below `.example.org`. Of many, the view
/// has a hundred at most.
fn sieges(engine: &Engine, view: &View) -> Vec<SiegeReading> {
    let named = |domain: &Domain| engine.policy.local.domains.names(domain);
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
