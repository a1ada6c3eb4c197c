//! Places at a server, given to the questions of our domains by turns: who floods one domain with invented names makes that
//! one wait, and no other.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::core::address::Domain;

/// As many questions at a time as a server may have.
#[derive(Debug)]
pub(super) struct Turns(Arc<Shared>);

/// A question's place at the server, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<Shared>,
    /// Whose it is; none once it was given on.
    domain: Option<Domain>,
}

#[derive(Debug)]
struct Shared {
    /// How many one domain may have. The others find a place without waiting.
    most_of_one: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Those that have a place, or wait for one.
    domains: HashMap<Domain, Share>,
    /// Those that wait, in the order of their turns. One may have given up since.
    round: VecDeque<Domain>,
    /// The number of the last question that began to wait.
    last: u64,
}

#[derive(Debug, Default)]
struct Share {
    taken: usize,
    waiting: BTreeMap<u64, oneshot::Sender<Turn>>,
    in_round: bool,
}

impl Turns {
    /// So many places.
    pub fn new(places: u32) -> Self {
        let places = usize::try_from(places).unwrap_or(1).max(1);
        Self(Arc::new(Shared {
            most_of_one: (places - places.div_ceil(5)).max(1),
            state: Mutex::new(State {
                free: places,
                domains: HashMap::new(),
                round: VecDeque::new(),
                last: 0,
            }),
        }))
    }

    /// A place for a question about this one of our domains; none where it would come too late. Leaves the server half of
    /// the time until the deadline: one that is asked with nothing left would look dead, and that we ask a lot says nothing
    /// of it.
    pub async fn turn(&self, domain: &Domain, deadline: Instant) -> Option<Turn> {
        let (ticket, turn) = match self.0.take(domain) {
            Ok(turn) => return Some(turn),
            Err(waiting) => waiting,
        };
        let _waits = Waits {
            turns: &self.0,
            domain,
            ticket,
        };
        let half = deadline.saturating_duration_since(Instant::now()) / 2;
        timeout(half, turn).await.ok()?.ok()
    }
}

impl Shared {
    /// A place, if one is free for this domain; else what tells of it, and the number by which it waits.
    fn take(self: &Arc<Self>, domain: &Domain) -> Result<Turn, (u64, oneshot::Receiver<Turn>)> {
        let mut state = self.state();
        let State {
            free,
            domains,
            round,
            last,
        } = &mut *state;
        let share = domains.entry(domain.clone()).or_default();
        if *free > 0 && share.taken < self.most_of_one && share.waiting.is_empty() {
            *free -= 1;
            share.taken += 1;
            return Ok(self.turn_of(domain.clone()));
        }
        *last += 1;
        let (sender, receiver) = oneshot::channel();
        share.waiting.insert(*last, sender);
        if !std::mem::replace(&mut share.in_round, true) {
            round.push_back(domain.clone());
        }
        Err((*last, receiver))
    }

    /// Gives a place of this domain to whose turn it is.
    fn give_on(self: &Arc<Self>, domain: Domain) {
        let mut from = domain;
        loop {
            // Not while it is locked: a place that nobody takes any more comes back.
            let next = self.state().next(&from, self.most_of_one);
            let Some((to, sender)) = next else { return };
            let Err(mut unwanted) = sender.send(self.turn_of(to)) else {
                return;
            };
            let Some(to) = unwanted.domain.take() else {
                return;
            };
            from = to;
        }
    }

    fn turn_of(self: &Arc<Self>, domain: Domain) -> Turn {
        Turn {
            turns: Arc::clone(self),
            domain: Some(domain),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Frees a place of this domain, and takes it for whose turn it is.
    fn next(
        &mut self,
        from: &Domain,
        most_of_one: usize,
    ) -> Option<(Domain, oneshot::Sender<Turn>)> {
        self.free += 1;
        if let Some(share) = self.domains.get_mut(from) {
            share.taken = share.taken.saturating_sub(1);
            self.forget_idle(from);
        }
        for _ in 0..self.round.len() {
            let domain = self.round.pop_front()?;
            let Some(share) = self.domains.get_mut(&domain) else {
                continue;
            };
            if share.taken >= most_of_one && !share.waiting.is_empty() {
                self.round.push_back(domain);
                continue;
            }
            let Some((_, sender)) = share.waiting.pop_first() else {
                share.in_round = false;
                self.forget_idle(&domain);
                continue;
            };
            share.taken += 1;
            self.free -= 1;
            share.in_round = !share.waiting.is_empty();
            if share.in_round {
                self.round.push_back(domain.clone());
            }
            return Some((domain, sender));
        }
        None
    }

    fn forget_idle(&mut self, domain: &Domain) {
        let is_idle = |share: &Share| share.taken == 0 && !share.in_round;
        if self.domains.get(domain).is_some_and(is_idle) {
            self.domains.remove(domain);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(domain) = self.domain.take() {
            self.turns.give_on(domain);
        }
    }
}

/// A question that waits, until it has its place or gives up.
struct Waits<'a> {
    turns: &'a Shared,
    domain: &'a Domain,
    ticket: u64,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if let Some(share) = self.turns.state().domains.get_mut(self.domain) {
            share.waiting.remove(&self.ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::Future, pin::Pin, time::Duration};

    use futures_util::FutureExt;

    use super::*;

    fn domain(name: &str) -> Domain {
        name.parse().unwrap()
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    type Waiting<'a> = Pin<Box<dyn Future<Output = Option<Turn>> + 'a>>;

    /// One that does not get its place at once.
    fn waits<'a>(turns: &'a Turns, domain: &'a Domain) -> Waiting<'a> {
        let mut waiting: Waiting<'a> = Box::pin(turns.turn(domain, later()));
        assert!(waiting.as_mut().now_or_never().is_none(), "{domain}");
        waiting
    }

    fn at_once(turns: &Turns, domain: &Domain) -> Turn {
        let turn = turns.turn(domain, later()).now_or_never();
        turn.flatten().expect("a place")
    }

    /// As if nobody had ever asked: nothing is kept of those who did.
    fn is_empty(turns: &Turns, places: usize) -> bool {
        let state = turns.0.state();
        state.free == places && state.domains.is_empty() && state.round.is_empty()
    }

    #[tokio::test]
    async fn one_domain_leaves_places_to_the_others() {
        let (flooded, other) = (domain("a.example"), domain("b.example"));
        for (places, of_one) in [(1, 1), (2, 1), (3, 2), (5, 4), (6, 4), (10, 8), (100, 80)] {
            let turns = Turns::new(places);
            let mut taken: Vec<_> = (0..of_one).map(|_| at_once(&turns, &flooded)).collect();
            let waiting: Vec<_> = (0..3).map(|_| waits(&turns, &flooded)).collect();
            let places = usize::try_from(places).unwrap();
            taken.extend((of_one..places).map(|_| at_once(&turns, &other)));
            drop(waits(&turns, &other));
            drop(waiting);
            drop(taken);
            // What gave up is noticed when it would have its turn.
            assert!(is_empty(&turns, places), "{turns:?}");
        }
    }

    #[tokio::test]
    async fn domains_take_turns() {
        let (a, b, c) = (
            domain("a.example"),
            domain("b.example"),
            domain("c.example"),
        );
        let turns = Turns::new(1);
        let mut turn = at_once(&turns, &a);
        let order = [(&a, 0), (&a, 3), (&a, 5), (&b, 1), (&b, 4), (&c, 2)];
        let mut waiting: Vec<_> = order
            .into_iter()
            .map(|(domain, place)| (place, waits(&turns, domain)))
            .collect();
        waiting.sort_by_key(|(place, _)| *place);
        for (place, mut next) in waiting {
            assert!(next.as_mut().now_or_never().is_none());
            drop(turn);
            let got = next.as_mut().now_or_never().flatten();
            turn = got.unwrap_or_else(|| panic!("{place}: {turns:?}"));
        }
        drop(turn);
        assert!(is_empty(&turns, 1), "{turns:?}");
    }

    #[tokio::test]
    async fn who_gives_up_takes_no_place() {
        let (a, b) = (domain("a.example"), domain("b.example"));
        let turns = Turns::new(1);
        let turn = at_once(&turns, &a);
        let early = waits(&turns, &a);
        let mut late = waits(&turns, &b);
        // The place was on its way to the first, who had gone.
        drop(turn);
        drop(early);
        let turn = late.as_mut().now_or_never().flatten().unwrap();
        let gone = waits(&turns, &a);
        drop(gone);
        drop(turn);
        assert!(is_empty(&turns, 1), "{turns:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_the_time_is_the_servers() {
        let a = domain("a.example");
        let turns = Turns::new(1);
        let turn = at_once(&turns, &a);
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(4);
        assert!(turns.turn(&a, deadline).await.is_none());
        assert_eq!(begun.elapsed().as_secs(), 2);
        drop(turn);
        assert!(is_empty(&turns, 1), "{turns:?}");
    }
}
