//! How many wrong tags a client has sent lately: a tag is 24 bits, so whoever may try for ever finds one.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
};

/// How long a wrong tag is remembered, in seconds.
const MEMORY: u64 = 60 * 60;
/// How many clients are remembered at most: some megabytes.
const MAX_CLIENTS: usize = 50_000;

/// Wrong tags of the last hour, by client. Times are in seconds, of any clock that doesn't go back.
#[derive(Debug, Default)]
pub struct Guesses(HashMap<IpAddr, Wrong>);

/// A client's wrong tags since the first of the hour.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    since: u64,
    tags: u32,
}

impl Wrong {
    fn is_over(self, now: u64) -> bool {
        now.saturating_sub(self.since) >= MEMORY
    }
}

impl Guesses {
    /// How many wrong tags the client has sent within the hour that its first one began.
    pub fn wrong(&self, client: IpAddr, now: u64) -> u32 {
        let remembered = self.0.get(&one_of(client)).copied();
        remembered
            .filter(|wrong| !wrong.is_over(now))
            .map_or(0, |wrong| wrong.tags)
    }

    /// Counts a wrong tag. With too many clients to remember, those whose hour is over make room, or else the one whose
    /// hour began first.
    pub fn note(&mut self, client: IpAddr, now: u64) {
        let client = one_of(client);
        let clients = &mut self.0;
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            clients.retain(|_, wrong| !wrong.is_over(now));
            let oldest = clients.iter().min_by_key(|(_, wrong)| wrong.since);
            if let Some(oldest) = oldest
                .map(|(client, _)| *client)
                .filter(|_| clients.len() >= MAX_CLIENTS)
            {
                clients.remove(&oldest);
            }
        }
        let none = Wrong {
            since: now,
            tags: 0,
        };
        let wrong = clients.entry(client).or_insert(none);
        if wrong.is_over(now) {
            *wrong = none;
        }
        wrong.tags = wrong.tags.saturating_add(1);
    }

    /// One wrong tag less: it was no guess.
    pub fn forgive(&mut self, client: IpAddr, now: u64) {
        let client = one_of(client);
        if let Some(wrong) = self.0.get_mut(&client).filter(|wrong| !wrong.is_over(now)) {
            wrong.tags = wrong.tags.saturating_sub(1);
        }
    }
}

/// Whoever has one IPv6 address has its /64, and could guess from each anew.
fn one_of(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_hour_is_remembered() {
        let mut guesses = Guesses::default();
        let start = 1_000;
        let client = ip("192.0.2.1");
        assert_eq!(guesses.wrong(client, start), 0);
        for count in 1..=3 {
            guesses.note(client, start);
            assert_eq!(guesses.wrong(client, start), count);
        }
        assert_eq!(guesses.wrong(ip("192.0.2.2"), start), 0);
        let later = start + MEMORY;
        assert_eq!(guesses.wrong(client, later - 1), 3);
        assert_eq!(guesses.wrong(client, later), 0);
        guesses.note(client, later);
        assert_eq!(guesses.wrong(client, later), 1);
    }

    #[test]
    fn what_was_no_guess_is_forgiven() {
        let mut guesses = Guesses::default();
        let start = 1_000;
        let client = ip("192.0.2.1");
        guesses.forgive(client, start);
        assert_eq!(guesses.wrong(client, start), 0);
        guesses.note(client, start);
        guesses.note(client, start);
        guesses.forgive(ip("192.0.2.2"), start);
        assert_eq!(guesses.wrong(client, start), 2);
        guesses.forgive(client, start);
        assert_eq!(guesses.wrong(client, start), 1);
        // What belongs to an hour that is over is not taken off the next one.
        let later = start + MEMORY;
        guesses.forgive(client, later);
        guesses.note(client, later);
        assert_eq!(guesses.wrong(client, later), 1);
    }

    #[test]
    fn a_whole_ipv6_net_is_one_client() {
        let mut guesses = Guesses::default();
        let now = 1_000;
        guesses.note(ip("2001:db8::1"), now);
        assert_eq!(guesses.wrong(ip("2001:db8::ffff"), now), 1);
        assert_eq!(guesses.wrong(ip("2001:db8:0:1::1"), now), 0);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let mut guesses = Guesses::default();
        let start = 1_000;
        let nth = |n: usize| IpAddr::from((n as u32).to_be_bytes());
        let at = |n: usize| start + n.min(2) as u64;
        for n in 0..MAX_CLIENTS + 2 {
            guesses.note(nth(n), at(n));
        }
        let now = at(MAX_CLIENTS + 2);
        assert_eq!(guesses.0.len(), MAX_CLIENTS);
        assert_eq!(guesses.wrong(nth(1), now), 0);
        assert_eq!(guesses.wrong(nth(2), now), 1);
        assert_eq!(guesses.wrong(nth(MAX_CLIENTS + 1), now), 1);
    }
}
