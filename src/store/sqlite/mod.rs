//! The store in a file: SQLite in WAL mode, one connection that writes and two that read.
//!
//! With `synchronous=NORMAL` a crash of Backstop loses what was still in the queue. A crash of the machine loses what was
//! committed since the last checkpoint of the WAL too, at most some thousand pages, and never damages the file.

mod attack;
mod failure;
mod learned;
mod schema;
mod siege;
mod uses;
mod write;

use std::{
    fmt, io,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::sync;

use self::failure::unavailable;
use super::{
    Keep, SiegeRecords, StoreUrl, Unavailable,
    backend::{Backend, Batch, now, since_1970, unpacked},
    held::Held,
};
use crate::core::{
    attack::{AttackRow, Sample},
    learned::Learned,
    proof::{
        DAY,
        coverage::{CoverageCount, CoverageRow},
        ledger::{Hash, Remembered},
        today,
        uses::{Attempt, Use},
    },
};

/// How many connections read.
const READERS: u32 = 2;
/// How long the writer waits for a lock that another process holds.
const BUSY: Duration = Duration::from_secs(5);
/// The most entries that the ledger has: about a gigabyte where messages have few recipients.
const MOST_SENT: u32 = 5_000_000;
/// The most octets in use, at which the oldest entries of the ledger go: 4 GiB. The file itself does not become smaller.
const LARGEST: i64 = 1 << 32;
/// What the WAL is cut to when all of it is in the file, in octets.
const LARGEST_WAL: &str = "67108864";

/// The store in a file.
pub(super) struct Sqlite {
    name: String,
    path: PathBuf,
    keep: Keep,
    open: Held<Arc<Open>>,
}

/// The connections.
struct Open {
    /// The device and the number of the file.
    file: (u64, u64),
    writer: sync::Mutex<SqliteConnection>,
    readers: SqlitePool,
}

impl Sqlite {
    pub fn new(url: &StoreUrl, path: &Path, keep: Keep) -> Self {
        Self {
            name: url.to_string(),
            path: path.to_owned(),
            keep,
            open: Held::nothing(),
        }
    }

    fn connections(&self) -> Result<Arc<Open>, Unavailable> {
        self.open.held(&self.name)
    }

    /// Whether the file is still the one that was opened: what is written to one that was moved away is lost.
    fn is_in_place(&self, open: &Open) -> Result<(), Unavailable> {
        let file = schema::identity(&self.path).ok();
        match file == Some(open.file) {
            true => Ok(()),
            false => Err(failure::moved(&self.name)),
        }
    }

    /// The error in words that name the file.
    fn failed(&self, error: &sqlx::Error) -> Unavailable {
        unavailable(&self.name, error)
    }

    /// The first second of which entries are still kept.
    fn since(&self, now: u64) -> i64 {
        integer(now.saturating_sub(self.keep.ledger_days.saturating_mul(DAY)))
    }

    /// The first day of which addresses are still kept.
    fn learned_since(&self, today: u64) -> i64 {
        integer(today.saturating_sub(self.keep.learned_days))
    }

    async fn connect(&self) -> Result<Open, Unavailable> {
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
        let failed = |error| self.failed(&error);
        let mut writer = for_writer.connect().await.map_err(failed)?;
        schema::prepare(&mut writer, &self.name).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            // Not read_only: the last one to close it could not put the WAL into the file.
            .connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Open {
            file: schema::identity(&self.path).map_err(no_file)?,
            writer: sync::Mutex::new(writer),
            readers,
        })
    }
}

impl Backend for Sqlite {
    const GATHER: Duration = Duration::from_millis(200);

    fn name(&self) -> impl fmt::Display + Send {
        &self.name
    }

    async fn open(&self) -> Result<(), Unavailable> {
        let open = self.connect().await;
        self.open.hold(open.map(Arc::new))
    }

    async fn write(&self, batch: &mut Batch) -> Result<(), Unavailable> {
        let open = self.connections()?;
        self.is_in_place(&open)?;
        let mut writer = open.writer.lock().await;
        let learned_since = self.learned_since(today(now()));
        let written = write::batch(&mut writer, batch, learned_since).await;
        written.map_err(|error| self.failed(&error))?;
        *batch = Batch::default();
        Ok(())
    }

    async fn prune(&self, now: u64) -> Result<(), Unavailable> {
        let open = self.connections()?;
        self.is_in_place(&open)?;
        let pruned = async {
            write::prune(&open.writer, now, self.since(now), MOST_SENT).await?;
            write::shrink(&open.writer, LARGEST).await?;
            let most = integer(self.keep.most_learned);
            learned::prune(&open.writer, self.learned_since(today(now)), most).await?;
            siege::prune(&open.writer, now).await
        };
        pruned.await.map_err(|error| self.failed(&error))
    }

    async fn sent(&self, message: &[Hash], now: u64) -> Result<Option<Remembered>, Unavailable> {
        const SENT: &str = "SELECT at, recipient_count, recipients FROM sent \
                            WHERE message = ?1 AND at >= ?2 ORDER BY at DESC LIMIT 1";
        let open = self.connections()?;
        let mut newest: Option<Remembered> = None;
        for hash in message {
            let row = sqlx::query(SENT)
                .bind(hash.as_bytes().as_slice())
                .bind(self.since(now))
                .fetch_optional(&open.readers)
                .await;
            let found = row.and_then(|row| row.map(|row| remembered(&row)).transpose());
            let found = found.map_err(|error| self.failed(&error))?;
            newest = newest.into_iter().chain(found).max_by_key(|entry| entry.at);
        }
        Ok(newest)
    }

    async fn last_sent(&self, senders: &[Hash], now: u64) -> Result<Option<u64>, Unavailable> {
        const LAST_SENT: &str = "SELECT max(at) FROM sent WHERE sender = ?1 AND at >= ?2";
        let open = self.connections()?;
        let mut last = None;
        for hash in senders {
            let at: Result<Option<i64>, _> = sqlx::query_scalar(LAST_SENT)
                .bind(hash.as_bytes().as_slice())
                .bind(self.since(now))
                .fetch_one(&open.readers)
                .await;
            let at = at.map_err(|error| self.failed(&error))?;
            last = last.max(at.map(natural));
        }
        Ok(last)
    }

    async fn use_proof(
        &self,
        message: Hash,
        attempt: &Attempt,
        until: u64,
    ) -> Result<Use, Unavailable> {
        let open = self.connections()?;
        let mut writer = open.writer.lock().await;
        let used = uses::take(&mut writer, message, attempt, integer(until)).await;
        used.map_err(|error| self.failed(&error))
    }

    async fn coverage(&self, days: RangeInclusive<u64>) -> Result<Vec<CoverageRow>, Unavailable> {
        const COVERAGE: &str =
            "SELECT day, kind, first, second, times FROM coverage WHERE day BETWEEN ?1 AND ?2";
        let open = self.connections()?;
        let rows = sqlx::query(COVERAGE)
            .bind(integer(*days.start()))
            .bind(integer(*days.end()))
            .fetch_all(&open.readers)
            .await;
        let rows: Result<Vec<_>, _> = rows.and_then(|rows| {
            rows.iter()
                .filter_map(|row| counted(row).transpose())
                .collect()
        });
        rows.map_err(|error| self.failed(&error))
    }

    async fn learned(
        &self,
        addresses: &[Hash],
        today: u64,
    ) -> Result<Option<Learned>, Unavailable> {
        let open = self.connections()?;
        let mut all: Option<Learned> = None;
        for &address in addresses {
            let learned = learned::learned(&open.readers, address, self.learned_since(today)).await;
            let learned = learned.map_err(|error| self.failed(&error))?;
            all = all.into_iter().chain(learned).reduce(Learned::and);
        }
        Ok(all)
    }

    async fn siege_records(&self) -> Result<SiegeRecords, Unavailable> {
        let open = self.connections()?;
        let records = siege::records(&open.readers, now()).await;
        Ok(SiegeRecords {
            now_millis: u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX),
            records: records.map_err(|error| self.failed(&error))?,
        })
    }

    async fn write_siege_record(
        &self,
        name: &str,
        seen: u64,
        bytes: &[u8],
    ) -> Result<Option<u64>, Unavailable> {
        let open = self.connections()?;
        let mut writer = open.writer.lock().await;
        let now = u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX);
        let written = siege::write(&mut writer, name, seen, bytes, now).await;
        written.map_err(|error| self.failed(&error))
    }

    async fn attack(&self, hours: RangeInclusive<u64>) -> Result<Vec<AttackRow>, Unavailable> {
        let rows = attack::rows(&self.connections()?.readers, hours).await;
        rows.map_err(|error| self.failed(&error))
    }

    async fn samples(&self, time: RangeInclusive<u64>) -> Result<Vec<Sample>, Unavailable> {
        let samples = attack::samples(&self.connections()?.readers, time).await;
        samples.map_err(|error| self.failed(&error))
    }
}

fn remembered(row: &SqliteRow) -> sqlx::Result<Remembered> {
    let recipients: &[u8] = row.try_get(2)?;
    Ok(Remembered {
        at: natural(row.try_get(0)?),
        recipient_count: u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default(),
        recipients: unpacked(recipients),
    })
}

/// `None` for what a newer version counted.
fn counted(row: &SqliteRow) -> sqlx::Result<Option<CoverageRow>> {
    let count = CoverageCount::stored(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let (day, times) = (natural(row.try_get(0)?), natural(row.try_get(4)?));
    Ok(count.map(|count| CoverageRow { day, count, times }))
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
