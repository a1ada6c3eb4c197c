//! What SQLite and Redis each do in their own way; all else is done once, by `keeper` and `writer`.

use std::{
    collections::BTreeMap,
    fmt,
    ops::RangeInclusive,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::Unavailable;
use crate::core::proof::{
    coverage::{Count, CoverageRow},
    ledger::{Hash, Remembered, Sent},
};

/// A store that has to be opened before it is asked. A question may be dropped half-way.
pub trait Backend: Send + Sync + 'static {
    /// How long the first entry of a batch waits for others. Another process does not know of it meanwhile.
    const GATHER: Duration;

    /// Its name, without a password.
    fn name(&self) -> impl fmt::Display + Send;

    /// Opens it, anew if it was open. Called once at a time.
    fn open(&self) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Writes a batch. What is written is taken out of it; what is left is to be tried again.
    fn write(&self, batch: &mut Batch) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Forgets what is over at `now`, in seconds since 1970.
    fn prune(&self, now: u64) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// As [`super::Store::sent`], of messages that are still kept at `now`.
    fn sent(
        &self,
        message: &[Hash],
        now: u64,
    ) -> impl Future<Output = Result<Option<Remembered>, Unavailable>> + Send;

    /// As [`super::Store::last_sent`], of messages that are still kept at `now`.
    fn last_sent(
        &self,
        senders: &[Hash],
        now: u64,
    ) -> impl Future<Output = Result<Option<u64>, Unavailable>> + Send;

    /// As [`super::Store::use_proof`].
    fn use_proof(
        &self,
        message: Hash,
        now: u64,
        until: u64,
    ) -> impl Future<Output = Result<u32, Unavailable>> + Send;

    /// As [`super::Store::coverage`], in any order.
    fn coverage(
        &self,
        days: RangeInclusive<u64>,
    ) -> impl Future<Output = Result<Vec<CoverageRow>, Unavailable>> + Send;
}

/// What is written at once. Equal counts are one.
#[derive(Debug, Default)]
pub struct Batch {
    /// Outgoing messages, in the order they were sent in.
    pub sent: Vec<Sent>,
    /// What is counted on a day, and how often.
    pub counts: BTreeMap<(u64, Count), u64>,
}

impl Batch {
    /// How many things are to be written.
    pub fn len(&self) -> usize {
        self.sent.len() + self.counts.len()
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The hashes of recipients as one value.
pub fn packed(hashes: &[Hash]) -> Vec<u8> {
    hashes
        .iter()
        .flat_map(|hash| hash.as_bytes().iter().copied())
        .collect()
}

/// What [`packed`] made; octets too many are left out.
pub fn unpacked(bytes: &[u8]) -> Vec<Hash> {
    let (hashes, _) = bytes.as_chunks();
    hashes.iter().copied().map(Hash::from_bytes).collect()
}
