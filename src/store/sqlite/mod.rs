//! The store in a file: SQLite in WAL mode, one connection that writes and two that read.
//!
//! Entries of the ledger are durable once they are committed (`synchronous=FULL`: each commit ends with an fsync of the WAL,
//! and all messages that wait share one). Other writes are not worth an fsync (`synchronous=NORMAL`): they survive a crash of
//! Backstop, and a crash of the machine takes those since the last fsync. Neither damages the file.

mod attack;
mod coverage;
mod domains;
mod failure;
mod forged;
mod learned;
mod ledger;
mod prune;
mod readers;
mod reports;
mod rows;
mod schema;
mod siege;
mod uses;
mod would;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use readers::Readers;
use schema::Identity;
use sqlx::{
    ConnectOptions, Executor, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use writer::Writer;

use super::{
    Retention, StoreUrl, Unavailable,
    batch::{Batch, now},
    supervisor::{Backend, Opened},
};
use crate::core::proof::{DAY, today};

/// How many connections read.
const READERS: usize = 2;
/// How many rows of a report are read ahead.
const ROWS_AHEAD: usize = 1_000;
/// How long the writer waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);
/// The maximum number of entries in the ledger: half a gigabyte if messages have few recipients.
const MAX_SENT: i64 = 5_000_000;
/// The maximum number of octets in use, 4 GiB: then the oldest entries of the ledger are deleted. The file does not shrink.
const LARGEST: i64 = 1 << 32;
/// The number of pages in the WAL after which they are put into the file, 64 MB: each is put there once, however often it was
/// written meanwhile.
const CHECKPOINT: &str = "16000";
/// The size that the WAL is cut to after that, in octets.
const LARGEST_WAL: &str = "67108864";
/// The memory for pages of the connection that writes, 32 MB: the segment of the ledger that is written to.
const WRITER_CACHE: &str = "-32768";

/// The store in a file.
pub(super) struct Sqlite {
    name: String,
    path: PathBuf,
    retention: Retention,
    last: Mutex<LastFile>,
}

/// The file that was opened last.
#[derive(Clone, Copy, Debug, Default)]
struct LastFile {
    identity: Option<Identity>,
    /// How many entries the ledger has in it.
    entries: u64,
}

/// The connections to the file.
pub(super) struct Connections {
    file: Identity,
    writer: Writer,
    readers: Readers,
}

impl Sqlite {
    pub fn new(url: &StoreUrl, path: &Path, retention: Retention) -> Self {
        Self {
            name: url.to_string(),
            path: path.to_owned(),
            retention,
            last: Mutex::default(),
        }
    }

    fn last(&self) -> MutexGuard<'_, LastFile> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file is open that has so many entries: how many are gone with the one before.
    fn opened(&self, identity: Identity, entries: u64) -> u64 {
        let mut last = self.last();
        let before = *last;
        let is_another = before.identity.is_some_and(|before| before != identity);
        *last = LastFile {
            identity: Some(identity),
            entries,
        };
        if is_another {
            return before.entries.saturating_sub(entries);
        }
        // They may be there, and can't be read.
        last.entries = entries.max(before.entries);
        0
    }

    /// Whether the file is still the one that was opened: writes to a file that was moved away are lost.
    fn is_in_place(&self, open: &Connections) -> Result<(), Unavailable> {
        let file = schema::identity(&self.path).ok();
        match file == Some(open.file) {
            true => Ok(()),
            false => Err(failure::moved(&self.name)),
        }
    }

    /// Writes all of a batch or nothing.
    ///
    /// Not sqlx's transaction: SQLite itself ends one when the disk is full, and sqlx does not notice.
    async fn write_all(&self, writer: &mut SqliteConnection, batch: &Batch) -> sqlx::Result<()> {
        // Not within a transaction: there the mode can't be changed.
        let begin = match batch.sent.is_empty() {
            true => "PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE",
            false => "PRAGMA synchronous = FULL; BEGIN IMMEDIATE",
        };
        let commit = "COMMIT; PRAGMA synchronous = NORMAL";
        writer.execute(begin).await?;
        let mut written = self.insert(writer, batch).await;
        if written.is_ok() {
            written = writer.execute(commit).await.map(drop);
        }
        if written.is_err() {
            // SQLite may have ended it already.
            let _ = writer.execute("ROLLBACK").await;
        }
        written
    }

    async fn insert(&self, writer: &mut SqliteConnection, batch: &Batch) -> sqlx::Result<()> {
        let (now, counts) = (now(), &batch.counts);
        ledger::insert(writer, &batch.sent, self.ledger_since(now), integer(now)).await?;
        coverage::insert(writer, &counts.coverage).await?;
        for learn in &counts.learned {
            learned::learn(writer, learn, self.learned_since(today(now))).await?;
        }
        uses::insert(writer, &counts.uses).await?;
        attack::insert(writer, counts).await?;
        domains::insert(writer, counts).await?;
        forged::insert(writer, &counts.forged).await?;
        would::insert(writer, counts).await
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

    async fn open(&self) -> Result<Opened<Arc<Connections>>, Unavailable> {
        let no_file = |error: io::Error| failure::no_file(&self.name, &self.path, &error);
        schema::make_file(&self.path).map_err(no_file)?;
        let options = SqliteConnectOptions::new()
            .filename(&self.path)
            .row_buffer_size(ROWS_AHEAD)
            .disable_statement_logging();
        let for_writer = options
            .clone()
            .busy_timeout(BUSY)
            .synchronous(SqliteSynchronous::Normal)
            .pragma("cache_size", WRITER_CACHE)
            .pragma("wal_autocheckpoint", CHECKPOINT)
            .pragma("journal_size_limit", LARGEST_WAL);
        let writer = for_writer.connect().await;
        let mut writer = writer.map_err(|error| self.failed(error))?;
        schema::prepare(&mut writer, &self.name).await?;
        // Not read_only: the last connection to close must put the WAL into the file.
        let for_reader = options.pragma("query_only", "ON");
        // All are opened now and stay: what has descriptors for them goes on when they run out.
        let mut readers = Vec::with_capacity(READERS);
        for _ in 0..READERS {
            let reader = for_reader.connect().await;
            readers.push(reader.map_err(|error| self.failed(error))?);
        }
        let file = schema::identity(&self.path).map_err(no_file)?;
        // A file that is damaged in this place is open until more is asked of it.
        let entries = ledger::entries(&mut writer).await.unwrap_or_default();
        let connection = Arc::new(Connections {
            file,
            writer: Writer::new(writer),
            readers: Readers::new(readers),
        });
        Ok(Opened {
            connection,
            gone: self.opened(file, entries),
        })
    }

    fn make_room(&self) -> Option<String> {
        let identity = schema::identity(&self.path).ok()?;
        if self.last().identity != Some(identity) {
            // Somebody has replaced it.
            return None;
        }
        let moved = schema::move_away(&self.path).ok()?;
        Some(failure::moved_away(&self.name, &moved))
    }

    async fn write(&self, open: &Arc<Connections>, batch: &mut Batch) -> Result<(), Unavailable> {
        self.is_in_place(open)?;
        let written = async {
            let mut writer = open.writer.lock().await?;
            self.write_all(&mut writer, batch).await
        };
        written.await.map_err(|error| self.failed(error))?;
        // If it was moved away meanwhile, the batch is written again to the file in its place.
        self.is_in_place(open)?;
        let entries = batch.sent.iter().filter(|sent| sent.message.is_some());
        self.last().entries += u64::try_from(entries.count()).unwrap_or_default();
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
            domains::prune(writer, now).await?;
            forged::prune(writer, now).await?;
            would::prune(writer, today(now)).await?;
            reports::prune(writer, today(now)).await?;
            ledger::shrink(writer, LARGEST).await?;
            let max = integer(self.retention.max_learned);
            learned::prune(writer, self.learned_since(today(now)), max).await?;
            siege::prune(writer, now).await?;
            ledger::entries(&mut *writer.lock().await?).await
        };
        self.last().entries = pruned.await.map_err(|error| self.failed(error))?;
        Ok(())
    }

    async fn close(&self, open: Arc<Connections>) {
        open.readers.close().await;
        open.writer.close().await;
    }

    fn failed(&self, error: sqlx::Error) -> Unavailable {
        failure::unavailable(&self.name, &error)
    }
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
