//! The counts of the coverage report.

use std::{collections::BTreeMap, ops::RangeInclusive};

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Sqlite, integer, natural, prune::delete, readers::Readers, writer::Writer};
use crate::{
    core::proof::coverage::{CoverageCount, CoverageRow, KEEP_DAYS},
    store::{
        CoverageStore, StoreAnswer,
        handle::{Handle, REPORT},
    },
};

impl CoverageStore for Handle<Sqlite> {
    fn coverage(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        self.ask(REPORT, async move |_, open| rows(&open.readers, days).await)
    }
}

/// The counts of these days, in order.
pub(super) async fn rows(
    readers: &Readers,
    days: RangeInclusive<u64>,
) -> sqlx::Result<Vec<CoverageRow>> {
    const ROWS: &str =
        "SELECT day, kind, first, second, count FROM coverage WHERE day BETWEEN ?1 AND ?2";
    let mut reader = readers.lend().await?;
    let found = sqlx::query(ROWS)
        .bind(integer(*days.start()))
        .bind(integer(*days.end()))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let rows = found.iter().filter_map(|row| counted(row).transpose());
    let mut rows: Vec<_> = rows.collect::<sqlx::Result<_>>()?;
    rows.sort_unstable();
    Ok(rows)
}

/// `None` for a kind of a newer version.
fn counted(row: &SqliteRow) -> sqlx::Result<Option<CoverageRow>> {
    let count = CoverageCount::stored(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
    let (day, times) = (natural(row.try_get(0)?), natural(row.try_get(4)?));
    Ok(count.map(|count| CoverageRow { day, count, times }))
}

/// Adds counts. When a day has the maximum of a kind, further ones are left out.
pub(super) async fn insert(
    writer: &mut SqliteConnection,
    counts: &BTreeMap<(u64, CoverageCount), u64>,
) -> sqlx::Result<()> {
    const COUNT: &str = "INSERT INTO coverage (day, kind, first, second, count) \
        SELECT ?1, ?2, ?3, ?4, ?5 \
        WHERE ?6 IS NULL OR EXISTS (SELECT 1 FROM coverage WHERE day = ?1 AND kind = ?2 AND first = ?3 AND second = ?4) \
        OR (SELECT count(*) FROM coverage WHERE day = ?1 AND kind = ?2) < ?6 \
        ON CONFLICT DO UPDATE SET count = count + excluded.count";
    for ((day, count), &times) in counts {
        let (first, second) = count.texts();
        sqlx::query(COUNT)
            .bind(integer(*day))
            .bind(count.kind())
            .bind(first)
            .bind(second)
            .bind(integer(times))
            .bind(count.max_per_day().map(integer))
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

/// Deletes expired days.
pub(super) async fn prune(writer: &Writer, today: u64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM coverage WHERE (day, kind, first, second) IN \
        (SELECT day, kind, first, second FROM coverage WHERE day <= ?1 ORDER BY day LIMIT ?2)";
    delete(writer, OVER, integer(today.saturating_sub(KEEP_DAYS))).await
}
