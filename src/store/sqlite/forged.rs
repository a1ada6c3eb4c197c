//! Message-IDs of forged mail, hashed.

use std::collections::BTreeMap;

use sqlx::{Row, SqliteConnection};

use super::{Sqlite, integer, natural, prune::delete, readers::Readers, writer::Writer};
use crate::{
    core::proof::{
        DAY,
        forged::{FORGED_DAYS, MAX_FORGED},
        ledger::Hash,
    },
    store::{
        ForgedStore, StoreAnswer,
        handle::{Handle, REPORT},
    },
};

impl ForgedStore for Handle<Sqlite> {
    fn forged_since(&self, since: u64) -> StoreAnswer<'_, Vec<(Hash, u64)>> {
        self.ask(REPORT, async move |_, open| {
            kept_since(&open.readers, since).await
        })
    }
}

/// Adds hashes, each with the latest time that it came.
pub(super) async fn insert(
    writer: &mut SqliteConnection,
    forged: &BTreeMap<Hash, u64>,
) -> sqlx::Result<()> {
    const KEEP: &str = "INSERT INTO forged (message, seen_at) VALUES (?1, ?2) \
        ON CONFLICT DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)";
    for (hash, at) in forged {
        sqlx::query(KEEP)
            .bind(hash.as_bytes().as_slice())
            .bind(integer(*at))
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

async fn kept_since(readers: &Readers, since: u64) -> sqlx::Result<Vec<(Hash, u64)>> {
    const SINCE: &str = "SELECT message, seen_at FROM forged WHERE seen_at >= ?1 LIMIT ?2";
    let mut reader = readers.lend().await?;
    let rows = sqlx::query(SINCE)
        .bind(integer(since))
        .bind(i64::try_from(2 * MAX_FORGED).unwrap_or(i64::MAX))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let mut kept = Vec::with_capacity(rows.len());
    for row in &rows {
        let (hash, at): (&[u8], i64) = (row.try_get(0)?, row.try_get(1)?);
        let hash = hash.try_into().ok().map(Hash::from_bytes);
        kept.extend(hash.map(|hash| (hash, natural(at))));
    }
    Ok(kept)
}

/// Deletes what has expired at `now`, and the oldest of too many.
pub(super) async fn prune(writer: &Writer, now: u64) -> sqlx::Result<()> {
    const OLD: &str = "DELETE FROM forged WHERE message IN \
        (SELECT message FROM forged WHERE seen_at < ?1 ORDER BY seen_at LIMIT ?2)";
    const TOO_MANY: &str = "DELETE FROM forged WHERE message IN \
        (SELECT message FROM forged ORDER BY seen_at DESC LIMIT ?2 OFFSET ?1)";
    let oldest = now.saturating_sub(FORGED_DAYS * DAY);
    delete(writer, OLD, integer(oldest)).await?;
    delete(
        writer,
        TOO_MANY,
        i64::try_from(MAX_FORGED).unwrap_or(i64::MAX),
    )
    .await
}
