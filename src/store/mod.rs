//! What outlives a message: the ledger of outgoing mail, how often each proof was used, the counts of the reports and
//! samples of refused bounces, the addresses that are learned, and the siege of each domain. In an SQLite file, or on a
//! Redis or Valkey server that several MX hosts share.
//!
//! Mail never waits for a write: what is to be written goes into a queue, and what that has no room for is dropped and
//! counted. A question waits a second at most, and not at all while the store is known to be down: it is tried again in
//! the background, one attempt at a time. What waits in the queue is known all the same. Only this layer names `sqlx` and `redis`.

mod backend;
mod health;
mod held;
mod keeper;
mod redis;
mod siege;
mod sqlite;
mod unavailable;
mod unwritten;
mod url;
mod writer;

use std::{fmt, ops::RangeInclusive, sync::Arc};

use futures_util::future::BoxFuture;

pub use health::Health;
pub use siege::{LONGEST_NAME, LONGEST_RECORD, MOST_RECORDS, SiegeRecord, SiegeRecords};
pub use unavailable::{Reason, Unavailable};
pub use url::StoreUrl;
use writer::Queue;

use crate::core::{
    attack::{AttackCount, AttackRow, Sample},
    learned::{Learn, Learned},
    proof::{
        coverage::{CoverageCount, CoverageRow},
        ledger::{Hash, Remembered, Sent},
        uses::{Attempt, Use},
    },
};

/// What is stored, and asked for.
pub trait Store: fmt::Debug + Send + Sync {
    /// Remembers an outgoing message. Never waits.
    fn remember(&self, sent: Sent);

    /// Counts for the coverage report; `day` is in days since 1970-01-01. Never waits.
    fn count(&self, day: u64, count: CoverageCount);

    /// Learns something of an address. What is learned again changes nothing, nor do days before the last one. Never waits.
    /// `false`: there was no room for it.
    fn learn(&self, learn: Learn) -> bool;

    /// Counts a bounce for the attack report; `hour` is in hours since 1970. Never waits.
    fn count_attack(&self, hour: u64, counts: Vec<AttackCount>);

    /// Keeps a sample, unless there are enough of its network and hour, or too many wait already. Never waits.
    fn keep_sample(&self, sample: Sample);

    /// The newest entry of any of these Message-IDs.
    fn sent(&self, message: Vec<Hash>) -> BoxFuture<'_, Result<Option<Remembered>, Unavailable>>;

    /// When any of these senders last sent, in seconds since 1970.
    fn last_sent(&self, senders: Vec<Hash>) -> BoxFuture<'_, Result<Option<u64>, Unavailable>>;

    /// Has a notification use a proof of this message, and gives what becomes of it ([`Uses::take`]): no two callers, on
    /// whatever host, find the same uses. They are forgotten at the latest `until` that was given, which is in seconds since
    /// 1970.
    ///
    /// [`Uses::take`]: crate::core::proof::uses::Uses::take
    fn use_proof(
        &self,
        message: Hash,
        attempt: Attempt,
        until: u64,
    ) -> BoxFuture<'_, Result<Use, Unavailable>>;

    /// What was counted on these days, which are days since 1970-01-01, in order of day and thing.
    fn coverage(
        &self,
        days: RangeInclusive<u64>,
    ) -> BoxFuture<'_, Result<Vec<CoverageRow>, Unavailable>>;

    /// What was learned of an address, which is given by its hashes, one for each key that may have written it.
    fn learned(&self, addresses: Vec<Hash>) -> BoxFuture<'_, Result<Option<Learned>, Unavailable>>;

    /// The records of all sieges, in order of their names, and the time by the store's clock.
    fn siege_records(&self) -> BoxFuture<'_, Result<SiegeRecords, Unavailable>>;

    /// Writes the record of a siege where it still has the version `seen`, or where there is none if that is 0, and gives
    /// its new version: no other record of this name had it or will. `None`: somebody else has written it meanwhile, and
    /// it is as he left it. After an error it may have been written: read it again. It is kept for 100 days; where there
    /// are [`MOST_RECORDS`], a new one takes the place of the one that was written longest ago.
    ///
    /// # Errors
    ///
    /// [`Reason::Other`] also where the name is empty or longer than [`LONGEST_NAME`], or the record longer than
    /// [`LONGEST_RECORD`].
    fn write_siege_record(
        &self,
        name: String,
        seen: u64,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<Option<u64>, Unavailable>>;

    /// What was counted in these hours, which are hours since 1970, in order of hour and thing.
    fn attack(
        &self,
        hours: RangeInclusive<u64>,
    ) -> BoxFuture<'_, Result<Vec<AttackRow>, Unavailable>>;

    /// The samples of this time, which is in seconds since 1970, the oldest first.
    fn samples(&self, time: RangeInclusive<u64>)
    -> BoxFuture<'_, Result<Vec<Sample>, Unavailable>>;

    /// Another store takes this one's place: when this one is dropped, what it can't write is given to that.
    fn hand_over_to(&self, successor: &dyn Store) {
        if let (Some(own), Some(successor)) = (self.queue(), successor.queue()) {
            own.hand_over_to(successor);
        }
    }

    /// What waits to be written; none where nothing ever waits.
    fn queue(&self) -> Option<&Queue> {
        None
    }

    /// Waits until all that was queued before is written, at most 3 s.
    fn flush(&self) -> BoxFuture<'_, ()>;

    /// How it fares.
    fn health(&self) -> Health;
}

/// How much is kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How many days an entry of the ledger is kept.
    pub ledger_days: u64,
    /// How many days an address is kept after the last on which something was learned of it.
    pub learned_days: u64,
    /// The most addresses that are kept. Those with the least known of them go first: mail on one day only. So a stranger
    /// who writes to ever new addresses drives out what he brought, not what others did. Of those the oldest go.
    ///
    /// SQLite has more of them for a minute at most. Redis spreads them over up to 8,192 keys, each with room for its share
    /// and somewhat more, of which an eighth goes when it is full: so of 720 and more there are up to half more.
    pub most_learned: u64,
}

/// Opens a store. That it is down now is no error: it is tried again in the background until it is there. To be called
/// within a tokio runtime.
pub fn open(url: &StoreUrl, keep: Keep) -> Arc<dyn Store> {
    match url.target() {
        url::Place::Sqlite(path) => keeper::start(sqlite::Sqlite::new(url, path, keep)),
        url::Place::Redis(server) => keeper::start(redis::Redis::new(url, server, keep)),
    }
}
