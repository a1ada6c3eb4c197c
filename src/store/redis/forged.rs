//! Message-IDs of forged mail, hashed: a sorted set, each with the latest time that it came.

use std::collections::BTreeMap;

use redis::{Pipeline, RedisResult, aio::MultiplexedConnection, cmd};

use super::{PREFIX, Redis};
use crate::{
    core::proof::{
        DAY,
        forged::{FORGED_DAYS, MAX_FORGED},
        ledger::Hash,
    },
    store::{
        ForgedStore, StoreAnswer,
        handle::{Handle, REPORT},
    },
};

/// Adds each second argument to the sorted set KEYS[1], with the time before it, unless it has a later one. What `ZADD GT` does,
/// but servers before Redis 6.2 don't know that.
const LATEST: &str = "for i = 1, #ARGV, 2 do
    local before = redis.call('ZSCORE', KEYS[1], ARGV[i + 1])
    if not before or tonumber(before) < tonumber(ARGV[i]) then
        redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1])
    end
end";

/// How many are read at once, so that others don't wait for the server long.
const AT_ONCE: usize = 10_000;

impl ForgedStore for Handle<Redis> {
    fn forged_since(&self, since: u64) -> StoreAnswer<'_, Vec<(Hash, u64)>> {
        self.ask(REPORT, async move |_, mut connection| {
            kept_since(&mut connection, since).await
        })
    }
}

fn key() -> String {
    format!("{PREFIX}forged")
}

/// Appends the commands that add hashes, and delete what has expired at `now` and the oldest of too many.
pub(super) fn written(commands: &mut Pipeline, forged: &BTreeMap<Hash, u64>, now: u64) {
    if forged.is_empty() {
        return;
    }
    let add = commands.cmd("EVAL").arg(LATEST).arg(1).arg(key());
    for (hash, at) in forged {
        add.arg(*at).arg(hash.as_bytes().as_slice());
    }
    add.ignore();
    let oldest = now.saturating_sub(FORGED_DAYS * DAY);
    commands
        .cmd("ZREMRANGEBYSCORE")
        .arg(key())
        .arg("-inf")
        .arg(format!("({oldest}"))
        .ignore();
    let beyond = i64::try_from(MAX_FORGED).map_or(i64::MIN, |most| -1 - most);
    commands
        .cmd("ZREMRANGEBYRANK")
        .arg(key())
        .arg(0)
        .arg(beyond)
        .ignore();
    commands
        .cmd("EXPIRE")
        .arg(key())
        .arg(FORGED_DAYS * DAY)
        .ignore();
}

async fn kept_since(
    connection: &mut MultiplexedConnection,
    since: u64,
) -> RedisResult<Vec<(Hash, u64)>> {
    let mut kept = Vec::new();
    for offset in (0..2 * MAX_FORGED).step_by(AT_ONCE) {
        let some: Vec<(Vec<u8>, u64)> = cmd("ZRANGEBYSCORE")
            .arg(key())
            .arg(since)
            .arg("+inf")
            .arg("WITHSCORES")
            .arg("LIMIT")
            .arg(offset)
            .arg(AT_ONCE)
            .query_async(connection)
            .await?;
        let found = some.len();
        let hashes = some.into_iter().filter_map(|(hash, at)| {
            let hash = hash.as_slice().try_into().ok()?;
            Some((Hash::from_bytes(hash), at))
        });
        kept.extend(hashes);
        if found < AT_ONCE {
            break;
        }
    }
    Ok(kept)
}
