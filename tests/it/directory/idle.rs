//! Connections that nobody has used for a while.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{KINDS, clock::Clock, directory, known, lent};

/// A firewall before a port: once it has forgotten what is open, nothing of that comes through, and nobody is told.
struct Firewall {
    port: u16,
    forgets: Arc<AtomicBool>,
    to_server: Arc<Mutex<Vec<TcpStream>>>,
}

impl Firewall {
    fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let firewall = Self {
            port: listener.local_addr().unwrap().port(),
            forgets: Arc::default(),
            to_server: Arc::default(),
        };
        let forgets = Arc::clone(&firewall.forgets);
        let to_server = Arc::clone(&firewall.to_server);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(("127.0.0.1", port)))
                else {
                    return;
                };
                to_server.lock().unwrap().push(server.try_clone().unwrap());
                // What is opened afterwards is remembered.
                let forgotten = if forgets.load(Ordering::SeqCst) {
                    Arc::default()
                } else {
                    Arc::clone(&forgets)
                };
                let ends = [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server, client),
                ];
                for (from, to) in ends {
                    let forgotten = Arc::clone(&forgotten);
                    thread::spawn(move || pass(from, to, &forgotten));
                }
            }
        });
        firewall
    }

    fn forget(&self) {
        self.forgets.store(true, Ordering::SeqCst);
    }
}

/// The server is there for other tests, too, and would keep for ever what nobody ends.
impl Drop for Firewall {
    fn drop(&mut self) {
        for server in self.to_server.lock().unwrap().iter() {
            let _ = server.shutdown(Shutdown::Both);
        }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, forgotten: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if !forgotten.load(Ordering::SeqCst) && to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    if !forgotten.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[test]
fn a_connection_that_a_firewall_forgot_is_not_used() {
    let more = ", timeout: 10s, cache_known: 1ms, cache_unknown: 1ms";
    for kind in KINDS {
        let clock = Clock::new();
        let server = lent(kind);
        let firewall = Firewall::before(server.port());
        let directory = directory(&known(kind, firewall.port, more));
        assert!(clock.is_listed(&directory, "joe@example.org"), "{kind:?}");
        firewall.forget();
        clock.pass(Duration::from_secs(61));
        let begun = Instant::now();
        assert!(
            !clock.is_listed(&directory, "first@example.org"),
            "{kind:?}"
        );
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(7), "{kind:?}: {took:?}");
        assert_eq!(directory.refresh(), [], "{kind:?}");
    }
}
