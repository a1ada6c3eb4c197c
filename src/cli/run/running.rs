//! What serves by the configuration, and follows it: at a reload all of it is made anew first, and taken only as a whole.

use std::{path::PathBuf, sync::Arc};

use tokio::{sync::watch, task::JoinSet};

use super::{
    descriptors, log_events,
    metrics::{Http, HttpListener},
    site::{self, Site},
};
use crate::{
    cli::{control::Answer, domains::begin, engine, open_store, retention},
    config::{self, Config},
    directory::Event,
    engine::{Drain, Engine, Shared},
    milter::{Counters, Opened, Place, SelfCheck, Serving},
    observe::{Hosts, set_level},
};

#[cfg(test)]
mod tests;

/// The daemon's parts that come and go with its configuration.
pub(super) struct Running {
    config: Config,
    pub shared: Arc<Shared>,
    pub counters: Arc<Counters>,
    hosts: Arc<Hosts>,
    max_connections: usize,
    serving: Serving,
    self_check: watch::Sender<SelfCheck>,
    site: Arc<Site>,
    http: Option<Http>,
    /// Listeners whose place another has taken.
    retiring: JoinSet<()>,
    ending: watch::Sender<bool>,
    /// What was last found at odds with the lists of domains.
    at_odds: Vec<String>,
}

/// Why a reload failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// In one line.
    pub line: String,
    /// Each mistake with its place in the file.
    pub whole: String,
}

impl From<String> for Failure {
    fn from(line: String) -> Self {
        let whole = line.clone();
        Self { line, whole }
    }
}

/// All that a reload can fail to make.
struct Next {
    config: Config,
    engine: Engine,
    events: Vec<Event>,
    /// None where the former socket goes on.
    opened: Option<Opened>,
    /// None where the former port goes on, if there is one.
    http: Option<Option<HttpListener>>,
}

impl Running {
    /// Makes everything for the first time, and serves.
    ///
    /// # Errors
    /// What is missing outside, and what to do.
    pub fn start(mut config: Config) -> Result<Self, String> {
        let opened = Opened::first(&config.listen, &config.socket).map_err(|e| e.to_string())?;
        if opened.address().is_inherited() {
            config.leave_socket_to_systemd();
        }
        for warning in &config.warnings {
            log::warn!("{warning}");
        }
        let (engine, events) =
            engine(&config, None, open_store(&config, None)).map_err(|error| error.to_string())?;
        let http = config.observe.http.as_ref();
        let http = http.map(|at| Http::open(at, &[]));
        let http = http.transpose()?;
        log_events(&events);
        let drain = Drain::new();
        drain.apply(config.drain);
        let shared = Arc::new(Shared::new(engine, drain));
        let counters = Arc::new(Counters::default());
        let hosts = Arc::new(Hosts::default());
        hosts.set(&config.observe.hosts);
        let max_connections = descriptors::max_connections();
        log::info!(
            "backstop {} listens on {}, mode {}",
            env!("CARGO_PKG_VERSION"),
            opened.address(),
            config.policy.modes()
        );
        let serving = Serving::begin(opened, max_connections, &shared, &counters);
        let self_check = watch::Sender::new(serving.self_check());
        site::keep(&shared.lately, &config.observe);
        let site = Arc::new(Site::new(
            Arc::clone(&shared),
            Arc::clone(&counters),
            self_check.subscribe(),
            config.file.clone(),
        ));
        let http = http.map(|socket| Http::begin(socket, &hosts, &site));
        let at_odds = config.against_lists();
        for found in &at_odds {
            log::warn!("{found}");
        }
        Ok(Self {
            config,
            shared,
            counters,
            hosts,
            max_connections,
            serving,
            self_check,
            site,
            http,
            retiring: JoinSet::new(),
            ending: watch::Sender::new(false),
            at_odds,
        })
    }

    /// Reads the file again and follows it, or stays all as it was.
    ///
    /// # Errors
    /// A mistake in the file, or an address that can't be had.
    pub async fn reload(&mut self) -> Result<Answer, Failure> {
        let prepare = self.preparation();
        // Files block, and so do names of hosts: other threads wait for them than those that serve mail.
        let next = tokio::task::spawn_blocking(prepare).await;
        let next = next.unwrap_or_else(|panic| Err(panic.to_string().into()))?;
        self.take(next)
    }

    /// Takes the domains that the lists have now. All else stays, and what is in memory of it.
    pub fn follow_domains(&mut self) {
        let former = self.shared.engine.load_full();
        if !self.config.know(Arc::clone(&former.domains)) {
            return;
        }
        let engine = Engine {
            policy: Arc::new(self.config.policy.clone()),
            ..Engine::clone(&former)
        };
        let domains = &engine.policy.local.domains;
        log::info!("domains that are ours: {}", domains.len());
        self.shared.engine.store(Arc::new(engine));
        self.warn_of_odds();
    }

    /// Logs what the file says and its lists contradict, unless that was logged before.
    fn warn_of_odds(&mut self) -> Vec<String> {
        let at_odds = self.config.against_lists();
        if at_odds == self.at_odds {
            return Vec::new();
        }
        for found in &at_odds {
            log::warn!("{found}");
        }
        self.at_odds.clone_from(&at_odds);
        at_odds
    }

    /// The mode and the address, as they are shown.
    pub fn shown(&self) -> String {
        let mode = self.config.policy.modes();
        format!("listening on {}, mode {mode}", self.serving.place())
    }

    /// What looks whether it serves, now and after each reload.
    pub fn self_check(&self) -> watch::Receiver<SelfCheck> {
        self.self_check.subscribe()
    }

    /// Waits until the listener ends by itself, which it does by a bug only, and gives the reason.
    pub async fn failed(&mut self) -> String {
        self.serving.failed().await.to_string()
    }

    /// Ends all listeners, and lets running callbacks finish.
    ///
    /// # Errors
    /// One had ended before, and why.
    pub async fn end(mut self) -> Result<(), String> {
        self.ending.send_replace(true);
        let ended = self.serving.end().await;
        while self.retiring.join_next().await.is_some() {}
        ended.map_err(|error| error.to_string())
    }

    fn preparation(&self) -> impl FnOnce() -> Result<Next, Failure> + Send + 'static {
        let (path, running) = (self.config.file.clone(), self.config.clone());
        let former = self.shared.engine.load_full();
        let (place, http) = (self.serving.place().clone(), self.http_socket());
        move || Next::prepare(path, &running, &former, &place, http)
    }

    fn http_socket(&self) -> Option<Arc<tokio::net::TcpListener>> {
        self.http.as_ref().and_then(Http::socket)
    }

    /// Follows the new file. What can fail comes first, and then nothing has changed yet.
    fn take(&mut self, next: Next) -> Result<Answer, Failure> {
        let Next {
            config,
            engine,
            events,
            mut opened,
            http,
        } = next;
        if let Some(opened) = &mut opened {
            opened.place().map_err(|error| error.to_string())?;
        }
        log_events(&events);
        let mut said = Vec::new();
        for warning in &config.warnings {
            log::warn!("{warning}");
            said.push(warning.to_string());
        }
        let former = self.shared.engine.swap(Arc::new(engine));
        hand_over(&former, &self.shared.engine.load());
        self.hosts.set(&config.observe.hosts);
        site::keep(&self.shared.lately, &config.observe);
        self.shared.drain.apply(config.drain);
        if let Some(opened) = opened {
            said.push(self.move_to(opened));
        }
        if let Some(socket) = http {
            // First, so that the former one does not take its connections.
            drop(self.http.take());
            self.http = socket.map(|socket| Http::begin(socket, &self.hosts, &self.site));
        }
        self.config = config;
        said.extend(self.warn_of_odds());
        set_level(self.config.log.level.into());
        let (file, mode) = (&self.config.file, self.config.policy.modes());
        let done = format!("reloaded {}, mode {mode}", file.display());
        log::info!("{done}");
        said.push(done);
        Ok(Answer {
            is_done: true,
            text: said.join("\n"),
        })
    }

    /// Serves on another socket. The former one is closed, and its connections have `drain.limit` to end.
    fn move_to(&mut self, opened: Opened) -> String {
        let patience = self.shared.drain.limit();
        let serving = Serving::begin(opened, self.max_connections, &self.shared, &self.counters);
        self.self_check.send_replace(serving.self_check());
        let former = std::mem::replace(&mut self.serving, serving);
        let (from, to) = (former.place().to_string(), self.serving.place().to_string());
        let mut ending = self.ending.subscribe();
        let moved = format!(
            "now listening on {to}; connections to the former socket, {from}, have {} s to end",
            patience.as_secs_f32()
        );
        self.retiring.spawn(async move {
            let ending = async {
                let _ = ending.wait_for(|ending| *ending).await;
            };
            if !former.retire(patience, ending).await {
                log::warn!("connections to the former socket, {from}, were closed");
            }
        });
        // Those that have ended are forgotten.
        while self.retiring.try_join_next().is_some() {}
        log::info!("{moved}");
        moved
    }
}

impl Next {
    fn prepare(
        path: PathBuf,
        running: &Config,
        former: &Engine,
        place: &Place,
        http: Option<Arc<tokio::net::TcpListener>>,
    ) -> Result<Self, Failure> {
        let mut config = config::load(&path).map_err(|diagnostics| Failure {
            line: diagnostics.in_one_line(),
            whole: diagnostics.to_string(),
        })?;
        // A new list on a server is waited for, for a moment.
        tokio::runtime::Handle::current().block_on(begin(&mut config, &former.domains));
        let ours: Vec<_> = http.iter().cloned().chain(place.socket()).collect();
        let is_moved = (&config.listen, &config.socket) != (&running.listen, &running.socket);
        let opened = if place.is_inherited() {
            config.leave_socket_to_systemd();
            None
        } else if is_moved {
            Opened::next(&config.listen, &config.socket, place, &ours)
                .map_err(|error| error.to_string())?
        } else {
            None
        };
        let http = if config.observe.http == running.observe.http {
            None
        } else {
            let socket = config.observe.http.as_ref();
            let socket = socket.map(|at| Http::open(at, &ours));
            Some(socket.transpose()?)
        };
        let kept = |config: &Config| (config.store.clone(), retention(config));
        let store = match &former.store {
            Some(store) if kept(&config) == kept(running) => Some(Arc::clone(store)),
            former_store => open_store(&config, former_store.as_ref()),
        };
        let (engine, events) =
            engine(&config, Some(former), store).map_err(|error| error.to_string())?;
        Ok(Self {
            config,
            engine,
            events,
            opened,
            http,
        })
    }
}

/// Gives the new store what the former one could not write yet.
fn hand_over(former: &Engine, engine: &Engine) {
    if let (Some(former), Some(store)) = (&former.store, &engine.store)
        && !Arc::ptr_eq(former, store)
    {
        former.hand_over_to(&**store);
    }
}
