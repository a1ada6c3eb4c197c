//! A DNS server for load: one thread, answers made on the spot from a function, and one delay for all of them.
//!
//! [`lab::dns`] has zones of fixed names and a fault for each; here every message can have names of its own, and an answer
//! must cost less than the filter's question.

mod packet;
mod server;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

pub use self::server::Dns;

/// A record's type and data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// A text, of any length.
    Txt(String),
    /// A mail exchange, with its preference.
    Mx(u16, String),
    /// A name for an address.
    Ptr(String),
}

/// What is known of a name. Its records can be of several types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// These records, for this many seconds; none of the type that was asked for: NODATA.
    Records(u32, Vec<Data>),
    /// The name does not exist.
    Nothing,
    /// SERVFAIL.
    Failure,
    /// There is never an answer.
    Silence,
}

impl Data {
    /// The number of its type.
    const fn kind(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Ptr(_) => 12,
            Self::Mx(..) => 15,
            Self::Txt(_) => 16,
        }
    }
}
