//! The store in a file: SQLite in WAL mode, one connection that writes and two that read.
//!
//! With `synchronous=NORMAL` a crash of Backstop loses the entries in the queue. A crash of the machine also loses what was
//! committed since the last checkpoint of the WAL, some thousand pages at most. It never damages the file.

mod attack;
mod coverage;
mod failure;
mod learned;
mod ledger;
mod prune;
mod schema;
mod siege;
mod uses;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Executor, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{
    Retention, StoreUrl, Unavailable,
    batch::{Batch, now},
    supervisor::Backend,
};
use crate::core::proof::{DAY, today};

/// How many connections read.
const READERS: u32 = 2;
/// How long the writer waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);
/// The maximum number of entries in the ledger: about a gigabyte if messages have few recipients.
const MAX_SENT: u32 = 5_000_000;
/// The maximum number of octets in use, 4 GiB: then the oldest entries of the ledger are deleted. The file does not shrink.
const LARGEST: i64 = 1 << 32;
/// The size that the WAL is cut to after a checkpoint, in octets.
const LARGEST_WAL: &str = "67108864";

/// The store in a file.
pub(super) struct Sqlite {
    name: String,
    path: PathBuf,
    retention: Retention,
}

/// The connections to the file.
pub(super) struct Connections {
    /// The device and inode of the file.
    file: (u64, u64),
    writer: Mutex<SqliteConnection>,
    readers: SqlitePool,
}

impl Sqlite {
    pub fn new(url: &StoreUrl, path: &Path, retention: Retention) -> Self {
        Self {
            name: url.to_string(),
            path: path.to_owned(),
            retention,
        }
    }

    /// Whether the file is still the one that was opened: writes to a file that was moved away are lost.
    fn is_in_place(&self, open: &Connections) -> Result<(), Unavailable> {
        let file = schema::identity(&self.path).ok();
        match file == Some(open.file) {
            true => Ok(()),
            false => Err(failure::moved(&self.name)),
        }
    }

    /// The first second from which the ledger is kept at `now`.
    fn ledger_since(&self, now: u64) -> i64 {
        integer(now.saturating_sub(self.retention.ledger_days.saturating_mul(DAY)))
    }

    /// The first day from which addresses are kept.
    fn learned_since(&self, today: u64) -> i64 {
        integer(today.saturating_sub(self.retention.learned_days))
    }
}

impl Backend for Sqlite {
    const GATHER: Duration = Duration::from_millis(200);

    type Connection = Arc<Connections>;

    type Error = sqlx::Error;

    fn name(&self) -> &str {
        &self.name
    }

    async fn open(&self) -> Result<Arc<Connections>, Unavailable> {
        let no_file = |error: io::Error| failure::no_file(&self.name, &self.path, &error);
        schema::make_file(&self.path).map_err(no_file)?;
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .disable_statement_logging();
        let for_writer = options
            .clone()
            .busy_timeout(BUSY)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("journal_size_limit", LARGEST_WAL);
        let writer = for_writer.connect().await;
        let mut writer = writer.map_err(|error| self.failed(error))?;
        schema::prepare(&mut writer, &self.name).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // Not read_only: the last connection to close must put the WAL into the file.
            .connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Arc::new(Connections {
            file: schema::identity(&self.path).map_err(no_file)?,
            writer: Mutex::new(writer),
            readers,
        }))
    }

    async fn write(&self, open: &Arc<Connections>, batch: &mut Batch) -> Result<(), Unavailable> {
        self.is_in_place(open)?;
        let mut writer = open.writer.lock().await;
        let learned_since = self.learned_since(today(now()));
        let written = write(&mut writer, batch, learned_since).await;
        written.map_err(|error| self.failed(error))?;
        *batch = Batch::default();
        Ok(())
    }

    async fn prune(&self, open: &Arc<Connections>, now: u64) -> Result<(), Unavailable> {
        self.is_in_place(open)?;
        let pruned = async {
            let writer = &open.writer;
            ledger::prune(writer, self.ledger_since(now), MAX_SENT).await?;
            uses::prune(writer, now).await?;
            coverage::prune(writer, today(now)).await?;
            attack::prune(writer, now).await?;
            ledger::shrink(writer, LARGEST).await?;
            let max = integer(self.retention.max_learned);
            learned::prune(writer, self.learned_since(today(now)), max).await?;
            siege::prune(writer, now).await
        };
        pruned.await.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: sqlx::Error) -> Unavailable {
        failure::unavailable(&self.name, &error)
    }
}

/// Writes all of a batch or nothing.
///
/// Not sqlx's transaction: SQLite itself ends one when the disk is full, and sqlx does not notice.
async fn write(
    writer: &mut SqliteConnection,
    batch: &Batch,
    learned_since: i64,
) -> sqlx::Result<()> {
    writer.execute("BEGIN IMMEDIATE").await?;
    let mut written = async {
        ledger::insert(writer, &batch.sent).await?;
        coverage::insert(writer, &batch.counts).await?;
        for learn in &batch.learned {
            learned::learn(writer, learn, learned_since).await?;
        }
        attack::insert(writer, batch).await
    }
    .await;
    if written.is_ok() {
        written = writer.execute("COMMIT").await.map(drop);
    }
    if written.is_err() {
        // SQLite may have ended it already.
        let _ = writer.execute("ROLLBACK").await;
    }
    written
}

/// SQLite's integers are signed.
fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn natural(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests;
