//! The siege: a flood of backscatter is noticed, answered more strictly, and ended by itself.

mod baseline;
mod bytes;
mod change;
mod deltas;
mod exchange;
mod machine;
mod record;
mod ring;
mod settings;
mod sketch;
#[cfg(test)]
mod tests;
mod windows;

pub use bytes::{Damaged, LARGEST};
pub use change::{ByHand, Cause, Change, Forced, LONGEST_BY_HAND, Status};
pub use deltas::{Deltas, Hit, MOST_DOMAINS, Taken, Tally};
pub use exchange::Exchanged;
pub use machine::State;
pub use record::Record;
pub use settings::{Learn, Settings};
pub use sketch::Sketch;
