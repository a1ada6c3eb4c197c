//! The records of sieges.

use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use tokio::sync::Mutex;

use super::{integer, natural, write::delete};
use crate::store::siege::{MOST_RECORDS, SiegeRecord, first_kept};

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// The new version.
    Version(u64),
    /// Somebody else was first.
    Changed,
    /// There are too many already.
    TooMany,
}

/// One statement each, so that nobody writes between the look at the version and the write.
pub(super) async fn write(
    writer: &mut SqliteConnection,
    name: &str,
    seen: u64,
    bytes: &[u8],
    now_micros: u64,
) -> sqlx::Result<Written> {
    const NEW: &str = "INSERT INTO sieges (name, version, bytes) SELECT ?1, ?2, ?3 \
        WHERE (SELECT count(*) FROM sieges) < ?4 ON CONFLICT DO NOTHING";
    const AGAIN: &str =
        "UPDATE sieges SET version = ?2, bytes = ?3 WHERE name = ?1 AND version = ?4";
    const IS_THERE: &str = "SELECT count(*) FROM sieges WHERE name = ?1";
    let version = integer(now_micros.max(seen.saturating_add(1)));
    let (statement, bound) = match seen {
        0 => (NEW, MOST_RECORDS),
        _ => (AGAIN, seen),
    };
    let written = sqlx::query(statement)
        .bind(name)
        .bind(version)
        .bind(bytes)
        .bind(integer(bound))
        .execute(&mut *writer)
        .await?;
    if written.rows_affected() > 0 {
        return Ok(Written::Version(natural(version)));
    }
    let there: i64 = sqlx::query_scalar(IS_THERE)
        .bind(name)
        .fetch_one(writer)
        .await?;
    Ok(match (seen, there) {
        (0, 0) => Written::TooMany,
        _ => Written::Changed,
    })
}

/// All that are kept at `now`, in seconds since 1970.
pub(super) async fn records(readers: &SqlitePool, now: u64) -> sqlx::Result<Vec<SiegeRecord>> {
    const RECORDS: &str = "SELECT name, version, bytes FROM sieges WHERE version >= ?1";
    let rows = sqlx::query(RECORDS)
        .bind(integer(first_kept(now)))
        .fetch_all(readers)
        .await?;
    rows.iter().map(record).collect()
}

fn record(row: &SqliteRow) -> sqlx::Result<SiegeRecord> {
    Ok(SiegeRecord {
        name: row.try_get(0)?,
        version: natural(row.try_get(1)?),
        bytes: row.try_get(2)?,
    })
}

/// Forgets those that nobody wrote for long.
pub(super) async fn prune(writer: &Mutex<SqliteConnection>, now: u64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM sieges WHERE name IN \
        (SELECT name FROM sieges WHERE version < ?1 LIMIT ?2)";
    delete(writer, OVER, integer(first_kept(now))).await
}
