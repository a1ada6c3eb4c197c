//! What was accepted only because of monitoring.

use std::{collections::HashMap, ops::RangeInclusive};

use sqlx::{Executor, Row as _, SqliteConnection};

use super::{
    Sqlite, integer, natural, prune::delete, readers::Readers, schema::LATER_TABLES, writer::Writer,
};
use crate::{
    core::would::{KEEP_DAYS, MAX_OF_REASON, MAX_PER_DAY, MAX_SENDERS, WouldRow},
    store::{
        StoreAnswer, WouldStore,
        batch::{Counts, group_texts, sorted, would_row},
        handle::{Handle, REPORT},
    },
};

impl WouldStore for Handle<Sqlite> {
    fn would(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<WouldRow>> {
        self.ask(REPORT, async move |_, open| rows(&open.readers, days).await)
    }

    fn accepted_of(
        &self,
        days: RangeInclusive<u64>,
        senders: Vec<String>,
    ) -> StoreAnswer<'_, HashMap<String, u64>> {
        self.ask(REPORT, async move |_, open| {
            accepted_of(&open.readers, days, &senders).await
        })
    }
}

/// Adds the counts of a batch. A group that finds no room is counted among the others of its reason; a sender that finds none
/// is left out. Senders first: a group has more room where its sender is there.
pub(super) async fn insert(writer: &mut SqliteConnection, counts: &Counts) -> sqlx::Result<()> {
    const SENDER: &str = "INSERT INTO accepted_senders (day, sender, count) SELECT ?1, ?2, ?3 \
        WHERE EXISTS (SELECT 1 FROM accepted_senders WHERE day = ?1 AND sender = ?2) \
        OR (SELECT count(*) FROM accepted_senders WHERE day = ?1) < ?4 \
        ON CONFLICT DO UPDATE SET count = count + excluded.count";
    const GROUP: &str = "INSERT INTO would (day, reason, what, count, example) \
        SELECT ?1, ?2, iif(fits, ?3, ?4), ?5, iif(fits, ?6, NULL) FROM (SELECT \
            EXISTS (SELECT 1 FROM would WHERE (day, reason, what) = (?1, ?2, ?3)) \
            OR (SELECT count(*) FROM would WHERE day = ?1) < ?9 \
            AND (SELECT count(*) FROM would WHERE day = ?1 AND reason = ?2) < \
                iif(EXISTS (SELECT 1 FROM accepted_senders WHERE day = ?1 AND sender = ?7), ?8, ?8 / 2) AS fits) \
        WHERE true ON CONFLICT DO UPDATE SET count = count + excluded.count, \
            example = coalesce(excluded.example, example)";
    if !counts.senders.is_empty() || !counts.would.is_empty() {
        // It writes nothing where they are there.
        writer.execute(LATER_TABLES).await?;
    }
    for ((day, sender), &times) in &counts.senders {
        sqlx::query(SENDER)
            .bind(integer(*day))
            .bind(sender)
            .bind(integer(times))
            .bind(integer(MAX_SENDERS))
            .execute(&mut *writer)
            .await?;
    }
    for ((day, group), tally) in &counts.would {
        let example = serde_json::to_string(&tally.newest);
        let (Some((text, others)), Ok(example)) = (group_texts(group), example) else {
            // JSON has a form for all of it.
            continue;
        };
        sqlx::query(GROUP)
            .bind(integer(*day))
            .bind(&group.reason)
            .bind(text)
            .bind(others)
            .bind(integer(tally.times))
            .bind(example)
            .bind(group.sender_key())
            .bind(integer(MAX_OF_REASON))
            .bind(integer(MAX_PER_DAY))
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

/// Deletes expired days.
pub(super) async fn prune(writer: &Writer, today: u64) -> sqlx::Result<()> {
    const GROUPS: &str = "DELETE FROM would WHERE (day, reason, what) IN \
        (SELECT day, reason, what FROM would WHERE day <= ?1 ORDER BY day LIMIT ?2)";
    const SENDERS: &str = "DELETE FROM accepted_senders WHERE (day, sender) IN \
        (SELECT day, sender FROM accepted_senders WHERE day <= ?1 ORDER BY day LIMIT ?2)";
    let last = integer(today.saturating_sub(KEEP_DAYS));
    delete(writer, GROUPS, last).await?;
    delete(writer, SENDERS, last).await
}

async fn rows(readers: &Readers, days: RangeInclusive<u64>) -> sqlx::Result<Vec<WouldRow>> {
    const ROWS: &str = "SELECT day, what, count, example FROM would WHERE day BETWEEN ?1 AND ?2";
    let mut reader = readers.lend().await?;
    let found = sqlx::query(ROWS)
        .bind(integer(*days.start()))
        .bind(integer(*days.end()))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let mut rows = Vec::with_capacity(found.len());
    for row in found {
        let (day, times) = (natural(row.try_get(0)?), natural(row.try_get(2)?));
        rows.extend(would_row(day, row.try_get(1)?, times, row.try_get(3)?));
    }
    Ok(sorted(rows))
}

async fn accepted_of(
    readers: &Readers,
    days: RangeInclusive<u64>,
    senders: &[String],
) -> sqlx::Result<HashMap<String, u64>> {
    const ACCEPTED: &str = "SELECT sender, sum(count) FROM accepted_senders WHERE day BETWEEN ?1 AND ?2 \
        AND sender IN (SELECT value FROM json_each(?3)) GROUP BY sender";
    let mut reader = readers.lend().await?;
    let found: Vec<(String, i64)> = sqlx::query_as(ACCEPTED)
        .bind(integer(*days.start()))
        .bind(integer(*days.end()))
        .bind(serde_json::to_string(senders).unwrap_or_default())
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let found = found.into_iter();
    Ok(found
        .map(|(sender, times)| (sender, natural(times)))
        .collect())
}
