//! The records of sieges.

use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use tokio::sync::Mutex;

use super::{integer, natural, write::delete};
use crate::store::siege::{MOST_RECORDS, SiegeRecord, first_kept};

/// Writes a record over the version `seen`, or a new one where that is 0, and gives the new version; `None` where somebody
/// else was first. One statement each, so that nobody writes between the look at the version and the write.
pub(super) async fn write(
    writer: &mut SqliteConnection,
    name: &str,
    seen: u64,
    bytes: &[u8],
    now_micros: u64,
) -> sqlx::Result<Option<u64>> {
    const AGAIN: &str =
        "UPDATE sieges SET version = ?2, bytes = ?3 WHERE name = ?1 AND version = ?4";
    const NEW: &str = "INSERT INTO sieges (name, version, bytes) SELECT ?1, ?2, ?3 \
        WHERE (SELECT count(*) FROM sieges) < ?4 ON CONFLICT DO NOTHING";
    const IN_PLACE_OF_THE_OLDEST: &str = "UPDATE sieges SET name = ?1, version = ?2, bytes = ?3 \
        WHERE name = (SELECT name FROM sieges ORDER BY version LIMIT 1) \
        AND (SELECT count(*) FROM sieges) >= ?4 AND NOT EXISTS (SELECT 1 FROM sieges WHERE name = ?1)";
    let version = integer(now_micros.max(seen.saturating_add(1)));
    let (statements, bound) = match seen {
        0 => (&[NEW, IN_PLACE_OF_THE_OLDEST][..], MOST_RECORDS),
        _ => (&[AGAIN][..], seen),
    };
    for &statement in statements {
        let written = sqlx::query(statement)
            .bind(name)
            .bind(version)
            .bind(bytes)
            .bind(integer(bound))
            .execute(&mut *writer)
            .await?;
        if written.rows_affected() > 0 {
            return Ok(Some(natural(version)));
        }
    }
    Ok(None)
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
