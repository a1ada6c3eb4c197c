//! What stands between the milter crate and a hostile peer: packets are checked before the crate reads them.

#[cfg(test)]
mod answered;
mod connect;
mod counters;
mod framing;
mod phase;
mod stream;

pub use counters::{Counters, Snapshot};
pub use framing::Violation;
pub use stream::Stream;
