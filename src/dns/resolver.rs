//! Asks each question once, remembers the answer, and keeps to the time budget.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use hickory_resolver::proto::rr::RecordType;
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, timeout_at},
};

use super::{
    answer::Data,
    cache::Cache,
    chase::chase,
    question::Question,
    settings::{DnsSettings, Nameserver, SettingsError},
    system,
    upstream::Upstream,
};
use crate::{
    core::outside::Unanswered,
    spf::{Lookup, Mx},
};

/// A DNS client for the whole daemon; clones share name servers, cache and questions in flight. A new one is needed
/// to see changed settings; a changed `/etc/resolv.conf` is seen by [`refresh`](Self::refresh).
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

impl Resolver {
    /// A resolver with these settings. It opens no socket yet.
    ///
    /// # Errors
    /// A setting is out of its bounds.
    pub fn new(settings: &DnsSettings) -> Result<Self, SettingsError> {
        Self::with_system(settings, system::RESOLV_CONF.as_ref())
    }

    pub(super) fn with_system(
        settings: &DnsSettings,
        resolv_conf: &Path,
    ) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self(Arc::new(Inner {
            upstream: Upstream::new(settings, resolv_conf),
            cache: Cache::new(settings.cache),
            flights: Mutex::new(HashMap::new()),
            seats: Arc::new(Semaphore::new(MAX_IN_FLIGHT)),
            budget: settings.budget.into(),
        })))
    }

    /// The time that one message can spend on DNS: `dns.budget`.
    pub fn budget(&self) -> Duration {
        self.0.budget
    }

    /// The settings that it acts by.
    #[cfg(test)]
    pub(crate) fn acts_by(&self) -> String {
        let Inner {
            upstream, cache, ..
        } = &*self.0;
        let (servers, capacity) = (upstream.acts_by(), cache.capacity());
        format!("{servers:?} {capacity:?} {:?}", self.budget())
    }

    /// The resolver for one message, whose questions all fail from the deadline on. The deadline is the message's
    /// start plus [`budget`](Self::budget).
    pub fn budgeted(&self, deadline: Instant) -> Budgeted {
        Budgeted {
            resolver: self.clone(),
            deadline,
            seats: Arc::new(Semaphore::new(MAX_PER_MESSAGE)),
        }
    }

    /// Reads again which name servers the system names, where the settings name none. Gives them if they changed: they
    /// are asked from now on. Blocks while it reads the file.
    pub fn refresh(&self) -> Option<Vec<Nameserver>> {
        self.0.upstream.refresh()
    }

    /// Asks each name server one question, all at once: how fast it answered, or why it did not.
    pub async fn probe(&self) -> Vec<(Nameserver, Result<Duration, String>)> {
        self.0.upstream.probe().await
    }

    async fn resolve(&self, question: &Question) -> Outcome {
        let flight = {
            let mut flights = self.0.flights();
            // Its answer can have come since the asker looked into the cache.
            if let Some(data) = self.0.cache.find(question) {
                return Ok(data);
            }
            match flights.get(question) {
                Some(flight) => flight.clone(),
                None => {
                    let flight = self.take_off(question)?;
                    flights.insert(question.clone(), flight.clone());
                    flight
                }
            }
        };
        flight.await
    }

    /// Starts a lookup in a task of its own, so that it goes on when the first asker gives up: others can wait for it.
    fn take_off(&self, question: &Question) -> Result<Flight, String> {
        let seat = self
            .0
            .seats
            .clone()
            .try_acquire_owned()
            .map_err(|_| format!("more than {MAX_IN_FLIGHT} DNS questions in flight"))?;
        let (land, landed) = oneshot::channel();
        let landing = Landing {
            inner: self.0.clone(),
            question: question.clone(),
        };
        tokio::spawn(async move {
            let _seat = seat;
            let Landing { inner, question } = &landing;
            let until = Instant::now() + inner.budget;
            let outcome = chase(&inner.upstream, question, until).await.map(|answer| {
                inner.cache.keep(question, &answer);
                answer.data
            });
            drop(landing);
            // Fails where every asker has gone; the cache has the answer.
            let _ = land.send(outcome);
        });
        let flight =
            landed.map(|outcome| outcome.unwrap_or_else(|_| Err("lookup broken off".to_owned())));
        Ok(flight.boxed().shared())
    }

    /// For how long the answer to a question was cached.
    #[cfg(test)]
    pub(super) fn cached_ttl(&self, name: &str, record_type: RecordType) -> Option<Duration> {
        self.0.cache.ttl(&Question::new(name, record_type))
    }

    #[cfg(test)]
    pub(super) fn cache_load(&self) -> (u64, u64) {
        self.0.cache.load()
    }
}

/// Each holds up to three sockets, so the daemon needs a file limit well above this.
const MAX_IN_FLIGHT: usize = 4096;
/// What a message has in flight; what it asks beyond that waits its turn. More than the SPF checks of both identities and
/// eight DNS lists need.
const MAX_PER_MESSAGE: usize = 140;

type Outcome = Result<Arc<[Data]>, String>;
type Flight = Shared<BoxFuture<'static, Outcome>>;

struct Inner {
    upstream: Upstream,
    cache: Cache,
    flights: Mutex<HashMap<Question, Flight>>,
    seats: Arc<Semaphore>,
    budget: Duration,
}

impl Inner {
    fn flights(&self) -> MutexGuard<'_, HashMap<Question, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the question from those in flight, however its lookup ends, so that no later asker waits for ever.
struct Landing {
    inner: Arc<Inner>,
    question: Question,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.inner.flights().remove(&self.question);
    }
}

/// A [`Resolver`] with a deadline, for one message. From then on nothing is answered, not even from the cache. Clones
/// share what one message can have in flight.
#[derive(Clone)]
pub struct Budgeted {
    resolver: Resolver,
    deadline: Instant,
    seats: Arc<Semaphore>,
}

impl Budgeted {
    async fn ask<T>(
        &self,
        question: Question,
        pick: impl Fn(&Data) -> Option<T>,
    ) -> Result<Vec<T>, Unanswered> {
        let outcome = if Instant::now() >= self.deadline {
            Err(self.spent())
        } else if let Some(data) = self.resolver.0.cache.find(&question) {
            Ok(data)
        } else {
            timeout_at(self.deadline, self.resolve(&question))
                .await
                .unwrap_or_else(|_| Err(self.spent()))
        };
        match outcome {
            Ok(data) => Ok(data.iter().filter_map(pick).collect()),
            Err(cause) => Err(Unanswered::dns(format!("{question}: {cause}"))),
        }
    }

    async fn resolve(&self, question: &Question) -> Outcome {
        // Never closed.
        let _seat = self.seats.acquire().await;
        self.resolver.resolve(question).await
    }

    fn spent(&self) -> String {
        let budget = humantime::format_duration(self.resolver.budget());
        format!("time budget of {budget} spent")
    }
}

impl Lookup for Budgeted {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        self.ask(Question::new(name, RecordType::TXT), |data| match data {
            Data::Txt(text) => Some(text.clone()),
            _ => None,
        })
        .await
    }

    async fn a(&self, name: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        self.ask(Question::new(name, RecordType::A), |data| match data {
            Data::A(address) => Some(*address),
            _ => None,
        })
        .await
    }

    async fn aaaa(&self, name: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        self.ask(Question::new(name, RecordType::AAAA), |data| match data {
            Data::Aaaa(address) => Some(*address),
            _ => None,
        })
        .await
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        self.ask(Question::new(name, RecordType::MX), |data| match data {
            Data::Mx(mx) => Some(mx.clone()),
            _ => None,
        })
        .await
    }

    async fn ptr(&self, address: IpAddr) -> Result<Vec<String>, Unanswered> {
        self.ask(Question::reverse(address), |data| match data {
            Data::Ptr(name) => Some(name.clone()),
            _ => None,
        })
        .await
    }

    /// Half of the seats are for questions that are needed.
    fn has_room(&self) -> bool {
        self.seats.available_permits() > 0
            && self.resolver.0.seats.available_permits() > MAX_IN_FLIGHT / 2
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn questions_in_flight_are_bounded() {
        let settings = DnsSettings {
            nameservers: vec!["127.0.0.1:1".parse().unwrap()],
            ..DnsSettings::default()
        };
        let resolver = Resolver::new(&settings).unwrap();
        let seats = resolver.0.seats.clone();
        let half = MAX_IN_FLIGHT as u32 / 2;
        let dns = resolver.budgeted(Instant::now() + resolver.budget());
        assert!(dns.has_room());
        let _taken = seats.acquire_many(half).await.unwrap();
        assert!(!dns.has_room());
        let taken = seats.acquire_many(half).await.unwrap();
        assert_eq!(
            dns.txt("a.test").await.unwrap_err().to_string(),
            "TXT a.test: more than 4096 DNS questions in flight"
        );
        assert!(resolver.0.flights().is_empty());

        drop(taken);
        let soon = resolver.budgeted(Instant::now() + Duration::from_millis(50));
        assert_eq!(
            soon.txt("a.test").await.unwrap_err().why,
            "TXT a.test: time budget of 8s spent"
        );
        assert_eq!(resolver.0.flights().len(), 1);
    }

    #[tokio::test]
    async fn a_message_has_its_share_of_the_questions_in_flight() {
        let settings = DnsSettings {
            nameservers: vec!["127.0.0.1:1".parse().unwrap()],
            ..DnsSettings::default()
        };
        let resolver = Resolver::new(&settings).unwrap();
        let dns = resolver.budgeted(Instant::now() + resolver.budget());
        let lookups = (0..2 * MAX_PER_MESSAGE).map(|index| {
            let dns = dns.clone();
            async move { dns.a(&format!("{index}.test")).await }
        });
        let mut lookups: Vec<_> = lookups.map(Box::pin).collect();
        for lookup in &mut lookups {
            assert!(lookup.now_or_never().is_none());
            // A task is held back that does too much at a time.
            yield_now().await;
        }
        assert_eq!(resolver.0.flights().len(), MAX_PER_MESSAGE);
        assert!(!dns.has_room());

        let other = resolver.budgeted(Instant::now() + resolver.budget());
        assert!(other.has_room());
        assert!(other.a("other.test").now_or_never().is_none());
        assert_eq!(resolver.0.flights().len(), MAX_PER_MESSAGE + 1);
    }
}
