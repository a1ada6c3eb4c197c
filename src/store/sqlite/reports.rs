//! DMARC aggregate reports, each one row.

use std::{
    collections::{HashMap, hash_map::Entry},
    ops::RangeInclusive,
};

use sqlx::{Executor, SqliteConnection};

use super::{
    Sqlite, integer, natural,
    prune::delete,
    readers::Readers,
    schema::LATER_TABLES,
    writer::{Writer, ended},
};
use crate::{
    core::{
        aggregate::{
            AggregateReport, Kept, MAX_OF_REPORTER, MAX_PER_DAY, ReportKey, Room, kept, owner,
        },
        proof::today,
    },
    store::{
        ReportStore, StoreAnswer,
        batch::now,
        handle::{Handle, IMPORT, REPORT},
    },
};

impl ReportStore for Handle<Sqlite> {
    fn import_reports(&self, reports: Vec<AggregateReport>) -> StoreAnswer<'_, Vec<Kept>> {
        self.ask(IMPORT, async move |_, open| {
            // By itself, so that a transaction comes to its end although nobody waits for that any more.
            let written = tokio::spawn(async move {
                let mut writer = open.writer.lock().await?;
                // It writes nothing where they are there.
                writer.execute(LATER_TABLES).await?;
                writer.execute("BEGIN IMMEDIATE").await?;
                let written = insert(&mut writer, &reports, today(now())).await;
                ended(&mut writer, written).await
            });
            written.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
        })
    }

    fn reports(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AggregateReport>> {
        self.ask(REPORT, async move |_, open| rows(&open.readers, days).await)
    }
}

async fn insert(
    writer: &mut SqliteConnection,
    reports: &[AggregateReport],
    today: u64,
) -> sqlx::Result<Vec<Kept>> {
    const KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM dmarc_reports WHERE \
        (day, reporter, domain, report_id, begun_at, ended_at) = (?1, ?2, ?3, ?4, ?5, ?6))";
    const INSERT: &str = "INSERT INTO dmarc_reports \
        (day, reporter, domain, report_id, begun_at, ended_at, report) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut days: HashMap<u64, Taken> = HashMap::new();
    let mut all = Vec::with_capacity(reports.len());
    for report in reports {
        let ReportKey {
            reporter,
            domain,
            id,
            begin,
            end,
        } = &report.key;
        let day = report.key.day();
        if !kept(today).contains(&day) {
            all.push(Kept::NotKept);
            continue;
        }
        let query = |statement| {
            sqlx::query_scalar::<_, i64>(statement)
                .bind(integer(day))
                .bind(reporter.as_str())
                .bind(domain.as_str())
                .bind(id)
                .bind(integer(*begin))
                .bind(integer(*end))
        };
        if query(KNOWN).fetch_one(&mut *writer).await? != 0 {
            all.push(Kept::Known);
            continue;
        }
        let taken = match days.entry(day) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Taken::of(writer, day).await?),
        };
        let bytes = report.to_bytes();
        let octets = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if !taken.take(report.key.owner(), octets) {
            all.push(Kept::NoRoom);
            continue;
        }
        query(INSERT)
            .bind(bytes)
            .fetch_optional(&mut *writer)
            .await?;
        all.push(Kept::New);
    }
    Ok(all)
}

/// What the reports of a day take, and those of each reporter.
#[derive(Default)]
struct Taken {
    all: Room,
    of: HashMap<String, Room>,
}

impl Taken {
    async fn of(writer: &mut SqliteConnection, day: u64) -> sqlx::Result<Self> {
        const TAKEN: &str = "SELECT reporter, count(*), sum(length(report)) FROM dmarc_reports \
            WHERE day = ?1 GROUP BY reporter";
        let found: Vec<(String, i64, i64)> = sqlx::query_as(TAKEN)
            .bind(integer(day))
            .fetch_all(writer)
            .await?;
        let mut taken = Self::default();
        for (reporter, reports, octets) in found {
            let Ok(reporter) = reporter.parse() else {
                continue;
            };
            let of_owner = taken.of.entry(owner(&reporter).to_owned()).or_default();
            for room in [of_owner, &mut taken.all] {
                room.reports = room.reports.saturating_add(natural(reports));
                room.octets = room.octets.saturating_add(natural(octets));
            }
        }
        Ok(taken)
    }

    fn take(&mut self, owner: &str, octets: u64) -> bool {
        let mut all = self.all;
        let of_owner = self.of.entry(owner.to_owned()).or_default();
        let fits = all.take(octets, MAX_PER_DAY) && of_owner.take(octets, MAX_OF_REPORTER);
        if fits {
            self.all = all;
        }
        fits
    }
}

async fn rows(readers: &Readers, days: RangeInclusive<u64>) -> sqlx::Result<Vec<AggregateReport>> {
    const ROWS: &str = "SELECT report FROM dmarc_reports WHERE day BETWEEN ?1 AND ?2 \
        ORDER BY day, reporter, domain, report_id, begun_at, ended_at";
    let mut reader = readers.lend().await?;
    let found: Vec<Vec<u8>> = sqlx::query_scalar(ROWS)
        .bind(integer(*days.start()))
        .bind(integer(*days.end()))
        .fetch_all(reader.connection()?)
        .await?;
    reader.done();
    let reports = found.iter();
    Ok(reports
        .filter_map(|bytes| AggregateReport::from_bytes(bytes))
        .collect())
}

/// Deletes expired days.
pub(super) async fn prune(writer: &Writer, today: u64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM dmarc_reports WHERE rowid IN \
        (SELECT rowid FROM dmarc_reports WHERE day < ?1 ORDER BY day LIMIT ?2)";
    delete(writer, OVER, integer(*kept(today).start())).await
}
