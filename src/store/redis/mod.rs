//! The store on a Redis or Valkey server, which several MX hosts may share.
//!
//! Each key has a lifetime, so the server deletes it by itself:
//!
//! | key | what |
//! |---|---|
//! | `backstop:1:message:HASH` | a message of the ledger, by its Message-ID |
//! | `backstop:1:sender:HASH` | when a sender last sent |
//! | `backstop:1:uses:HASH` | how often the proof of a message was used |
//! | `backstop:1:coverage:DAY:KIND` | what the coverage report counts |
//! | `backstop:1:learned:[OF:]SHARD` | some of the addresses that are learned |
//! | `backstop:1:sieges` | the records of all sieges |
//! | `backstop:1:attack:HOUR:KIND` | what the attack report counts |
//! | `backstop:1:would:DAY[:PART]` | what was accepted only because of monitoring: counts, examples, groups by reason, senders |
//! | `backstop:1:samples`, `backstop:1:sampled:HOUR:NETWORK` | samples, and how many there are of a network in an hour |
//!
//! 1 is the version of the schema.

mod attack;
mod connect;
mod coverage;
mod failure;
mod learned;
mod ledger;
mod siege;
mod uses;
mod would;

use std::time::Duration;

use redis::{Pipeline, RedisError, RedisResult, aio::MultiplexedConnection, pipe};

use super::{
    Retention, StoreUrl, Unavailable,
    batch::{Batch, Counts, now},
    supervisor::{Backend, Opened},
    url::RedisServer,
};
use crate::core::proof::{DAY, ledger::Hash, today};
use failure::Done;

/// The start of all keys.
const PREFIX: &str = "backstop:1:";
/// The maximum lifetime of a key: servers refuse much longer ones.
const LONGEST: u64 = 10_000 * DAY;
/// The separator of the texts of a count: no address and no outcome has it.
const BETWEEN: char = '\n';
/// How many digits a time or a version has, so that scripts can compare them as text: Lua's numbers can't hold all of ours.
const DIGITS: usize = 20;

/// The store on a server.
pub(super) struct Redis {
    name: String,
    server: RedisServer,
    retention: Retention,
}

impl Redis {
    pub fn new(url: &StoreUrl, server: &RedisServer, retention: Retention) -> Self {
        Self {
            name: url.to_string(),
            server: server.clone(),
            retention,
        }
    }

    /// How long an entry of the ledger is kept, in seconds.
    fn ledger_seconds(&self) -> u64 {
        self.retention.ledger_days.saturating_mul(DAY)
    }
}

impl Backend for Redis {
    /// A bounce may come to another MX host, and soon.
    const GATHER: Duration = Duration::from_millis(10);

    type Connection = MultiplexedConnection;

    type Error = RedisError;

    fn name(&self) -> &str {
        &self.name
    }

    async fn open(&self) -> Result<Opened<MultiplexedConnection>, Unavailable> {
        let connection = connect::connect(&self.name, &self.server).await?;
        Ok(Opened {
            connection,
            gone: 0,
        })
    }

    async fn write(
        &self,
        connection: &MultiplexedConnection,
        batch: &mut Batch,
    ) -> Result<(), Unavailable> {
        let mut connection = connection.clone();
        let now = now();
        // These may be written twice.
        let entries = ledger::written(&batch.sent, self.ledger_seconds(), now);
        run(&mut connection, entries)
            .await
            .map_err(|error| self.failed(error))?;
        batch.sent.clear();
        let counts = &mut batch.counts;
        let learned = learned::written(&counts.learned, &self.retention, now);
        run(&mut connection, learned)
            .await
            .map_err(|error| self.failed(error))?;
        counts.learned.clear();
        // Another store could not write them.
        while let Some(proof) = counts.uses.front() {
            uses::take(&mut connection, proof)
                .await
                .map_err(|error| self.failed(error))?;
            counts.uses.pop_front();
        }
        // Counts must not. The server does all of them or none, unless it has no room for some.
        let mut commands = pipe();
        commands.atomic();
        coverage::written(&mut commands, &counts.coverage, today(now));
        attack::written(&mut commands, counts, now);
        would::written(&mut commands, counts, today(now));
        let all = commands.len();
        let added = run(&mut connection, commands).await;
        let lost = match added.as_ref().map_err(|error| Done::by(error, all)) {
            Ok(()) => Some(0),
            Err(Done::AllBut(commands)) => u64::try_from(commands).ok(),
            Err(Done::Unknown) => Some(counts.times()),
            Err(Done::Nothing) => None,
        };
        if let Some(lost) = lost {
            *counts = Counts {
                lost,
                ..Counts::default()
            };
        }
        added.map_err(|error| self.failed(error))
    }

    async fn prune(&self, connection: &MultiplexedConnection, now: u64) -> Result<(), Unavailable> {
        // The server deletes all else by itself. This also notices a server that went away while nobody asks.
        let mut connection = connection.clone();
        let pruned = async {
            siege::prune(&mut connection).await?;
            attack::prune(&mut connection, now).await
        };
        pruned.await.map_err(|error| self.failed(error))
    }

    async fn close(&self, _connection: MultiplexedConnection) {}

    fn failed(&self, error: RedisError) -> Unavailable {
        failure::unavailable(&self.name, error)
    }
}

async fn run(connection: &mut MultiplexedConnection, commands: Pipeline) -> RedisResult<()> {
    if commands.is_empty() {
        return Ok(());
    }
    commands.exec_async(connection).await
}

fn key(kind: &str, hash: Hash) -> Vec<u8> {
    [PREFIX.as_bytes(), kind.as_bytes(), b":", hash.as_bytes()].concat()
}
