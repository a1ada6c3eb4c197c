//! The records of sieges.

use sqlx::{Executor, Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Sqlite, integer, natural,
    prune::delete,
    readers::Readers,
    writer::{Writer, ended},
};
use crate::{
    core::siege::{Answer, Cursor, Question, Stored, Written},
    store::{
        SiegeStore, StoreAnswer,
        batch::since_1970,
        handle::{Handle, PATIENCE, PATIENCE_TO_WRITE, answered},
        siege::{MAX_INVENTED, MAX_RECORDS, SiegeWrite, check, first_kept},
    },
};

impl SiegeStore for Handle<Sqlite> {
    fn siege_changes(&self, question: Question, most: usize) -> StoreAnswer<'_, Answer> {
        self.ask(PATIENCE, async move |_, open| {
            let now = since_1970().as_secs();
            changes(&open.readers, &question, most, now).await
        })
    }

    fn write_siege_records(&self, writes: Vec<SiegeWrite>) -> StoreAnswer<'_, Vec<Written>> {
        if let Err(error) = check(&writes) {
            return answered(Err(error));
        }
        self.ask(PATIENCE_TO_WRITE, async move |_, open| {
            // By itself, so that a transaction comes to its end although nobody waits for that any more.
            let written = tokio::spawn(async move {
                let mut writer = open.writer.lock().await?;
                let now = u64::try_from(since_1970().as_micros()).unwrap_or(u64::MAX);
                write(&mut writer, &writes, now).await
            });
            written.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
        })
    }
}

/// Writes records, all in one transaction, and gives what became of each. No other process writes meanwhile, so that whoever
/// sees a version sees all that are less, too.
pub(super) async fn write(
    writer: &mut SqliteConnection,
    writes: &[SiegeWrite],
    now_micros: u64,
) -> sqlx::Result<Vec<Written>> {
    writer.execute("BEGIN IMMEDIATE").await?;
    let written = write_all(writer, writes, now_micros).await;
    ended(writer, written).await
}

async fn write_all(
    writer: &mut SqliteConnection,
    writes: &[SiegeWrite],
    now_micros: u64,
) -> sqlx::Result<Vec<Written>> {
    const GREATEST: &str = "SELECT coalesce(max(version), 0) FROM domain_sieges";
    const AGAIN: &str = "UPDATE domain_sieges SET version = ?2, record = ?3, is_invented = ?4 \
        WHERE name = ?1 AND version = ?5";
    let greatest: i64 = sqlx::query_scalar(GREATEST).fetch_one(&mut *writer).await?;
    let mut version = now_micros.max(natural(greatest).saturating_add(1));
    let mut free = None;
    let mut all = Vec::with_capacity(writes.len());
    for write in writes {
        let is_written = match write.seen {
            0 => {
                let free = match &mut free {
                    Some(free) => free,
                    none => none.insert(places(writer).await?),
                };
                insert(writer, write, version, free).await?
            }
            seen => {
                let query = sqlx::query(AGAIN)
                    .bind(&write.name)
                    .bind(integer(version))
                    .bind(&write.bytes)
                    .bind(write.is_invented)
                    .bind(integer(seen));
                match query.execute(&mut *writer).await?.rows_affected() {
                    0 => Written::Raced,
                    _ => Written::Version(version),
                }
            }
        };
        version += u64::from(is_written == Written::Version(version));
        all.push(is_written);
    }
    Ok(all)
}

/// How many records there are, and how many of them strangers may have invented.
async fn places(writer: &mut SqliteConnection) -> sqlx::Result<(u64, u64)> {
    const ALL: &str = "SELECT (SELECT count(*) FROM domain_sieges), \
        (SELECT count(*) FROM domain_sieges WHERE is_invented)";
    let (all, invented): (i64, i64) = sqlx::query_as(ALL).fetch_one(writer).await?;
    Ok((natural(all), natural(invented)))
}

async fn insert(
    writer: &mut SqliteConnection,
    write: &SiegeWrite,
    version: u64,
    (all, invented): &mut (u64, u64),
) -> sqlx::Result<Written> {
    const NEW: &str = "INSERT INTO domain_sieges (name, version, record, is_invented) \
        VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    const OLDEST: &str = "DELETE FROM domain_sieges WHERE name = \
        (SELECT name FROM domain_sieges WHERE is_invented ORDER BY version LIMIT 1)";
    let is_place_taken = write.is_invented && *invented >= MAX_INVENTED;
    if *all >= MAX_RECORDS && !is_place_taken {
        return Ok(Written::Full);
    }
    let query = sqlx::query(NEW)
        .bind(&write.name)
        .bind(integer(version))
        .bind(&write.bytes)
        .bind(write.is_invented);
    if query.execute(&mut *writer).await?.rows_affected() == 0 {
        return Ok(Written::Raced);
    }
    if is_place_taken {
        sqlx::query(OLDEST).execute(&mut *writer).await?;
    } else {
        *all += 1;
        *invented += u64::from(write.is_invented);
    }
    Ok(Written::Version(version))
}

/// What was written since, at `now`, in seconds since 1970.
pub(super) async fn changes(
    readers: &Readers,
    question: &Question,
    most: usize,
    now: u64,
) -> sqlx::Result<Answer> {
    let mut reader = readers.lend().await?;
    let answer = answer(reader.connection()?, question, most, now).await?;
    reader.done();
    Ok(answer)
}

async fn answer(
    reader: &mut SqliteConnection,
    Question { after, names }: &Question,
    most: usize,
    now: u64,
) -> sqlx::Result<Answer> {
    const WRITTEN: &str = "SELECT name, version, record FROM domain_sieges \
        WHERE version > ?1 ORDER BY version LIMIT ?2";
    const NAMED: &str = "SELECT name, version, record FROM domain_sieges \
        WHERE name IN (SELECT value FROM json_each(?1)) AND version >= ?2";
    let mut answer = Answer {
        now,
        ..Answer::default()
    };
    if !has(reader, after).await? {
        answer.is_behind = true;
        return Ok(answer);
    }
    let first = first_kept(now);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    if most > 0 {
        let rows = sqlx::query(WRITTEN)
            .bind(integer(after.version.max(first.saturating_sub(1))))
            .bind(most)
            .fetch_all(&mut *reader)
            .await?;
        answer.has_more = i64::try_from(rows.len()) == Ok(most);
        answer.changes = rows.iter().map(record).collect::<Result<_, _>>()?;
    }
    if !names.is_empty() {
        let rows = sqlx::query(NAMED)
            .bind(serde_json::json!(names).to_string())
            .bind(integer(first))
            .fetch_all(&mut *reader)
            .await?;
        answer.named = rows.iter().map(record).collect::<Result<_, _>>()?;
    }
    Ok(answer)
}

/// Whether the file still has the record that was read last, or a later one in its place.
async fn has(reader: &mut SqliteConnection, cursor: &Cursor) -> sqlx::Result<bool> {
    if cursor.version == 0 {
        return Ok(true);
    }
    let version: Option<i64> =
        sqlx::query_scalar("SELECT version FROM domain_sieges WHERE name = ?1")
            .bind(&cursor.name)
            .fetch_optional(reader)
            .await?;
    Ok(version.is_some_and(|version| natural(version) >= cursor.version))
}

fn record(row: &SqliteRow) -> sqlx::Result<(String, Stored)> {
    let stored = Stored {
        version: natural(row.try_get(1)?),
        bytes: row.try_get(2)?,
    };
    Ok((row.try_get(0)?, stored))
}

/// Deletes expired records.
pub(super) async fn prune(writer: &Writer, now: u64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM domain_sieges WHERE name IN \
        (SELECT name FROM domain_sieges WHERE version < ?1 LIMIT ?2)";
    delete(writer, OVER, integer(first_kept(now))).await
}
