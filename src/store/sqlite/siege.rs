//! The records of sieges.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Sqlite, integer, natural, prune::delete, readers::Readers, writer::Writer};
use crate::store::{
    SiegeRecords, SiegeStore, StoreAnswer,
    batch::{now, since_1970},
    handle::{Handle, PATIENCE, PATIENCE_TO_WRITE, answered},
    siege::{MAX_RECORDS, SiegeRecord, check, first_kept},
};

impl SiegeStore for Handle<Sqlite> {
    fn siege_records(&self) -> StoreAnswer<'_, SiegeRecords> {
        self.ask(PATIENCE, async |_, open| {
            let records = records(&open.readers, now()).await?;
            let now_millis = u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX);
            Ok(SiegeRecords {
                now_millis,
                records,
            })
        })
    }

    fn write_siege_record(
        &self,
        name: String,
        seen: u64,
        bytes: Vec<u8>,
    ) -> StoreAnswer<'_, Option<u64>> {
        if let Err(error) = check(&name, &bytes) {
            return answered(Err(error));
        }
        self.ask(PATIENCE_TO_WRITE, async move |_, open| {
            let mut writer = open.writer.lock().await?;
            let now = u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX);
            write(&mut writer, &name, seen, &bytes, now).await
        })
    }
}

/// Writes a record over the version `seen`, or a new one if that is 0, and gives the new version; `None` if another process
/// was first. Each is one statement, so that no other write comes between the comparison and the write.
pub(super) async fn write(
    writer: &mut SqliteConnection,
    name: &str,
    seen: u64,
    bytes: &[u8],
    now_micros: u64,
) -> sqlx::Result<Option<u64>> {
    const AGAIN: &str =
        "UPDATE sieges SET version = ?2, record = ?3 WHERE name = ?1 AND version = ?4";
    const NEW: &str = "INSERT INTO sieges (name, version, record) SELECT ?1, ?2, ?3 \
        WHERE (SELECT count(*) FROM sieges) < ?4 ON CONFLICT DO NOTHING";
    const IN_PLACE_OF_THE_OLDEST: &str = "UPDATE sieges SET name = ?1, version = ?2, record = ?3 \
        WHERE name = (SELECT name FROM sieges ORDER BY version LIMIT 1) \
        AND (SELECT count(*) FROM sieges) >= ?4 AND NOT EXISTS (SELECT 1 FROM sieges WHERE name = ?1)";
    let version = integer(now_micros.max(seen.saturating_add(1)));
    let (statements, bound) = match seen {
        0 => (&[NEW, IN_PLACE_OF_THE_OLDEST][..], MAX_RECORDS),
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

/// The records that are kept at `now`, in seconds since 1970, in order of their names.
pub(super) async fn records(readers: &Readers, now: u64) -> sqlx::Result<Vec<SiegeRecord>> {
    const RECORDS: &str =
        "SELECT name, version, record FROM sieges WHERE version >= ?1 ORDER BY name";
    let mut reader = readers.lend().await?;
    let rows = sqlx::query(RECORDS)
        .bind(integer(first_kept(now)))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    rows.iter().map(record).collect()
}

fn record(row: &SqliteRow) -> sqlx::Result<SiegeRecord> {
    Ok(SiegeRecord {
        name: row.try_get(0)?,
        version: natural(row.try_get(1)?),
        bytes: row.try_get(2)?,
    })
}

/// Deletes expired records.
pub(super) async fn prune(writer: &Writer, now: u64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM sieges WHERE name IN \
        (SELECT name FROM sieges WHERE version < ?1 LIMIT ?2)";
    delete(writer, OVER, integer(first_kept(now))).await
}
