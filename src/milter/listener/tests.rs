//! The listener, with the milter crate behind it.

use std::{io::ErrorKind, time::Duration};

use milter::{Callbacks, Config};
use socket2::SockRef;
use tempfile::tempdir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
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

/// A listener that the milter crate serves.
fn serve(
    opened: Opened,
    limit: usize,
) -> (
    Handle,
    Arc<Counters>,
    tokio::task::JoinHandle<io::Result<()>>,
) {
    let counters = Arc::new(Counters::default());
    let (listener, handle) = Listener::of(opened, limit, &Drain::new(), Arc::clone(&counters));
    (handle, counters, start(listener))
}

fn opened(address: &str) -> Opened {
    Opened::first(&address.parse().unwrap(), &SocketOptions::default()).unwrap()
}

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn its_own_connections_are_never_too_many_and_not_counted() {
    let folder = tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("s").display());
    for address in ["inet:0@127.0.0.1", "inet:0@0.0.0.0", "inet:0@::", &path] {
        let (handle, counters, daemon) = serve(opened(address), 1);
        let check = handle.self_check();
        check.run(SOON).await.unwrap();
        assert_eq!(counters.snapshot(), Default::default(), "{address}");
        // Somebody has the only place, and others are closed at once.
        let place: ListenAddress = match handle.place().tcp() {
            Some(at) => format!("inet:{}@127.0.0.1", at.port()).parse().unwrap(),
            None => path.parse().unwrap(),
        };
        let _first = connect(&place).await;
        while counters.snapshot().open == 0 {
            tokio::task::yield_now().await;
        }
        let refused = reach(&place).await.unwrap_err();
        assert!(
            refused.to_string().contains("closes connections at once"),
            "{refused}"
        );
        let before = counters.snapshot();
        for _ in 0..3 {
            check.run(SOON).await.unwrap();
        }
        assert_eq!(counters.snapshot(), before, "{address}");
        daemon.abort();
    }
}

#[tokio::test]
async fn who_does_not_serve_does_not_answer_itself() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("s");
    // Nobody accepts: the kernel does.
    for address in ["inet:0@127.0.0.1", &format!("unix:{}", path.display())] {
        let opened = opened(address);
        let (_listener, handle) = Listener::of(opened, 1, &Drain::new(), Arc::default());
        let error = handle.self_check().run(Duration::from_millis(300)).await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::TimedOut, "{address}");
    }
    // No MTA can connect any more.
    let (handle, _, daemon) = serve(opened(&format!("unix:{}", path.display())), 1);
    handle.self_check().run(SOON).await.unwrap();
    std::fs::remove_file(&path).unwrap();
    let error = handle.self_check().run(SOON).await.unwrap_err();
    assert!(
        error.to_string().contains("no longer our socket file"),
        "{error}"
    );
    daemon.abort();
}

/// The unit of a socket can leave it to the MTA's group alone.
#[tokio::test]
async fn a_socket_that_we_may_not_open_ourselves_is_looked_at_from_within() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("s");
    let opened = opened(&format!("unix:{}", path.display()));
    let (handle, counters, daemon) = serve(opened, 1);
    // Root may open any file, so a port where nobody listens stands for one that it may not.
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let barred = Place {
        local: place::Local::Tcp(address, std::sync::Weak::new()),
        ..handle.place().clone()
    };
    let check = SelfCheck::new(barred, Arc::clone(&handle.own));
    check.run(SOON).await.unwrap();
    assert_eq!(counters.snapshot(), Default::default());
    daemon.abort();
}

#[tokio::test]
async fn another_takes_its_place_and_its_connections_go_on_until_they_end() {
    let folder = tempdir().unwrap();
    let [path, other] =
        ["s", "t"].map(|name| format!("unix:{}", folder.path().join(name).display()));
    for (from, to) in [
        ("inet:0@127.0.0.1", "inet:PORT@0.0.0.0"),
        ("inet:0@0.0.0.0", "inet:PORT@127.0.0.1"),
        ("inet:0@::", "inet:PORT@127.0.0.1"),
        ("inet:0@127.0.0.1", "inet:PORT@::"),
        (&path, &path),
        (&other, "inet:0@127.0.0.1"),
    ] {
        let (mut former, _, daemon) = serve(opened(from), 9);
        let port = former.place().tcp().map_or(0, |at| at.port());
        let target: ListenAddress = match former.place().tcp() {
            Some(_) => format!("inet:{port}@127.0.0.1").parse().unwrap(),
            None => from.parse().unwrap(),
        };
        let mut client = connect(&target).await;
        negotiate(&mut client).await;
        let to = to.replace("PORT", &port.to_string()).parse().unwrap();
        let options = SocketOptions::default();
        let next = Opened::next(&to, &options, former.place(), &[]).unwrap();
        let mut next = next.unwrap();
        next.place().unwrap();
        let (next, counters, next_daemon) = serve(next, 9);
        former.close();
        while former.place().socket().is_some() {
            tokio::task::yield_now().await;
        }
        assert!(
            timeout(Duration::from_millis(20), former.idle())
                .await
                .is_err()
        );
        client.write_all(b"\0\0\0\x04Cc\0U").await.unwrap();
        assert_ne!(client.read(&mut [0; 64]).await.unwrap(), 0);
        drop(client);
        timeout(SOON, former.idle()).await.unwrap();
        next.self_check().run(SOON).await.unwrap();
        if matches!(to, ListenAddress::Inet { .. }) == (port > 0) {
            negotiate(&mut connect(&target).await).await;
            assert_eq!(counters.snapshot().accepted, 1, "{from} {to}");
        }
        // Nobody else can listen there now.
        assert!(Opened::first(&to, &options).is_err() || to.to_string().contains(":0@"));
        daemon.abort();
        next_daemon.abort();
    }
}

async fn connect(address: &ListenAddress) -> EitherStream<TcpStream, UnixStream> {
    match address {
        ListenAddress::Inet { host, port, .. } => {
            EitherStream::Tcp(TcpStream::connect((host.as_str(), *port)).await.unwrap())
        }
        ListenAddress::Unix(path) => EitherStream::Unix(UnixStream::connect(path).await.unwrap()),
    }
}

#[tokio::test]
async fn whose_place_can_not_be_taken_goes_on() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("s");
    std::fs::write(folder.path().join("file"), "precious").unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap();
    let (former, _, daemon) = serve(opened(&format!("unix:{}", path.display())), 9);
    let no_group = SocketOptions {
        group: Some(Owner::Name("no-such-group".into())),
        ..SocketOptions::default()
    };
    let none = SocketOptions::default();
    for (to, options) in [
        (format!("inet:{}@127.0.0.1", taken.port()), &none),
        (
            format!("unix:{}", folder.path().join("file").display()),
            &none,
        ),
        (
            format!("unix:{}", folder.path().join("missing/s").display()),
            &none,
        ),
        (format!("unix:{}", path.display()), &no_group),
    ] {
        let failed = Opened::next(&to.parse().unwrap(), options, former.place(), &[]);
        failed.unwrap_err();
        former.self_check().run(SOON).await.unwrap();
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    daemon.abort();
    let (former, _, daemon) = serve(opened("inet:0@127.0.0.1"), 9);
    let port = former.place().tcp().unwrap().port();
    let same = format!("inet:{port}@localhost").parse().unwrap();
    let next = Opened::next(&same, &none, former.place(), &[]).unwrap();
    assert!(next.is_none());
    daemon.abort();
}
