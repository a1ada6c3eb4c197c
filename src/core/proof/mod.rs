//! Proof that a bounce is ours: somebody who did not see our outgoing mail can't have it.

pub mod batv;
mod counted;
pub mod coverage;
pub mod dkim;
pub mod evidence;
pub mod guesses;
mod keys;
mod kind;
pub mod ledger;
pub mod proven;
pub mod returned;
mod settings;
pub mod uses;
pub mod watermark;

pub use keys::{Key, KeyFileError, Keys, MIN_SECRET, date};
pub use kind::ProofKind;
pub use settings::{Batv, Except, Ledger, MIN_REPLAYS, ProofSettings, Watermark, Weak};

/// A day, in seconds.
pub const DAY: u64 = 24 * 60 * 60;

/// How many days the clock of a host that signs can be ahead of ours: where it is a little, midnight comes there first.
pub const DAYS_AHEAD: u64 = 1;

/// Days since 1970-01-01, of a time in seconds since then.
pub fn today(unix_seconds: u64) -> u64 {
    unix_seconds / DAY
}
