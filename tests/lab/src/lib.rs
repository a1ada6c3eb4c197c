//! What the tests and `packaging/try` stand on. It is no part of the product: here a mistake panics and says so.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

pub mod dns;
