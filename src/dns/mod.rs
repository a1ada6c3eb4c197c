//! Answers DNS questions within a time budget, from a bounded cache, through hickory. The only place that names it.
//!
//! hickory-resolver 0.26's own `Resolver` is not used, because it answers by itself where our questions must reach the
//! name server: `localhost`, 127.in-addr.arpa, ::1's ip6.arpa, `.invalid` and `.onion` (RFC 6761), and names in
//! /etc/hosts; it tries search domains, parses names as IDNA, and reads an answer with a CNAME but no target as
//! one without records. We use the layer below, `NameServerPool`, one pool for each name server. It gives the
//! wire format, random ports and ids, EDNS, TCP after a truncated answer, and reuse of TCP connections.
//!
//! Above it stands our own code: which server is asked when (`upstream`), what an answer means (`answer`), CNAMEs over several
//! questions (`chase`), the cache (`cache`), one question in flight instead of fifty equal ones, and the budget
//! (`resolver`).

mod answer;
mod blocklist;
mod cache;
mod chase;
mod question;
mod resolver;
mod settings;
mod system;
#[cfg(test)]
mod tests;
mod upstream;

pub use blocklist::{BlocklistHealth, Blocklists};
pub use resolver::{Budgeted, Resolver};
pub use settings::{
    DnsSettings, MAX_BUDGET, MAX_CACHE, MIN_TIMEOUT, Nameserver, NameserverError, SettingsError,
};
