//! The name servers: which one is asked when.
//!
//! Why the order of attempts is ours, and not that of hickory-resolver 0.26.3: its pool of several servers gives up after
//! one timeout in all, so that [dead, alive] fails until its statistics know the dead one; two at once, its default,
//! double every question; and SERVFAIL and REFUSED end a lookup without the next server, which a stub resolver asks.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use hickory_resolver::proto::{
    op::Query,
    rr::{Name, RecordType},
};
use tokio::time::{Instant, sleep};

use super::{
    answer::DnsReply,
    server::{Failure, Server, spread},
    settings::{DnsSettings, Nameserver},
    system,
};

pub(super) struct Upstream {
    servers: ArcSwap<Vec<Server>>,
    /// The file that names the servers; none where the settings do.
    resolv_conf: Option<PathBuf>,
    patience: Duration,
}

impl Upstream {
    /// The servers of the settings; where these name none, those of the file at `resolv_conf`.
    pub(super) fn new(settings: &DnsSettings, resolv_conf: impl Into<PathBuf>) -> Self {
        let resolv_conf = settings.nameservers.is_empty().then(|| resolv_conf.into());
        let mut nameservers = match &resolv_conf {
            Some(path) => system::nameservers(path),
            None => settings.nameservers.clone(),
        };
        if nameservers.is_empty() {
            let local = system::local();
            log::warn!(
                "no name server is set, and the system names none, so the one on this host is asked: {local}"
            );
            nameservers.push(local);
        }
        let patience = Duration::from(settings.timeout);
        Self {
            servers: ArcSwap::from_pointee(servers(&nameservers, patience)),
            resolv_conf,
            patience,
        }
    }

    /// The settings that it acts by.
    #[cfg(test)]
    pub(super) fn acts_by(&self) -> (Vec<Nameserver>, Duration) {
        let servers = self.servers.load();
        let nameservers = servers.iter().map(|server| server.nameserver);
        (nameservers.collect(), self.patience)
    }

    /// Reads again which servers the system names, where those are asked. Gives them if they changed. A file that names
    /// none is just being written, and changes nothing.
    pub(super) fn refresh(&self) -> Option<Vec<Nameserver>> {
        let named = system::nameservers(self.resolv_conf.as_ref()?);
        let asked = self.servers.load();
        if named.is_empty()
            || named
                .iter()
                .eq(asked.iter().map(|server| &server.nameserver))
        {
            return None;
        }
        self.servers.store(Arc::new(servers(&named, self.patience)));
        Some(named)
    }

    /// Asks one server after the other, and all once more if none said anything. No attempt starts after `until`.
    pub(super) async fn ask(
        &self,
        name: &Name,
        record_type: RecordType,
        until: Instant,
    ) -> Result<DnsReply, String> {
        let query = Query::query(name.clone(), record_type);
        let servers = self.servers.load_full();
        let servers = in_order(&servers);
        let mut refused = None;
        let mut unheard = None;
        for round in 0..ROUNDS {
            if round > 0 {
                sleep(spread(self.patience / 8)).await;
            }
            for server in &servers {
                if Instant::now() >= until {
                    break;
                }
                match server.ask(&query).await {
                    Ok(reply) => return Ok(reply),
                    Err(Failure::Refused(cause)) => refused = Some(server.blame(&cause)),
                    Err(Failure::Unheard(cause)) => unheard = Some(server.blame(&cause)),
                }
            }
            if refused.is_some() {
                break;
            }
        }
        // What one server said explains more than the silence of another.
        Err(refused
            .or(unheard)
            .unwrap_or_else(|| "no time left to ask".to_owned()))
    }

    /// Asks each server for the root's name servers.
    pub(super) async fn probe(&self) -> Vec<(Nameserver, Result<Duration, String>)> {
        let query = Query::query(Name::root(), RecordType::NS);
        join_all(self.servers.load_full().iter().map(|server| async {
            let start = Instant::now();
            let outcome = match server.ask(&query).await {
                Ok(_) => Ok(start.elapsed()),
                Err(Failure::Refused(cause) | Failure::Unheard(cause)) => Err(cause),
            };
            (server.nameserver, outcome)
        }))
        .await
    }
}

/// Attempts at each server.
const ROUNDS: usize = 2;

fn servers(nameservers: &[Nameserver], patience: Duration) -> Vec<Server> {
    nameservers
        .iter()
        .map(|nameserver| Server::new(*nameserver, patience))
        .collect()
}

/// In the configured order, but the ones that kept silent lately come last.
fn in_order(servers: &[Server]) -> Vec<&Server> {
    let now = Instant::now();
    let mut servers: Vec<_> = servers.iter().collect();
    servers.sort_by_cached_key(|server| server.is_resting(now));
    servers
}
