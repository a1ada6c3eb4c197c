//! Message-IDs of mail that somebody sent in our name, as bounces that are not of ours return them: people answer such mail.
//! Kept as the ledger keeps ours: hashed, so that who reads the store learns nothing of what strangers sent.

use super::{
    Keys,
    ledger::{Hash, Hashed, fingerprint, hashes},
};

/// How long they are kept, in days.
pub const FORGED_DAYS: u64 = 30;
/// How many are kept; the oldest go. One bounce brings few, and a flood many of the same.
pub const MAX_FORGED: usize = 200_000;
/// The most that one bounce brings.
pub const MAX_FORGED_IDS: usize = 4;

/// The hash that is kept.
pub fn stored_hash(keys: &Keys, id: &[u8]) -> Hash {
    fingerprint(keys, Hashed::Forged, id)
}

/// The hashes that it can have been kept by, newest key first. `today` is in days since 1970-01-01.
pub fn lookup_hashes(keys: &Keys, id: &[u8], today: u64) -> Vec<Hash> {
    match keys.is_empty() {
        true => vec![stored_hash(keys, id)],
        false => hashes(keys, Hashed::Forged, id, today, FORGED_DAYS),
    }
}
