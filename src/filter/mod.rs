//! Speaks the milter protocol: the only layer that names the `milter` crate.

#[cfg(test)]
mod answered;
mod bind;
mod connect;
mod counters;
mod drain;
mod framing;
mod listen;
mod listener;
mod phase;
mod retry;
mod socket_file;
mod stream;

pub use bind::ListenError;
pub use counters::{Counters, Snapshot};
pub use drain::{Drain, MessageGuard};
pub use framing::Violation;
pub use listen::{Address, AddressError, Mode, Owner, SocketOptions};
pub use listener::Listener;
pub use stream::Stream;
