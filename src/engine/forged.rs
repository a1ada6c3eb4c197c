//! The Message-IDs of mail that somebody sent in our name: all of them in memory, so that no message waits for the store. What
//! other hosts keep is known here a minute later.

use std::{
    collections::HashMap,
    fmt,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use crate::{
    core::proof::{
        DAY,
        forged::{FORGED_DAYS, MAX_FORGED},
        ledger::Hash,
    },
    store::{Store, Unavailable},
};

/// Clocks of hosts may differ by so much, in seconds, and writes may be so late.
const OVERLAP: u64 = 600;

/// What is known of them.
#[derive(Default)]
pub struct ForgedIds(RwLock<Known>);

#[derive(Default)]
struct Known {
    /// When each was last seen, in seconds since 1970; of each the beginning, which tells them apart.
    seen: HashMap<u64, u64>,
    /// From when on the store is asked next; 0 before the first time.
    since: u64,
}

impl ForgedIds {
    /// Whether one of these is known.
    pub fn has_any(&self, hashes: &[Hash]) -> bool {
        let known = self.read();
        hashes
            .iter()
            .any(|hash| known.seen.contains_key(&beginning(hash)))
    }

    /// Notes those that a bounce has just brought.
    pub(super) fn note(&self, hashes: &[Hash], now: u64) {
        let mut known = self.write();
        for hash in hashes {
            known.see(hash, now);
        }
    }

    /// Reads what is new in the store, and forgets what is over at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn follow(&self, store: &dyn Store, now: u64) -> Result<(), Unavailable> {
        let oldest = now.saturating_sub(FORGED_DAYS * DAY);
        let since = self.read().since.max(oldest);
        let new = store.forged_since(since).await?;
        let mut known = self.write();
        for (hash, at) in &new {
            known.see(hash, *at);
        }
        known.seen.retain(|_, at| *at >= oldest);
        known.since = now.saturating_sub(OVERLAP);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The store has no more of them; what comes between two looks at it has room, too.
    fn see(&mut self, hash: &Hash, at: u64) {
        let hash = beginning(hash);
        if self.seen.len() < 2 * MAX_FORGED || self.seen.contains_key(&hash) {
            let seen = self.seen.entry(hash).or_default();
            *seen = at.max(*seen);
        }
    }
}

fn beginning(hash: &Hash) -> u64 {
    let first = hash.as_bytes().first_chunk().copied();
    u64::from_be_bytes(first.unwrap_or_default())
}

impl fmt::Debug for ForgedIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForgedIds({})", self.read().seen.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sieges::tests::store;

    fn hash(byte: u8) -> Hash {
        Hash::from_bytes([byte; 16])
    }

    #[tokio::test]
    async fn what_one_host_keeps_another_knows() {
        let (_folder, store) = store();
        let now = 1_800_000_000;
        let (one, other) = (ForgedIds::default(), ForgedIds::default());
        one.note(&[hash(1)], now);
        assert!(one.has_any(&[hash(9), hash(1)]) && !one.has_any(&[hash(9)]));
        store.keep_forged(now, vec![hash(1)]);
        store.flush().await;
        assert!(!other.has_any(&[hash(1)]));
        other.follow(&*store, now).await.unwrap();
        assert!(other.has_any(&[hash(1)]));
        // Only what is new is read, and what is over goes.
        store.keep_forged(now + 60, vec![hash(2)]);
        store.flush().await;
        other.follow(&*store, now + 60).await.unwrap();
        assert!(other.has_any(&[hash(2)]));
        other.follow(&*store, now + 30 * DAY + 30).await.unwrap();
        assert!(!other.has_any(&[hash(1)]) && other.has_any(&[hash(2)]));
    }
}
