//! A small DNS server that answers from a [`Zone`] as a recursive resolver would, or misbehaves as told.
//!
//! | part       | what it does |
//! |------------|--------------|
//! | [`Zone`]   | names, their records and their [`Fault`]s: built in Rust, or read from YAML |
//! | [`Server`] | answers over UDP and TCP on one port, and remembers what it was asked |
//! | [`openspf`]| reads the public RFC 7208 suite: its cases, and its zones |

use std::fmt;

pub use hickory_proto::rr::{RData, RecordType};

pub use self::{
    server::{Server, Transport},
    zone::{Fault, Scope, Zone},
};

mod answer;
pub mod openspf;
mod rdata;
mod server;
#[cfg(test)]
mod tests;
mod wire;
mod yaml;
mod zone;

/// What is wrong in a zone or in a suite, where, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same error, with the place it was found at in front.
    fn at(self, place: impl fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
