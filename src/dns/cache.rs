//! The cache of answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use moka::{Expiry, sync};

use super::{
    answer::{Data, DnsAnswer},
    question::Question,
};

/// Answers by name and type, each for its TTL. Bounded in octets and in entries at once: the capacity is counted in
/// pieces of [`PIECE`] octets, of which an entry takes at least one. What is asked often stays (TinyLFU), so a
/// stranger who makes us ask for ever new names does not drive out the others.
pub(super) struct Cache(sync::Cache<Question, DnsAnswer>);

impl Cache {
    pub(super) fn new(pieces: u64) -> Self {
        Self(
            sync::Cache::builder()
                .max_capacity(pieces)
                .weigher(pieces_of)
                .expire_after(ByTtl)
                .build(),
        )
    }

    pub(super) fn find(&self, question: &Question) -> Option<Arc<[Data]>> {
        self.0.get(question).map(|answer| answer.data)
    }

    pub(super) fn keep(&self, question: &Question, answer: &DnsAnswer) {
        if !answer.ttl.is_zero() {
            self.0.insert(question.clone(), answer.clone());
        }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> Option<u64> {
        self.0.policy().max_capacity()
    }

    /// For how long an answer was cached when it came.
    #[cfg(test)]
    pub(super) fn ttl(&self, question: &Question) -> Option<Duration> {
        self.0.get(question).map(|answer| answer.ttl)
    }

    /// The pieces held, and the entries.
    #[cfg(test)]
    pub(super) fn load(&self) -> (u64, u64) {
        self.0.run_pending_tasks();
        (self.0.weighted_size(), self.0.entry_count())
    }
}

const PIECE: usize = 512;

fn pieces_of(question: &Question, answer: &DnsAnswer) -> u32 {
    let size = question.size() + answer.data.iter().map(Data::size).sum::<usize>();
    u32::try_from(size.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

struct ByTtl;

impl Expiry<Question, DnsAnswer> for ByTtl {
    fn expire_after_create(
        &self,
        _: &Question,
        answer: &DnsAnswer,
        _: Instant,
    ) -> Option<Duration> {
        Some(answer.ttl)
    }

    fn expire_after_update(
        &self,
        _: &Question,
        answer: &DnsAnswer,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(answer.ttl)
    }
}
