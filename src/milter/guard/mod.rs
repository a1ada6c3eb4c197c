//! Stands between the milter crate and the MTA, or any other client: packets are checked before the crate reads them.
//!
//! What indymilter 0.3.0 lacks, as the fix that it would need. With that fix the part of the guard goes.
//! - `Session::process_until_done` ignores a command that its state machine does not expect, and the MTA waits for an
//!   answer until its timeout. Fix: end the session with an error. (`phase`)
//! - `State::has_transition_to` knows `QuitNc` only after `Eom` and `Unknown`. Elsewhere it is ignored, and so is the
//!   CONNECT that follows: a second client is taken for the first. Fix: allow it in every state, and reset context and
//!   macros with it. (`phase` passes QUIT on; an MTA whose connection is closed opens the new one itself)
//! - `Macros::clear_after` clears the macros of later stages, but not those of the stage itself, so that a login or the
//!   refusal of a recipient stays for the next message or recipient, for which the MTA sends no macros. Fix: at MAIL and
//!   RCPT, clear the macros of the stage unless they came since its last command. (`framing` sends an empty macro)
//! - `Session::handle_def_macros_command` skips a packet without a macro, so that the macros of an earlier message stay.
//!   Fix: such a packet clears the macros of its stage. (`framing` adds an empty macro)
//! - `ConnInfoPayload::parse_buffer` fails, and the session ends, for an address with the prefix `IPv6:`, which Sendmail
//!   writes, for one with a zone, and for one that lost its NUL. Fix: read these, and take anything else for
//!   `SocketInfo::Unknown`. (`connect`)
//! - `message::read` takes a length of 0 for 1, and allocates up to 1 MiB before the payload comes. Fix: a length of 0 is
//!   an error, and the buffer grows with what is read. (`framing`)
//! - `Config::connection_timeout` is one time for waiting between packets and within one, and 7210 s: a peer that sends half
//!   a packet keeps a connection for two hours. Fix: a second, short timeout from the first octet of a packet to its last,
//!   and for writes. (`stream`)

#[cfg(test)]
mod answered;
mod connect;
mod counters;
mod framing;
mod phase;
mod replies;
mod stream;

pub use counters::{Counters, OpenConnection, Snapshot};
pub use framing::Violation;
pub use stream::Stream;
