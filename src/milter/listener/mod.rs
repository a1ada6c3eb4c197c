//! The listener that the milter crate accepts from. It never ends the daemon and never lets a client hang, as the crate's
//! own loop would; and it stops when the daemon drains, or another takes its place.

mod address;
mod bind;
mod own;
mod place;
mod reach;
mod retry;
mod socket_file;
#[cfg(test)]
mod tests;

use std::{
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use milter::{EitherStream, Listener as MilterListener};
use tokio::{
    net::{TcpStream, UnixStream},
    sync::{mpsc, watch},
};

pub use self::{
    address::{ListenAddress, ListenAddressError, Owner, SocketMode, SocketOptions},
    bind::{ListenError, bind_tcp},
    own::SelfCheck,
    place::{Opened, Place},
    reach::reach,
    socket_file::{SocketFile, bind_for_group, bind_privately, check_owner, try_socket},
};
use self::{own::Own, place::Socket, retry::Retry};
use super::guard::{Counters, OpenConnection, Stream};
use crate::engine::Drain;

/// A listening TCP or unix socket.
pub struct Listener {
    /// None once draining has begun, or all who waited were accepted after it was told to close.
    listening: Option<Listening>,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// None once it was told to close.
    closing: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    retry: Retry,
    limit: usize,
    counters: Arc<Counters>,
    own: Arc<Own>,
    own_arriving: mpsc::Receiver<UnixStream>,
}

struct Listening {
    socket: Socket,
    address: Place,
    /// Held by each connection, too.
    connected: mpsc::Sender<Infallible>,
    _file: Option<SocketFile>,
}

/// What is known of a listener outside of the milter crate, which has it.
#[derive(Debug)]
pub struct Handle {
    place: Place,
    own: Arc<Own>,
    closing: watch::Sender<bool>,
    connected: mpsc::Receiver<Infallible>,
}

impl Listener {
    /// Listens on the socket that systemd passed if there is one, else on the address: [`Opened::first`], and
    /// [`of`](Self::of).
    ///
    /// # Errors
    /// The address is taken, or the system refuses.
    pub fn bind(
        address: &ListenAddress,
        options: &SocketOptions,
        limit: usize,
        drain: &Drain,
        counters: Arc<Counters>,
    ) -> Result<Self, ListenError> {
        let opened = Opened::first(address, options)?;
        Ok(Self::of(opened, limit, drain, counters).0)
    }

    /// Accepts from this socket. At most `limit` connections are open at a time, with those of other listeners that count in
    /// the same place; one more is accepted and closed at once. The milter crate's own maximum of connections must be above
    /// it, by two.
    pub fn of(
        opened: Opened,
        limit: usize,
        drain: &Drain,
        counters: Arc<Counters>,
    ) -> (Self, Handle) {
        let Opened {
            socket,
            file,
            place,
        } = opened;
        let (connected, all_connected) = mpsc::channel(1);
        let (own, own_arriving) = Own::new();
        let closing = watch::Sender::new(false);
        let listener = Self {
            listening: Some(Listening {
                socket,
                address: place.clone(),
                connected,
                _file: file,
            }),
            draining: Box::pin(drain.begun()),
            closing: Some(Box::pin(told(closing.subscribe()))),
            retry: Retry::new(),
            limit,
            counters,
            own: Arc::clone(&own),
            own_arriving,
        };
        let handle = Handle {
            place,
            own,
            closing,
            connected: all_connected,
        };
        (listener, handle)
    }

    /// The TCP address and port that the kernel listens on.
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        self.listening.as_ref()?.address.tcp()
    }
}

/// Resolves when the sender says yes; never if it goes away before.
async fn told(mut word: watch::Receiver<bool>) {
    if word.wait_for(|word| *word).await.is_err() {
        std::future::pending().await
    }
}

impl Handle {
    /// Where it listens.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What looks whether it serves.
    pub fn self_check(&self) -> SelfCheck {
        SelfCheck::new(self.place.clone(), Arc::clone(&self.own))
    }

    /// Tells it to close. Who has connected by then is still accepted.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until it has closed and all of its connections have ended.
    pub async fn idle(&mut self) {
        // Nothing is ever sent.
        let _ = self.connected.recv().await;
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("listening", &self.listening.is_some())
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl MilterListener for Listener {
    type Io = Stream;

    /// Never an error: the milter crate would end on it.
    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Stream>> {
        loop {
            let Some(listening) = &mut self.listening else {
                return Poll::Pending;
            };
            if self.draining.as_mut().poll(cx).is_ready() {
                self.listening = None;
                return Poll::Pending;
            }
            if let Poll::Ready(Some(stream)) = self.own_arriving.poll_recv(cx) {
                let open = OpenConnection::own();
                return Poll::Ready(Ok(Stream::new(EitherStream::Unix(stream), open)));
            }
            let told = self.closing.as_mut();
            if told.is_some_and(|told| told.as_mut().poll(cx).is_ready()) {
                self.closing = None;
            }
            let socket = &listening.socket;
            let polled = self
                .retry
                .poll_accept(cx, &self.counters, |cx| socket.poll_accept(cx));
            let Poll::Ready(accepted) = polled else {
                if self.closing.is_none() {
                    self.listening = None;
                }
                return Poll::Pending;
            };
            let open = if self.own.is_from(&accepted) {
                Some(OpenConnection::own())
            } else {
                self.counters.open(self.limit)
            };
            if let Some(open) = open {
                let open = open.keeping(listening.connected.clone());
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
