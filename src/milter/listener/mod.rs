//! The listener that the milter crate accepts from. It never ends the daemon and never lets a client hang, as the crate's
//! own loop would; and it stops when the daemon drains.

mod address;
mod bind;
mod reach;
mod retry;
mod socket_file;

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use milter::{EitherListener, EitherStream, Listener as MilterListener};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

pub use self::{
    address::{ListenAddress, ListenAddressError, Owner, SocketMode, SocketOptions},
    bind::{ListenError, bind_tcp},
    reach::reach,
};
use self::{bind::Bound, retry::Retry, socket_file::SocketFile};
use super::guard::{Counters, Stream};
use crate::engine::Drain;

/// A listening TCP or unix socket.
pub struct Listener {
    /// None once draining has begun.
    socket: Option<Listening>,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
    retry: Retry,
    limit: usize,
    counters: Arc<Counters>,
}

struct Listening {
    listener: EitherListener<TcpListener, UnixListener>,
    _file: Option<SocketFile>,
}

impl Listener {
    /// Listens on the socket that systemd passed if there is one, else on the address. At most `limit` connections
    /// are open at a time; one more is accepted and closed at once. `options` are for a unix socket of our own.
    ///
    /// Call it within a tokio runtime. The milter crate's own maximum of connections must be above `limit`. A name in
    /// the address is resolved here, blocking.
    pub fn bind(
        address: &ListenAddress,
        options: &SocketOptions,
        limit: usize,
        drain: &Drain,
        counters: Arc<Counters>,
    ) -> Result<Self, ListenError> {
        let ready_for_tokio = |source| ListenError::System {
            step: "listen on",
            subject: address.to_string(),
            source,
            hint: "",
        };
        let socket = match bind::bind(address, options)? {
            Bound::Tcp(listener) => Listening {
                listener: EitherListener::Tcp(
                    TcpListener::from_std(listener).map_err(ready_for_tokio)?,
                ),
                _file: None,
            },
            Bound::Unix(listener, file) => Listening {
                listener: EitherListener::Unix(
                    UnixListener::from_std(listener).map_err(ready_for_tokio)?,
                ),
                _file: file,
            },
        };
        Ok(Self {
            socket: Some(socket),
            draining: Box::pin(drain.begun()),
            retry: Retry::new(),
            limit,
            counters,
        })
    }

    /// The TCP address and port that the kernel listens on.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match &self.socket.as_ref()?.listener {
            EitherListener::Tcp(listener) => listener.local_addr().ok(),
            EitherListener::Unix(_) => None,
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("listening", &self.socket.is_some())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl MilterListener for Listener {
    type Io = Stream;

    /// Never an error: the milter crate would end on it.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        loop {
            let Some(socket) = &mut self.socket else {
                return Poll::Pending;
            };
            if self.draining.as_mut().poll(cx).is_ready() {
                self.socket = None;
                return Poll::Pending;
            }
            let listener = &mut socket.listener;
            let accepted = ready!(
                self.retry
                    .poll_accept(cx, &self.counters, |cx| listener.poll_accept(cx))
            );
            if let Some(open) = self.counters.open(self.limit) {
                send_at_once(&accepted);
                return Poll::Ready(Ok(Stream::new(accepted, open)));
            }
        }
    }
}

/// Replies leave in more than one write: without TCP_NODELAY the second waits for the client's delayed ACK. A client is
/// not turned away where it can't be set.
fn send_at_once(stream: &EitherStream<TcpStream, UnixStream>) {
    if let EitherStream::Tcp(stream) = stream {
        let _ = stream.set_nodelay(true);
    }
}

#[cfg(test)]
mod tests {
    use std::{io::ErrorKind, time::Duration};

    use milter::{Callbacks, Config};
    use socket2::SockRef;
    use tempfile::tempdir;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;

    const OPTNEG: &[u8] = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";

    fn bind(address: &str, limit: usize, drain: &Drain) -> (Listener, Arc<Counters>) {
        let counters = Arc::new(Counters::default());
        let listener = Listener::bind(
            &address.parse().unwrap(),
            &SocketOptions::default(),
            limit,
            drain,
            Arc::clone(&counters),
        )
        .unwrap();
        (listener, counters)
    }

    /// The milter crate answers the negotiation, so the listener works.
    async fn negotiate(client: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) {
        client.write_all(OPTNEG).await.unwrap();
        let mut head = [0; 5];
        client.read_exact(&mut head).await.unwrap();
        assert_eq!(head[4], b'O');
    }

    fn start(listener: Listener) -> tokio::task::JoinHandle<io::Result<()>> {
        tokio::spawn(milter::run(
            listener,
            Callbacks::<()>::new(),
            Config::default(),
            std::future::pending::<()>(),
        ))
    }

    #[tokio::test]
    async fn listens_on_tcp_by_name_and_address() {
        for address in ["inet:0@127.0.0.1", "inet:0@localhost"] {
            let (listener, counters) = bind(address, 10, &Drain::new());
            let address = listener.tcp_address().unwrap();
            assert!(address.is_ipv4());
            let daemon = start(listener);
            let mut client = TcpStream::connect(address).await.unwrap();
            negotiate(&mut client).await;
            assert_eq!(counters.snapshot().accepted, 1);
            daemon.abort();
        }
    }

    #[tokio::test]
    async fn small_writes_leave_at_once() {
        let (mut listener, _) = bind("inet:0@127.0.0.1", 10, &Drain::new());
        let client = TcpStream::connect(listener.tcp_address().unwrap());
        let (client, stream) = tokio::join!(client, listener.accept());
        let stream = stream.unwrap();
        let EitherStream::Tcp(accepted) = stream.socket() else {
            panic!("not TCP");
        };
        assert!(accepted.nodelay().unwrap());
        assert!(SockRef::from(accepted).tcp_quickack().unwrap());
        drop(client);
    }

    #[tokio::test]
    async fn a_taken_port_is_said_to_be_taken() {
        let (first, _) = bind("inet:0@127.0.0.1", 10, &Drain::new());
        let address = format!("inet:{}@127.0.0.1", first.tcp_address().unwrap().port());
        let error = Listener::bind(
            &address.parse().unwrap(),
            &SocketOptions::default(),
            10,
            &Drain::new(),
            Arc::default(),
        )
        .unwrap_err();
        assert!(matches!(error, ListenError::Taken { .. }), "{error}");
        assert!(error.to_string().contains(&address), "{error}");
    }

    #[tokio::test]
    async fn one_too_many_is_closed_at_once_and_the_next_is_not() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        let (listener, counters) = bind(&format!("unix:{}", path.display()), 2, &Drain::new());
        let daemon = start(listener);
        let mut first = UnixStream::connect(&path).await.unwrap();
        let mut second = UnixStream::connect(&path).await.unwrap();
        negotiate(&mut first).await;
        negotiate(&mut second).await;
        let mut third = UnixStream::connect(&path).await.unwrap();
        let closed = timeout(Duration::from_secs(5), third.read(&mut [0; 1])).await;
        assert_eq!(closed.unwrap().unwrap(), 0);
        let snapshot = counters.snapshot();
        assert_eq!(
            (
                snapshot.open,
                snapshot.accepted,
                snapshot.refused_over_limit
            ),
            (2, 2, 1)
        );
        drop(first);
        while counters.snapshot().open == 2 {
            tokio::task::yield_now().await;
        }
        let mut fourth = UnixStream::connect(&path).await.unwrap();
        negotiate(&mut fourth).await;
        daemon.abort();
    }

    #[tokio::test]
    async fn draining_closes_the_socket_and_leaves_connections() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("s");
        let drain = Drain::new();
        let (unix, _) = bind(&format!("unix:{}", path.display()), 10, &drain);
        let (tcp, _) = bind("inet:0@127.0.0.1", 10, &drain);
        let address = tcp.tcp_address().unwrap();
        let daemons = [start(unix), start(tcp)];
        let mut client = UnixStream::connect(&path).await.unwrap();
        negotiate(&mut client).await;
        drain.begin();
        while path.exists() {
            tokio::task::yield_now().await;
        }
        while let Ok(client) = TcpStream::connect(address).await {
            drop(client);
        }
        let error = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let (next, _) = bind(
            &format!("inet:{}@127.0.0.1", address.port()),
            10,
            &Drain::new(),
        );
        drop(next);
        client.write_all(b"\0\0\0\x04Cc\0U").await.unwrap();
        let mut reply = vec![0; 64];
        assert_ne!(client.read(&mut reply).await.unwrap(), 0);
        assert!(daemons.iter().all(|daemon| !daemon.is_finished()));
        daemons.into_iter().for_each(|daemon| daemon.abort());
    }
}
