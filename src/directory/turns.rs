//! Places at a server, given to the questions of our domains by turns: who floods one domain with invented names makes that
//! one wait, and no other.
//!
//! Turns alone would let a flood keep the server busy, and with it the processor that all need. So a domain of which nearly all
//! that is asked does not exist gets few places while others ask, too. Where nobody else asks, it gets all.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout},
};

use crate::core::address::Domain;

/// After how many answers that an address does not exist, in a row, a domain counts as flooded. One that exists makes up
/// for four.
const FLOODED: u32 = 32;
const WORTH: u32 = 4;
/// For how long another domain's question is kept in mind.
const LATELY: Duration = Duration::from_secs(60);

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
    places: usize,
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
    /// Whose question came last, and when one came last that was another domain's than the one before it.
    asked_last: Option<Domain>,
    changed: Option<Instant>,
}

#[derive(Debug, Default)]
struct Share {
    taken: usize,
    waiting: BTreeMap<u64, oneshot::Sender<Turn>>,
    in_round: bool,
    /// How many were asked for that do not exist, lately.
    unknown: u32,
}

impl Turns {
    /// So many places.
    pub fn new(places: u32) -> Self {
        let places = usize::try_from(places).unwrap_or(1).max(1);
        Self(Arc::new(Shared {
            places,
            state: Mutex::new(State {
                free: places,
                domains: HashMap::new(),
                round: VecDeque::new(),
                last: 0,
                asked_last: None,
                changed: None,
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
    /// A place, if one is free for this domain; else where it will come, and the number by which it waits.
    fn take(self: &Arc<Self>, domain: &Domain) -> Result<Turn, (u64, oneshot::Receiver<Turn>)> {
        let now = Instant::now();
        let mut state = self.state();
        state.note(domain, now);
        let is_shared = state.is_shared(now);
        let State {
            free,
            domains,
            round,
            last,
            ..
        } = &mut *state;
        let share = domains.entry(domain.clone()).or_default();
        let most = share.most(self.places, is_shared);
        if *free > 0 && share.taken < most && share.waiting.is_empty() {
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
            let next = self.state().next(&from, self.places);
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
    fn next(&mut self, from: &Domain, places: usize) -> Option<(Domain, oneshot::Sender<Turn>)> {
        self.free += 1;
        if let Some(share) = self.domains.get_mut(from) {
            share.taken = share.taken.saturating_sub(1);
            self.forget_idle(from);
        }
        let is_shared = self.is_shared(Instant::now());
        for _ in 0..self.round.len() {
            let domain = self.round.pop_front()?;
            let Some(share) = self.domains.get_mut(&domain) else {
                continue;
            };
            if share.taken >= share.most(places, is_shared) && !share.waiting.is_empty() {
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

    /// Notes whose question comes now.
    fn note(&mut self, domain: &Domain, now: Instant) {
        if self.asked_last.as_ref() != Some(domain) {
            let former = self.asked_last.replace(domain.clone());
            self.changed = former.map(|_| now).or(self.changed);
        }
    }

    /// Whether several domains asked lately.
    fn is_shared(&self, now: Instant) -> bool {
        let changed = self.changed;
        changed.is_some_and(|changed| now.saturating_duration_since(changed) < LATELY)
    }

    fn forget_idle(&mut self, domain: &Domain) {
        let is_idle = |share: &Share| share.taken == 0 && !share.in_round;
        if self.domains.get(domain).is_some_and(is_idle) {
            self.domains.remove(domain);
        }
    }
}

impl Share {
    /// How many places it may have: where others ask, too, some stay theirs.
    fn most(&self, places: usize, is_shared: bool) -> usize {
        let fifth = places.div_ceil(5);
        match (is_shared, self.unknown >= FLOODED) {
            (false, _) => places,
            (true, false) => (places - fifth).max(1),
            (true, true) => fifth,
        }
    }
}

impl Turn {
    /// What came of the question: whether the address exists.
    pub fn answered(&self, exists: bool) {
        let Some(domain) = &self.domain else { return };
        if let Some(share) = self.turns.state().domains.get_mut(domain) {
            share.unknown = match exists {
                true => share.unknown.saturating_sub(WORTH),
                false => (share.unknown + 1).min(2 * FLOODED),
            };
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
    use std::{future::Future, pin::Pin};

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

    /// How many questions a domain gets places for at once.
    fn most(turns: &Turns, domain: &Domain) -> usize {
        let all = (0..1_000).map_while(|_| turns.turn(domain, later()).now_or_never().flatten());
        let taken: Vec<_> = all.collect();
        taken.len()
    }

    /// Asks, and gives each of these answers.
    fn asked(turns: &Turns, domain: &Domain, answers: impl IntoIterator<Item = bool>) {
        // It holds a place meanwhile: who has none, and waits for none, is forgotten.
        let _first = at_once(turns, domain);
        for exists in answers {
            at_once(turns, domain).answered(exists);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_domain_leaves_places_to_the_others() {
        let (busy, other) = (domain("a.example"), domain("b.example"));
        for (places, of_one, of_flooded) in [
            (1, 1, 1),
            (2, 1, 1),
            (3, 2, 1),
            (5, 4, 1),
            (6, 4, 2),
            (10, 8, 2),
            (100, 80, 20),
        ] {
            let turns = Turns::new(places);
            let all = usize::try_from(places).unwrap();
            assert_eq!(most(&turns, &busy), all, "nobody else asks");
            drop(at_once(&turns, &other));
            assert_eq!(most(&turns, &busy), of_one, "{places}");
            if all > 1 {
                let kept = at_once(&turns, &busy);
                (0..FLOODED).for_each(|_| kept.answered(false));
                assert_eq!(most(&turns, &busy) + 1, of_flooded, "{places}");
                assert_eq!(most(&turns, &other), of_one.min(all - 1), "{places}");
                kept.answered(true);
                assert_eq!(most(&turns, &busy) + 1, of_one, "{places}");
                (0..FLOODED).for_each(|_| kept.answered(false));
                tokio::time::advance(LATELY).await;
                assert_eq!(most(&turns, &busy) + 1, all, "they have stopped");
            }
            assert!(is_empty(&turns, all), "{turns:?}");
        }
    }

    #[tokio::test]
    async fn who_waits_when_the_flood_ends_is_forgotten_too() {
        let (flooded, other) = (domain("a.example"), domain("b.example"));
        let turns = Turns::new(5);
        asked(&turns, &flooded, [false, true, false]);
        let taken: Vec<_> = (0..5).map(|_| at_once(&turns, &flooded)).collect();
        let waiting: Vec<_> = (0..3).map(|_| waits(&turns, &flooded)).collect();
        drop(waits(&turns, &other));
        drop(waiting);
        drop(taken);
        // What gave up is noticed when it would have its turn.
        assert!(is_empty(&turns, 5), "{turns:?}");
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
