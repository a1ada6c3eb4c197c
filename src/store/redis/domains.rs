//! What is kept by domain of ours: a hash of each day for what became of bounces, and a sorted set of the beginnings and ends
//! of sieges.

use std::{collections::BTreeMap, ops::RangeInclusive};

use redis::{Pipeline, RedisResult, aio::MultiplexedConnection, cmd};

use super::{BETWEEN, PREFIX, Redis, coverage};
use crate::{
    core::{
        attack::{AttackCount, AttackKind, AttackRow, AttackTally, KEEP_DAYS},
        proof::{
            DAY,
            coverage::{CoverageCount, CoverageRow},
            today,
        },
        siege::{self, MAX_EVENTS, SiegeEvent, domain_of, record_name},
    },
    store::{
        DomainStore, StoreAnswer,
        batch::{Counts, now, reasons_by_day},
        handle::{Handle, REPORT},
    },
};

/// How many beginnings and ends are read at once, so that others don't wait for the server long.
const AT_ONCE: u64 = 10_000;

impl DomainStore for Handle<Redis> {
    fn attack_days(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>> {
        self.ask(REPORT, async move |_, mut connection| {
            let mut rows = Vec::new();
            for day in kept(&days) {
                rows.extend(day_of(&mut connection, day).await?);
            }
            rows.sort_unstable();
            Ok(rows)
        })
    }

    fn attack_sums(
        &self,
        days: RangeInclusive<u64>,
    ) -> StoreAnswer<'_, Vec<(String, AttackTally)>> {
        self.ask(REPORT, async move |_, mut connection| {
            let mut sums: BTreeMap<String, AttackTally> = BTreeMap::new();
            for day in kept(&days) {
                for row in day_of(&mut connection, day).await? {
                    let sum = sums.entry(row.count.domain).or_default();
                    sum.add(row.count.fate, row.times);
                }
            }
            Ok(sums.into_iter().collect())
        })
    }

    fn coverage_sums(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        self.ask(REPORT, async move |_, mut connection| {
            coverage_sums(&mut connection, days, |_| true).await
        })
    }

    fn provable_sums(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>> {
        let is_meant = |count: &CoverageCount| {
            let CoverageCount::Outgoing { outcome, .. } = count else {
                return false;
            };
            outcome == CoverageCount::MESSAGE || outcome == CoverageCount::PROVABLE
        };
        self.ask(REPORT, async move |_, mut connection| {
            coverage_sums(&mut connection, days, is_meant).await
        })
    }

    fn siege_events(&self, since: u64) -> StoreAnswer<'_, Vec<SiegeEvent>> {
        self.ask(REPORT, async move |_, mut connection| {
            siege_events(&mut connection, since).await
        })
    }
}

/// Of these days, those that have not expired.
fn kept(days: &RangeInclusive<u64>) -> RangeInclusive<u64> {
    let today = today(now());
    let first = (today + 1).saturating_sub(KEEP_DAYS).max(*days.start());
    first..=today.saturating_add(1).min(*days.end())
}

fn day_key(day: u64) -> String {
    format!("{PREFIX}attack_days:{day}")
}

fn events_key() -> String {
    format!("{PREFIX}siege_events")
}

/// Appends the commands that add the reasons of a batch to those of their days, without days that have expired at `now`, and
/// note its beginnings and ends of sieges.
pub(super) fn written(commands: &mut Pipeline, counts: &Counts, now: u64) {
    for ((day, count), times) in reasons_by_day(counts) {
        let age = today(now).saturating_sub(day);
        let left = KEEP_DAYS.saturating_sub(age).saturating_mul(DAY);
        if left == 0 {
            continue;
        }
        let AttackCount {
            domain, fate, text, ..
        } = count;
        let field = format!("{domain}{BETWEEN}{}{BETWEEN}{text}", fate.as_str());
        commands
            .cmd("HINCRBY")
            .arg(day_key(day))
            .arg(field)
            .arg(times)
            .ignore();
        commands.cmd("EXPIRE").arg(day_key(day)).arg(left).ignore();
    }
    for event in &counts.sieges {
        let name = record_name(event.domain.as_ref());
        let member = format!("{} {} {name}", event.at, u8::from(event.begins));
        commands
            .cmd("ZADD")
            .arg(events_key())
            .arg(event.at)
            .arg(member)
            .ignore();
    }
    if !counts.sieges.is_empty() {
        let keep = siege::KEEP_DAYS * DAY;
        commands.cmd("EXPIRE").arg(events_key()).arg(keep).ignore();
    }
}

/// Deletes beginnings and ends that have expired at `now`, and the oldest of too many.
pub(super) async fn prune(connection: &mut MultiplexedConnection, now: u64) -> RedisResult<()> {
    let oldest = now.saturating_sub(siege::KEEP_DAYS * DAY);
    let mut old = cmd("ZREMRANGEBYSCORE");
    old.arg(events_key()).arg("-inf").arg(format!("({oldest}"));
    old.query_async::<()>(connection).await?;
    let beyond = i64::try_from(MAX_EVENTS).map_or(i64::MIN, |most| -1 - most);
    let mut too_many = cmd("ZREMRANGEBYRANK");
    too_many.arg(events_key()).arg(0).arg(beyond);
    too_many.query_async(connection).await
}

async fn day_of(connection: &mut MultiplexedConnection, day: u64) -> RedisResult<Vec<AttackRow>> {
    let mut command = cmd("HGETALL");
    let counted: Vec<(String, u64)> = command.arg(day_key(day)).query_async(connection).await?;
    let rows = counted.into_iter().filter_map(|(field, times)| {
        let (domain, rest) = field.split_once(BETWEEN)?;
        let (fate, why) = rest.split_once(BETWEEN)?;
        Some(AttackRow {
            hour: day.saturating_mul(24),
            count: AttackCount::stored(AttackKind::Reason.as_str(), domain, fate, why)?,
            times,
        })
    });
    Ok(rows.collect())
}

/// The counts of these days that are meant, a day at a time: thousands of domains have one for each outcome.
async fn coverage_sums(
    connection: &mut MultiplexedConnection,
    days: RangeInclusive<u64>,
    is_meant: fn(&CoverageCount) -> bool,
) -> RedisResult<Vec<CoverageRow>> {
    let mut sums = BTreeMap::new();
    for day in kept(&days) {
        let rows = coverage::rows(connection, day..=day, today(now())).await?;
        for CoverageRow { day, count, times } in rows {
            if is_meant(&count) {
                let (_, sum) = sums.entry(count).or_insert((day, 0_u64));
                *sum = sum.saturating_add(times);
            }
        }
    }
    let rows = sums.into_iter();
    let rows = rows.map(|(count, (day, times))| CoverageRow { day, count, times });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    Ok(rows)
}

async fn siege_events(
    connection: &mut MultiplexedConnection,
    since: u64,
) -> RedisResult<Vec<SiegeEvent>> {
    let mut events = Vec::new();
    let mut offset = 0;
    while offset < 2 * MAX_EVENTS {
        let mut command = cmd("ZRANGEBYSCORE");
        command
            .arg(events_key())
            .arg(since)
            .arg("+inf")
            .arg("LIMIT")
            .arg(offset)
            .arg(AT_ONCE);
        let members: Vec<String> = command.query_async(connection).await?;
        let is_last = (members.len() as u64) < AT_ONCE;
        events.extend(members.iter().filter_map(|member| event(member)));
        if is_last {
            break;
        }
        offset += AT_ONCE;
    }
    events.sort();
    Ok(events)
}

fn event(member: &str) -> Option<SiegeEvent> {
    let mut words = member.split(' ');
    let (at, begins, name) = (words.next()?, words.next()?, words.next()?);
    Some(SiegeEvent {
        at: at.parse().ok()?,
        domain: domain_of(name)?,
        begins: begins == "1",
    })
}
