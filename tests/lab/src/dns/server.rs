//! The sockets: one port, UDP and TCP.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use hickory_proto::rr::Name;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedWriteHalf},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{
    RecordType, rdata,
    wire::{Deed, react},
    zone::Zone,
};

/// Random UDP ports tried before one is free for TCP too.
const PORT_TRIES: usize = 64;
/// How long a TCP connection may stay without a question.
const IDLE: Duration = Duration::from_secs(30);
/// Questions remembered; the oldest go first.
const REMEMBERED: usize = 100_000;

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// A running server; dropping it ends it and all its connections.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    state: Arc<State>,
    tasks: [JoinHandle<()>; 2],
}

impl Server {
    /// Starts on a random port of 127.0.0.1.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start(zone: Zone) -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), zone)
            .await
            .expect("a free port on 127.0.0.1")
    }

    /// Starts where told; port 0 is a random one.
    ///
    /// # Errors
    /// When UDP and TCP can't both have the port.
    pub async fn start_on(addr: SocketAddr, zone: Zone) -> io::Result<Self> {
        let (udp, tcp) = bind(addr).await?;
        let addr = udp.local_addr()?;
        let state = Arc::new(State {
            zone: RwLock::new(Arc::new(zone)),
            asked: Mutex::new(VecDeque::new()),
        });
        let tasks = [
            tokio::spawn(serve_udp(udp, state.clone())),
            tokio::spawn(serve_tcp(tcp, state.clone())),
        ];
        Ok(Self { addr, state, tasks })
    }

    /// Where it answers, over UDP and TCP.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers from another zone from now on.
    pub fn set_zone(&self, zone: Zone) {
        *self.state.zone.write().unwrap() = Arc::new(zone);
    }

    /// What was asked so far, in order: the name in lower case and without its last dot, the type, and how it came.
    pub fn queries(&self) -> Vec<(String, RecordType, Transport)> {
        let asked = self.state.asked.lock().unwrap();
        asked
            .iter()
            .map(|(name, kind, transport)| {
                let name = name.to_lowercase().to_ascii();
                (name.trim_end_matches('.').to_owned(), *kind, *transport)
            })
            .collect()
    }

    /// How often a name was asked for a type, over UDP and TCP.
    ///
    /// # Panics
    /// When the name can't be one.
    pub fn count(&self, name: &str, kind: RecordType) -> usize {
        let name = rdata::name(name).unwrap_or_else(|error| panic!("{error}"));
        let asked = self.state.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(asked, of_type, _)| *asked == name && *of_type == kind)
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

#[derive(Debug)]
struct State {
    zone: RwLock<Arc<Zone>>,
    asked: Mutex<VecDeque<(Name, RecordType, Transport)>>,
}

impl State {
    /// Remembers the question, waits as long as the zone says, and tells what to do.
    async fn judge(&self, packet: &[u8], transport: Transport) -> Deed {
        let zone = self.zone.read().unwrap().clone();
        let reaction = react(&zone, packet, transport);
        if let Some((name, kind)) = reaction.asked {
            let mut asked = self.asked.lock().unwrap();
            if asked.len() == REMEMBERED {
                asked.pop_front();
            }
            asked.push_back((name, kind, transport));
        }
        if !reaction.delay.is_zero() {
            sleep(reaction.delay).await;
        }
        reaction.deed
    }
}

async fn bind(addr: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORT_TRIES {
        let udp = UdpSocket::bind(addr).await?;
        match TcpListener::bind(udp.local_addr()?).await {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if addr.port() == 0 => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// Each packet has a task of its own: a slow answer holds up no other, and a panic ends no more than itself.
async fn serve_udp(socket: UdpSocket, state: Arc<State>) {
    let socket = Arc::new(socket);
    let mut answers = JoinSet::new();
    let mut buffer = vec![0; usize::from(u16::MAX)];
    loop {
        while answers.try_join_next().is_some() {}
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            sleep(Duration::from_millis(1)).await;
            continue;
        };
        let packet = buffer[..length].to_vec();
        let (socket, state) = (socket.clone(), state.clone());
        answers.spawn(async move {
            if let Deed::Send(bytes) = state.judge(&packet, Transport::Udp).await {
                // The questioner may be gone; that is no matter of ours.
                let _ = socket.send_to(&bytes, from).await;
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve_connection(stream, state.clone()));
            }
            // Out of descriptors: they come back when connections end.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// Questions on one connection are answered as they get ready, not in order (RFC 7766 section 6.2.1.1).
async fn serve_connection(stream: TcpStream, state: Arc<State>) {
    let _ = stream.set_nodelay(true);
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let mut answers = JoinSet::new();
    while let Ok(Ok(packet)) = timeout(IDLE, read_packet(&mut reader)).await {
        while answers.try_join_next().is_some() {}
        let (state, writer) = (state.clone(), writer.clone());
        answers.spawn(async move {
            let deed = state.judge(&packet, Transport::Tcp).await;
            let mut writer = writer.lock().await;
            // Where writing fails, reading ends too, and with it the connection.
            let _ = match deed {
                Deed::Send(bytes) => write_packet(&mut writer, &bytes).await,
                Deed::Nothing => Ok(()),
                Deed::HangUp => writer.shutdown().await,
            };
        });
    }
    // Who has sent all questions and shut that half down still wants the answers.
    while answers.join_next().await.is_some() {}
}

async fn read_packet(reader: &mut (impl AsyncReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let length = reader.read_u16().await?;
    let mut packet = vec![0; length.into()];
    reader.read_exact(&mut packet).await?;
    Ok(packet)
}

async fn write_packet(writer: &mut OwnedWriteHalf, bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    let framed = [&length.to_be_bytes(), bytes].concat();
    writer.write_all(&framed).await
}
