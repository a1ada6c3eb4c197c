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
//! | `backstop:1:sieges:records`, `backstop:1:sieges:versions`, `backstop:1:sieges:invented` | the records of all sieges, their
//! versions in order, and those of names that strangers may have invented |
//! | `backstop:1:attack:HOUR:KIND` | what the attack report counts |
//! | `backstop:1:forged` | Message-IDs of mail that somebody forged |
//! | `backstop:1:would:DAY[:PART]` | what was accepted only because of monitoring: counts, examples, groups by reason, senders |
//! | `backstop:1:dmarc:DAY`, `backstop:1:dmarc:DAY:taken` | DMARC reports, and how much room they take |
//! | `backstop:1:samples`, `backstop:1:sampled:HOUR:NETWORK` | samples, and how many there are of a network in an hour |
//!
//! 1 is the version of the schema.

mod attack;
mod connect;
mod coverage;
mod domains;
mod failure;
mod forged;
mod learned;
mod ledger;
mod reports;
mod sentinels;
mod siege;
mod uses;
mod would;

use std::time::Duration;

use redis::{Pipeline, RedisError, RedisResult, aio::MultiplexedConnection, pipe};

use super::{
    Reason, Retention, StoreUrl, Unavailable,
    batch::{Batch, Counts, now},
    supervisor::{Backend, Opened},
    url::{Address, RedisServer},
};
use crate::core::proof::{DAY, ledger::Hash, today};
use failure::Done;
use sentinels::Master;

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
    /// Where sentinels name it.
    master: Option<Master>,
}

impl Redis {
    pub fn new(url: &StoreUrl, server: &RedisServer, retention: Retention) -> Self {
        Self {
            name: url.to_string(),
            server: server.clone(),
            retention,
            master: matches!(server.address, Address::BySentinels(_)).then(Master::default),
        }
    }

    /// Asks the sentinels whether the server is still the master: one that the network has cut off from the others
    /// takes it for granted.
    async fn follow(&self) -> Result<(), Unavailable> {
        let Some(master) = &self.master else {
            return Ok(());
        };
        let client = match connect::client(&self.name, &self.server).await {
            Ok(client) => client,
            // That nobody watches the server does not mean that it can't be used.
            Err(error) => {
                if master.is_watched(false) {
                    log::warn!("store: {error}; the master of before is used on");
                }
                return Ok(());
            }
        };
        if master.is_watched(true) {
            log::info!("store: {}: its sentinels answer again", self.name);
        }
        let at = client.get_connection_info().addr().to_string();
        if master.is_still(&at) {
            return Ok(());
        }
        let text = format!("{}: the sentinels call {at} the master now", self.name);
        Err(Unavailable::new(Reason::Down, text))
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
        let (mut connection, at) = connect::connect(&self.name, &self.server).await?;
        let missing = self
            .master
            .as_ref()
            .and_then(|master| master.is_at(at.clone()));
        if let Some(entries) = missing {
            log::info!("store: {}: {at} is the master now", self.name);
            let entries = ledger::written(&entries, self.ledger_seconds(), now());
            run(&mut connection, entries)
                .await
                .map_err(|error| self.failed(error))?;
        }
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
        if let Some(master) = &self.master {
            master.wrote(&batch.sent, now);
        }
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
        domains::written(&mut commands, counts, now);
        forged::written(&mut commands, &counts.forged, now);
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
        self.follow().await?;
        // The server deletes all else by itself. This also notices a server that went away while nobody asks.
        let mut connection = connection.clone();
        let pruned = async {
            siege::prune(&mut connection).await?;
            domains::prune(&mut connection, now).await?;
            attack::prune(&mut connection, now).await
        };
        pruned.await.map_err(|error| self.failed(error))
    }

    async fn close(&self, _connection: MultiplexedConnection) {}

    fn failed(&self, error: RedisError) -> Unavailable {
        let failed = failure::unavailable(&self.name, error);
        match (&self.master, failed.reason()) {
            // It was the master until now, and the sentinels know another.
            (Some(_), Reason::ReadOnly) => {
                let text = format!("{}: this server is no longer the master", self.name);
                Unavailable::new(Reason::Down, text)
            }
            _ => failed,
        }
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
