//! Judges messages as they come: asks the adapters what the core wants to know. It knows no milter, and decides nothing.

mod content;
mod counting;
mod drain;
mod ending;
mod guesses;
mod message;
mod proving;
mod remembered;
mod session;
mod sieges;
mod signatures;
mod transaction;

pub use drain::{Drain, MessageGuard};
pub use ending::{Ending, Untagged};
pub use guesses::Guesses;
pub use message::{Asked, Engine, LetIn, Message};
pub use remembered::Remembered;
pub use session::{Session, Shared};
pub use sieges::{Rounds, Sieges, View, siege_name};
pub use signatures::Signatures;
pub use transaction::{May, RcptArgs};
