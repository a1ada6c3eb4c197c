//! The name servers: which one is asked when, and what counts as an answer.
//!
//! Why the order of attempts is ours, and not that of hickory-resolver 0.26.3:
//! - A pool of several servers gives up after one `timeout` in all, so that [dead, alive] fails until its
//!   statistics know the dead one; two at once, its default, double every question.
//! - SERVFAIL and REFUSED end a pool's lookup without asking the next server; a stub resolver goes on.
//! - Over UDP it sends up to three datagrams in one attempt, `retry_interval` apart (333 ms at least), each from a random
//!   port of its own, and listens to all of them. The sockets aren't connected: a refused port looks like silence.
//! - NXDOMAIN and NODATA come as the error `NoRecordsFound`, with or without a SOA, and are not asked again; but as
//!   a response when the answer holds a CNAME. SERVFAIL and its like come as the error `ResponseCode`, an unknown
//!   code as a response.
//! - Over UDP the id and the question are compared, over TCP the id alone.
//! - A TCP connection takes 32 questions at once; a later one has to wait, up to 0.6 s. With a higher
//!   `max_active_requests` they overrun its queue of 32, which ends the connection for all: left at its default.
//! - A datagram over the EDNS size is cut by the socket and is malformed then; TCP is not tried.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::join_all;
use hickory_resolver::{
    NameServerPool, PoolContext, TlsConfig,
    config::{ConnectionConfig, NameServerConfig, ResolverOpts},
    net::{
        DnsError, NetError,
        runtime::TokioRuntimeProvider,
        xfer::{DnsHandle, FirstAnswer},
    },
    proto::{
        op::{DnsRequestOptions, DnsResponse, Query, ResponseCode},
        rr::{Name, RecordType},
    },
};
use tokio::time::{Instant, timeout};

use super::{
    answer::DnsReply,
    settings::{DnsSettings, Nameserver, SettingsError},
    system,
};

pub(super) struct Upstream {
    servers: ArcSwap<Vec<Server>>,
    /// The file that names the servers; none where the settings do.
    resolv_conf: Option<PathBuf>,
    context: Arc<PoolContext>,
    options: DnsRequestOptions,
    patience: Duration,
}

impl Upstream {
    /// The servers of the settings; where these name none, those of the file at `resolv_conf`.
    pub(super) fn new(
        settings: &DnsSettings,
        resolv_conf: impl Into<PathBuf>,
    ) -> Result<Self, SettingsError> {
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
        let mut pool_options = ResolverOpts::default();
        pool_options.timeout = patience;
        let tls = TlsConfig::new().map_err(|error| SettingsError::Client(error.to_string()))?;
        let context = Arc::new(PoolContext::new(pool_options, tls));
        let mut options = DnsRequestOptions::default();
        options.edns_payload_len = EDNS_PAYLOAD;
        // More than half: a lost datagram is sent once more before the attempt is given up, and not twice.
        options.retry_interval = patience * 3 / 5;
        Ok(Self {
            servers: ArcSwap::from_pointee(servers(&nameservers, &context)),
            resolv_conf,
            context,
            options,
            patience,
        })
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
        self.servers.store(Arc::new(servers(&named, &self.context)));
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
        for _ in 0..ROUNDS {
            for server in &servers {
                if Instant::now() >= until {
                    break;
                }
                match self.attempt(server, &query).await {
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
            let outcome = match self.attempt(server, &query).await {
                Ok(_) => Ok(start.elapsed()),
                Err(Failure::Refused(cause) | Failure::Unheard(cause)) => Err(cause),
            };
            (server.nameserver, outcome)
        }))
        .await
    }

    async fn attempt(&self, server: &Server, query: &Query) -> Result<DnsReply, Failure> {
        let mut outcome = self.lookup(&server.pool, query).await;
        if let Err(NetError::Proto(_) | NetError::Truncated) = outcome {
            // Some send a long answer in one datagram, whatever size we announce (RFC 6891 section 6.2.5).
            // Over TCP it comes whole; where TCP fails, the answer over UDP stands. An answer is still truncated here
            // where the first pool's TCP connection was full for too long.
            outcome = self.lookup(&server.tcp, query).await.or(outcome);
        }
        let reply = self.read(outcome, query);
        server.note(matches!(reply, Err(Failure::Unheard(_))));
        reply
    }

    async fn lookup(&self, pool: &Pool, query: &Query) -> Result<DnsResponse, NetError> {
        let lookup = pool.lookup(query.clone(), self.options).first_answer();
        // hickory's own limits come first: UDP, connect and TCP can each take `patience`. Only in this way it notices
        // that a kept TCP connection is dead; cut from outside, it would use that one again and again.
        timeout(self.patience * 4, lookup)
            .await
            .unwrap_or(Err(NetError::Timeout))
    }

    fn read(
        &self,
        outcome: Result<DnsResponse, NetError>,
        query: &Query,
    ) -> Result<DnsReply, Failure> {
        let (asked, reply) = match outcome {
            Ok(response) => {
                let nxdomain = match response.response_code {
                    ResponseCode::NoError => false,
                    ResponseCode::NXDomain => true,
                    code => return Err(Failure::Refused(mnemonic(code))),
                };
                let soa = response.soa().map(|soa| soa.to_owned());
                let message = response.into_message();
                let reply = DnsReply {
                    nxdomain,
                    answers: message.answers,
                    soa,
                };
                (message.queries.into_iter().next(), reply)
            }
            Err(NetError::Dns(DnsError::NoRecordsFound(void))) => {
                let reply = DnsReply {
                    nxdomain: void.response_code == ResponseCode::NXDomain,
                    answers: Vec::new(),
                    soa: void.soa.map(|soa| *soa),
                };
                (Some(*void.query), reply)
            }
            Err(error) => return Err(self.failure(error)),
        };
        if asked.as_ref() == Some(query) {
            Ok(reply)
        } else {
            Err(Failure::Refused("answer to another question".to_owned()))
        }
    }

    fn failure(&self, error: NetError) -> Failure {
        match error {
            NetError::Dns(DnsError::ResponseCode(code)) => Failure::Refused(mnemonic(code)),
            NetError::Proto(_) => Failure::Refused("malformed answer".to_owned()),
            NetError::Io(error) => Failure::Unheard(error.to_string()),
            NetError::Timeout => Failure::Unheard(format!(
                "no answer within {}",
                humantime::format_duration(self.patience)
            )),
            // Its text can hold a stranger's names; its label doesn't.
            error => Failure::Refused(format!("no usable answer ({})", error.as_metrics_label())),
        }
    }
}

/// Attempts at each server.
const ROUNDS: usize = 2;
/// What passes unfragmented nearly everywhere (RFC 9715 section 3; DNS flag day 2020).
const EDNS_PAYLOAD: u16 = 1232;
/// For how long a server that kept silent is asked after the others.
const REST: Duration = Duration::from_secs(30);

type Pool = NameServerPool<TokioRuntimeProvider>;

struct Server {
    nameserver: Nameserver,
    /// UDP, and TCP for what is truncated there (RFC 7766 section 5).
    pool: Pool,
    tcp: Pool,
    rests_until: Mutex<Option<Instant>>,
}

impl Server {
    fn new(nameserver: Nameserver, context: &Arc<PoolContext>) -> Self {
        let address = nameserver.address();
        let pool = |mut connections: Vec<ConnectionConfig>| {
            for connection in &mut connections {
                connection.port = address.port();
            }
            let config = NameServerConfig::new(address.ip(), true, connections);
            let provider = TokioRuntimeProvider::new();
            NameServerPool::from_config([config], context.clone(), provider)
        };
        Self {
            nameserver,
            pool: pool(vec![ConnectionConfig::udp(), ConnectionConfig::tcp()]),
            tcp: pool(vec![ConnectionConfig::tcp()]),
            rests_until: Mutex::new(None),
        }
    }

    fn is_resting(&self, now: Instant) -> bool {
        self.rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|until| now < until)
    }

    fn note(&self, silent: bool) {
        *self
            .rests_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = silent.then(|| Instant::now() + REST);
    }

    fn blame(&self, cause: &str) -> String {
        format!("name server {}: {cause}", self.nameserver)
    }
}

/// Why a server did not answer the question.
enum Failure {
    /// It said something that is not an answer; asked again, it would say the same.
    Refused(String),
    /// It said nothing.
    Unheard(String),
}

fn servers(nameservers: &[Nameserver], context: &Arc<PoolContext>) -> Vec<Server> {
    nameservers
        .iter()
        .map(|nameserver| Server::new(*nameserver, context))
        .collect()
}

/// In the configured order, but the ones that kept silent lately come last.
fn in_order(servers: &[Server]) -> Vec<&Server> {
    let now = Instant::now();
    let mut servers: Vec<_> = servers.iter().collect();
    servers.sort_by_cached_key(|server| server.is_resting(now));
    servers
}

fn mnemonic(code: ResponseCode) -> String {
    match code {
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        code => format!("RCODE {}", u16::from(code)),
    }
}
