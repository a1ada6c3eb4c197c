//! DMARC aggregate reports: a hash of them for each day, and one of what they take.

use std::ops::RangeInclusive;

use redis::{RedisResult, aio::MultiplexedConnection, cmd, pipe};

use super::{BETWEEN, PREFIX, Redis};
use crate::{
    core::{
        aggregate::{
            AggregateReport, KEEP_DAYS, Kept, MAX_OF_REPORTER, MAX_PER_DAY, ReportKey, kept,
        },
        proof::{DAY, today},
    },
    store::{
        ReportStore, StoreAnswer,
        batch::now,
        handle::{Handle, IMPORT, REPORT},
    },
};

/// Keeps ARGV[2] as the field ARGV[1] of KEYS[1], and gives 1; or 0 if it is there, or 2 if it finds no room: KEYS[2] counts the
/// reports and octets of all, and of the reporter ARGV[3], which may be ARGV[4] to ARGV[7]. All is kept for ARGV[8] seconds.
const KEEP: &str = "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return 0 end
local fields = {'reports', 'octets', ARGV[3] .. ':reports', ARGV[3] .. ':octets'}
local taken = redis.call('HMGET', KEYS[2], unpack(fields))
local more = {1, #ARGV[2], 1, #ARGV[2]}
for i = 1, 4 do
    if tonumber(taken[i] or '0') + more[i] > tonumber(ARGV[3 + i]) then return 2 end
end
for i = 1, 4 do redis.call('HINCRBY', KEYS[2], fields[i], more[i]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[8])
redis.call('EXPIRE', KEYS[2], ARGV[8])
return 1";

/// How many reports are written in one go: others wait for the server meanwhile.
const AT_ONCE: usize = 100;

impl ReportStore for Handle<Redis> {
    fn import_reports(&self, reports: Vec<AggregateReport>) -> StoreAnswer<'_, Vec<Kept>> {
        self.ask(IMPORT, async move |_, mut connection| {
            let mut all = Vec::with_capacity(reports.len());
            for reports in reports.chunks(AT_ONCE) {
                all.extend(write(&mut connection, reports, today(now())).await?);
            }
            Ok(all)
        })
    }

    fn reports(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AggregateReport>> {
        self.ask(REPORT, async move |_, mut connection| {
            rows(&mut connection, days, today(now())).await
        })
    }
}

async fn write(
    connection: &mut MultiplexedConnection,
    reports: &[AggregateReport],
    today: u64,
) -> RedisResult<Vec<Kept>> {
    let mut commands = pipe();
    let mut is_kept = Vec::with_capacity(reports.len());
    for report in reports {
        let day = report.key.day();
        let left = day.saturating_add(KEEP_DAYS).saturating_sub(today);
        is_kept.push(kept(today).contains(&day));
        if !kept(today).contains(&day) {
            continue;
        }
        let eval = commands.cmd("EVAL").arg(KEEP).arg(2);
        eval.arg(key(day, ""))
            .arg(key(day, TAKEN))
            .arg(field(&report.key))
            .arg(report.to_bytes())
            .arg(report.key.owner())
            .arg(MAX_PER_DAY.reports)
            .arg(MAX_PER_DAY.octets)
            .arg(MAX_OF_REPORTER.reports)
            .arg(MAX_OF_REPORTER.octets)
            .arg(left.saturating_mul(DAY));
    }
    let answers: Vec<i64> = match commands.is_empty() {
        true => Vec::new(),
        false => commands.query_async(connection).await?,
    };
    let mut answers = answers.into_iter();
    let become_of = |is_kept: bool| match is_kept.then(|| answers.next()).flatten() {
        None => Kept::NotKept,
        Some(0) => Kept::Known,
        Some(1) => Kept::New,
        Some(_) => Kept::NoRoom,
    };
    Ok(is_kept.into_iter().map(become_of).collect())
}

/// The reports of these days, in order; each day by itself, so that an answer comes within the connection's time limit.
async fn rows(
    connection: &mut MultiplexedConnection,
    days: RangeInclusive<u64>,
    today: u64,
) -> RedisResult<Vec<AggregateReport>> {
    let first = *kept(today).start().max(days.start());
    let last = *kept(today).end().min(days.end());
    let mut rows = Vec::new();
    for day in first..=last {
        let found: Vec<Vec<u8>> = cmd("HVALS")
            .arg(key(day, ""))
            .query_async(connection)
            .await?;
        let read = found
            .iter()
            .filter_map(|bytes| AggregateReport::from_bytes(bytes));
        let mut of_day: Vec<_> = read.collect();
        of_day.sort_by(|one, other| one.key.cmp(&other.key));
        rows.extend(of_day);
    }
    Ok(rows)
}

const TAKEN: &str = ":taken";

fn key(day: u64, part: &str) -> String {
    format!("{PREFIX}dmarc:{day}{part}")
}

fn field(key: &ReportKey) -> String {
    let ReportKey {
        reporter,
        domain,
        id,
        begin,
        end,
    } = key;
    format!("{reporter}{BETWEEN}{domain}{BETWEEN}{begin}{BETWEEN}{end}{BETWEEN}{id}")
}
