//! How many wrong tags came lately: a tag is 24 bits, so whoever may try for ever finds one.
//!
//! They are counted by client; for IPv6, where whoever has one address has its /64, by that and by the /48 above, which is
//! what one customer gets at most. And for each of our domains by all clients together: many hosts that guess a little
//! each are not refused for it, for among them would be the hosts of honest senders, but somebody should know.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
};

use crate::core::{address::Domain, network::Network};

/// How long a wrong tag is remembered, in seconds.
const MEMORY: u64 = 60 * 60;
/// How many clients are remembered at most, and how many /48: some megabytes.
const MAX_CLIENTS: usize = 50_000;
/// How many of our domains are remembered at most.
const MAX_DOMAINS: usize = 10_000;
/// How many times the limit of a client a /48 may send: its hosts can be of several customers.
const CLIENTS_IN_SITE: u32 = 10;
/// How many wrong tags for one domain within the hour are an alert. Whoever sends so many all the time finds a tag of one
/// address within two years.
pub const ALERT: u32 = 1_000;

/// Who has sent a wrong tag, and the domain of ours that it was for, as the file names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guesser {
    /// The client.
    pub client: IpAddr,
    /// The domain.
    pub domain: Domain,
}

/// Wrong tags of the last hour. Times are in seconds, of any clock that doesn't go back.
#[derive(Debug)]
pub struct Guesses {
    clients: Counts<IpAddr>,
    sites: Counts<Network>,
    domains: Counts<Domain>,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            clients: Counts::new(MAX_CLIENTS),
            sites: Counts::new(MAX_CLIENTS),
            domains: Counts::new(MAX_DOMAINS),
        }
    }
}

impl Guesses {
    /// How many wrong tags the client has sent within the hour that its first one began; or a tenth of those of its /48,
    /// where that is more.
    pub fn wrong(&self, client: IpAddr, now: u64) -> u32 {
        let (client, site) = places(client);
        let of_site = site.map_or(0, |site| self.sites.of(&site, now) / CLIENTS_IN_SITE);
        self.clients.of(&client, now).max(of_site)
    }

    /// Counts a wrong tag. Whether it is the one that makes an alert of those for its domain: one each hour.
    pub fn note(&mut self, guesser: &Guesser, now: u64) -> bool {
        let (client, site) = places(guesser.client);
        self.clients.add(&client, now);
        if let Some(site) = site {
            self.sites.add(&site, now);
        }
        self.domains.add(&guesser.domain, now) == ALERT
    }

    /// One wrong tag less: it was no guess.
    pub fn forgive(&mut self, guesser: &Guesser, now: u64) {
        let (client, site) = places(guesser.client);
        self.clients.take(&client, now);
        if let Some(site) = site {
            self.sites.take(&site, now);
        }
        self.domains.take(&guesser.domain, now);
    }
}

/// What counts as one client, and the /48 that it is in.
fn places(client: IpAddr) -> (IpAddr, Option<Network>) {
    match client.to_canonical() {
        IpAddr::V4(address) => (address.into(), None),
        IpAddr::V6(address) => {
            let upper = Ipv6Addr::from_bits(address.to_bits() >> 64 << 64);
            (upper.into(), Some(Network::around(client)))
        }
    }
}

/// Wrong tags by what they have in common, each for an hour from the first on.
#[derive(Debug)]
struct Counts<K> {
    counts: HashMap<K, Count>,
    /// The keys of `counts`, and when their hours began, the first one first.
    order: VecDeque<(u64, K)>,
    capacity: usize,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: u64,
    tags: u32,
}

impl<K: Clone + Eq + Hash> Counts<K> {
    fn new(capacity: usize) -> Self {
        Self {
            counts: HashMap::new(),
            order: VecDeque::new(),
            capacity,
        }
    }

    fn of(&self, key: &K, now: u64) -> u32 {
        let count = self.counts.get(key);
        count
            .filter(|count| !is_over(count.since, now))
            .map_or(0, |count| count.tags)
    }

    /// How many there are with this one. With too many keys to remember, the one whose hour began first makes room.
    fn add(&mut self, key: &K, now: u64) -> u32 {
        while self
            .order
            .front()
            .is_some_and(|(since, _)| is_over(*since, now))
        {
            self.forget_first();
        }
        if !self.counts.contains_key(key) {
            if self.counts.len() >= self.capacity {
                self.forget_first();
            }
            self.order.push_back((now, key.clone()));
        }
        let begun = Count {
            since: now,
            tags: 0,
        };
        let count = self.counts.entry(key.clone()).or_insert(begun);
        count.tags = count.tags.saturating_add(1);
        count.tags
    }

    fn take(&mut self, key: &K, now: u64) {
        let count = self.counts.get_mut(key);
        if let Some(count) = count.filter(|count| !is_over(count.since, now)) {
            count.tags = count.tags.saturating_sub(1);
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.counts.remove(&key);
        }
    }
}

fn is_over(since: u64, now: u64) -> bool {
    now.saturating_sub(since) >= MEMORY
}

#[cfg(test)]
mod tests;
