//! Servers that stop, hang, and come back.

use std::{
    io::Read,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use backstop::core::{address::Mailbox, recipients::Known};
use futures_util::future::join_all;
use lab::{backstop::Backstop, directory::Server, dns::Zone, milter::Client, process::wait_until};

use super::{KINDS, LOCAL, clock::Clock, directory, is_listed, known, lent, recipients, settled};

/// The server runs again, whatever becomes of the test.
struct Stopped<'a>(&'a mut Server);

impl<'a> Stopped<'a> {
    fn now(server: &'a mut Server) -> Self {
        server.stop().unwrap();
        Self(server)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        let started = self.0.start_again();
        assert!(started.is_ok() || thread::panicking(), "{started:?}");
    }
}

#[test]
fn while_it_is_down_the_last_good_answer_counts() {
    for kind in KINDS {
        let mut server = lent(kind);
        let more = ", cache_known: 1ms, cache_unknown: 1ms, timeout: 2s";
        let (clock, directory) = (Clock::new(), directory(&known(kind, server.port(), more)));
        assert!(clock.is_listed(&directory, "joe@example.org"));
        assert!(!clock.is_listed(&directory, "nobody@example.org"));
        assert_eq!(directory.refresh(), []);
        assert_eq!(directory.unreadable(), 0);
        {
            let _stopped = Stopped::now(&mut server);
            let begun = Instant::now();
            for _ in 0..50 {
                assert!(clock.is_listed(&directory, "joe@example.org"), "{kind:?}");
                assert!(
                    !clock.is_listed(&directory, "nobody@example.org"),
                    "{kind:?}"
                );
                assert!(
                    clock.is_unavailable(&directory, "never-asked@example.org"),
                    "{kind:?}"
                );
                // The extension was never asked for, the address without it was.
                assert!(
                    clock.is_listed(&directory, "joe+new@example.org"),
                    "{kind:?}"
                );
            }
            let took = begun.elapsed();
            // One question that waits costs two seconds, and there are two hundred.
            assert!(took < Duration::from_secs(15), "{kind:?}: {took:?}");
            assert_eq!(directory.unreadable(), 1, "{kind:?}");
            let events = directory.refresh();
            assert!(
                matches!(&events[..], [event] if event.weight() == backstop::directory::Weight::Problem),
                "{kind:?}: {events:?}"
            );
            assert!(!events[0].to_string().contains("p/w"), "{events:?}");
            assert_eq!(directory.refresh(), [], "told once");
        }
        // It is noticed after the longest pause at the latest, and nobody has to say so.
        clock.pass(Duration::from_secs(10));
        assert!(
            !clock.is_listed(&directory, "never-asked@example.org"),
            "{kind:?}"
        );
        assert_eq!(directory.unreadable(), 0, "{kind:?}");
        let events: Vec<String> = directory
            .refresh()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            matches!(&events[..], [event] if event.contains("answers again")),
            "{kind:?}: {events:?}"
        );
    }
}

#[test]
fn a_server_started_anew_is_connected_to_anew() {
    for kind in KINDS {
        let mut server = lent(kind);
        let more = ", cache_known: 1ms, cache_unknown: 1ms";
        let directory = directory(&known(kind, server.port(), more));
        assert!(is_listed(&directory, "joe@example.org"));
        drop(Stopped::now(&mut server));
        // Not one question is lost to the old connection.
        assert!(is_listed(&directory, "joe@example.org"), "{kind:?}");
        assert_eq!(directory.refresh(), [], "{kind:?}");
    }
}

/// Takes connections, counts them, and never says a word.
fn silent() -> (u16, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            count.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || while stream.read(&mut [0; 512]).is_ok_and(|read| read > 0) {});
        }
    });
    (port, taken)
}

#[test]
fn a_server_that_hangs_costs_its_timeout_once() {
    for kind in KINDS {
        let (port, taken) = silent();
        let (clock, directory) = (Clock::new(), directory(&known(kind, port, ", timeout: 3s")));
        let taken = || settled(|| taken.load(Ordering::Relaxed));
        let mailboxes: Vec<_> = (0..50)
            .map(|number| format!("user{number}+x@example.org"))
            .map(|address| Mailbox::from_bytes(address.as_bytes()))
            .collect();
        let took = |questions: &[&Mailbox]| {
            clock.run_through(async {
                let begun = tokio::time::Instant::now();
                let questions = questions.iter().map(|one| directory.known(0, one, &LOCAL));
                let answers = join_all(questions).await;
                (begun.elapsed(), answers)
            })
        };
        let (first_took, _) = took(&Vec::from_iter(&mailboxes));
        // Ten times five at a time would take half a minute.
        assert!(
            first_took < Duration::from_secs(9),
            "{kind:?}: {first_took:?}"
        );
        let ann = Mailbox::from_bytes(b"ann@example.org");
        let (next_took, answers) = took(&[&ann]);
        assert!(next_took < Duration::from_secs(1), "{kind:?}");
        let answer = &answers[0];
        assert!(
            matches!(answer, Known::Unanswered(one) if one.why.contains("3 s")),
            "{kind:?}: {answer:?}"
        );
        // Five at a time; and those that waited for one of them, until their own time was up.
        let before = taken();
        assert!(before <= 5, "{kind:?}: {before}");
        // One question tries it from then on, however many there are.
        clock.pass(Duration::from_millis(1100));
        for _ in 0..3 {
            let (_, answers) = took(&[&ann]);
            assert!(matches!(answers[0], Known::Unanswered(_)), "{kind:?}");
        }
        let tried = taken() - before;
        assert_eq!(tried, 1, "{kind:?}");
    }
}

/// Over the milter protocol: only the class that needs the directory is asked to come again.
#[test]
fn mail_for_whom_it_was_never_asked_comes_again() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let zone = Zone::new().txt("pass.example", "v=spf1 ip4:192.0.2.0/24 -all");
    let dns = runtime.block_on(lab::dns::Server::start(zone));
    for kind in KINDS {
        let mut server = lent(kind);
        let yaml = format!(
            "listen: inet:0@127.0.0.1\nmode: enforce\nlocal: {{domains: [example.org]}}\n\
             dns: {{nameservers: [\"{}\"]}}\n{}",
            dns.addr(),
            recipients(&known(
                kind,
                server.port(),
                ", cache_known: 1ms, cache_unknown: 1ms"
            ))
        );
        let binary = std::path::Path::new(env!("CARGO_BIN_EXE_backstop"));
        let backstop = Backstop::start(binary, &yaml).unwrap();
        let rcpt = |address: &str| {
            let mut client = Client::tcp(backstop.addr()).unwrap();
            let peer = lab::milter::Peer::at("192.0.2.1".parse().unwrap());
            client.connect("client.example", peer).unwrap();
            client.helo("client.example").unwrap();
            client.mail("a@pass.example", &[]).unwrap();
            match client.rcpt(address, &[]).unwrap() {
                lab::milter::Reply::ReplyCode(text) => text.chars().take(9).collect(),
                other => format!("{other:?}"),
            }
        };
        assert_eq!(rcpt("joe@example.org"), "Continue", "{kind:?}");
        assert_eq!(rcpt("nobody@example.org"), "550 5.1.1", "{kind:?}");
        {
            let _stopped = Stopped::now(&mut server);
            assert_eq!(rcpt("joe@example.org"), "Continue", "{kind:?}");
            assert_eq!(rcpt("nobody@example.org"), "550 5.1.1", "{kind:?}");
            assert_eq!(rcpt("new@example.org"), "451 4.3.0", "{kind:?}");
            assert_eq!(rcpt("postmaster@example.org"), "Continue", "{kind:?}");
            backstop.wait_for_log("questions left open: ").unwrap();
        }
        wait_until(Duration::from_secs(20), || {
            Ok(rcpt("new@example.org") == "550 5.1.1")
        })
        .unwrap();
        backstop.wait_for_log("answers again").unwrap();
        let log = backstop.log();
        assert_eq!(log.matches("questions left open: ").count(), 1, "{log}");
        assert!(!log.contains("p/w") && !log.contains("p%2fw"), "{log}");
    }
}
