//! What is kept by domain of ours.

use std::{collections::BTreeMap, ops::RangeInclusive};

use sqlx::{Executor, Row as _, SqliteConnection};

use super::{
    Sqlite, integer, natural, prune::delete, readers::Readers, schema::LATER_TABLES, writer::Writer,
};
use crate::{
    core::{
        attack::{AttackCount, AttackKind, AttackRow, AttackTally, Fate, KEEP_DAYS},
        proof::{
            DAY,
            coverage::{CoverageCount, CoverageRow},
            today,
        },
        siege::{self, MAX_EVENTS, SiegeEvent, domain_of, record_name},
    },
    store::{
        DomainStore, StoreAnswer,
        batch::{Counts, reasons_by_day},
        handle::{Handle, REPORT},
    },
};

impl DomainStore for Handle<Sqlite> {
    fn attack_days(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>> {
        self.ask(REPORT, async move |_, open| {
            attack_days(&open.readers, days).await
        })
    }

    fn attack_sums(
        &self,
        days: RangeInclusive<u64>,
    ) -> StoreAnswer<'_, Vec<(String, AttackTally)>> {
        self.ask(REPORT, async move |_, open| {
            attack_sums(&open.readers, days).await
        })
    }

    fn coverage_sums(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        self.ask(REPORT, async move |_, open| {
            coverage_sums(&open.readers, days, false).await
        })
    }

    fn provable_sums(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        self.ask(REPORT, async move |_, open| {
            coverage_sums(&open.readers, days, true).await
        })
    }

    fn siege_events(&self, since: u64) -> StoreAnswer<'_, Vec<SiegeEvent>> {
        self.ask(REPORT, async move |_, open| {
            siege_events(&open.readers, since).await
        })
    }
}

/// Adds the reasons of a batch to those of their days, and notes its beginnings and ends of sieges.
pub(super) async fn insert(writer: &mut SqliteConnection, counts: &Counts) -> sqlx::Result<()> {
    const REASON: &str = "INSERT INTO attack_days (day, domain, fate, why, count) VALUES (?1, ?2, ?3, ?4, ?5) \
        ON CONFLICT DO UPDATE SET count = count + excluded.count";
    const EVENT: &str =
        "INSERT OR REPLACE INTO siege_events (at, name, begins) VALUES (?1, ?2, ?3)";
    let reasons = reasons_by_day(counts);
    if !reasons.is_empty() || !counts.sieges.is_empty() {
        // It writes nothing where they are there.
        writer.execute(LATER_TABLES).await?;
    }
    for ((day, count), times) in reasons {
        sqlx::query(REASON)
            .bind(integer(day))
            .bind(&count.domain)
            .bind(count.fate.as_str())
            .bind(&count.text)
            .bind(integer(times))
            .execute(&mut *writer)
            .await?;
    }
    for event in &counts.sieges {
        sqlx::query(EVENT)
            .bind(integer(event.at))
            .bind(record_name(event.domain.as_ref()))
            .bind(event.begins)
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

/// Deletes what has expired at `now`, and the oldest of too many beginnings and ends.
pub(super) async fn prune(writer: &Writer, now: u64) -> sqlx::Result<()> {
    const REASONS: &str = "DELETE FROM attack_days WHERE (day, domain, fate, why) IN \
        (SELECT day, domain, fate, why FROM attack_days WHERE day <= ?1 ORDER BY day LIMIT ?2)";
    const OLD: &str = "DELETE FROM siege_events WHERE (at, name) IN \
        (SELECT at, name FROM siege_events WHERE at < ?1 ORDER BY at LIMIT ?2)";
    const TOO_MANY: &str = "DELETE FROM siege_events WHERE (at, name) IN \
        (SELECT at, name FROM siege_events ORDER BY at DESC, name DESC LIMIT ?2 OFFSET ?1)";
    let last = today(now).saturating_sub(KEEP_DAYS);
    delete(writer, REASONS, integer(last)).await?;
    let oldest = now.saturating_sub(siege::KEEP_DAYS * DAY);
    delete(writer, OLD, integer(oldest)).await?;
    delete(writer, TOO_MANY, integer(MAX_EVENTS)).await
}

async fn attack_days(readers: &Readers, days: RangeInclusive<u64>) -> sqlx::Result<Vec<AttackRow>> {
    const ROWS: &str =
        "SELECT day, domain, fate, why, count FROM attack_days WHERE day BETWEEN ?1 AND ?2";
    let mut reader = readers.lend().await?;
    let found = sqlx::query(ROWS)
        .bind(integer(*days.start()))
        .bind(integer(*days.end()))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        let (day, times) = (natural(row.try_get(0)?), natural(row.try_get(4)?));
        let kind = AttackKind::Reason.as_str();
        let count = AttackCount::stored(kind, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let hour = day.saturating_mul(24);
        rows.extend(count.map(|count| AttackRow { hour, count, times }));
    }
    rows.sort_unstable();
    Ok(rows)
}

async fn attack_sums(
    readers: &Readers,
    days: RangeInclusive<u64>,
) -> sqlx::Result<Vec<(String, AttackTally)>> {
    const SUMS: &str = "SELECT domain, fate, sum(count) FROM attack_days WHERE day BETWEEN ?1 AND ?2 \
        GROUP BY domain, fate";
    let mut reader = readers.lend().await?;
    let found: Vec<(String, String, i64)> = sqlx::query_as(SUMS)
        .bind(integer(*days.start()))
        .bind(integer(*days.end()))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let mut sums: BTreeMap<String, AttackTally> = BTreeMap::new();
    for (domain, fate, times) in found {
        if let Some(fate) = Fate::stored(&fate) {
            sums.entry(domain).or_default().add(fate, natural(times));
        }
    }
    Ok(sums.into_iter().collect())
}

/// All of them, or only messages and how many are provable.
async fn coverage_sums(
    readers: &Readers,
    days: RangeInclusive<u64>,
    is_brief: bool,
) -> sqlx::Result<Vec<CoverageRow>> {
    const SUMS: &str = "SELECT min(day), kind, first, second, sum(count) FROM coverage WHERE day BETWEEN ?1 AND ?2 \
        AND (NOT ?3 OR kind = 'outgoing' AND second IN ('message', 'provable')) GROUP BY kind, first, second";
    let mut reader = readers.lend().await?;
    let found = sqlx::query(SUMS)
        .bind(integer(*days.start()))
        .bind(integer(*days.end()))
        .bind(is_brief)
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        let (day, times) = (natural(row.try_get(0)?), natural(row.try_get(4)?));
        let count = CoverageCount::stored(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        rows.extend(count.map(|count| CoverageRow { day, count, times }));
    }
    rows.sort_unstable();
    Ok(rows)
}

async fn siege_events(readers: &Readers, since: u64) -> sqlx::Result<Vec<SiegeEvent>> {
    const EVENTS: &str =
        "SELECT at, name, begins FROM siege_events WHERE at >= ?1 ORDER BY at, name LIMIT ?2";
    let mut reader = readers.lend().await?;
    let found: Vec<(i64, String, bool)> = sqlx::query_as(EVENTS)
        .bind(integer(since))
        .bind(integer(2 * MAX_EVENTS))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let events = found.into_iter().filter_map(|(at, name, begins)| {
        Some(SiegeEvent {
            at: natural(at),
            domain: domain_of(&name)?,
            begins,
        })
    });
    Ok(events.collect())
}
