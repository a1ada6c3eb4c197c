//! What can only be tested from within.

mod file;
mod forgotten;
mod readers;
mod uses;

use sqlx::Executor;
use tempfile::TempDir;

use super::*;
use crate::{
    core::{
        learned::Learn,
        proof::{
            coverage::CoverageCount,
            ledger::{Hash, Sent},
            uses::{Attempt, Counter, KeptUses, Use},
        },
        siege::Written,
    },
    store::{Reason, SiegeWrite, batch::ProofUse},
};

const RETENTION: Retention = Retention {
    ledger_days: 30,
    learned_days: 10,
    max_learned: 100,
};
/// Some day in 2024.
const NOW: u64 = 19_800 * DAY;

/// An open store without its background tasks.
struct Opened {
    sqlite: Sqlite,
    open: Arc<Connections>,
}

async fn opened() -> (TempDir, Opened) {
    let folder = lab::mta::folder_in_memory().unwrap();
    let url: StoreUrl = format!("sqlite:{}/state.db", folder.path().display())
        .parse()
        .unwrap();
    let sqlite = Sqlite::new(&url, url.file().unwrap(), RETENTION);
    let open = sqlite.open().await.unwrap().connection;
    (folder, Opened { sqlite, open })
}

impl Opened {
    async fn write(&self, batch: &mut Batch) -> Result<(), Unavailable> {
        self.sqlite.write(&self.open, batch).await
    }

    async fn prune(&self, now: u64) -> Result<(), Unavailable> {
        self.sqlite.prune(&self.open, now).await
    }

    /// Adds entries at `now`.
    async fn insert(&self, entries: &[Sent], now: u64) {
        let mut writer = self.open.writer.lock().await.unwrap();
        let since = self.sqlite.ledger_since(now);
        let inserted = ledger::insert(&mut writer, entries, since, integer(now)).await;
        inserted.unwrap();
    }

    /// Whether a message is known at `now`.
    async fn has(&self, message: u8, now: u64) -> bool {
        let since = self.sqlite.ledger_since(now);
        let found = ledger::sent(&self.open.readers, &[hash(message)], since).await;
        found.unwrap().is_some()
    }

    /// How many days are known of an address.
    async fn learned(&self, address: u8, today: u64) -> Option<u32> {
        let since = self.sqlite.learned_since(today);
        let found = learned::learned(&self.open.readers, &[hash(address)], since).await;
        found.unwrap().map(|learned| learned.days)
    }

    async fn use_proof(&self, message: u8, now: u64, until: u64) -> Use {
        let proof = ProofUse {
            message: hash(message),
            attempt: attempt(now),
            until,
        };
        let mut kept = self.kept(message).await;
        let used = kept.take(&proof.attempt, until);
        let mut writer = self.open.writer.lock().await.unwrap();
        let written = super::uses::insert(&mut writer, &[proof].into()).await;
        written.unwrap();
        used
    }

    async fn kept(&self, message: u8) -> KeptUses {
        let kept = super::uses::kept(&self.open.readers, hash(message)).await;
        kept.unwrap()
    }

    async fn number(&self, query: &'static str) -> i64 {
        let mut reader = self.open.readers.lend().await.unwrap();
        let number = sqlx::query_scalar(query).fetch_one(reader.connection().unwrap());
        number.await.unwrap()
    }

    async fn on_writer(&self, statement: &'static str) {
        let mut writer = self.open.writer.lock().await.unwrap();
        writer.execute(statement).await.unwrap();
    }
}

fn attempt(now: u64) -> Attempt {
    Attempt {
        counter: Counter::Failure,
        limit: 5,
        notification: None,
        now,
    }
}

/// The result of the first use.
const FIRST: Use = Use::Counted { times: 1, limit: 5 };

fn hash(number: u8) -> Hash {
    Hash::from_bytes([number; 16])
}

fn sent(number: u8, at: u64) -> Sent {
    sent_as(hash(number), at)
}

/// Any other hash of this kind.
fn another(kind: u8, number: u64) -> Hash {
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(
        &(number + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes(),
    );
    Hash::from_bytes(bytes)
}

fn sent_as(message: Hash, at: u64) -> Sent {
    Sent {
        message: Some(message),
        sender: Some(message),
        recipients: vec![hash(0); 100],
        hosts: vec![hash(1); 2],
        recipient_count: 100,
        at,
        domain: None,
    }
}

fn batch(sent: impl IntoIterator<Item = Sent>) -> Batch {
    Batch {
        sent: sent.into_iter().collect(),
        ..Batch::default()
    }
}

/// That an address got mail on a day.
fn accepted(number: u8, day: u64) -> Learn {
    Learn {
        address: hash(number),
        day,
        sent: false,
    }
}
