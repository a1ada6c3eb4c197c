//! A socket that listens, and where: those who connect to it or take its place want to know.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Weak},
};

use milter::EitherStream;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{
    address::{ListenAddress, SocketOptions},
    bind::{self, Bound, ListenError, bind_tcp, resolve},
    socket_file::{self, Inode, SocketFile, inode},
};

/// A socket that listens, and that nobody serves yet: who connects to it waits.
#[derive(Debug)]
pub struct Opened {
    pub(super) socket: Socket,
    pub(super) file: Option<SocketFile>,
    pub(super) place: Place,
}

/// A socket that listens and does not block.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(Arc<TcpListener>),
    Unix(UnixListener),
}

/// Where a socket listens.
#[derive(Clone, Debug)]
pub struct Place {
    pub(super) local: Local,
    pub(super) is_inherited: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Local {
    Tcp(SocketAddr, Weak<TcpListener>),
    /// The inode is that of our own file; systemd's file is its own affair.
    Unix(PathBuf, Option<Inode>),
}

impl Opened {
    /// The socket that systemd passed if there is one, else one on this address. `options` are for a socket file of ours.
    ///
    /// Call it within a tokio runtime. A name in the address is resolved here, blocking.
    ///
    /// # Errors
    /// The address is taken, or the system refuses.
    pub fn first(address: &ListenAddress, options: &SocketOptions) -> Result<Self, ListenError> {
        let (bound, is_inherited) = match bind::inherited()? {
            Some(inherited) => (inherited, true),
            None => (bound(address, options, None, &[])?, false),
        };
        let mut opened = Self::of(bound, address, is_inherited)?;
        opened.place()?;
        Ok(opened)
    }

    /// Another, which is to take the place of `former`, and, as far as they have its port, of `ours`. None if `former` is
    /// there already. A socket file has its name only after [`place`](Self::place); dropped before, it leaves all as it was.
    ///
    /// # Errors
    /// As for [`first`](Self::first); then `former` is as it was.
    pub fn next(
        address: &ListenAddress,
        options: &SocketOptions,
        former: &Place,
        ours: &[Arc<TcpListener>],
    ) -> Result<Option<Self>, ListenError> {
        if let (ListenAddress::Inet { host, port, ipv6 }, Local::Tcp(at, _)) =
            (address, &former.local)
            && resolve(host, *port, *ipv6)? == *at
        {
            return Ok(None);
        }
        let bound = bound(address, options, Some(former), ours)?;
        Self::of(bound, address, false).map(Some)
    }

    /// Gives a socket file its name.
    ///
    /// # Errors
    /// The system refuses.
    pub fn place(&mut self) -> Result<(), ListenError> {
        match (&mut self.file, &self.place.local) {
            (Some(file), Local::Unix(path, _)) => file.place(path),
            _ => Ok(()),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &Place {
        &self.place
    }

    fn of(bound: Bound, address: &ListenAddress, is_inherited: bool) -> Result<Self, ListenError> {
        let failed = bind::system("listen on", address, "");
        let opened = match bound {
            Bound::Tcp(listener) => TcpListener::from_std(listener).and_then(|listener| {
                let (local, socket) = (listener.local_addr()?, Arc::new(listener));
                let local = Local::Tcp(local, Arc::downgrade(&socket));
                Ok((Socket::Tcp(socket), None, local))
            }),
            Bound::Unix(listener, file) => UnixListener::from_std(listener).and_then(|listener| {
                let inode = file.as_ref().map(SocketFile::inode);
                let path = match (inode, address) {
                    (Some(_), ListenAddress::Unix(path)) => path.clone(),
                    _ => {
                        let local = listener.local_addr()?;
                        local.as_pathname().map(PathBuf::from).unwrap_or_default()
                    }
                };
                Ok((Socket::Unix(listener), file, Local::Unix(path, inode)))
            }),
        };
        let (socket, file, local) = opened.map_err(failed)?;
        let place = Place {
            local,
            is_inherited,
        };
        Ok(Self {
            socket,
            file,
            place,
        })
    }
}

fn bound(
    address: &ListenAddress,
    options: &SocketOptions,
    former: Option<&Place>,
    ours: &[Arc<TcpListener>],
) -> Result<Bound, ListenError> {
    match address {
        ListenAddress::Inet { host, port, ipv6 } => {
            let former = former.and_then(Place::socket);
            let ours: Vec<_> = ours.iter().cloned().chain(former).collect();
            bind_tcp(resolve(host, *port, *ipv6)?, address, &ours).map(Bound::Tcp)
        }
        ListenAddress::Unix(path) => {
            let ours = former.and_then(|former| match &former.local {
                Local::Unix(at, inode) if at == path => *inode,
                _ => None,
            });
            let (listener, file) = socket_file::bind(path, options, ours)?;
            Ok(Bound::Unix(listener, Some(file)))
        }
    }
}

impl Socket {
    pub(super) fn poll_accept(
        &self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<EitherStream<TcpStream, UnixStream>>> {
        match self {
            Self::Tcp(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, _)| EitherStream::Tcp(stream)),
            Self::Unix(listener) => listener
                .poll_accept(cx)
                .map_ok(|(stream, _)| EitherStream::Unix(stream)),
        }
    }
}

impl Place {
    /// Whether systemd passed the socket: its unit says where it listens, and who may connect.
    pub fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    /// The TCP address and port.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match &self.local {
            Local::Tcp(address, _) => Some(*address),
            Local::Unix(..) => None,
        }
    }

    /// The TCP socket, while it listens.
    pub fn socket(&self) -> Option<Arc<TcpListener>> {
        match &self.local {
            Local::Tcp(_, socket) => socket.upgrade(),
            Local::Unix(..) => None,
        }
    }

    /// Whether our own file has gone from its path, or another is there.
    pub(super) fn has_lost_its_file(&self) -> bool {
        match &self.local {
            Local::Unix(path, Some(ours)) => inode(path).ok() != Some(*ours),
            _ => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.local {
            Local::Tcp(address, _) => address.fmt(f),
            Local::Unix(path, _) => write!(f, "unix:{}", path.display()),
        }
    }
}
