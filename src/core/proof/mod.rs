//! Proof that a bounce is ours: somebody who did not see our outgoing mail can't have it.

pub mod batv;
mod keys;
mod settings;

pub use keys::{Key, KeyFileError, Keys, SHORTEST_SECRET};
pub use settings::{Batv, Except, Settings};

/// A day, in seconds.
pub const DAY: u64 = 24 * 60 * 60;

/// Days since 1970-01-01, of a time in seconds since then.
pub fn today(unix_seconds: u64) -> u64 {
    unix_seconds / DAY
}
