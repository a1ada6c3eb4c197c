//! Which queue an id is of: each host, and each instance of Postfix on it, has its own.

use std::hash::{BuildHasher, RandomState};

use crate::maillog::Line;

/// The most queues that are told apart. Those of further hosts count as one.
const MAX_PLACES: usize = 64;

/// The queues that lines are of.
#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Place>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Place {
    host: u64,
    instance: u64,
    /// Whether it is one: a service that logs under a name of its own has no queue manager of that name.
    has_queue: bool,
}

impl Places {
    /// The place of a line.
    pub fn of(&mut self, line: &Line<'_>) -> usize {
        let host = self.hasher.hash_one(line.host);
        let instance = match line.program.contains(&b'/') {
            true => self.hasher.hash_one(line.instance()),
            // The submission program of Sendmail, its daemon and its queue runners share their ids.
            false => 0,
        };
        let has_queue = matches!(line.service(), b"cleanup" | b"qmgr" | b"pickup");
        let known = self.places.iter_mut().enumerate();
        for (at, place) in known {
            if place.host == host && place.instance == instance {
                place.has_queue |= has_queue;
                return at;
            }
        }
        if self.places.len() < MAX_PLACES {
            self.places.push(Place {
                host,
                instance,
                has_queue,
            });
        }
        self.places.len() - 1
    }

    /// Whether lines of these two places can be of one message: not where both have a queue.
    pub fn share(&self, (one, other): (usize, usize)) -> bool {
        let has_queue = |at| {
            self.places
                .get(at)
                .is_some_and(|place: &Place| place.has_queue)
        };
        one == other || !has_queue(one) || !has_queue(other)
    }

    /// The name of a queue id in this place.
    pub fn key(&self, place: usize, id: &[u8]) -> u64 {
        self.hasher.hash_one((place, id))
    }

    /// The names that a queue id of this place can have on its host beside that, where one of two places is no queue.
    pub fn others<'a>(&'a self, place: usize, id: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
        let own = self.places.get(place);
        let others = self.places.iter().enumerate().filter(move |(at, other)| {
            let is_of_host = own.is_some_and(|own| own.host == other.host);
            let is_service = own.is_some_and(|own| !own.has_queue) || !other.has_queue;
            *at != place && is_of_host && is_service
        });
        others.map(move |(at, _)| self.key(at, id))
    }

    /// The names that a queue id can have anywhere.
    pub fn keys<'a>(&'a self, id: &'a [u8]) -> impl Iterator<Item = u64> + 'a {
        (0..self.places.len()).map(move |at| self.key(at, id))
    }

    /// The name of anything else.
    pub fn hash(&self, what: impl std::hash::Hash) -> u64 {
        self.hasher.hash_one(what)
    }
}
