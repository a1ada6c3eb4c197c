//! Makes a listening socket from an address, or takes the one that systemd passes.

use std::{
    env, io,
    net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs},
    os::unix::net::UnixListener,
    path::PathBuf,
    process,
    sync::Arc,
};

use listenfd::ListenFd;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net;

use super::socket_file::SocketFile;

/// How many clients can wait to be accepted; the kernel cuts it to net.core.somaxconn.
const BACKLOG: i32 = 1024;

/// Why there is no listening socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken.
    #[error(
        "another process listens on {address}; stop it, or listen elsewhere (`ss -lpn` shows which one it is)"
    )]
    Taken {
        /// As in the file.
        address: String,
    },
    /// At the socket's path is something that we must not remove.
    #[error("{} exists and is not a socket; it was left as it is; move it away, or listen elsewhere", .0.display())]
    NotASocket(PathBuf),
    /// A name that doesn't resolve to an address of the family wanted.
    #[error("{host} has no {family} address to listen on; use e.g. 127.0.0.1 or ::1")]
    NoAddress {
        /// The name.
        host: String,
        /// What was looked for.
        family: &'static str,
    },
    /// There is no such user or group on this system.
    #[error("there is no {kind} `{name}` on this system (`getent {database}` lists them)")]
    NoSuchOwner {
        /// `user` or `group`.
        kind: &'static str,
        /// As in the file.
        name: String,
        /// `passwd` or `group`.
        database: &'static str,
    },
    /// The system refused one step.
    #[error("cannot {step} {subject}: {source}{hint}")]
    System {
        /// What was tried.
        step: &'static str,
        /// An address or a path.
        subject: String,
        /// The system's words.
        source: io::Error,
        /// What to do, where we know it.
        hint: &'static str,
    },
}

/// A socket that listens and does not block.
#[derive(Debug)]
pub(super) enum Bound {
    Tcp(TcpListener),
    /// The file is ours unless systemd made it.
    Unix(UnixListener, Option<SocketFile>),
}

/// The socket that systemd passes (sd_listen_fds(3)), if there is one.
pub(super) fn inherited() -> Result<Option<Bound>, ListenError> {
    // With another process id the variables are not for us, but for a socket-activated parent that started us.
    let for_us = env::var("LISTEN_PID").is_ok_and(|pid| pid.parse() == Ok(process::id()));
    if !for_us {
        return Ok(None);
    }
    let mut passed = ListenFd::from_env();
    let inherited = match passed.take_unix_listener(0) {
        Ok(listener) => listener.map(|listener| Bound::Unix(listener, None)),
        Err(_) => passed
            .take_tcp_listener(0)
            .map_err(system(
                "take",
                "the socket that systemd passed",
                "; the .socket unit needs ListenStream=, with a port or a path",
            ))?
            .map(Bound::Tcp),
    };
    match &inherited {
        Some(Bound::Tcp(listener)) => listener.set_nonblocking(true),
        Some(Bound::Unix(listener, _)) => listener.set_nonblocking(true),
        None => Ok(()),
    }
    .map_err(system("prepare", "the socket that systemd passed", ""))?;
    Ok(inherited)
}

pub(super) fn resolve(host: &str, port: u16, ipv6: bool) -> Result<SocketAddr, ListenError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    let addresses: Vec<_> = (host, port)
        .to_socket_addrs()
        .map_err(system("resolve", host, ""))?
        .collect();
    let ipv4 = addresses.iter().find(|found| found.is_ipv4() && !ipv6);
    ipv4.or_else(|| addresses.iter().find(|found| found.is_ipv6()))
        .copied()
        .ok_or_else(|| ListenError::NoAddress {
            host: host.to_owned(),
            family: if ipv6 { "IPv6" } else { "IP" },
        })
}

/// A TCP socket that listens there and does not block; errors name the address as `shown`. Where `ours`, sockets of this
/// process that are about to give way, have the same port, they are no hindrance.
///
/// # Errors
/// The address is taken, or the system refuses.
pub fn bind_tcp(
    address: SocketAddr,
    shown: &impl ToString,
    ours: &[Arc<net::TcpListener>],
) -> Result<TcpListener, ListenError> {
    let bound = match listening(address, false) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => beside(address, ours, error),
        bound => bound,
    };
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken {
            address: shown.to_string(),
        },
        kind => system("listen on", shown.to_string(), hint_for_tcp(kind))(error),
    })
}

/// Two sockets can listen on addresses that overlap, such as 127.0.0.1 and 0.0.0.0, if both have SO_REUSEPORT when the second
/// is bound (socket(7)). They have it no longer than that, or another daemon of our user could listen there, too.
fn beside(
    address: SocketAddr,
    ours: &[Arc<net::TcpListener>],
    taken: io::Error,
) -> io::Result<TcpListener> {
    let has_port = |socket: &&Arc<net::TcpListener>| {
        let local = socket.local_addr();
        local.is_ok_and(|local| local.port() == address.port())
    };
    let ours: Vec<_> = ours.iter().filter(has_port).collect();
    if ours.is_empty() {
        return Err(taken);
    }
    let share = |is_shared| {
        let mut ours = ours.iter();
        ours.try_for_each(|socket| SockRef::from(&***socket).set_reuse_port(is_shared))
    };
    let bound = share(true).and_then(|()| listening(address, true));
    share(false)?;
    bound
}

fn listening(address: SocketAddr, is_shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // The port is free for the next instance while old connections linger.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    socket.bind(&address.into())?;
    listen(&socket)?;
    socket.set_reuse_port(false)?;
    Ok(socket.into())
}

pub(super) fn listen(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    socket.listen(BACKLOG)
}

fn hint_for_tcp(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need a privilege, those above do not"
        }
        io::ErrorKind::AddrNotAvailable => "; no interface of this host has that address",
        _ => "",
    }
}

pub(super) fn system(
    step: &'static str,
    subject: impl ToString,
    hint: &'static str,
) -> impl FnOnce(io::Error) -> ListenError {
    let subject = subject.to_string();
    move |source| ListenError::System {
        step,
        subject,
        source,
        hint,
    }
}
