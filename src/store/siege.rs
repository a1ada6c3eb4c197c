//! The records of sieges, as the store sees them: a name, a version, and octets that mean nothing to it.

use super::{Reason, Unavailable};
use crate::core::proof::DAY;

/// The longest name of a record, in octets: a domain's text fits (RFC 1035 section 2.3.4).
pub const LONGEST_NAME: usize = 255;
/// The longest record, in octets.
pub const LONGEST_RECORD: usize = 16 * 1024;
/// The maximum number of records: a new one takes the place of the one that was written longest ago.
pub const MAX_RECORDS: u64 = 1_100;
/// How long a record is kept that nobody writes, in seconds.
pub(super) const KEEP: u64 = 100 * DAY;
/// A version is when it was written, in millionths of a second since 1970, or one more than that before it where the clock
/// is behind: a record that is made anew, in a store made anew even, has none that was there before.
pub(super) const SECOND: u64 = 1_000_000;

/// The record of a siege.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiegeRecord {
    /// Whose it is: a domain, for example.
    pub name: String,
    /// Changes whenever it is written, and is never 0.
    pub version: u64,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// The records of all sieges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiegeRecords {
    /// In milliseconds since 1970, by the clock of the Redis server: hosts agree on it whose clocks don't. With SQLite it
    /// is this host's.
    pub now_millis: u64,
    /// In order of their names.
    pub records: Vec<SiegeRecord>,
}

/// Whether a record may be written.
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

/// The first version of which records are kept at `now`, in seconds since 1970.
pub(super) fn first_kept(now: u64) -> u64 {
    now.saturating_sub(KEEP).saturating_mul(SECOND)
}
