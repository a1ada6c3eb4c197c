//! How often proofs were used.

use std::sync::LazyLock;

use redis::{AsyncCommands, RedisResult, Script, aio::MultiplexedConnection};

use super::{LONGEST, Redis, key};
use crate::{
    core::proof::{
        ledger::Hash,
        uses::{Attempt, Use, Uses},
    },
    store::{
        ProofUseStore, StoreAnswer,
        batch::ProofUse,
        handle::{Handle, PATIENCE},
    },
};

/// Sets KEYS[1] to ARGV[2] for at least ARGV[3] seconds, if it still is ARGV[1], which is empty for a missing key.
///
/// In milliseconds, because a TTL in seconds is rounded: a key that is written again and again would never expire. A missing
/// key has a PTTL of -2.
static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
        local left = math.max(redis.call('PTTL', KEYS[1]), ARGV[3] * 1000)
        if left > 0 then redis.call('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', left)) end
        return 1",
    )
});

impl ProofUseStore for Handle<Redis> {
    fn use_proof(&self, message: Hash, attempt: Attempt, until: u64) -> StoreAnswer<'_, Use> {
        let proof = ProofUse {
            message,
            attempt,
            until,
        };
        self.ask(PATIENCE, async move |_, mut connection| {
            take(&mut connection, &proof).await
        })
    }
}

/// Adds a use to those of a message: reads them, and writes them unless another host did so meanwhile; then again.
pub(super) async fn take(
    connection: &mut MultiplexedConnection,
    proof: &ProofUse,
) -> RedisResult<Use> {
    let attempt = &proof.attempt;
    let key = key("uses", proof.message);
    let left = proof.until.saturating_sub(attempt.now).min(LONGEST);
    loop {
        let before: Option<Vec<u8>> = connection.get(&key).await?;
        let before = before.unwrap_or_default();
        let mut uses = Uses::from_bytes(&before).unwrap_or_default();
        let used = uses.take(attempt);
        let after = uses.to_bytes();
        if before == after {
            return Ok(used);
        }
        let written: bool = WRITE
            .key(&key)
            .arg(before)
            .arg(after)
            .arg(left)
            .invoke_async(connection)
            .await?;
        if written {
            return Ok(used);
        }
    }
}
