//! How much is asked of a directory, how long it may take, and how long its answers count. All defaults are here.

use std::time;

use crate::core::duration::Duration;

/// How many connections an SQL server gets from us.
pub(super) const CONNECTIONS: u32 = 5;
/// The maximum for that key: PostgreSQL has a hundred for all its clients.
pub const MAX_CONNECTIONS: u32 = 100;

/// How many questions at a time an LDAP server gets from us. OpenLDAP answers sixteen side by side.
pub(super) const LDAP_QUESTIONS: u32 = 16;

/// How long the questions for one recipient may take, connecting included.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// No server far away answers in less.
pub const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// The maximum for all directories of one domain together: Postfix waits 30 s for a milter, and DNS takes its part.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an address that was listed counts as listed, without asking again.
pub(super) const CACHE_KNOWN: Duration = Duration::from_secs(10 * 60);
/// The same for one that was not. Short, for somebody who gets a new address tries it out.
pub(super) const CACHE_UNKNOWN: Duration = Duration::from_secs(60);
/// The longest for either, which is no longer than [`LATELY_KNOWN`] and [`LATELY_UNKNOWN`] keep it anyway.
pub const LONGEST_CACHE_KNOWN: Duration = Duration::from_secs(24 * 60 * 60);
/// See [`LONGEST_CACHE_KNOWN`].
pub const LONGEST_CACHE_UNKNOWN: Duration = Duration::from_secs(60 * 60);

/// How long a tenant's answers count without asking again.
pub(super) const CACHE_ROWS: Duration = Duration::from_secs(60);
/// The maximum for that: a tenant who sets something tries it out.
pub const LONGEST_CACHE_ROWS: Duration = Duration::from_secs(60 * 60);

/// For how long the last good answer stands in for a directory that is down, where it let somebody in.
pub(super) const LATELY_KNOWN: time::Duration = time::Duration::from_secs(24 * 60 * 60);
/// The same where it didn't: a refusal can't be taken back, and the address may exist by now.
pub(super) const LATELY_UNKNOWN: time::Duration = time::Duration::from_secs(60 * 60);
/// The most that the answers of one kind take up, in octets: some fifty thousand addresses. Those that are listed can't
/// be crowded out by those that strangers make up, for each kind is kept by itself, and each twice: for domains that
/// `local.domains` names, and for names below its entries.
pub(super) const LARGEST_CACHE: u64 = 8 << 20;

/// The longest address that is asked for, in octets; twice what SMTP allows (RFC 5321 section 4.5.3.1.3).
pub(super) const LONGEST_ADDRESS: usize = 512;

/// How long a directory that failed is left alone, the first time.
pub(super) const FIRST_PAUSE: time::Duration = time::Duration::from_secs(1);
/// The longest such pause: so long it may take until it is noticed that it is back.
pub(super) const LONGEST_PAUSE: time::Duration = time::Duration::from_secs(10);
/// How long a connection may be silent and still be used. Firewalls forget one after minutes, some after one.
pub(super) const LONGEST_IDLE: time::Duration = time::Duration::from_secs(60);
/// How often a failing directory is logged.
pub(super) const SILENCE: time::Duration = time::Duration::from_secs(60);

/// How long it may take to list all that a server has, connecting included, and how much that may be.
#[derive(Clone, Copy, Debug)]
pub struct WholeList {
    /// The time.
    pub timeout: time::Duration,
    /// The maximum of rows or entries. More are a failure: a part of a list must not pass for all of it.
    pub most: usize,
}

/// For a set-up, which waits for it.
pub const FOR_SET_UP: WholeList = WholeList {
    timeout: time::Duration::from_secs(10),
    most: 10_000,
};

/// The maximum of domains in a list.
pub const MAX_DOMAINS: usize = 100_000;
/// How long a server may take to list domains. No mail waits for it.
pub const LIST_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum for that key: the list is fetched each minute.
pub const LONGEST_LIST_TIMEOUT: Duration = Duration::from_secs(50);

/// For serde, where the key is left out.
pub(super) fn list_timeout() -> Duration {
    LIST_TIMEOUT
}

/// For serde, where the key is left out.
pub(super) fn connections() -> u32 {
    CONNECTIONS
}

/// For serde, where the key is left out.
pub(super) fn timeout() -> Duration {
    TIMEOUT
}

/// For serde, where the key is left out.
pub(super) fn cache_rows() -> Duration {
    CACHE_ROWS
}

/// For serde, where the key is left out.
pub(super) fn cache_known() -> Duration {
    CACHE_KNOWN
}

/// For serde, where the key is left out.
pub(super) fn cache_unknown() -> Duration {
    CACHE_UNKNOWN
}
