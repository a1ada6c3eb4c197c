//! Mail in both directions through a real Postfix that asks Backstop, while something goes wrong. Afterwards each message
//! must have arrived once, none may have been refused for good, and what the ledger lost must be counted.
//!
//! `smtp-source` gives the messages to an outer Postfix, which plays the rest of the world: it tries again what is
//! deferred. The inner one asks Backstop, and gives what is accepted to a sink.

mod fault;
mod filter;
mod load;
mod outcome;
mod site;

pub use self::{
    fault::{FAULTS, Fault, Kept, play},
    outcome::Outcome,
    site::Site,
};
