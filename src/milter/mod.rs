//! Speaks the milter protocol: the only layer that names the `milter` crate. It translates, and decides nothing.

mod actions;
mod callbacks;
mod guard;
mod listener;
mod macros;
mod negotiation;
mod reply;
mod serve;

pub use guard::{Counters, OpenConnection, Snapshot, Stream, Violation};
pub use listener::{
    ListenAddress, ListenAddressError, ListenError, Listener, Opened, Owner, Place, SelfCheck,
    SocketFile, SocketMode, SocketOptions, bind_for_group, bind_privately, bind_tcp, check_owner,
    reach, try_socket,
};
pub use serve::{Serving, serve};
