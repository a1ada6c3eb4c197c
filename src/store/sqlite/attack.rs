//! The attack report: counts by hour, and samples.

use std::ops::RangeInclusive;

use futures_util::TryStreamExt;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{Sqlite, integer, natural, prune::delete, readers::Readers, writer::Writer};
use crate::{
    core::{
        attack::{
            AttackCount, AttackKind, AttackRow, HOUR, KEEP_DAYS, MAX_SAMPLES, SAMPLE_DAYS,
            SAMPLES_AN_HOUR, Sample, hour, network,
        },
        proof::DAY,
    },
    store::{
        AttackStore, StoreAnswer,
        batch::{self, Counts, now},
        handle::{Handle, REPORT},
    },
};

impl AttackStore for Handle<Sqlite> {
    fn attack(&self, hours: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>> {
        self.ask(REPORT, async move |_, open| {
            rows(&open.readers, hours).await
        })
    }

    fn attack_of(
        &self,
        kind: AttackKind,
        hours: RangeInclusive<u64>,
    ) -> StoreAnswer<'_, Vec<AttackRow>> {
        self.ask(REPORT, async move |_, open| {
            rows_of(&open.readers, kind, hours).await
        })
    }

    fn samples(&self, time: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<Sample>> {
        self.ask(REPORT, async move |_, open| {
            samples(&open.readers, time).await
        })
    }
}

/// Adds the counts and samples of a batch. When an hour has the maximum of a kind, further ones are counted together. No
/// more rows than that maximum are looked at: thousands of domains have one each.
pub(super) async fn insert(writer: &mut SqliteConnection, counts: &Counts) -> sqlx::Result<()> {
    const COUNT: &str = "INSERT INTO attack (hour, kind, domain, fate, text, count) \
        SELECT ?1, ?2, ?3, ?4, \
        CASE WHEN ?7 IS NULL OR EXISTS (SELECT 1 FROM attack WHERE (hour, kind, domain, fate, text) = (?1, ?2, ?3, ?4, ?5)) \
        OR (SELECT count(*) FROM (SELECT 1 FROM attack WHERE hour = ?1 AND kind = ?2 LIMIT ?7)) < ?7 \
        THEN ?5 ELSE '' END, ?6 \
        WHERE true ON CONFLICT DO UPDATE SET count = count + excluded.count";
    const SAMPLE: &str = "INSERT INTO samples (came_at, network, sample) SELECT ?1, ?2, ?3 \
        WHERE (SELECT count(*) FROM samples WHERE network = ?2 AND came_at BETWEEN ?4 AND ?5) < ?6";
    for ((hour, count), &times) in &counts.attack {
        sqlx::query(COUNT)
            .bind(integer(*hour))
            .bind(count.kind.as_str())
            .bind(&count.domain)
            .bind(count.fate.as_str())
            .bind(&count.text)
            .bind(integer(times))
            .bind(count.kind.max_per_hour().map(integer))
            .execute(&mut *writer)
            .await?;
    }
    for waiting in &counts.samples {
        let sample = &waiting.sample;
        let Ok(text) = serde_json::to_string(sample) else {
            // JSON has a form for all of it.
            continue;
        };
        let begin = hour(sample.at).saturating_mul(HOUR);
        sqlx::query(SAMPLE)
            .bind(integer(sample.at))
            .bind(network(sample.client))
            .bind(text)
            .bind(integer(begin))
            .bind(integer(begin.saturating_add(HOUR - 1)))
            .bind(integer(SAMPLES_AN_HOUR))
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

/// Deletes what has expired at `now`, and the oldest of too many samples.
pub(super) async fn prune(writer: &Writer, now: u64) -> sqlx::Result<()> {
    const COUNTS: &str = "DELETE FROM attack WHERE (hour, kind, domain, fate, text) IN \
        (SELECT hour, kind, domain, fate, text FROM attack WHERE hour < ?1 ORDER BY hour LIMIT ?2)";
    const OLD: &str = "DELETE FROM samples WHERE id IN \
        (SELECT id FROM samples WHERE came_at < ?1 ORDER BY came_at LIMIT ?2)";
    const TOO_MANY: &str = "DELETE FROM samples WHERE id IN \
        (SELECT id FROM samples ORDER BY came_at DESC, id DESC LIMIT ?2 OFFSET ?1)";
    let days_ago = |days: u64| now.saturating_sub(days * DAY);
    let max_samples = i64::try_from(MAX_SAMPLES).unwrap_or(i64::MAX);
    delete(writer, COUNTS, integer(hour(days_ago(KEEP_DAYS)))).await?;
    delete(writer, OLD, integer(days_ago(SAMPLE_DAYS))).await?;
    delete(writer, TOO_MANY, max_samples).await
}

/// The counts of these hours, in order. Those that differ in their texts only come as one row of lines: hundreds of rows cost
/// less so than ten, and no text has the end of a line in it.
pub(super) async fn rows(
    readers: &Readers,
    hours: RangeInclusive<u64>,
) -> sqlx::Result<Vec<AttackRow>> {
    const ROWS: &str = "SELECT hour, kind, domain, fate, group_concat(count || ' ' || text, char(10)) FROM attack \
        WHERE hour BETWEEN ?1 AND ?2 GROUP BY hour, kind, domain, fate";
    let mut reader = readers.lend().await?;
    let mut found = sqlx::query(ROWS)
        .bind(integer(*hours.start()))
        .bind(integer(*hours.end()))
        .fetch(reader.connection()?);
    let mut groups = Vec::new();
    while let Some(row) = found.try_next().await? {
        groups.extend(group(&row)?);
    }
    drop(found);
    reader.done();
    groups.sort_unstable();
    let mut rows: Vec<AttackRow> = groups.iter().flat_map(of_group).collect();
    // They are in order already, unless SQLite has another one.
    rows.sort_unstable();
    Ok(rows)
}

/// The counts of one kind in these hours, in order. Each hour is looked up by itself: other kinds have most of the rows.
async fn rows_of(
    readers: &Readers,
    kind: AttackKind,
    hours: RangeInclusive<u64>,
) -> sqlx::Result<Vec<AttackRow>> {
    const ROWS: &str = "WITH RECURSIVE hours(hour) AS (SELECT ?1 UNION ALL SELECT hour + 1 FROM hours WHERE hour < ?2) \
        SELECT attack.hour, kind, domain, fate, text, count FROM hours CROSS JOIN attack ON attack.hour = hours.hour \
        WHERE kind = ?3 AND attack.hour <= ?2";
    // What begins before it is not kept.
    let oldest = hour(now().saturating_sub((KEEP_DAYS + 1) * DAY));
    let last = (*hours.end()).min(hour(now()).saturating_add(1));
    let mut reader = readers.lend().await?;
    let found = sqlx::query(ROWS)
        .bind(integer((*hours.start()).max(oldest)))
        .bind(integer(last))
        .bind(kind.as_str())
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        let (hour, times) = (natural(row.try_get(0)?), natural(row.try_get(5)?));
        let count = AttackCount::stored(
            row.try_get(1)?,
            row.try_get(2)?,
            row.try_get(3)?,
            row.try_get(4)?,
        );
        rows.extend(count.map(|count| AttackRow { hour, count, times }));
    }
    rows.sort_unstable();
    Ok(rows)
}

/// The hour, what was counted, without a text, and the lines. `None` for a kind of a newer version.
type Group = (u64, AttackCount, String);

fn group(row: &SqliteRow) -> sqlx::Result<Option<Group>> {
    let count = AttackCount::stored(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, "");
    let (hour, lines) = (natural(row.try_get(0)?), row.try_get(4)?);
    Ok(count.map(|count| (hour, count, lines)))
}

fn of_group((hour, count, lines): &Group) -> impl Iterator<Item = AttackRow> {
    lines.split('\n').filter_map(|line| {
        let (times, text) = line.split_once(' ')?;
        Some(AttackRow {
            hour: *hour,
            count: AttackCount {
                text: text.to_owned(),
                ..count.clone()
            },
            times: times.parse().ok()?,
        })
    })
}

/// The samples of this time, the oldest first; the newest of them, if there are too many.
pub(super) async fn samples(
    readers: &Readers,
    time: RangeInclusive<u64>,
) -> sqlx::Result<Vec<Sample>> {
    const SAMPLES: &str = "SELECT sample FROM samples WHERE came_at BETWEEN ?1 AND ?2 ORDER BY came_at DESC, id DESC LIMIT ?3";
    let mut reader = readers.lend().await?;
    let texts: Vec<String> = sqlx::query_scalar(SAMPLES)
        .bind(integer(*time.start()))
        .bind(integer(*time.end()))
        .bind(i64::try_from(MAX_SAMPLES).unwrap_or(i64::MAX))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    Ok(batch::samples(&texts))
}
