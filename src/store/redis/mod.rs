//! The store on a Redis or Valkey server, which several MX hosts may share.
//!
//! Every key has a lifetime, so the server forgets by itself. A message is `backstop:1:m:HASH`, a sender
//! `backstop:1:s:HASH`, the uses of a proof `backstop:1:u:HASH`, what was counted on a day
//! `backstop:1:c:DAY:KIND`, what is learned of some addresses `backstop:1:l:[OF:]SHARD`, the records of all sieges
//! `backstop:1:sieges`; of an attack, what was counted in an hour is `backstop:1:a:HOUR:KIND`, and the samples are
//! `backstop:1:samples`. 1 is the version of the schema, which new kinds of keys leave as it is: hosts of both versions may
//! share a server while they are upgraded.

mod attack;
mod connect;
mod failure;
mod learned;
mod siege;
mod uses;
mod write;

use std::{fmt, ops::RangeInclusive, time::Duration};

use redis::{aio::MultiplexedConnection, cmd, pipe};

use self::failure::unavailable;
use super::{
    Keep, SiegeRecords, StoreUrl, Unavailable,
    backend::{Backend, Batch, now},
    held::Held,
    url::RedisServer,
};
use crate::core::{
    attack::{AttackRow, Sample},
    learned::Learned,
    proof::{
        DAY,
        coverage::{self, CoverageCount, CoverageRow},
        ledger::{Hash, Remembered},
        today,
        uses::{Attempt, Use},
    },
};

/// What all keys begin with.
const PREFIX: &str = "backstop:1:";

/// The store on a server.
pub(super) struct Redis {
    name: String,
    server: RedisServer,
    keep: Keep,
    connection: Held<MultiplexedConnection>,
}

impl Redis {
    pub fn new(url: &StoreUrl, server: &RedisServer, keep: Keep) -> Self {
        Self {
            name: url.to_string(),
            server: server.clone(),
            keep,
            connection: Held::nothing(),
        }
    }

    fn connection(&self) -> Result<MultiplexedConnection, Unavailable> {
        self.connection.held(&self.name)
    }

    /// How long an entry of the ledger is kept, in seconds.
    fn keep_sent(&self) -> u64 {
        self.keep.ledger_days.saturating_mul(DAY)
    }

    /// The error in words that name the server.
    fn failed(&self, error: redis::RedisError) -> Unavailable {
        unavailable(&self.name, error)
    }

    /// The values of these keys, without those that aren't there.
    async fn values(&self, keys: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Unavailable> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.connection()?;
        let values: Result<Vec<Option<Vec<u8>>>, _> =
            cmd("MGET").arg(keys).query_async(&mut connection).await;
        let values = values.map_err(|error| self.failed(error))?;
        Ok(values.into_iter().flatten().collect())
    }
}

impl Backend for Redis {
    /// A bounce may come to another MX host, and soon.
    const GATHER: Duration = Duration::from_millis(10);

    fn name(&self) -> impl fmt::Display + Send {
        &self.name
    }

    async fn open(&self) -> Result<(), Unavailable> {
        let connection = connect::connect(&self.name, &self.server).await;
        self.connection.hold(connection)
    }

    async fn write(&self, batch: &mut Batch) -> Result<(), Unavailable> {
        let mut connection = self.connection()?;
        // Written twice they are the same.
        let sent = write::sent(&batch.sent, self.keep_sent(), now());
        write::run(&mut connection, sent)
            .await
            .map_err(|error| self.failed(error))?;
        batch.sent.clear();
        let Keep {
            learned_days,
            most_learned,
            ..
        } = self.keep;
        let learned = learned::learn(&batch.learned, learned_days, most_learned, now());
        write::run(&mut connection, learned)
            .await
            .map_err(|error| self.failed(error))?;
        batch.learned.clear();
        // Not so counts: when they fail half-way, those not yet counted are lost.
        let counts = write::counts(&std::mem::take(&mut batch.counts), today(now()));
        let written = write::run(&mut connection, counts).await;
        written.map_err(|error| self.failed(error))?;
        let attack = attack::written(batch, now());
        batch.attack.clear();
        batch.samples.clear();
        let written = write::run(&mut connection, attack).await;
        written.map_err(|error| self.failed(error))
    }

    async fn prune(&self, now: u64) -> Result<(), Unavailable> {
        // All else the server does. And one that went away is noticed though nobody asks anything.
        let mut connection = self.connection()?;
        let pruned = async {
            let () = siege::prune().invoke_async(&mut connection).await?;
            attack::prune(now).query_async(&mut connection).await
        };
        let pruned: Result<(), _> = pruned.await;
        pruned.map_err(|error| self.failed(error))
    }

    async fn sent(&self, message: &[Hash], now: u64) -> Result<Option<Remembered>, Unavailable> {
        let values = self.values(keys("m:", message)).await?;
        let found = values.iter().filter_map(|value| write::read_sent(value));
        Ok(found
            .filter(|entry| entry.at >= now.saturating_sub(self.keep_sent()))
            .max_by_key(|entry| entry.at))
    }

    async fn last_sent(&self, senders: &[Hash], now: u64) -> Result<Option<u64>, Unavailable> {
        let values = self.values(keys("s:", senders)).await?;
        let times = values
            .iter()
            .filter_map(|value| str::from_utf8(value).ok()?.parse().ok());
        Ok(times
            .filter(|&at| at >= now.saturating_sub(self.keep_sent()))
            .max())
    }

    async fn use_proof(
        &self,
        message: Hash,
        attempt: &Attempt,
        until: u64,
    ) -> Result<Use, Unavailable> {
        let mut connection = self.connection()?;
        let used = uses::take(&mut connection, message, attempt, until).await;
        used.map_err(|error| self.failed(error))
    }

    async fn coverage(&self, days: RangeInclusive<u64>) -> Result<Vec<CoverageRow>, Unavailable> {
        let mut connection = self.connection()?;
        // No more days than are kept, whatever is asked for.
        let first = today(now()).saturating_sub(coverage::KEEP_DAYS);
        let last = today(now()).saturating_add(1);
        let days = first.max(*days.start())..=last.min(*days.end());
        let asked: Vec<_> = days
            .flat_map(|day| CoverageCount::KINDS.map(|kind| (day, kind)))
            .collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let mut commands = pipe();
        for &(day, kind) in &asked {
            commands.cmd("HGETALL").arg(write::coverage_key(day, kind));
        }
        let counted: Result<Vec<Vec<(String, u64)>>, _> =
            commands.query_async(&mut connection).await;
        let counted = counted.map_err(|error| self.failed(error))?;
        let rows = asked
            .into_iter()
            .zip(counted)
            .flat_map(|((day, kind), counted)| {
                counted.into_iter().filter_map(move |(texts, times)| {
                    let (first, second) = texts.split_once(write::BETWEEN)?;
                    let count = CoverageCount::stored(kind, first.to_owned(), second.to_owned())?;
                    Some(CoverageRow { day, count, times })
                })
            });
        Ok(rows.collect())
    }

    async fn learned(
        &self,
        addresses: &[Hash],
        today: u64,
    ) -> Result<Option<Learned>, Unavailable> {
        if addresses.is_empty() {
            return Ok(None);
        }
        let mut connection = self.connection()?;
        let values: Result<Vec<Option<Vec<u8>>>, _> =
            learned::ask(addresses).query_async(&mut connection).await;
        let values = values.map_err(|error| self.failed(error))?;
        let since = today.saturating_sub(self.keep.learned_days);
        let learned = values.into_iter().flatten();
        Ok(learned
            .filter_map(|value| learned::read(&value, since))
            .reduce(Learned::and))
    }

    async fn siege_records(&self) -> Result<SiegeRecords, Unavailable> {
        let mut connection = self.connection()?;
        let answer: Result<siege::Answer, _> = siege::ask().query_async(&mut connection).await;
        let ((seconds, micros), values) = answer.map_err(|error| self.failed(error))?;
        Ok(SiegeRecords {
            now_millis: seconds.saturating_mul(1_000).saturating_add(micros / 1_000),
            records: values
                .into_iter()
                .filter_map(|(name, value)| siege::read(name, &value))
                .collect(),
        })
    }

    async fn write_siege_record(
        &self,
        name: &str,
        seen: u64,
        bytes: &[u8],
    ) -> Result<Option<u64>, Unavailable> {
        let mut connection = self.connection()?;
        let written: Result<i64, _> = siege::write(name, seen, bytes)
            .invoke_async(&mut connection)
            .await;
        match written.map_err(|error| self.failed(error))? {
            siege::CHANGED => Ok(None),
            version => Ok(u64::try_from(version).ok()),
        }
    }

    async fn attack(&self, hours: RangeInclusive<u64>) -> Result<Vec<AttackRow>, Unavailable> {
        let rows = attack::rows(&mut self.connection()?, hours, now()).await;
        rows.map_err(|error| self.failed(error))
    }

    async fn samples(&self, time: RangeInclusive<u64>) -> Result<Vec<Sample>, Unavailable> {
        let samples = attack::samples(&mut self.connection()?, time).await;
        samples.map_err(|error| self.failed(error))
    }
}

/// The longest lifetime of a key: a server refuses those beyond what its clock can count.
const LONGEST: u64 = 10_000 * DAY;

fn key(kind: &str, hash: Hash) -> Vec<u8> {
    [PREFIX.as_bytes(), kind.as_bytes(), hash.as_bytes()].concat()
}

fn keys(kind: &str, hashes: &[Hash]) -> Vec<Vec<u8>> {
    hashes.iter().map(|&hash| key(kind, hash)).collect()
}
