//! The private MTAs start, deliver, and talk to a milter. What they say to it is held here, for the daemon relies on it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod bouncer;
mod client;
mod postfix;
mod recorder;
mod returned;
mod sendmail;
