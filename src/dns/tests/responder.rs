//! A name server that answers as a test wants, over UDP and TCP.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use hickory_resolver::proto::{
    op::{Message, OpCode, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, SOA, TXT},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::sleep,
};

use crate::dns::question::presentation;

/// What to say to a question; None is silence.
pub(super) type Says = Option<Said>;

#[derive(Clone)]
pub(super) enum Said {
    Message(Box<Message>),
    Bytes(Vec<u8>),
}

pub(super) struct Responder {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

/// Both on one port; the one that the kernel gives for TCP can be another's for UDP.
pub(super) async fn sockets() -> (TcpListener, UdpSocket) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (tcp, udp);
        }
    }
}

impl Responder {
    /// `says` gets the name as hickory writes it, with its final dot, and the type.
    pub(super) async fn start(
        says: impl Fn(&str, RecordType) -> Says + Send + Sync + 'static,
    ) -> Self {
        let (tcp, udp) = sockets().await;
        let address = udp.local_addr().unwrap();
        let seen = Arc::default();
        let mind = Arc::new(Mind {
            says: Box::new(says),
            seen: Arc::clone(&seen),
        });
        tokio::spawn(serve_udp(udp, mind.clone()));
        tokio::spawn(async move {
            while let Ok((stream, _)) = tcp.accept().await {
                tokio::spawn(serve_tcp(stream, mind.clone()));
            }
        });
        Self { address, seen }
    }

    /// The questions that came, as `udp TXT name`.
    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

type Script = dyn Fn(&str, RecordType) -> Says + Send + Sync;

struct Mind {
    says: Box<Script>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Mind {
    fn reply(&self, request: &[u8], transport: &str) -> Option<Vec<u8>> {
        let request = Message::from_vec(request).unwrap();
        let query = request.queries[0].clone();
        self.seen.lock().unwrap().push(format!(
            "{transport} {} {}",
            query.query_type(),
            presentation(query.name().iter())
        ));
        let name = query.name().to_ascii();
        let mut message = match (self.says)(&name, query.query_type())? {
            Said::Message(message) => *message,
            Said::Bytes(bytes) => {
                return Some([&request.id.to_be_bytes(), bytes.as_slice()].concat());
            }
        };
        message.metadata.id = request.id;
        if message.queries.is_empty() {
            message.queries = vec![query];
        }
        let bytes = message.to_vec().unwrap();
        if transport == "udp" && bytes.len() > usize::from(request.max_payload()) {
            return Some(message.truncate().to_vec().unwrap());
        }
        Some(bytes)
    }
}

async fn serve_udp(socket: UdpSocket, mind: Arc<Mind>) {
    let mut buffer = vec![0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        if let Some(reply) = mind.reply(&buffer[..length], "udp") {
            socket.send_to(&reply, client).await.unwrap();
        }
    }
}

async fn serve_tcp(mut stream: TcpStream, mind: Arc<Mind>) {
    while let Ok(length) = stream.read_u16().await {
        let mut request = vec![0; length.into()];
        stream.read_exact(&mut request).await.unwrap();
        if let Some(reply) = mind.reply(&request, "tcp") {
            // So that a crowd has to wait.
            sleep(Duration::from_millis(2)).await;
            stream
                .write_u16(reply.len().try_into().unwrap())
                .await
                .unwrap();
            stream.write_all(&reply).await.unwrap();
        }
    }
}

pub(super) fn answer(records: Vec<Record>) -> Says {
    Some(Said::Message(Box::new(message(records))))
}

/// NXDOMAIN, SERVFAIL and so on, or NOERROR for NODATA.
pub(super) fn code(code: ResponseCode) -> Says {
    code_with(code, Vec::new(), None)
}

pub(super) fn code_with(code: ResponseCode, answers: Vec<Record>, soa: Option<Record>) -> Says {
    let mut message = message(answers);
    message.metadata.response_code = code;
    message.authorities = soa.into_iter().collect();
    Some(Said::Message(Box::new(message)))
}

pub(super) fn message(answers: Vec<Record>) -> Message {
    let mut message = Message::response(0, OpCode::Query);
    message.answers = answers;
    message
}

pub(super) fn record(name: &str, ttl: u32, data: RData) -> Record {
    Record::from_rdata(Name::from_ascii(name).unwrap(), ttl, data)
}

pub(super) fn txt(name: &str, ttl: u32, text: &[u8]) -> Record {
    let strings = text.chunks(255).collect();
    record(name, ttl, RData::TXT(TXT::from_bytes(strings)))
}

pub(super) fn cname(name: &str, ttl: u32, target: &str) -> Record {
    let target = Name::from_ascii(target).unwrap();
    record(name, ttl, RData::CNAME(CNAME(target)))
}

pub(super) fn soa(zone: &str, ttl: u32, minimum: u32) -> Record {
    let soa = SOA::new(Name::root(), Name::root(), 1, 2, 3, 4, minimum);
    record(zone, ttl, RData::SOA(soa))
}
