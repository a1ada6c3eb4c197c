//! A DNS whose answers take time, which the tests' clock passes at once.

use std::{
    collections::HashSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::super::Session;
use crate::{
    core::{
        outside::Unanswered,
        spf::{Identity, SpfCheck},
    },
    spf::{Lookup, Mx},
};

/// Answers as another does, later.
pub(super) struct Slow<'z, L> {
    inner: &'z L,
    delay: Box<dyn Fn(&str) -> Answering + Sync + 'z>,
    sent: AtomicUsize,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
    room: bool,
    /// What was asked before, where that is remembered.
    cache: Option<Mutex<HashSet<String>>>,
}

/// How a question is answered.
#[derive(Clone, Copy)]
pub(super) enum Answering {
    /// Zero: from a cache, so that nothing is sent.
    After(Duration),
    /// With an error.
    FailsAfter(Duration),
}

impl<'z, L: Lookup> Slow<'z, L> {
    /// `delay` gets a question as `TXT name`.
    pub(super) fn new(inner: &'z L, delay: impl Fn(&str) -> Answering + Sync + 'z) -> Self {
        Self {
            inner,
            delay: Box::new(delay),
            sent: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            most_under_way: AtomicUsize::new(0),
            room: true,
            cache: None,
        }
    }

    /// One that has no room for questions ahead of need.
    pub(super) fn crowded(self) -> Self {
        Self {
            room: false,
            ..self
        }
    }

    /// One that answers at once what it was asked before.
    pub(super) fn remembering(self) -> Self {
        Self {
            cache: Some(Mutex::default()),
            ..self
        }
    }

    /// Questions that were not answered at once.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Relaxed)
    }

    /// Those that have no answer yet, and are still waited for.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.load(Relaxed)
    }

    pub(super) fn most_under_way(&self) -> usize {
        self.most_under_way.load(Relaxed)
    }

    async fn wait(&self, question: String) -> Result<(), Unanswered> {
        let (delay, fails) = match (self.delay)(&question) {
            Answering::After(delay) => (delay, false),
            Answering::FailsAfter(delay) => (delay, true),
        };
        let cached = |cache: &Mutex<HashSet<String>>| cache.lock().unwrap().contains(&question);
        if !delay.is_zero() && !self.cache.as_ref().is_some_and(cached) {
            let _sent = Sent::of(&self.sent, &self.under_way, &self.most_under_way);
            sleep(delay).await;
            if let Some(cache) = &self.cache {
                cache.lock().unwrap().insert(question.clone());
            }
        }
        match fails {
            true => Err(Unanswered::dns(format!("{question}: SERVFAIL"))),
            false => Ok(()),
        }
    }
}

struct Sent<'a>(&'a AtomicUsize);

impl<'a> Sent<'a> {
    fn of(sent: &AtomicUsize, under_way: &'a AtomicUsize, most: &AtomicUsize) -> Self {
        sent.fetch_add(1, Relaxed);
        most.fetch_max(under_way.fetch_add(1, Relaxed) + 1, Relaxed);
        Self(under_way)
    }
}

impl Drop for Sent<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl<L: Lookup> Lookup for Slow<'_, L> {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.wait(format!("TXT {name}")).await?;
        self.inner.txt(name).await
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        self.wait(format!("A {name}")).await?;
        self.inner.a(name).await
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        self.wait(format!("AAAA {name}")).await?;
        self.inner.aaaa(name).await
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        self.wait(format!("MX {name}")).await?;
        self.inner.mx(name).await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        self.wait(format!("PTR {address}")).await?;
        self.inner.ptr(address).await
    }

    fn has_room(&self) -> bool {
        self.room
    }
}

/// Runs it on a clock that waits for nobody.
pub(super) fn on_a_paused_clock<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future)
}

/// A check with every step, and how long it took.
pub(super) fn timed(
    session: Session<'_>,
    identity: Identity,
    lookup: &impl Lookup,
) -> (SpfCheck, Duration) {
    on_a_paused_clock(async {
        let start = Instant::now();
        let check = session.check_once(identity, lookup, true).await;
        (check, start.elapsed())
    })
}
