//! What outlives a message: the ledger of outgoing mail, how often each proof was used, and the counts of the coverage
//! report. In an SQLite file, or on a Redis or Valkey server that several MX hosts share.
//!
//! Mail never waits for a write: what is to be written goes into a queue, and what that has no room for is dropped and
//! counted. A question waits a second at most, and not at all while the store is known to be down: it is tried again in
//! the background, one attempt at a time. What waits in the queue is known all the same. Only this layer names `sqlx` and `redis`.

mod backend;
mod health;
mod keeper;
mod redis;
mod sqlite;
mod unavailable;
mod unwritten;
mod url;
mod writer;

use std::{fmt, ops::RangeInclusive, sync::Arc};

use futures_util::future::BoxFuture;

pub use health::Health;
pub use unavailable::{Reason, Unavailable};
pub use url::{StoreUrl, StoreUrlError};

use crate::core::proof::{
    coverage::{Count, CoverageRow},
    ledger::{Hash, Remembered, Sent},
};

/// What is stored, and asked for.
pub trait Store: fmt::Debug + Send + Sync {
    /// Remembers an outgoing message. Never waits.
    fn remember(&self, sent: Sent);

    /// Counts for the coverage report; `day` is in days since 1970-01-01. Never waits.
    fn count(&self, day: u64, count: Count);

    /// The newest entry of any of these Message-IDs.
    fn sent(&self, message: Vec<Hash>) -> BoxFuture<'_, Result<Option<Remembered>, Unavailable>>;

    /// When any of these senders last sent, in seconds since 1970.
    fn last_sent(&self, senders: Vec<Hash>) -> BoxFuture<'_, Result<Option<u64>, Unavailable>>;

    /// Counts one more use of a proof of this message, and gives how many there are now, this one included: no two
    /// callers get the same number. It is forgotten at the latest `until` that was given. Times are in seconds since
    /// 1970.
    fn use_proof(
        &self,
        message: Hash,
        now: u64,
        until: u64,
    ) -> BoxFuture<'_, Result<u32, Unavailable>>;

    /// What was counted on these days, which are days since 1970-01-01, in order of day and thing.
    fn coverage(
        &self,
        days: RangeInclusive<u64>,
    ) -> BoxFuture<'_, Result<Vec<CoverageRow>, Unavailable>>;

    /// Waits until all that was queued before is written, at most 3 s.
    fn flush(&self) -> BoxFuture<'_, ()>;

    /// How it fares.
    fn health(&self) -> Health;
}

/// Opens a store, whose ledger keeps entries for `keep_days`. That it is down now is no error: it is tried again in the
/// background until it is there. To be called within a tokio runtime.
pub fn open(url: &StoreUrl, keep_days: u64) -> Arc<dyn Store> {
    match url.place() {
        url::Place::Sqlite(path) => keeper::start(sqlite::Sqlite::new(url, path, keep_days)),
        url::Place::Redis(server) => keeper::start(redis::Redis::new(url, server, keep_days)),
    }
}
