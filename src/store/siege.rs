//! The records of sieges, as the store sees them: a name, a version, and octets that it does not read.

use super::{Reason, Unavailable};
use crate::core::proof::DAY;

/// The maximum length of a record's name, in octets: a domain fits (RFC 1035 section 2.3.4).
pub const LONGEST_NAME: usize = 255;
/// The maximum length of a record, in octets.
pub const LONGEST_RECORD: usize = 16 * 1024;
/// The maximum number of records: a new one takes the place of the one that was written longest ago.
pub const MAX_RECORDS: u64 = 1_100;
/// How long a record is kept after it was last written, in seconds.
pub(super) const KEEP: u64 = 100 * DAY;
/// A version is the time of the write, in microseconds since 1970; or, if the clock is behind, the previous version plus
/// one. So a new record never repeats a version of an old one, even in a new store.
pub(super) const SECOND: u64 = 1_000_000;

/// The record of a siege.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiegeRecord {
    /// What it is about, such as a domain.
    pub name: String,
    /// Changes with each write, and is never 0.
    pub version: u64,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// The records of all sieges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiegeRecords {
    /// In milliseconds since 1970, by the clock of the Redis server, on which all hosts agree. With SQLite it is this host's
    /// clock.
    pub now_millis: u64,
    /// In order of their names.
    pub records: Vec<SiegeRecord>,
}

/// Checks the lengths of a record.
pub(super) fn check(name: &str, bytes: &[u8]) -> Result<(), Unavailable> {
    let (name, bytes) = (name.len(), bytes.len());
    if (1..=LONGEST_NAME).contains(&name) && bytes <= LONGEST_RECORD {
        return Ok(());
    }
    let text = format!(
        "a siege's record of {bytes} octets, with a name of {name}, is not stored: it may have {LONGEST_RECORD}, and its \
         name 1 to {LONGEST_NAME}"
    );
    Err(Unavailable::new(Reason::Other, text))
}

/// The oldest version that is kept at `now`, in seconds since 1970.
pub(super) fn first_kept(now: u64) -> u64 {
    now.saturating_sub(KEEP).saturating_mul(SECOND)
}
