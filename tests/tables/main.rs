//! Tables: facts in, decisions out. They need no daemon, no MTA, no root and no network.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod advise;
mod besieged;
mod company;
mod config;
mod corpora;
mod coverage;
mod decided_by;
mod envelope;
mod files;
mod findings;
mod headers;
mod many_domains;
mod notifications;
mod outages;
mod outgoing;
mod proof;
mod replies;
mod reports;
mod returned;
mod scenario;
mod spf;
mod srs;
mod tags;
mod tenants;
mod unannounced;
