//! Speaks the milter protocol: the only layer that names the `milter` crate.

mod actions;
#[cfg(test)]
mod answered;
mod bind;
mod callbacks;
mod connect;
mod content;
mod counters;
mod counting;
mod drain;
mod ending;
mod framing;
mod guesses;
mod listen;
mod listener;
mod macros;
mod message;
mod phase;
mod proving;
mod reach;
mod remembered;
mod retry;
mod serve;
mod session;
mod sieges;
mod signatures;
mod socket_file;
mod stream;
mod transaction;

pub use bind::{ListenError, bind_tcp};
pub use counters::{Counters, Snapshot};
pub use drain::{Drain, MessageGuard};
pub use ending::Ending;
pub use framing::Violation;
pub use guesses::Guesses;
pub use listen::{Address, AddressError, Mode, Owner, SocketOptions};
pub use listener::Listener;
pub use message::{Asked, Engine, LetIn, Message};
pub use reach::reach;
pub use remembered::Remembered;
pub use serve::serve;
pub use session::Shared;
pub use sieges::{Rounds, Sieges, View, siege_name};
pub use signatures::Signatures;
pub use stream::Stream;
