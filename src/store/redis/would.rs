//! What was accepted only because of monitoring.
//!
//! A day has four hashes: how often each group came, the newest example of each, how many groups have the same reason, and
//! how much was accepted of each sender.

use std::{
    collections::{BTreeSet, HashMap},
    ops::RangeInclusive,
};

use redis::{Pipeline, RedisResult, aio::MultiplexedConnection, pipe};

use super::{PREFIX, Redis, coverage::BOUNDED};
use crate::{
    core::{
        proof::{DAY, today},
        would::{KEEP_DAYS, MAX_OF_REASON, MAX_PER_DAY, MAX_SENDERS, WouldRow},
    },
    store::{
        StoreAnswer, WouldStore,
        batch::{Counts, group_texts, now, sorted, would_row},
        handle::{Handle, REPORT},
    },
};

/// Adds ARGV[4] to the group ARGV[1] in KEYS[1], and keeps its example ARGV[5] in KEYS[2]; or adds it to the group ARGV[2],
/// without an example, if ARGV[1] is new and finds no room: there are ARGV[8] groups already; or ARGV[7] of the reason
/// ARGV[3] by KEYS[3], or half of that if KEYS[4] does not have the sender ARGV[6]. All are kept for ARGV[9] seconds.
const GROUP: &str = "local field, has_room = ARGV[1], true
if redis.call('HEXISTS', KEYS[1], field) == 0 then
    local most = tonumber(ARGV[7])
    if redis.call('HEXISTS', KEYS[4], ARGV[6]) == 0 then most = math.floor(most / 2) end
    local of_reason = tonumber(redis.call('HGET', KEYS[3], ARGV[3]) or '0')
    has_room = of_reason < most and redis.call('HLEN', KEYS[1]) < tonumber(ARGV[8])
    if has_room then
        redis.call('HINCRBY', KEYS[3], ARGV[3], 1)
        redis.call('EXPIRE', KEYS[3], ARGV[9])
    else
        field = ARGV[2]
    end
end
redis.call('HINCRBY', KEYS[1], field, ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[9])
if has_room and ARGV[5] ~= 'null' then
    redis.call('HSET', KEYS[2], field, ARGV[5])
    redis.call('EXPIRE', KEYS[2], ARGV[9])
end";

/// How many senders are asked about at once.
const SENDERS_AT_ONCE: usize = 1_000;

impl WouldStore for Handle<Redis> {
    fn would(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<WouldRow>> {
        self.ask(REPORT, async move |_, mut connection| {
            rows(&mut connection, kept(&days)).await
        })
    }

    fn accepted_of(
        &self,
        days: RangeInclusive<u64>,
        senders: Vec<String>,
    ) -> StoreAnswer<'_, HashMap<String, u64>> {
        self.ask(REPORT, async move |_, mut connection| {
            accepted_of(&mut connection, kept(&days), &senders).await
        })
    }
}

/// Of these days, those that have not expired.
fn kept(days: &RangeInclusive<u64>) -> RangeInclusive<u64> {
    let today = today(now());
    let first = today.saturating_sub(KEEP_DAYS).max(*days.start());
    first..=today.saturating_add(1).min(*days.end())
}

fn key(day: u64, part: &str) -> String {
    format!("{PREFIX}would:{day}{part}")
}

const GROUPS: &str = "";
const EXAMPLES: &str = ":examples";
const REASONS: &str = ":reasons";
const SENDERS: &str = ":senders";

/// Appends the commands that add counts, without those of days that have expired. Senders first: a group has more room where
/// its sender is there.
pub(super) fn written(commands: &mut Pipeline, counts: &Counts, today: u64) {
    let left = |day: u64| {
        let age = today.saturating_sub(day);
        KEEP_DAYS.saturating_sub(age).saturating_mul(DAY)
    };
    for ((day, sender), times) in &counts.senders {
        if left(*day) == 0 {
            continue;
        }
        let eval = commands.cmd("EVAL").arg(BOUNDED).arg(1);
        eval.arg(key(*day, SENDERS))
            .arg(sender)
            .arg(*times)
            .arg(MAX_SENDERS)
            .arg(left(*day))
            .ignore();
    }
    for ((day, group), tally) in &counts.would {
        let example = serde_json::to_string(&tally.newest);
        let (Some((text, others)), Ok(example)) = (group_texts(group), example) else {
            // JSON has a form for all of it.
            continue;
        };
        if left(*day) == 0 {
            continue;
        }
        let eval = commands.cmd("EVAL").arg(GROUP).arg(4);
        eval.arg(key(*day, GROUPS))
            .arg(key(*day, EXAMPLES))
            .arg(key(*day, REASONS))
            .arg(key(*day, SENDERS))
            .arg(text)
            .arg(others)
            .arg(&group.reason)
            .arg(tally.times)
            .arg(example)
            .arg(group.sender_key())
            .arg(MAX_OF_REASON)
            .arg(MAX_PER_DAY)
            .arg(left(*day))
            .ignore();
    }
}

/// The counts of these days, in order; each day by itself, so that an answer comes within the connection's time limit.
async fn rows(
    connection: &mut MultiplexedConnection,
    days: RangeInclusive<u64>,
) -> RedisResult<Vec<WouldRow>> {
    let mut rows = Vec::new();
    for day in days {
        let mut commands = pipe();
        commands.cmd("HGETALL").arg(key(day, GROUPS));
        commands.cmd("HGETALL").arg(key(day, EXAMPLES));
        let (counts, examples): (Vec<(String, u64)>, HashMap<String, String>) =
            commands.query_async(connection).await?;
        rows.extend(counts.iter().filter_map(|(group, times)| {
            let example = examples.get(group).map(String::as_str);
            would_row(day, group, *times, example)
        }));
    }
    Ok(sorted(rows))
}

async fn accepted_of(
    connection: &mut MultiplexedConnection,
    days: RangeInclusive<u64>,
    senders: &[String],
) -> RedisResult<HashMap<String, u64>> {
    let mut accepted: HashMap<String, u64> = HashMap::new();
    let senders: Vec<_> = senders
        .iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    for day in days {
        for senders in senders.chunks(SENDERS_AT_ONCE) {
            let mut command = redis::cmd("HMGET");
            command.arg(key(day, SENDERS)).arg(senders);
            let times: Vec<Option<u64>> = command.query_async(connection).await?;
            for (sender, times) in senders.iter().zip(times) {
                if let Some(times) = times {
                    let sum = accepted.entry((*sender).clone()).or_default();
                    *sum = sum.saturating_add(times);
                }
            }
        }
    }
    Ok(accepted)
}
