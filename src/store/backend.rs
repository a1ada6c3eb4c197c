//! What SQLite and Redis each do in their own way; all else is done once, by `keeper` and `writer`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeInclusive,
    time::{Duration, UNIX_EPOCH},
};

use tokio::sync::OwnedSemaphorePermit;

use super::{SiegeRecords, Unavailable};
use crate::core::{
    attack::{AttackCount, AttackRow, Sample},
    learned::{Learn, Learned},
    proof::{
        coverage::{CoverageCount, CoverageRow},
        ledger::{Hash, Remembered, Sent},
        uses::{Attempt, Use},
    },
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
        attempt: &Attempt,
        until: u64,
    ) -> impl Future<Output = Result<Use, Unavailable>> + Send;

    /// As [`super::Store::coverage`], in any order.
    fn coverage(
        &self,
        days: RangeInclusive<u64>,
    ) -> impl Future<Output = Result<Vec<CoverageRow>, Unavailable>> + Send;

    /// As [`super::Store::learned`], of addresses that are still kept on the day `today`.
    fn learned(
        &self,
        addresses: &[Hash],
        today: u64,
    ) -> impl Future<Output = Result<Option<Learned>, Unavailable>> + Send;

    /// As [`super::Store::siege_records`], in any order.
    fn siege_records(&self) -> impl Future<Output = Result<SiegeRecords, Unavailable>> + Send;

    /// As [`super::Store::write_siege_record`], of a name and octets that are no longer than they may be.
    fn write_siege_record(
        &self,
        name: &str,
        seen: u64,
        bytes: &[u8],
    ) -> impl Future<Output = Result<Option<u64>, Unavailable>> + Send;

    /// As [`super::Store::attack`], in any order.
    fn attack(
        &self,
        hours: RangeInclusive<u64>,
    ) -> impl Future<Output = Result<Vec<AttackRow>, Unavailable>> + Send;

    /// As [`super::Store::samples`], in any order; what can't be read is left out.
    fn samples(
        &self,
        time: RangeInclusive<u64>,
    ) -> impl Future<Output = Result<Vec<Sample>, Unavailable>> + Send;
}

/// What is written at once. Equal counts are one, and so is what is learned twice.
#[derive(Debug, Default)]
pub struct Batch {
    /// Outgoing messages, in the order they were sent in.
    pub sent: Vec<Sent>,
    /// What is counted on a day, and how often.
    pub counts: BTreeMap<(u64, CoverageCount), u64>,
    /// What is learned of addresses; of one address in order of days.
    pub learned: BTreeSet<Learn>,
    /// What is counted of an attack in an hour, and how often.
    pub attack: BTreeMap<(u64, AttackCount), u64>,
    /// Samples of refused bounces.
    pub samples: Vec<Waiting>,
}

/// A sample that waits to be written, and its place among those that may wait.
#[derive(Debug)]
pub struct Waiting {
    /// The sample.
    pub sample: Sample,
    /// Free again when it is written, or lost.
    pub _place: OwnedSemaphorePermit,
}

impl Batch {
    /// How many things are to be written.
    pub fn len(&self) -> usize {
        let of_mail = self.sent.len() + self.counts.len() + self.learned.len();
        of_mail + self.attack.len() + self.samples.len()
    }

    /// Writes another batch with this one.
    pub fn add(&mut self, other: Self) {
        self.sent.extend(other.sent);
        for (count, times) in other.counts {
            let sum = self.counts.entry(count).or_default();
            *sum = sum.saturating_add(times);
        }
        self.learned.extend(other.learned);
        for (count, times) in other.attack {
            let sum = self.attack.entry(count).or_default();
            *sum = sum.saturating_add(times);
        }
        self.samples.extend(other.samples);
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    since_1970().as_secs()
}

/// The time by this host's clock.
pub fn since_1970() -> Duration {
    UNIX_EPOCH.elapsed().unwrap_or_default()
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
