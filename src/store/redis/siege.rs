//! The records of sieges: a hash of them, and by its side the versions, in their order. So what was written since is read, and
//! no more. A third set has those with names that strangers may have invented.
//!
//! Lua's numbers, and the scores of a set, are exact up to 2^53: a version in the year 2255.

use std::sync::LazyLock;

use redis::{RedisResult, Script, aio::MultiplexedConnection};

use super::{PREFIX, Redis};
use crate::{
    core::siege::{Answer, Question, Stored, Written},
    store::{
        SiegeStore, StoreAnswer,
        handle::{Handle, PATIENCE, answered},
        siege::{KEEP, LONGEST_NAME, LONGEST_RECORD, MAX_INVENTED, MAX_RECORDS, SiegeWrite, check},
    },
};

/// Writes records. ARGV[1] is how many of those that strangers may have invented there are at most, ARGV[2] how many in
/// all, ARGV[3] for how many seconds all are kept. Of each record follow its name, the version that is to be there (0 for
/// none), the octets, and 1 where a stranger may have invented it. Gives the new version of each: the time, or the greatest
/// version plus one; 0 if another version is there, -1 if there is no room.
static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local records, versions, invented = KEYS[1], KEYS[2], KEYS[3]
        local time = redis.call('TIME')
        local last = redis.call('ZREVRANGE', versions, 0, 0, 'WITHSCORES')
        local new = math.max(time[1] * 1000000 + time[2], (tonumber(last[2]) or 0) + 1)
        local written = {}
        for i = 4, #ARGV, 4 do
            local name, seen = ARGV[i], tonumber(ARGV[i + 1])
            local there = tonumber(redis.call('ZSCORE', versions, name) or 0)
            local oldest
            local is_full = false
            if there == 0 and ARGV[i + 3] == '1' and redis.call('ZCARD', invented) >= tonumber(ARGV[1]) then
                oldest = redis.call('ZRANGE', invented, 0, 0)[1]
            elseif there == 0 then
                is_full = redis.call('ZCARD', versions) >= tonumber(ARGV[2])
            end
            if there ~= seen then
                written[#written + 1] = '0'
            elseif is_full then
                written[#written + 1] = '-1'
            else
                local version = string.format('%.0f', new)
                redis.call('HSET', records, name, ARGV[i + 2])
                redis.call('ZADD', versions, version, name)
                if ARGV[i + 3] == '1' then
                    redis.call('ZADD', invented, version, name)
                else
                    redis.call('ZREM', invented, name)
                end
                if oldest then
                    redis.call('HDEL', records, oldest)
                    redis.call('ZREM', versions, oldest)
                    redis.call('ZREM', invented, oldest)
                end
                written[#written + 1] = version
                new = new + 1
            end
        end
        for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[3]) end
        return written",
    )
});

/// What was written after the version ARGV[1], which the record ARGV[2] had, at most ARGV[3] records and none that was
/// written more than ARGV[4] seconds ago; and the records that follow by name. Gives the time, in seconds; 1 where the
/// record that was read last is no longer there, or an older one; and twice names, versions and octets in turn.
static CHANGES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local records, versions = KEYS[1], KEYS[2]
        local now = redis.call('TIME')[1]
        local after = tonumber(ARGV[1])
        if after > 0 then
            local there = tonumber(redis.call('ZSCORE', versions, ARGV[2]) or 0)
            if there < after or redis.call('HEXISTS', records, ARGV[2]) == 0 then
                return {now, 1, {}, {}}
            end
        end
        local first = (now - ARGV[4]) * 1000000
        local function add(list, name, version)
            list[#list + 1] = name
            list[#list + 1] = string.format('%.0f', tonumber(version))
            list[#list + 1] = redis.call('HGET', records, name) or ''
        end
        local changes, named = {}, {}
        if tonumber(ARGV[3]) > 0 then
            local above = string.format('(%.0f', math.max(after, first - 1))
            local found = redis.call('ZRANGEBYSCORE', versions, above, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
            for i = 1, #found, 2 do add(changes, found[i], found[i + 1]) end
        end
        for i = 5, #ARGV do
            local version = redis.call('ZSCORE', versions, ARGV[i])
            if version and tonumber(version) >= first then add(named, ARGV[i], version) end
        end
        return {now, 0, changes, named}",
    )
});

/// Deletes what was written more than ARGV[1] seconds ago, some of it at once.
static PRUNE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local first = string.format('(%.0f', (redis.call('TIME')[1] - ARGV[1]) * 1000000)
        local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', first, 'LIMIT', 0, 5000)
        for _, name in ipairs(old) do
            redis.call('HDEL', KEYS[1], name)
            redis.call('ZREM', KEYS[2], name)
            redis.call('ZREM', KEYS[3], name)
        end",
    )
});

impl SiegeStore for Handle<Redis> {
    fn siege_changes(&self, question: Question, most: usize) -> StoreAnswer<'_, Answer> {
        self.ask(PATIENCE, async move |_, mut connection| {
            changes(&mut connection, &question, most).await
        })
    }

    fn write_siege_records(&self, writes: Vec<SiegeWrite>) -> StoreAnswer<'_, Vec<Written>> {
        if let Err(error) = check(&writes) {
            return answered(Err(error));
        }
        self.ask(PATIENCE, async move |_, mut connection| {
            let mut script = WRITE.prepare_invoke();
            keys().iter().for_each(|key| {
                script.key(key);
            });
            script.arg(MAX_INVENTED).arg(MAX_RECORDS).arg(KEEP);
            for write in &writes {
                script.arg(&write.name).arg(write.seen).arg(&write.bytes);
                script.arg(u8::from(write.is_invented));
            }
            let versions: Vec<i64> = script.invoke_async(&mut connection).await?;
            Ok(versions.into_iter().map(written).collect())
        })
    }
}

fn written(version: i64) -> Written {
    match u64::try_from(version) {
        Ok(0) => Written::Raced,
        Ok(version) => Written::Version(version),
        Err(_) => Written::Full,
    }
}

async fn changes(
    connection: &mut MultiplexedConnection,
    Question { after, names }: &Question,
    most: usize,
) -> RedisResult<Answer> {
    /// Names, versions and octets.
    type Records = Vec<(Vec<u8>, u64, Vec<u8>)>;

    let mut script = CHANGES.prepare_invoke();
    keys().iter().for_each(|key| {
        script.key(key);
    });
    script
        .arg(after.version)
        .arg(&after.name)
        .arg(most)
        .arg(KEEP);
    names.iter().for_each(|name| {
        script.arg(name);
    });
    let (now, is_behind, changes, named): (u64, u8, Records, Records) =
        script.invoke_async(connection).await?;
    Ok(Answer {
        now,
        is_behind: is_behind == 1,
        has_more: most > 0 && changes.len() == most,
        changes: changes.into_iter().map(read).collect(),
        named: named.into_iter().map(read).collect(),
    })
}

/// Deletes expired records.
pub(super) async fn prune(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut script = PRUNE.prepare_invoke();
    keys().iter().for_each(|key| {
        script.key(key);
    });
    script.arg(KEEP).invoke_async(connection).await
}

/// The record with its name. What is larger than we write is as good as none, and so is a name that is no text.
fn read((name, version, bytes): (Vec<u8>, u64, Vec<u8>)) -> (String, Stored) {
    let name = String::from_utf8(name).ok();
    let name = name.filter(|name| name.len() <= LONGEST_NAME);
    let fits = bytes.len() <= LONGEST_RECORD;
    let stored = Stored {
        version,
        bytes: if fits { bytes } else { Vec::new() },
    };
    (name.unwrap_or_default(), stored)
}

fn keys() -> [String; 3] {
    ["records", "versions", "invented"].map(|of| format!("{PREFIX}sieges:{of}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_others_stored_is_empty() {
        for (name, length, expected) in [
            (&b"example.org"[..], 3, ("example.org", 3)),
            (b"\xff", 3, ("", 3)),
            (&[b'a'; LONGEST_NAME + 1], 3, ("", 3)),
            (b"a", LONGEST_RECORD, ("a", LONGEST_RECORD)),
            (b"a", LONGEST_RECORD + 1, ("a", 0)),
        ] {
            let (name, stored) = read((name.to_vec(), 7, vec![1; length]));
            assert_eq!(
                (&*name, stored.bytes.len(), stored.version),
                (expected.0, expected.1, 7)
            );
        }
    }

    proptest! {
        #[test]
        fn what_others_stored_is_no_panic(
            name in prop::collection::vec(any::<u8>(), 0..10),
            version in any::<u64>(),
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = read((name, version, bytes));
        }
    }
}
