//! The flood: bounces of a spammer's messages in joe's name, from many honest hosts at once.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

use super::{
    acts::{Act, BOTS, Ends, FORGED},
    stage::message,
};
use crate::smtp::{Client, Identity};

/// How many hosts send at a time, and how long each waits between two bounces.
const AT_ONCE: u64 = 8;
const PAUSE: Duration = Duration::from_millis(400);

/// What each of them sends; the address and the recipient are others each time.
const BOUNCE: Act = Act {
    title: "a bounce of the flood",
    client: "",
    // Nothing is known of it, as of most.
    helo: "mail.elsewhere.example",
    login: None,
    from: "",
    recipients: &[],
    ends: FORGED,
};

/// How the bounces so far were answered.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// 250, without proof: they are in joe's mailbox, with a header.
    pub(super) accepted: AtomicU64,
    /// 4xx or 5xx.
    pub(super) refused: AtomicU64,
    /// Sessions that failed: nothing that can be told of backstop.
    failed: AtomicU64,
}

/// A flood that goes on until it is dropped.
pub(super) struct Flood {
    pub(super) answers: Arc<Answers>,
    begun: Instant,
    is_over: Arc<AtomicBool>,
    hosts: Vec<JoinHandle<()>>,
}

impl Flood {
    /// Begins.
    pub(super) fn of(server: SocketAddr) -> Self {
        let (answers, is_over) = (Arc::<Answers>::default(), Arc::<AtomicBool>::default());
        let hosts = (0..AT_ONCE).map(|first| {
            let (answers, is_over) = (Arc::clone(&answers), Arc::clone(&is_over));
            thread::spawn(move || {
                let mut number = first;
                while !is_over.load(Ordering::Relaxed) {
                    let count = match send(server, number) {
                        Ok(true) => &answers.accepted,
                        Ok(false) => &answers.refused,
                        Err(_) => &answers.failed,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    number += AT_ONCE;
                    sleep(PAUSE);
                }
            })
        });
        Self {
            hosts: hosts.collect(),
            answers,
            begun: Instant::now(),
            is_over,
        }
    }

    /// How many whole seconds it lasts by now.
    pub(super) fn seconds(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }

    /// How many came by now, were accepted, and were refused.
    pub(super) fn so_far(&self) -> (u64, u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (accepted, refused) = (of(&self.answers.accepted), of(&self.answers.refused));
        (accepted + refused, accepted, refused)
    }

    /// Ends it: how many sessions failed.
    pub(super) fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        for host in self.hosts {
            // One that panicked has said so.
            let _ = host.join();
        }
        self.answers.failed.load(Ordering::Relaxed)
    }
}

/// Sends one bounce; whether it was accepted.
fn send(server: SocketAddr, number: u64) -> io::Result<bool> {
    let part = |of: u64| u8::try_from(of % 200 + 1).unwrap_or_default();
    // 80 networks.
    let client = IpAddr::from([203, 0, part(number % 80), part(number)]);
    let mut smtp = Client::connect(server)?;
    smtp.ehlo(BOUNCE.helo)?;
    let stranger = Identity {
        helo: Some(BOUNCE.helo),
        ..Identity::stranger(client)
    };
    smtp.xclient(&stranger)?;
    smtp.ehlo(BOUNCE.helo)?;
    smtp.mail("")?;
    // Most spam is sent in joe's own name, some in names that the spammer made up.
    let recipient = match number % 4 {
        0 => format!("user{number}@example.org"),
        _ => "joe@example.org".to_owned(),
    };
    if !smtp.rcpt(&recipient)?.is_positive() {
        return Ok(false);
    }
    // The one sends most of it, the others less.
    let bot = match number % 6 {
        0..3 => 0,
        3 | 4 => 1,
        _ => 2,
    };
    let ends = BOTS.get(bot).map_or(FORGED, |(name, _)| Ends::Bounce(name));
    let reply = smtp.data(&message(&Act { ends, ..BOUNCE }))?;
    smtp.quit()?;
    Ok(reply.is_positive())
}
