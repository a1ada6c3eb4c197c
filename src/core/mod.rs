//! What decides. Facts come in (an envelope, DNS results, whether a recipient is known), a verdict goes out.
//!
//! Nothing in here waits, looks at a clock, reads a file or writes a log line: `now` and every answer are
//! arguments. So whatever the daemon, `backstop explain` and the tests ask, it is this code that answers.

pub mod account;
pub mod address;
pub mod advise;
pub mod aggregate;
pub mod attack;
pub mod authserv_id;
pub mod by_domain;
pub mod dmarc;
pub mod dnsbl;
pub mod duration;
pub mod envelope;
pub mod exempt;
mod folded;
pub mod forgery;
pub mod forwarded;
pub mod from_header;
pub mod header;
pub mod header_rules;
pub mod learned;
pub mod local;
pub mod message;
pub mod moment;
pub mod mta;
pub mod network;
pub mod notification;
pub mod null_sender;
pub mod octets;
pub mod origin;
pub mod outside;
pub mod pattern;
pub mod policy;
pub mod printable;
pub mod proof;
pub mod received;
pub mod recipients;
pub mod reply;
pub(crate) mod serde_text;
pub mod siege;
pub mod size;
pub mod spf;
pub mod spf_rules;
pub mod srs;
mod stored;
pub mod tenant;
pub mod trace_header;
pub mod understood;
pub mod verdict;
pub mod would;
