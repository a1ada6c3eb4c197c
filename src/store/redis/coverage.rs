//! The counts of the coverage report, a hash for each day and kind.

use std::{collections::BTreeMap, ops::RangeInclusive};

use redis::{Pipeline, RedisResult, aio::MultiplexedConnection, pipe};

use super::{BETWEEN, PREFIX, Redis};
use crate::{
    core::proof::{
        DAY,
        coverage::{CoverageCount, CoverageRow, KEEP_DAYS},
        today,
    },
    store::{
        CoverageStore, StoreAnswer,
        batch::now,
        handle::{Handle, REPORT},
    },
};

/// Adds ARGV[2] to the field ARGV[1], unless it is new and there are ARGV[3] fields already. All are kept for ARGV[4]
/// seconds.
pub(super) const BOUNDED: &str = "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
or redis.call('HLEN', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[4])
end";

impl CoverageStore for Handle<Redis> {
    fn coverage(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        self.ask(REPORT, async move |_, mut connection| {
            rows(&mut connection, days, today(now())).await
        })
    }
}

/// The counts of these days, in order. Reads no days that have expired `today`.
pub(super) async fn rows(
    connection: &mut MultiplexedConnection,
    days: RangeInclusive<u64>,
    today: u64,
) -> RedisResult<Vec<CoverageRow>> {
    let first = today.saturating_sub(KEEP_DAYS).max(*days.start());
    let last = today.saturating_add(1).min(*days.end());
    let asked: Vec<_> = (first..=last)
        .flat_map(|day| CoverageCount::KINDS.map(|kind| (day, kind)))
        .collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut commands = pipe();
    for &(day, kind) in &asked {
        commands.cmd("HGETALL").arg(key(day, kind));
    }
    let counted: Vec<Vec<(String, u64)>> = commands.query_async(connection).await?;
    let mut rows = Vec::new();
    for ((day, kind), counted) in asked.into_iter().zip(counted) {
        rows.extend(counted.into_iter().filter_map(|(texts, times)| {
            let (first, second) = texts.split_once(BETWEEN)?;
            let count = CoverageCount::stored(kind, first.to_owned(), second.to_owned())?;
            Some(CoverageRow { day, count, times })
        }));
    }
    rows.sort_unstable();
    Ok(rows)
}

/// Appends the commands that add counts, without those of days that have expired.
pub(super) fn written(
    commands: &mut Pipeline,
    counts: &BTreeMap<(u64, CoverageCount), u64>,
    today: u64,
) {
    for ((day, count), times) in counts {
        let age = today.saturating_sub(*day);
        let left = KEEP_DAYS.saturating_sub(age).saturating_mul(DAY);
        if left == 0 {
            continue;
        }
        let (first, second) = count.texts();
        let texts = format!("{first}{BETWEEN}{second}");
        let eval = commands.cmd("EVAL").arg(BOUNDED).arg(1);
        eval.arg(key(*day, count.kind()))
            .arg(texts)
            .arg(*times)
            .arg(count.max_per_day().unwrap_or(u64::MAX))
            .arg(left)
            .ignore();
    }
}

fn key(day: u64, kind: &str) -> String {
    format!("{PREFIX}coverage:{day}:{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_not_written() {
        let outcome = "batv".to_owned();
        let counted = BTreeMap::from([((100, CoverageCount::Bounce { outcome }), 1)]);
        for (today, commands) in [(189, 1), (190, 0)] {
            let mut written_so_far = pipe();
            written(&mut written_so_far, &counted, today);
            assert_eq!(written_so_far.len(), commands, "{today}");
        }
    }
}
