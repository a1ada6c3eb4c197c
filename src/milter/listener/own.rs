//! The daemon's own connections to its listener, by which it finds out whether it serves. They are never one too many, and
//! nobody counts them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use milter::EitherStream;
use tokio::{
    net::{TcpSocket, TcpStream, UnixStream},
    sync::mpsc::{self, error::TrySendError},
    time::timeout,
};

use super::{
    address::ListenAddress,
    place::{Local, Place},
    reach::{PATIENCE, negotiate, reach},
};

/// How much of the time a connection may take, before it is taken for one that something on the way forbids.
const FOR_CONNECTING: u32 = 3;

/// Looks whether a listener serves. A clone asks the same one.
#[derive(Clone, Debug)]
pub struct SelfCheck {
    place: Place,
    own: Arc<Own>,
}

/// By what the listener knows our own connections.
#[derive(Debug)]
pub(super) struct Own {
    /// So that others cost no system call.
    is_under_way: AtomicBool,
    from: Mutex<Option<SocketAddr>>,
    pairs: mpsc::Sender<UnixStream>,
    /// For one at a time.
    turn: tokio::sync::Mutex<()>,
}

impl SelfCheck {
    pub(super) fn new(place: Place, own: Arc<Own>) -> Self {
        Self { place, own }
    }

    /// Where it listens.
    pub fn address(&self) -> ListenAddress {
        match &self.place.local {
            Local::Tcp(address, _) => (*address).into(),
            Local::Unix(path, _) => ListenAddress::Unix(path.clone()),
        }
    }

    /// Connects as an MTA that is counted, and that may be one too many.
    ///
    /// # Errors
    /// What such an MTA finds.
    pub async fn reach(&self) -> io::Result<()> {
        match reach(&self.address()).await {
            // It is the MTA's, not ours.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.run(PATIENCE).await
            }
            reached => reached,
        }
    }

    /// Connects to the listener and negotiates as an MTA does.
    ///
    /// # Errors
    /// The listener does not answer within `limit`, or no MTA can find it.
    pub async fn run(&self, limit: Duration) -> io::Result<()> {
        let negotiated = async {
            let _turn = self.own.turn.lock().await;
            let _under_way = self.own.begin();
            match timeout(limit / FOR_CONNECTING, self.connect()).await {
                Ok(Ok(stream)) => negotiate(stream).await,
                _ if self.place.has_lost_its_file() => Err(io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("{} is no longer our socket file", self.place),
                )),
                // The permission of the file, its device or a firewall may leave the MTA alone in, which is no fault. The
                // listener accepts this as well, if it accepts anything.
                _ => negotiate(self.own.pair()?).await,
            }
        };
        let in_time = timeout(limit, negotiated).await;
        in_time.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect(&self) -> io::Result<EitherStream<TcpStream, UnixStream>> {
        match &self.place.local {
            Local::Tcp(address, _) => self.own.connect(reachable(*address)).await,
            Local::Unix(path, _) => UnixStream::connect(path).await.map(EitherStream::Unix),
        }
    }
}

/// Where a socket is reached from this host.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Own {
    /// The connections that need no address arrive at the receiver.
    pub(super) fn new() -> (Arc<Self>, mpsc::Receiver<UnixStream>) {
        let (pairs, arriving) = mpsc::channel(1);
        let own = Self {
            is_under_way: AtomicBool::new(false),
            from: Mutex::new(None),
            pairs,
            turn: tokio::sync::Mutex::default(),
        };
        (Arc::new(own), arriving)
    }

    /// Whether this is one of ours. The addresses of a TCP connection are its alone; the other end of a socket file is a
    /// process, which the kernel names.
    pub(super) fn is_from(&self, stream: &EitherStream<TcpStream, UnixStream>) -> bool {
        if !self.is_under_way.load(Ordering::Acquire) {
            return false;
        }
        match stream {
            EitherStream::Tcp(stream) => {
                let from = *self.from.lock().unwrap_or_else(PoisonError::into_inner);
                from.is_some() && stream.peer_addr().ok() == from
            }
            EitherStream::Unix(stream) => {
                let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
                pid.and_then(|pid| u32::try_from(pid).ok()) == Some(process::id())
            }
        }
    }

    fn begin(&self) -> UnderWay<'_> {
        self.is_under_way.store(true, Ordering::Release);
        UnderWay(self)
    }

    /// The address is known before the listener can see it.
    async fn connect(&self, to: SocketAddr) -> io::Result<EitherStream<TcpStream, UnixStream>> {
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        socket.bind(SocketAddr::new(to.ip(), 0))?;
        let from = socket.local_addr()?;
        *self.from.lock().unwrap_or_else(PoisonError::into_inner) = Some(from);
        socket.connect(to).await.map(EitherStream::Tcp)
    }

    fn pair(&self) -> io::Result<EitherStream<TcpStream, UnixStream>> {
        let (ours, listeners) = UnixStream::pair()?;
        let handed = self.pairs.try_send(listeners);
        handed.map_err(|error| match error {
            TrySendError::Full(_) => io::Error::from(io::ErrorKind::WouldBlock),
            TrySendError::Closed(_) => {
                io::Error::new(io::ErrorKind::ConnectionRefused, "it has ended")
            }
        })?;
        Ok(EitherStream::Unix(ours))
    }
}

struct UnderWay<'a>(&'a Own);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.is_under_way.store(false, Ordering::Release);
        *self.0.from.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
