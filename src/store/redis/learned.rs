//! The learned addresses, in hashes (called shards here) of some hundred each.
//!
//! A key for each address would need four times the memory, and counting them would need a counter, which goes wrong when
//! the server drops a key, or a list of all. The server knows the size of a hash. The first octets of an address's hash
//! choose its shard: nobody can choose them without our key, so the shards fill evenly. Redis packs up to 512 such fields
//! into one block: a million addresses took 31 MB, and adding one to them took 0.05 ms.

use std::collections::BTreeSet;

use redis::{Pipeline, RedisResult, Script, aio::MultiplexedConnection, pipe};

use super::{LONGEST, PREFIX, Redis};
use crate::{
    core::{
        learned::{Learn, Learned},
        proof::{DAY, ledger::Hash, today},
    },
    store::{
        LearnedStore, Retention, StoreAnswer,
        batch::now,
        handle::{Handle, PATIENCE},
    },
};

/// The possible numbers of shards: the largest that leaves [`MIN_SHARE`] addresses to each is used. Questions ask all of them,
/// because the maximum may have been changed. Other numbers would not find what is stored.
const SHARDS: [u16; 5] = [MAX_SHARDS, 1 << 10, 1 << 7, 1 << 4, 1];
const MAX_SHARDS: u16 = 1 << 13;
/// With fewer addresses to a shard, some shards would have several times as many as others.
const MIN_SHARE: u64 = 45;

/// Adds to KEYS[1] that the address ARGV[1] was seen on the day ARGV[2], as a sender if ARGV[3] is 1. Keeps all for at least
/// ARGV[6] seconds.
///
/// A new address makes it delete, once a day, the addresses last seen before the day ARGV[4]; and an eighth of all, if there
/// are ARGV[5]. It reads all of them for that, which takes half a millisecond. The first write is one that a full server
/// refuses, so that nothing is deleted in vain.
///
/// A value is the number of days on which mail was accepted, the last such day, and the last day on which the address sent;
/// 0 for none. The field `since` is the day before which addresses were deleted.
const LEARN: &str = "
local function read(value)
    local days, accepted, sent = string.match(value or '', '^(%d+) (%d+) (%d+)$')
    return tonumber(days) or 0, tonumber(accepted) or 0, tonumber(sent) or 0
end
local day, since, max = tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])
local value, forgotten = unpack(redis.call('HMGET', KEYS[1], ARGV[1], 'since'))
if not value and (forgotten ~= ARGV[4] or redis.call('HLEN', KEYS[1]) > max) then
    redis.call('HSET', KEYS[1], 'since', ARGV[4])
    local all, kept = redis.call('HGETALL', KEYS[1]), {}
    for i = 1, #all, 2 do
        local days, accepted, sent = read(all[i + 1])
        local last = math.max(accepted, sent)
        if all[i] == 'since' then
            -- It is no address.
        elseif last < since then
            redis.call('HDEL', KEYS[1], all[i])
        else
            kept[#kept + 1] = {all[i], days > 1 or sent > 0, last}
        end
    end
    if #kept >= max then
        table.sort(kept, function(one, other)
            if one[2] ~= other[2] then return other[2] end
            return one[3] < other[3]
        end)
        for i = 1, #kept - max + math.max(math.floor(max / 8), 1) do
            redis.call('HDEL', KEYS[1], kept[i][1])
        end
    end
end
local days, accepted, sent = read(value)
if math.max(accepted, sent) < since then days, accepted, sent = 0, 0, 0 end
if ARGV[3] == '1' then
    sent = math.max(sent, day)
elseif day > accepted then
    days, accepted = days + 1, day
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f %.0f', days, accepted, sent))
if tonumber(ARGV[6]) > redis.call('TTL', KEYS[1]) then redis.call('EXPIRE', KEYS[1], ARGV[6]) end";

impl LearnedStore for Handle<Redis> {
    fn learned(&self, addresses: Vec<Hash>) -> StoreAnswer<'_, Option<Learned>> {
        self.ask(PATIENCE, async move |redis, mut connection| {
            let since = today(now()).saturating_sub(redis.retention.learned_days);
            learned(&mut connection, &addresses, since).await
        })
    }
}

/// What is known about an address by all of its hashes, if it was seen since that day.
async fn learned(
    connection: &mut MultiplexedConnection,
    hashes: &[Hash],
    since: u64,
) -> RedisResult<Option<Learned>> {
    if hashes.is_empty() {
        return Ok(None);
    }
    let mut commands = pipe();
    for &hash in hashes {
        for shards in SHARDS {
            let get = commands.cmd("HGET").arg(key(hash, shards));
            get.arg(hash.as_bytes().as_slice());
        }
    }
    let values: Vec<Option<Vec<u8>>> = commands.query_async(connection).await?;
    let learned = values.iter().flatten();
    Ok(learned
        .filter_map(|value| read(value, since))
        .reduce(Learned::and))
}

/// The commands that write what was learned, without days that have expired. All shards have room for the maximum together,
/// and up to half more.
pub(super) fn written(entries: &BTreeSet<Learn>, retention: &Retention, now: u64) -> Pipeline {
    let (keep_days, max) = (retention.learned_days, retention.max_learned);
    let script = Script::new(LEARN);
    let since = today(now).saturating_sub(keep_days);
    let shards = shards(max);
    let room = room(max, shards);
    let mut commands = pipe();
    let wanted = |entry: &&Learn| entry.day >= since && max > 0;
    for entry in entries.iter().filter(wanted) {
        if commands.is_empty() {
            // It is long, so it is not sent with each entry. If the server forgets it meanwhile, the batch is sent again.
            commands.cmd("SCRIPT").arg("LOAD").arg(LEARN).ignore();
        }
        let over = entry.day.saturating_add(keep_days).saturating_add(1);
        let left = over.saturating_mul(DAY).saturating_sub(now).min(LONGEST);
        let eval = commands.cmd("EVALSHA").arg(script.get_hash()).arg(1);
        eval.arg(key(entry.address, shards))
            .arg(entry.address.as_bytes().as_slice())
            .arg(entry.day)
            .arg(u8::from(entry.sent))
            .arg(since)
            .arg(room)
            .arg(left)
            .ignore();
    }
    commands
}

/// What a value says; `None` for anything else, or if its last day is before `since`.
fn read(value: &[u8], since: u64) -> Option<Learned> {
    let mut numbers = str::from_utf8(value)
        .ok()?
        .split(' ')
        .map(str::parse::<u64>);
    let mut number = || numbers.next()?.ok();
    let (days, accepted, sent) = (number()?, number()?, number()?);
    let day = |day| Some(day).filter(|&day| day > 0);
    let learned = Learned {
        days: u32::try_from(days).unwrap_or(u32::MAX),
        last_accepted: day(accepted),
        last_sent: day(sent),
    };
    learned.last_day().filter(|&last| last >= since)?;
    Some(learned)
}

fn shards(max: u64) -> u16 {
    let enough = |shards: &u16| max / u64::from(*shards) >= MIN_SHARE;
    SHARDS.into_iter().find(enough).unwrap_or(1)
}

/// How many addresses one shard has room for: its share, and three times the root of that. Addresses are spread at random,
/// so one in seven hundred shards gets more than that (Poisson), and hardly any is full before there are `max` together.
fn room(max: u64, shards: u16) -> u64 {
    let share = max / u64::from(shards);
    match shards {
        1 => share,
        _ => share.saturating_add(share.saturating_mul(9).isqrt()),
    }
}

fn key(address: Hash, shards: u16) -> String {
    let [first, second, ..] = *address.as_bytes();
    let shard = u16::from_be_bytes([first, second]) % shards;
    match shards {
        MAX_SHARDS => format!("{PREFIX}learned:{shard:04x}"),
        fewer => format!("{PREFIX}learned:{fewer}:{shard:04x}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_three_numbers() {
        let learned = |days, last_accepted, last_sent| Learned {
            days,
            last_accepted,
            last_sent,
        };
        for (value, since, is) in [
            ("3 100 90", 100, Some(learned(3, Some(100), Some(90)))),
            ("3 90 100", 100, Some(learned(3, Some(90), Some(100)))),
            ("0 0 100", 100, Some(learned(0, None, Some(100)))),
            ("3 100 90", 101, None),
            ("3 100", 1, None),
            ("", 0, None),
            ("0 0 0", 0, None),
        ] {
            assert_eq!(read(value.as_bytes(), since), is, "{value:?}");
        }
    }

    #[test]
    fn what_is_over_is_not_written() {
        let entry = |day| Learn {
            address: Hash::from_bytes([1; 16]),
            day,
            sent: false,
        };
        let retention = Retention {
            ledger_days: 0,
            learned_days: 10,
            max_learned: 1,
        };
        let written = |day| written(&BTreeSet::from([entry(day)]), &retention, 100 * DAY).len();
        assert_eq!(written(89), 0);
        // The script, and the entry.
        assert_eq!(written(90), 2);
        assert_eq!(written(u64::MAX), 2);
    }

    #[test]
    fn there_is_room_for_as_many_as_are_wanted_and_half_more_at_most() {
        for (max, has, each) in [
            (5, 1, 5),
            (700, 1, 700),
            (10_000, 1 << 7, 78 + 26),
            (1_000_000, MAX_SHARDS, 122 + 33),
            (10_000_000, MAX_SHARDS, 1_220 + 104),
        ] {
            assert_eq!((shards(max), room(max, has)), (has, each), "{max}");
        }
        for max in (1..20_000_000).step_by(997) {
            let shards = shards(max);
            let all = room(max, shards) * u64::from(shards);
            assert!(all >= max && all <= max + max / 2, "{max}: {all}");
        }
        let entry = Learn {
            address: Hash::from_bytes([1; 16]),
            day: 100,
            sent: true,
        };
        let none = Retention {
            ledger_days: 0,
            learned_days: 10,
            max_learned: 0,
        };
        assert!(written(&BTreeSet::from([entry]), &none, 100 * DAY).is_empty());
    }

    proptest! {
        #[test]
        fn what_others_stored_is_no_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&value, 0);
        }
    }
}
