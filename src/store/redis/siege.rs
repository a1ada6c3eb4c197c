//! The records of sieges, in one hash: all are read at once, twice a second. A value is the version, in digits, followed
//! by the record.

use std::sync::LazyLock;

use redis::{RedisResult, Script, aio::MultiplexedConnection, pipe};

use super::{DIGITS, PREFIX, Redis};
use crate::store::{
    SiegeRecords, SiegeStore, StoreAnswer,
    handle::{Handle, PATIENCE, answered},
    siege::{KEEP, LONGEST_NAME, LONGEST_RECORD, MAX_RECORDS, SiegeRecord, check},
};

/// Writes ARGV[3] to the field ARGV[1] if its version is ARGV[2], and gives the new version: the time, or the old version
/// plus one. Gives 0 if the version is another. If there are ARGV[4] fields already, a new one takes the place of the one
/// that was written longest ago. All are kept for ARGV[5] seconds.
///
/// Lua's numbers are exact up to 2^53, a time in the year 2255.
static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local before = redis.call('HGET', KEYS[1], ARGV[1])
        local version = before and tonumber(string.sub(before, 1, 20)) or 0
        if version ~= tonumber(ARGV[2]) then return '0' end
        local oldest
        if not before and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
            local all, first = redis.call('HGETALL', KEYS[1]), nil
            for i = 1, #all, 2 do
                local written = string.sub(all[i + 1], 1, 20)
                if not first or written < first then oldest, first = all[i], written end
            end
        end
        local time = redis.call('TIME')
        local new = string.format('%020.0f', math.max(time[1] * 1000000 + time[2], version + 1))
        redis.call('HSET', KEYS[1], ARGV[1], new .. ARGV[3])
        if oldest then redis.call('HDEL', KEYS[1], oldest) end
        redis.call('EXPIRE', KEYS[1], ARGV[5])
        return new",
    )
});

/// Deletes the fields that were written more than ARGV[1] seconds ago: the hash lives as long as the latest one.
static PRUNE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local first = string.format('%020.0f', (redis.call('TIME')[1] - ARGV[1]) * 1000000)
        local all = redis.call('HGETALL', KEYS[1])
        for i = 1, #all, 2 do
            if string.sub(all[i + 1], 1, 20) < first then redis.call('HDEL', KEYS[1], all[i]) end
        end",
    )
});

/// The answer to a write if the version is another.
const CHANGED: u64 = 0;

impl SiegeStore for Handle<Redis> {
    fn siege_records(&self) -> StoreAnswer<'_, SiegeRecords> {
        self.ask(PATIENCE, async |_, mut connection| {
            records(&mut connection).await
        })
    }

    fn write_siege_record(
        &self,
        name: String,
        seen: u64,
        bytes: Vec<u8>,
    ) -> StoreAnswer<'_, Option<u64>> {
        if let Err(error) = check(&name, &bytes) {
            return answered(Err(error));
        }
        self.ask(PATIENCE, async move |_, mut connection| {
            let mut write = WRITE.key(key());
            write.arg(name).arg(seen).arg(bytes);
            write.arg(MAX_RECORDS).arg(KEEP);
            let version: u64 = write.invoke_async(&mut connection).await?;
            Ok(Some(version).filter(|version| *version != CHANGED))
        })
    }
}

async fn records(connection: &mut MultiplexedConnection) -> RedisResult<SiegeRecords> {
    /// The time in seconds and microseconds, and all names with their values.
    type Answers = ((u64, u64), Vec<(Vec<u8>, Vec<u8>)>);

    let mut commands = pipe();
    commands.cmd("TIME");
    commands.cmd("HGETALL").arg(key());
    let ((seconds, micros), values): Answers = commands.query_async(connection).await?;
    let records = values.into_iter();
    let mut records: Vec<_> = records
        .filter_map(|(name, value)| read(name, &value))
        .collect();
    records.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    Ok(SiegeRecords {
        now_millis: seconds.saturating_mul(1_000).saturating_add(micros / 1_000),
        records,
    })
}

/// Deletes expired records.
pub(super) async fn prune(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let mut prune = PRUNE.key(key());
    prune.arg(KEEP).invoke_async(connection).await
}

/// The record in a value; `None` for anything else.
fn read(name: Vec<u8>, value: &[u8]) -> Option<SiegeRecord> {
    let (version, bytes) = value.split_at_checked(DIGITS)?;
    let name = String::from_utf8(name).ok()?;
    let fits = name.len() <= LONGEST_NAME && bytes.len() <= LONGEST_RECORD;
    fits.then_some(())?;
    Some(SiegeRecord {
        name,
        version: str::from_utf8(version).ok()?.parse().ok()?,
        bytes: bytes.to_owned(),
    })
}

fn key() -> String {
    format!("{PREFIX}sieges")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_a_version_and_octets() {
        let record = read(b"example.org".to_vec(), b"00001700000000000001\xff\0").unwrap();
        assert_eq!(record.version, 1_700_000_000_000_001);
        assert_eq!(
            (record.name.as_str(), record.bytes),
            ("example.org", vec![0xff, 0])
        );
        assert_eq!(read(b"\xff".to_vec(), b"00001700000000000001"), None);
        assert_eq!(read(b"a".to_vec(), b"0000170000000000000"), None);
        let long = [b"00001700000000000001".as_slice(), &[0; LONGEST_RECORD + 1]].concat();
        assert_eq!(read(b"a".to_vec(), &long), None);
    }

    proptest! {
        #[test]
        fn what_others_stored_is_no_panic(
            name in prop::collection::vec(any::<u8>(), 0..10),
            value in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let _ = read(name, &value);
        }
    }
}
