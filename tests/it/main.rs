//! Backstop from outside.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod advise;
mod apt;
mod arrows;
mod as_daemon;
mod attack;
mod backscatter;
mod batv;
mod bounce;
mod bounces;
mod browser;
mod by_domain;
mod check_domain;
mod cli;
mod clients;
mod comes_home;
mod daemon;
mod debian;
mod dialogues;
mod directory;
mod dkim;
mod docs;
mod exim;
mod explain;
mod forwarded;
mod headers_mta;
mod import;
mod joe_job;
mod keygen;
mod layouts;
mod licences;
mod opendmarc;
mod origins;
mod outgoing;
mod output;
mod own_domains;
mod package;
mod packaged;
mod pages;
#[cfg(all(feature = "sql", feature = "ldap"))]
mod panels;
mod panics;
mod postfix;
mod replay;
mod reports;
mod rewriting;
mod sendmail;
mod sessions;
mod setup;
mod site;
mod spellings;
mod spf_command;
mod spf_suite;
mod srs_mta;
mod status;
mod store;
mod stored;
mod submission;
mod tenants;
mod trace;
