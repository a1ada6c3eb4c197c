//! What the end-to-end tests and `packaging/try` stand on: private MTAs, an SMTP client and a milter client.
//!
//! Everything here lives on loopback, in folders of its own, and ends with the process that started it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

pub mod mailboxes;
pub mod milter;
pub mod mta;
pub mod postfix;
pub mod process;
pub mod sasl;
pub mod sendmail;
pub mod smtp;
