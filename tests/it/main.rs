//! Backstop from outside.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod apt;
mod arrows;
mod attack;
mod batv;
mod besieged;
mod bounce;
mod bounces;
mod cli;
mod comes_home;
mod company;
mod config;
mod coverage;
mod daemon;
mod decided_by;
mod decisions;
mod dialogues;
mod directory;
mod dkim;
mod docs;
mod explain;
mod headers;
mod headers_mta;
mod joe_job;
mod keygen;
mod layouts;
mod licences;
mod notifications;
mod opendmarc;
mod outages;
mod outgoing;
mod package;
mod packaged;
mod panics;
mod postfix;
mod proof;
mod replay;
mod replies;
mod returned;
mod rewriting;
mod sendmail;
mod sessions;
mod site;
mod spellings;
mod spf_case;
mod spf_corners;
mod spf_sizes;
mod spf_suite;
mod srs;
mod srs_mta;
mod status;
mod store;
mod stored;
mod tags;
mod unannounced;
