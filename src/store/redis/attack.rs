//! The attack report: counts by hour, and samples.

use std::ops::RangeInclusive;

use redis::{Pipeline, RedisResult, aio::MultiplexedConnection, cmd, pipe};

use super::{BETWEEN, PREFIX, Redis};
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

/// Adds ARGV[3] to the field ARGV[1]; or to the field ARGV[2], if there are ARGV[4] fields already. All are kept for ARGV[5]
/// seconds.
const BOUNDED: &str = "local field = ARGV[1]
if redis.call('HEXISTS', KEYS[1], field) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
    field = ARGV[2]
end
redis.call('HINCRBY', KEYS[1], field, ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[5])";

/// Adds the sample ARGV[2] of the time ARGV[1] to KEYS[1], unless KEYS[2] has counted ARGV[3] of its network and hour;
/// then deletes those from before ARGV[4] and the oldest of more than ARGV[5]. All are kept for ARGV[6] seconds, the count
/// for ARGV[7].
const KEPT: &str =
    "if tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[3]) then return end
if redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2]) == 1 then
    redis.call('INCR', KEYS[2])
    redis.call('EXPIRE', KEYS[2], ARGV[7])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[4])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[5]))
redis.call('EXPIRE', KEYS[1], ARGV[6])";

/// How many hours, and how many samples, are read at once, so that an answer comes within the connection's time limit.
const HOURS_AT_ONCE: usize = 24;
const SAMPLES_AT_ONCE: usize = 50;

impl AttackStore for Handle<Redis> {
    fn attack(&self, hours: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>> {
        self.ask(REPORT, async move |_, mut connection| {
            rows(&mut connection, hours, &AttackKind::ALL, now()).await
        })
    }

    fn attack_of(
        &self,
        kind: AttackKind,
        hours: RangeInclusive<u64>,
    ) -> StoreAnswer<'_, Vec<AttackRow>> {
        self.ask(REPORT, async move |_, mut connection| {
            rows(&mut connection, hours, &[kind], now()).await
        })
    }

    fn samples(&self, time: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<Sample>> {
        self.ask(REPORT, async move |_, mut connection| {
            samples(&mut connection, time).await
        })
    }
}

fn key(hour: u64, kind: AttackKind) -> String {
    format!("{PREFIX}attack:{hour}:{}", kind.as_str())
}

fn samples_key() -> String {
    format!("{PREFIX}samples")
}

fn field(count: &AttackCount) -> String {
    let AttackCount {
        domain, fate, text, ..
    } = count;
    format!("{domain}{BETWEEN}{}{BETWEEN}{text}", fate.as_str())
}

/// Appends the commands that add counts and samples, without those that have expired at `now`.
pub(super) fn written(commands: &mut Pipeline, counts: &Counts, now: u64) {
    for ((counted, count), times) in &counts.attack {
        let age = hour(now).saturating_sub(*counted).saturating_mul(HOUR);
        let left = (KEEP_DAYS * DAY).saturating_sub(age);
        if left == 0 {
            continue;
        }
        let eval = commands.cmd("EVAL").arg(BOUNDED).arg(1);
        eval.arg(key(*counted, count.kind))
            .arg(field(count))
            .arg(field(&count.among_others()))
            .arg(*times)
            .arg(count.kind.max_per_hour().unwrap_or(u64::MAX))
            .arg(left)
            .ignore();
    }
    for waiting in &counts.samples {
        let sample = &waiting.sample;
        let (Ok(text), network) = (serde_json::to_string(sample), network(sample.client)) else {
            // JSON has a form for all of it.
            continue;
        };
        let of_hour = format!("{PREFIX}sampled:{}:{network}", hour(sample.at));
        let eval = commands.cmd("EVAL").arg(KEPT).arg(2);
        eval.arg(samples_key())
            .arg(of_hour)
            .arg(sample.at)
            .arg(text)
            .arg(SAMPLES_AN_HOUR)
            .arg(now.saturating_sub(SAMPLE_DAYS * DAY))
            .arg(MAX_SAMPLES)
            .arg(SAMPLE_DAYS * DAY)
            .arg(2 * HOUR)
            .ignore();
    }
}

/// Deletes samples that have expired at `now`: the next sample may be far off.
pub(super) async fn prune(connection: &mut MultiplexedConnection, now: u64) -> RedisResult<()> {
    let oldest = now.saturating_sub(SAMPLE_DAYS * DAY);
    let mut command = cmd("ZREMRANGEBYSCORE");
    command
        .arg(samples_key())
        .arg("-inf")
        .arg(format!("({oldest}"));
    command.query_async(connection).await
}

/// The counts of these kinds in these hours, in order. Reads no hours that have expired at `now`.
async fn rows(
    connection: &mut MultiplexedConnection,
    hours: RangeInclusive<u64>,
    kinds: &[AttackKind],
    now: u64,
) -> RedisResult<Vec<AttackRow>> {
    let first = hour(now.saturating_sub(KEEP_DAYS * DAY)).max(*hours.start());
    let last = hour(now).saturating_add(1).min(*hours.end());
    let asked: Vec<_> = (first..=last)
        .flat_map(|hour| kinds.iter().map(move |kind| (hour, *kind)))
        .collect();
    let mut rows = Vec::new();
    for asked in asked.chunks(HOURS_AT_ONCE * AttackKind::ALL.len()) {
        let mut commands = pipe();
        for &(hour, kind) in asked {
            commands.cmd("HGETALL").arg(key(hour, kind));
        }
        let counted: Vec<Vec<(String, u64)>> = commands.query_async(connection).await?;
        for (&(hour, kind), counted) in asked.iter().zip(counted) {
            rows.extend(counted.into_iter().filter_map(|(field, times)| {
                let (domain, rest) = field.split_once(BETWEEN)?;
                let (fate, text) = rest.split_once(BETWEEN)?;
                let count = AttackCount::stored(kind.as_str(), domain, fate, text)?;
                Some(AttackRow { hour, count, times })
            }));
        }
    }
    rows.sort_unstable();
    Ok(rows)
}

/// The samples of this time, the oldest first.
async fn samples(
    connection: &mut MultiplexedConnection,
    time: RangeInclusive<u64>,
) -> RedisResult<Vec<Sample>> {
    let mut all = Vec::new();
    for offset in (0..MAX_SAMPLES).step_by(SAMPLES_AT_ONCE) {
        let texts: Vec<String> = cmd("ZREVRANGEBYSCORE")
            .arg(samples_key())
            .arg(*time.end())
            .arg(*time.start())
            .arg("LIMIT")
            .arg(offset)
            .arg(SAMPLES_AT_ONCE)
            .query_async(connection)
            .await?;
        let found = texts.len();
        all.extend(texts);
        if found < SAMPLES_AT_ONCE {
            break;
        }
    }
    Ok(batch::samples(&all))
}
