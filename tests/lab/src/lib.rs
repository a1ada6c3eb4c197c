//! What the tests and `packaging/try` stand on: a small DNS, private MTAs and databases, an SMTP and a milter client, and
//! the daemon under test.
//!
//! Everything here lives on loopback, in folders of its own, and ends with the process that started it. It is no part
//! of the product: here a mistake panics and says so.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

pub mod amavis;
pub mod backstop;
pub mod bouncer;
pub mod certificates;
pub mod directory;
pub mod dns;
pub mod exim;
pub mod internet;
pub mod joe_job;
pub mod layouts;
pub mod mailboxes;
pub mod milter;
pub mod mta;
pub mod opensmtpd;
pub mod postfix;
pub mod process;
pub mod redis;
pub mod sasl;
pub mod sendmail;
pub mod sink;
pub mod smtp;
