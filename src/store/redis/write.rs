//! What is written of the ledger and of counts, and the form it has there.

use std::collections::BTreeMap;

use redis::{Pipeline, RedisResult, aio::MultiplexedConnection, pipe};

use super::{LONGEST, PREFIX, key};
use crate::{
    core::proof::{
        DAY,
        coverage::{self, CoverageCount},
        ledger::{Remembered, Sent},
    },
    store::backend::{packed, unpacked},
};

/// What stands between the two texts of a count: neither an address nor an outcome has it.
pub(super) const BETWEEN: char = '\n';

/// Sets KEYS[1] to ARGV[3] for ARGV[2] seconds, unless it begins with a later time than ARGV[1].
///
/// Sent with each entry, not once: a server that was started anew has forgotten it, and it is short.
const NEWEST: &str = "local before = redis.call('GETRANGE', KEYS[1], 0, 19)
if before <= ARGV[1] then redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[2]) end";

/// Adds ARGV[2] to the field ARGV[1], unless that would be one more than ARGV[3].
const BOUNDED: &str = "if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1
or redis.call('HLEN', KEYS[1]) < tonumber(ARGV[3]) then
    redis.call('HINCRBY', KEYS[1], ARGV[1], ARGV[2])
    redis.call('EXPIRE', KEYS[1], ARGV[4])
end";

/// The entries that are still to be kept at `now`, for `keep` seconds.
pub(super) fn sent(entries: &[Sent], keep: u64, now: u64) -> Pipeline {
    let mut commands = pipe();
    for entry in entries {
        let left = entry
            .at
            .saturating_add(keep)
            .saturating_sub(now)
            .min(LONGEST);
        if left == 0 {
            continue;
        }
        let at = decimal(entry.at);
        if let Some(message) = entry.message {
            let value = [
                at.as_bytes(),
                &entry.recipient_count.to_be_bytes(),
                &packed(&entry.recipients),
            ]
            .concat();
            let eval = commands.cmd("EVAL").arg(NEWEST).arg(1);
            eval.arg(key("m:", message))
                .arg(&at)
                .arg(left)
                .arg(value)
                .ignore();
        }
        if let Some(sender) = entry.sender {
            let eval = commands.cmd("EVAL").arg(NEWEST).arg(1);
            eval.arg(key("s:", sender))
                .arg(&at)
                .arg(left)
                .arg(&at)
                .ignore();
        }
    }
    commands
}

/// The counts of days that are still kept.
pub(super) fn counts(counts: &BTreeMap<(u64, CoverageCount), u64>, today: u64) -> Pipeline {
    let mut commands = pipe();
    for ((day, count), times) in counts {
        let age = today.saturating_sub(*day);
        let left = coverage::KEEP_DAYS.saturating_sub(age).saturating_mul(DAY);
        if left == 0 {
            continue;
        }
        let (first, second) = count.texts();
        let texts = format!("{first}{BETWEEN}{second}");
        let eval = commands.cmd("EVAL").arg(BOUNDED).arg(1);
        eval.arg(coverage_key(*day, count.kind()))
            .arg(texts)
            .arg(*times);
        eval.arg(count.max_per_day()).arg(left).ignore();
    }
    commands
}

pub(super) async fn run(
    connection: &mut MultiplexedConnection,
    commands: Pipeline,
) -> RedisResult<()> {
    if commands.is_empty() {
        return Ok(());
    }
    commands.exec_async(connection).await
}

/// What is stored of a message; `None` for what can't be.
pub(super) fn read_sent(value: &[u8]) -> Option<Remembered> {
    let (at, rest) = value.split_at_checked(DIGITS)?;
    let (count, recipients) = rest.split_first_chunk()?;
    Some(Remembered {
        at: str::from_utf8(at).ok()?.parse().ok()?,
        recipient_count: u32::from_be_bytes(*count),
        recipients: unpacked(recipients),
    })
}

pub(super) fn coverage_key(day: u64, kind: &str) -> String {
    format!("{PREFIX}c:{day}:{kind}")
}

/// How many digits a time has.
pub(super) const DIGITS: usize = 20;

/// So that the later of two times is the greater text: Lua's numbers can't hold all of ours.
fn decimal(at: u64) -> String {
    format!("{at:0DIGITS$}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_later_time_is_the_greater_text() {
        for (earlier, later) in [(0, 1), (9, 10), (99_999, 100_000), (1, u64::MAX)] {
            assert!(decimal(earlier) < decimal(later));
            assert_eq!(decimal(later).len(), DIGITS);
        }
    }

    #[test]
    fn what_is_over_is_not_written() {
        let entry = |at| Sent {
            message: Some(crate::core::proof::ledger::Hash::from_bytes([1; 16])),
            sender: None,
            recipients: vec![],
            recipient_count: 0,
            at,
        };
        assert_eq!(sent(&[entry(100)], 50, 150).len(), 0);
        assert_eq!(sent(&[entry(101)], 50, 150).len(), 1);
        assert_eq!(sent(&[entry(u64::MAX)], u64::MAX, 0).len(), 1);
        let outcome = "batv".to_owned();
        let counted = BTreeMap::from([((100, CoverageCount::Bounce { outcome }), 1)]);
        assert_eq!(counts(&counted, 189).len(), 1);
        assert_eq!(counts(&counted, 190).len(), 0);
    }

    proptest! {
        #[test]
        fn what_others_stored_is_no_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read_sent(&value);
        }
    }
}
