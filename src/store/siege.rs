//! The records of sieges, as the store sees them: a name, a version, and octets that it does not read. Versions grow with each
//! write, of whichever record, in the order in which writes are seen: so what was written since can be asked for.

use super::{Reason, Store, Unavailable};
use crate::core::{
    proof::DAY,
    siege::{Question, Stored, Write},
};

/// The maximum length of a record's name, in octets: a domain fits (RFC 1035 section 2.3.4).
pub const LONGEST_NAME: usize = 255;
/// The maximum length of a record, in octets.
pub const LONGEST_RECORD: usize = 16 * 1024;
/// The maximum number of records with names that strangers may have invented: a new one takes the place of the one that was
/// written longest ago.
pub const MAX_INVENTED: u64 = 1_000;
/// The maximum number of records in all.
pub const MAX_RECORDS: u64 = 200_000;
/// How long a record is kept after it was last written, in seconds.
pub(super) const KEEP: u64 = 100 * DAY;
/// A version is the time of the write, in microseconds since 1970; or, if the clock is behind, the greatest version plus
/// one. So a new record never repeats a version of an old one, even in a new store.
pub(super) const SECOND: u64 = 1_000_000;

/// The record of a siege, to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiegeWrite {
    /// What it is about, such as a domain.
    pub name: String,
    /// The version that the store has; 0 for none.
    pub seen: u64,
    /// What to write.
    pub bytes: Vec<u8>,
    /// Whether a stranger may have invented the name.
    pub is_invented: bool,
}

impl SiegeWrite {
    /// What a round has to write.
    pub fn of(write: &Write) -> Self {
        Self {
            name: write.name().to_owned(),
            seen: write.seen,
            bytes: write.bytes.clone(),
            is_invented: write.is_invented,
        }
    }
}

/// The record of this name, and the store's time, in seconds since 1970.
///
/// # Errors
/// A store that does not answer.
pub async fn siege_record(
    store: &dyn Store,
    name: &str,
) -> Result<(Option<Stored>, u64), Unavailable> {
    let question = Question {
        names: vec![name.to_owned()],
        ..Question::default()
    };
    let answer = store.siege_changes(question, 0).await?;
    let found = answer.named.into_iter().next();
    Ok((found.map(|(_, stored)| stored), answer.now))
}

/// Checks the lengths of records.
pub(super) fn check(writes: &[SiegeWrite]) -> Result<(), Unavailable> {
    let sizes = |write: &SiegeWrite| (write.name.len(), write.bytes.len());
    let fits = |(name, bytes): &(usize, usize)| {
        (1..=LONGEST_NAME).contains(name) && *bytes <= LONGEST_RECORD
    };
    let Some((name, bytes)) = writes.iter().map(sizes).find(|sizes| !fits(sizes)) else {
        return Ok(());
    };
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
