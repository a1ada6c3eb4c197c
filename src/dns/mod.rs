//! Answers DNS questions within a time budget, from a bounded cache, through hickory. The only place that names it.
//!
//! hickory-resolver 0.26's own `Resolver` is not used, because it answers by itself where our questions must reach the
//! name server: `localhost`, 127.in-addr.arpa, ::1's ip6.arpa, `.invalid` and `.onion` (RFC 6761), and names in
//! /etc/hosts; it tries search domains, parses names as IDNA, and reads an answer with a CNAME but no target as
//! one without records. We use the layer below, its UDP and TCP clients. They give the wire format, random ports and ids,
//! EDNS, and many questions over one TCP connection.
//!
//! Above it stands our own code: how a server is asked (`server`), and which one when (`upstream`), what an answer means (`answer`), CNAMEs over several
//! questions (`chase`), the cache (`cache`), one question in flight instead of fifty equal ones, and the budget
//! (`resolver`).

mod answer;
mod blocklist;
mod cache;
mod chase;
mod question;
mod resolver;
mod server;
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
