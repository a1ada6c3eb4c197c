//! The tables of the attack report: counts by hour, and samples.

use std::ops::RangeInclusive;

use futures_util::TryStreamExt;
use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{integer, natural};
use crate::{
    core::{
        attack::{
            AttackCount, AttackRow, HOUR, KEEP_DAYS, MAX_SAMPLES, SAMPLE_DAYS, SAMPLES_AN_HOUR,
            Sample, hour, network,
        },
        proof::DAY,
    },
    store::backend::Batch,
};

/// What these tables add to the schema.
pub(super) const MIGRATION: &str = "
    CREATE TABLE attack (
        hour INTEGER NOT NULL,
        kind TEXT NOT NULL,
        domain TEXT NOT NULL,
        fate TEXT NOT NULL,
        what TEXT NOT NULL,
        times INTEGER NOT NULL,
        PRIMARY KEY (hour, kind, domain, fate, what)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE samples (
        id INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        network TEXT NOT NULL,
        sample TEXT NOT NULL
    ) STRICT;
    CREATE INDEX samples_by_time ON samples (at);
    CREATE INDEX samples_by_network ON samples (network, at);
    PRAGMA user_version = 3;
";

/// Adds what a batch has. Things that are too many in their hour are counted together.
pub(super) async fn insert(writer: &mut SqliteConnection, batch: &Batch) -> sqlx::Result<()> {
    const COUNT: &str = "INSERT INTO attack (hour, kind, domain, fate, what, times) \
        SELECT ?1, ?2, ?3, ?4, \
        CASE WHEN EXISTS (SELECT 1 FROM attack WHERE (hour, kind, domain, fate, what) = (?1, ?2, ?3, ?4, ?5)) \
        OR (SELECT count(*) FROM attack WHERE hour = ?1 AND kind = ?2) < ?7 THEN ?5 ELSE '' END, ?6 \
        WHERE true ON CONFLICT DO UPDATE SET times = times + excluded.times";
    const SAMPLE: &str = "INSERT INTO samples (at, network, sample) SELECT ?1, ?2, ?3 \
        WHERE (SELECT count(*) FROM samples WHERE network = ?2 AND at BETWEEN ?4 AND ?5) < ?6";
    for ((hour, count), &times) in &batch.attack {
        sqlx::query(COUNT)
            .bind(integer(*hour))
            .bind(count.kind.as_str())
            .bind(&count.domain)
            .bind(count.fate.as_str())
            .bind(&count.text)
            .bind(integer(times))
            .bind(integer(count.kind.max_per_hour().unwrap_or(u64::MAX)))
            .execute(&mut *writer)
            .await?;
    }
    for waiting in &batch.samples {
        let sample = &waiting.sample;
        let Ok(text) = serde_json::to_string(sample) else {
            // There is nothing in it that JSON has no form for.
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

/// What deletes what is over at `now`, each with its bound.
pub(super) fn over(now: u64) -> [(&'static str, i64); 3] {
    const COUNTS: &str = "DELETE FROM attack WHERE (hour, kind, domain, fate, what) IN \
        (SELECT hour, kind, domain, fate, what FROM attack WHERE hour < ?1 ORDER BY hour LIMIT ?2)";
    const OLD: &str = "DELETE FROM samples WHERE id IN \
        (SELECT id FROM samples WHERE at < ?1 ORDER BY at LIMIT ?2)";
    const TOO_MANY: &str = "DELETE FROM samples WHERE id IN \
        (SELECT id FROM samples ORDER BY at DESC, id DESC LIMIT ?2 OFFSET ?1)";
    let days_ago = |days: u64| now.saturating_sub(days * DAY);
    [
        (COUNTS, integer(hour(days_ago(KEEP_DAYS)))),
        (OLD, integer(days_ago(SAMPLE_DAYS))),
        (TOO_MANY, i64::try_from(MAX_SAMPLES).unwrap_or(i64::MAX)),
    ]
}

/// What was counted in these hours.
pub(super) async fn rows(
    readers: &SqlitePool,
    hours: RangeInclusive<u64>,
) -> sqlx::Result<Vec<AttackRow>> {
    const ROWS: &str =
        "SELECT hour, kind, domain, fate, what, times FROM attack WHERE hour BETWEEN ?1 AND ?2";
    let mut found = sqlx::query(ROWS)
        .bind(integer(*hours.start()))
        .bind(integer(*hours.end()))
        .fetch(readers);
    let mut rows = Vec::new();
    while let Some(row) = found.try_next().await? {
        rows.extend(counted(&row)?);
    }
    Ok(rows)
}

/// `None` for what a newer version counted.
fn counted(row: &SqliteRow) -> sqlx::Result<Option<AttackRow>> {
    let count = AttackCount::stored(
        row.try_get(1)?,
        row.try_get(2)?,
        row.try_get(3)?,
        row.try_get(4)?,
    );
    let (hour, times) = (natural(row.try_get(0)?), natural(row.try_get(5)?));
    Ok(count.map(|count| AttackRow { hour, count, times }))
}

/// The samples of this time, the newest of too many.
pub(super) async fn samples(
    readers: &SqlitePool,
    time: RangeInclusive<u64>,
) -> sqlx::Result<Vec<Sample>> {
    const SAMPLES: &str =
        "SELECT sample FROM samples WHERE at BETWEEN ?1 AND ?2 ORDER BY at DESC, id DESC LIMIT ?3";
    let texts: Vec<String> = sqlx::query_scalar(SAMPLES)
        .bind(integer(*time.start()))
        .bind(integer(*time.end()))
        .bind(i64::try_from(MAX_SAMPLES).unwrap_or(i64::MAX))
        .fetch_all(readers)
        .await?;
    let samples = texts
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok());
    Ok(samples.collect())
}
