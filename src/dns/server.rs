//! One name server: asks it over UDP, and over TCP what does not fit.
//!
//! Why it is not hickory-resolver 0.26.3's `NameServerPool` that asks:
//! - It sends up to three datagrams in one attempt, 333 ms apart, whatever is set. A name that nobody answers about costs
//!   the most of all then, just when many of them come.
//! - It keeps one UDP "connection" for all, and makes a new one after each silence.
//! - It wants TLS, and reads every certificate of the system for that.
//! - NXDOMAIN and NODATA come as errors, with or without a SOA; but as a response when the answer holds a CNAME.
//!
//! What the layer below does, so that it is not done here: a random port and a random id for each datagram, the
//! comparison of id, address and question over UDP; over TCP the id alone is compared. The sockets aren't connected: a
//! refused port looks like silence. A datagram over the EDNS size is cut by the socket and is malformed then.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hickory_resolver::{
    net::{
        DnsHandle, NetError,
        runtime::{RuntimeProvider, TokioRuntimeProvider},
        tcp::TcpClientStream,
        udp::UdpClientStream,
        xfer::{DnsExchange, DnsRequestSender, FirstAnswer},
    },
    proto::{
        op::{DnsRequest, DnsRequestOptions, DnsResponse, Query, ResponseCode},
        rr::DNSClass,
    },
};
use tokio::time::{Instant, timeout};

use super::{answer::DnsReply, settings::Nameserver};

pub(super) struct Server {
    pub(super) nameserver: Nameserver,
    patience: Duration,
    /// The last TCP connection (RFC 7766 section 6.2.1: "clients SHOULD reuse"); none after it failed.
    connection: Mutex<Option<Connection>>,
    rests_until: Mutex<Option<Instant>>,
}

/// Why a server did not answer the question.
pub(super) enum Failure {
    /// It said something that is not an answer; asked again, it would say the same.
    Refused(String),
    /// It said nothing.
    Unheard(String),
}

impl Server {
    /// One that gets this time for each answer.
    pub(super) fn new(nameserver: Nameserver, patience: Duration) -> Self {
        Self {
            nameserver,
            patience,
            connection: Mutex::default(),
            rests_until: Mutex::default(),
        }
    }

    pub(super) async fn ask(&self, query: &Query) -> Result<DnsReply, Failure> {
        let mut outcome = self.over_udp(query).await;
        if let Err(NetError::Proto(_) | NetError::Truncated) = outcome {
            // Some send a long answer in one datagram, whatever size we announce (RFC 6891 section 6.2.5).
            // Over TCP it comes whole; where TCP fails, the answer over UDP stands.
            outcome = match self.over_tcp(query).await {
                Err(_) if matches!(outcome, Err(NetError::Proto(_))) => outcome,
                whole => whole,
            };
        }
        let reply = match outcome {
            Ok(response) => read(response, query),
            Err(error) => Err(self.failure(error)),
        };
        self.note(matches!(reply, Err(Failure::Unheard(_))));
        reply
    }

    /// Whether it kept silent lately.
    pub(super) fn is_resting(&self, now: Instant) -> bool {
        locked(&self.rests_until).is_some_and(|until| now < until)
    }

    pub(super) fn blame(&self, cause: &str) -> String {
        format!("name server {}: {cause}", self.nameserver)
    }

    fn note(&self, silent: bool) {
        *locked(&self.rests_until) = silent.then(|| Instant::now() + REST);
    }

    async fn over_udp(&self, query: &Query) -> Result<DnsResponse, NetError> {
        // A lost datagram is sent once more, early enough that nobody notices.
        let again = spread(self.patience / 4);
        let mut client =
            UdpClientStream::builder(self.nameserver.address(), TokioRuntimeProvider::new())
                .with_timeout(Some(self.patience))
                .with_max_retries(DATAGRAMS)
                .with_retry_interval_floor(u64::try_from(again.as_millis()).unwrap_or(u64::MAX))
                .build();
        whole(client.send_message(request(query)).first_answer().await?)
    }

    /// Over the connection that is there. What ends or stalls it, such as the answer to another question, does so for all
    /// who wait there; then over one of its own, as it does where there is none.
    async fn over_tcp(&self, query: &Query) -> Result<DnsResponse, NetError> {
        let shared = locked(&self.connection).clone();
        if let Some(connection) = shared {
            match self.over(&connection, query).await {
                // It has 32 questions, and works.
                Err(NetError::Busy) => {}
                Err(_) => *locked(&self.connection) = None,
                answered => return answered,
            }
        }
        let connection = Connection::open(self.nameserver, self.patience).await?;
        let answered = self.over(&connection, query).await?;
        *locked(&self.connection) = Some(connection);
        Ok(answered)
    }

    async fn over(&self, connection: &Connection, query: &Query) -> Result<DnsResponse, NetError> {
        let answer = connection.exchange.send(request(query)).first_answer();
        let answer = timeout(self.patience, answer).await;
        whole(answer.unwrap_or(Err(NetError::Timeout))?)
    }

    fn failure(&self, error: NetError) -> Failure {
        match error {
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

/// Datagrams in one attempt.
const DATAGRAMS: u8 = 2;
/// What passes unfragmented nearly everywhere (RFC 9715 section 3; DNS flag day 2020).
const EDNS_PAYLOAD: u16 = 1232;
/// For how long a server that kept silent is asked after the others.
const REST: Duration = Duration::from_secs(30);

type Stream = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

/// A TCP connection.
#[derive(Clone)]
struct Connection {
    exchange: DnsExchange<TokioRuntimeProvider>,
    /// With the last of these ends the task that reads and writes.
    _provider: TokioRuntimeProvider,
}

impl Connection {
    async fn open(nameserver: Nameserver, patience: Duration) -> Result<Self, NetError> {
        let provider = TokioRuntimeProvider::new();
        let connecting = TcpClientStream::<Stream>::exchange(
            nameserver.address(),
            None,
            patience,
            // With more than its 32 questions they overrun its queue, which ends the connection for all.
            None,
            provider.clone(),
        );
        let exchange = timeout(patience, connecting).await;
        Ok(Self {
            exchange: exchange.unwrap_or(Err(NetError::Timeout))?,
            _provider: provider,
        })
    }
}

/// A time between half of it and one and a half. What was asked at one moment, by many sessions, is not asked again at one
/// moment: each time hundreds of sockets would be opened at once, while others wait.
pub(super) fn spread(time: Duration) -> Duration {
    // Its keys are random.
    let chance = RandomState::new().hash_one(()) % 1024;
    time / 2 + time.mul_f64(chance as f64 / 1024.0)
}

fn request(query: &Query) -> DnsRequest {
    let mut options = DnsRequestOptions::default();
    options.edns_payload_len = EDNS_PAYLOAD;
    DnsRequest::from_query(query.clone(), options)
}

fn whole(response: DnsResponse) -> Result<DnsResponse, NetError> {
    match response.truncation {
        true => Err(NetError::Truncated),
        false => Ok(response),
    }
}

fn read(response: DnsResponse, query: &Query) -> Result<DnsReply, Failure> {
    let nxdomain = match response.response_code {
        ResponseCode::NoError => false,
        ResponseCode::NXDomain => true,
        code => return Err(Failure::Refused(mnemonic(code))),
    };
    let soa = response.soa().map(|soa| soa.to_owned());
    let message = response.into_message();
    if message.queries.first() != Some(query) {
        return Err(Failure::Refused("answer to another question".to_owned()));
    }
    let foreign = |class| class != DNSClass::IN;
    if message
        .answers
        .iter()
        .any(|record| foreign(record.dns_class))
    {
        return Err(Failure::Refused("answer of another class".to_owned()));
    }
    Ok(DnsReply {
        nxdomain,
        answers: message.answers,
        soa,
    })
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

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
