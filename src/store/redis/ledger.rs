//! The ledger of outgoing mail.

use std::collections::HashSet;

use redis::{Pipeline, RedisResult, aio::MultiplexedConnection, cmd, pipe};

use super::{DIGITS, LONGEST, Redis, key, run};
use crate::{
    core::proof::ledger::{Hash, Remembered, Sent},
    store::{
        LedgerStore, StoreAnswer,
        batch::{newest_of_each, now, packed, unpacked},
        handle::{Handle, IMPORT, PATIENCE, answered},
    },
};

const MESSAGE: &str = "message";
const SENDER: &str = "sender";
/// How many entries are asked for, or written, in one go: others wait for the server meanwhile.
const AT_ONCE: usize = 1_000;

/// Sets KEYS[1] to ARGV[3] for ARGV[2] seconds, unless its value starts with a later time than ARGV[1].
///
/// It is sent with each entry: it is short, and a server that was restarted has forgotten it.
const NEWEST: &str = "local before = redis.call('GETRANGE', KEYS[1], 0, 19)
if before <= ARGV[1] then redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[2]) end";

impl LedgerStore for Handle<Redis> {
    fn sent(&self, messages: Vec<Hash>) -> StoreAnswer<'_, Option<Remembered>> {
        if let Some(newest) = self.queue.unwritten().sent(&messages) {
            return answered(Ok(Some(newest)));
        }
        self.ask(PATIENCE, async move |redis, connection| {
            let values = values(connection, MESSAGE, &messages).await?;
            let since = now().saturating_sub(redis.ledger_seconds());
            let found = values.iter().filter_map(|value| read(value));
            let kept = found.filter(|entry| entry.at >= since);
            Ok(kept.max_by_key(|entry| entry.at))
        })
    }

    fn last_sent(&self, senders: Vec<Hash>) -> StoreAnswer<'_, Option<u64>> {
        if let Some(latest) = self.queue.unwritten().last_sent(&senders) {
            return answered(Ok(Some(latest)));
        }
        self.ask(PATIENCE, async move |redis, connection| {
            let values = values(connection, SENDER, &senders).await?;
            let since = now().saturating_sub(redis.ledger_seconds());
            let times = values
                .iter()
                .filter_map(|value| str::from_utf8(value).ok()?.parse().ok());
            Ok(times.filter(|&at| at >= since).max())
        })
    }

    fn import(&self, sent: Vec<Sent>) -> StoreAnswer<'_, u64> {
        self.ask(IMPORT, async move |redis, mut connection| {
            let (now, keep) = (now(), redis.ledger_seconds());
            let sent = newest_of_each(sent, now.saturating_sub(keep));
            let mut new = 0;
            for sent in sent.chunks(AT_ONCE) {
                let known = known(&mut connection, sent).await?;
                let is_known = |entry: &&Sent| known.contains(&entry.message);
                let sent: Vec<Sent> = sent
                    .iter()
                    .filter(|entry| !is_known(entry))
                    .cloned()
                    .collect();
                let named = sent.iter().filter(|entry| entry.message.is_some()).count();
                run(&mut connection, written(&sent, keep, now)).await?;
                new += u64::try_from(named).unwrap_or(u64::MAX);
            }
            Ok(new)
        })
    }
}

/// The Message-IDs of entries that are there already, of the same time or later.
async fn known(
    connection: &mut MultiplexedConnection,
    sent: &[Sent],
) -> RedisResult<HashSet<Option<Hash>>> {
    let named: Vec<(Hash, u64)> = sent
        .iter()
        .filter_map(|entry| Some((entry.message?, entry.at)))
        .collect();
    if named.is_empty() {
        return Ok(HashSet::new());
    }
    let keys: Vec<_> = named.iter().map(|(hash, _)| key(MESSAGE, *hash)).collect();
    let values: Vec<Option<Vec<u8>>> = cmd("MGET").arg(keys).query_async(connection).await?;
    let pairs = named.into_iter().zip(values);
    let known = pairs.filter_map(|((hash, at), value)| {
        let entry = read(&value?)?;
        (entry.at >= at).then_some(Some(hash))
    });
    Ok(known.collect())
}

/// The values of these keys, as far as there are any.
async fn values(
    mut connection: MultiplexedConnection,
    kind: &str,
    hashes: &[Hash],
) -> RedisResult<Vec<Vec<u8>>> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<_> = hashes.iter().map(|&hash| key(kind, hash)).collect();
    let values: Vec<Option<Vec<u8>>> = cmd("MGET").arg(keys).query_async(&mut connection).await?;
    Ok(values.into_iter().flatten().collect())
}

/// The entry in a value; `None` for anything else.
fn read(value: &[u8]) -> Option<Remembered> {
    let (at, rest) = value.split_at_checked(DIGITS)?;
    let (count, hashes) = rest.split_first_chunk()?;
    let at = str::from_utf8(at).ok()?.parse().ok()?;
    Some(unpacked(at, u32::from_be_bytes(*count), hashes))
}

/// The commands that write entries, each kept for `keep` seconds, without those that have expired at `now`.
pub(super) fn written(entries: &[Sent], keep: u64, now: u64) -> Pipeline {
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
                &packed(entry),
            ]
            .concat();
            let eval = commands.cmd("EVAL").arg(NEWEST).arg(1);
            eval.arg(key(MESSAGE, message))
                .arg(&at)
                .arg(left)
                .arg(value)
                .ignore();
        }
        if let Some(sender) = entry.sender {
            let eval = commands.cmd("EVAL").arg(NEWEST).arg(1);
            eval.arg(key(SENDER, sender))
                .arg(&at)
                .arg(left)
                .arg(&at)
                .ignore();
        }
    }
    commands
}

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
            message: Some(Hash::from_bytes([1; 16])),
            sender: None,
            recipients: vec![],
            hosts: vec![],
            recipient_count: 0,
            at,
            domain: None,
        };
        assert_eq!(written(&[entry(100)], 50, 150).len(), 0);
        assert_eq!(written(&[entry(101)], 50, 150).len(), 1);
        assert_eq!(written(&[entry(u64::MAX)], u64::MAX, 0).len(), 1);
    }

    proptest! {
        #[test]
        fn what_others_stored_is_no_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = read(&value);
        }
    }
}
