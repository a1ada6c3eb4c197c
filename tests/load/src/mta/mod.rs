//! The MTA's side of the milter protocol under load: many sessions at once from one thread, with buffers made beforehand, so
//! that what is measured is the filter.
//!
//! It speaks as Postfix does: it offers all that Postfix offers, sends the same macros (those the filter asked for, or
//! Postfix's default), writes only when it awaits a reply or 4,096 octets are full, and awaits one exactly where the
//! negotiated flags say that there is one.

mod link;
mod mail;
mod outcome;
mod run;
mod script;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf};

pub(crate) use self::outcome::count;
pub use self::{
    mail::{Mail, SERIAL},
    outcome::Outcome,
    run::Load,
};

/// Where a filter listens.
#[derive(Debug, Clone)]
pub enum Target {
    /// A unix socket.
    Unix(PathBuf),
    /// A TCP port.
    Tcp(SocketAddr),
}
