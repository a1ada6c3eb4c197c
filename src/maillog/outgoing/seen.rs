//! What was seen of a log, for people.

use serde::Serialize;

/// How many messages were seen, and why some of them count for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// All of them.
    pub messages: u64,
    /// Of clients that logged in.
    pub of_logins: u64,
    /// Of clients in `local.networks`.
    pub of_networks: u64,
    /// Of users of the host itself.
    pub of_users: u64,
    /// Came from strangers, or came back after they had.
    pub of_strangers: u64,
    /// Nothing shows where they began, or what handed them on.
    pub without_beginning: u64,
    /// Outgoing, with the null sender.
    pub null_senders: u64,
    /// Outgoing, with a sender of another domain.
    pub not_ours: u64,
    /// Refused, broken off, or without the line that names the sender.
    pub incomplete: u64,
    /// Of ours, and dropped because too many were in progress.
    pub dropped: u64,
}
