//! What outlives a message: the ledger of outgoing mail, how often each proof was used, the counts of the reports, samples
//! of refused bounces, DMARC reports, the learned addresses, and the siege of each domain. They are in an SQLite file, or on a Redis or
//! Valkey server that several MX hosts share.
//!
//! All writes go through a queue. An outgoing message waits for its entry in the ledger, a second at most, and not at all
//! while nothing can be written; nothing else waits. What finds no room in the queue is lost, and counted. A question waits
//! a second at most, and not at all while the store is known to be down: then it is opened again in the background, one
//! attempt at a time. Questions find entries that are still in the queue. Only this layer names `sqlx` and `redis`.
//!
//! A new question is one method in [`questions`], and its answer in `sqlite` and in `redis`.

mod batch;
mod handle;
mod health;
mod losses;
mod questions;
mod queue;
mod receipt;
mod redis;
mod siege;
mod sqlite;
mod supervisor;
mod unavailable;
mod unwritten;
mod url;
mod writer;

use std::{fmt, sync::Arc};

use futures_util::future::BoxFuture;

pub use health::Health;
pub use losses::{Losses, Lost};
pub use questions::{
    AttackStore, CoverageStore, DomainStore, ForgedStore, LearnedStore, LedgerStore, ProofUseStore,
    Questions, ReportStore, SiegeStore, StoreAnswer, WouldStore,
};
use queue::Queue;
pub use receipt::Receipt;
pub use siege::{
    LONGEST_NAME, LONGEST_RECORD, MAX_INVENTED, MAX_RECORDS, SiegeWrite, siege_record,
};
pub use unavailable::{Reason, Unavailable};
pub use url::StoreUrl;

use crate::core::{
    attack::{AttackCount, Sample},
    learned::Learn,
    proof::{
        coverage::CoverageCount,
        ledger::{Hash, Sent},
    },
    siege::SiegeEvent,
    would::Would,
};

/// The store: what it is told, and what it answers.
pub trait Store: Questions + fmt::Debug + Send + Sync {
    /// Remembers an outgoing message. Never waits: the receipt can be waited for.
    fn remember(&self, sent: Sent) -> Receipt;

    /// Counts for the coverage report; `day` is in days since 1970-01-01. Never waits.
    fn count(&self, day: u64, count: CoverageCount);

    /// Learns something about an address. Days before the last one change nothing. Never waits. `false` if there was no room
    /// for it.
    fn learn(&self, learn: Learn) -> bool;

    /// Counts a bounce for the attack report; `hour` is in hours since 1970. Never waits.
    fn count_attack(&self, hour: u64, counts: Vec<AttackCount>);

    /// Keeps a sample, unless there are enough of its network and hour, or too many wait already. Never waits.
    fn keep_sample(&self, sample: Sample);

    /// Keeps hashes of Message-IDs of forged mail that came at this time, in seconds since 1970. Never waits.
    fn keep_forged(&self, at: u64, forged: Vec<Hash>);

    /// Counts what was accepted only because of monitoring, and the sender of what was accepted otherwise; `day` is in days
    /// since 1970-01-01. Never waits.
    fn count_would(&self, day: u64, would: Vec<Would>, accepted_sender: Option<String>);

    /// Notes that a siege began or ended. Never waits.
    fn note_siege(&self, event: SiegeEvent);

    /// Another store takes this one's place: when this one is dropped, the other gets what this one could not write.
    fn hand_over_to(&self, successor: &dyn Store) {
        if let (Some(own), Some(successor)) = (self.queue(), successor.queue()) {
            own.hand_over_to(successor);
        }
    }

    /// What waits to be written; `None` for a store without a queue.
    fn queue(&self) -> Option<&Queue> {
        None
    }

    /// What was lost, for the store that takes this one's place.
    fn losses(&self) -> Arc<Losses>;

    /// Waits until everything queued before is written, 3 s at most.
    fn flush(&self) -> BoxFuture<'_, ()>;

    /// Writes what waits, and closes the store; gives up after some seconds, and logs what is lost. Nothing can be asked
    /// or written after that.
    fn close(&self) -> BoxFuture<'_, ()>;

    /// Whether it can be asked, and what was lost.
    fn health(&self) -> Health;
}

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How many days an entry of the ledger is kept.
    pub ledger_days: u64,
    /// How many days an address is kept after the last day on which something was learned about it.
    pub learned_days: u64,
    /// The maximum number of learned addresses. Those with mail on one day only are deleted first, the oldest of them first.
    /// So a stranger who writes to ever new addresses drives out only those.
    ///
    /// SQLite may have more of them for a minute. Redis spreads them over up to 8,192 keys, each with room for its share and
    /// somewhat more; when a key is full, an eighth of it is deleted. So from 720 on there are up to half more.
    pub max_learned: u64,
}

/// Opens a store. A store that is down is no error: it is tried again in the background. Call this within a tokio runtime.
pub fn open(url: &StoreUrl, retention: Retention) -> Arc<dyn Store> {
    open_after(url, retention, Arc::default())
}

/// The same after another store, whose losses are counted on.
pub fn open_after(url: &StoreUrl, retention: Retention, losses: Arc<Losses>) -> Arc<dyn Store> {
    match url.target() {
        url::Place::Sqlite(path) => {
            handle::start(sqlite::Sqlite::new(url, path, retention), losses)
        }
        url::Place::Redis(server) => {
            handle::start(redis::Redis::new(url, server, retention), losses)
        }
    }
}
