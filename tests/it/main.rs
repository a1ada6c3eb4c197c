//! Backstop from outside.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod arrows;
mod decisions;
mod docs;
mod joe_job;
mod licences;
mod notifications;
mod package;
mod spf_suite;
