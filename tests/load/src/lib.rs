//! What the measurements of Backstop share. The programs that use it are in `src/bin`; `tests/bench` and `tests/faults` run them.
//!
//! | module      | what it has |
//! |-------------|-------------|
//! | [`mta`]     | the MTA's side of the milter protocol, many sessions at once, as Postfix speaks it |
//! | [`dns`]     | a DNS server for load, with one delay for all answers |
//! | [`faults`]  | mail through a real Postfix while something goes wrong |
//! | [`floor`]   | a filter that accepts everything, on the library that Backstop uses |
//! | [`kept`]    | what a large store costs |
//! | [`process`] | processor time and memory of a process and its children |
//! | [`readings`]| what was read in slices that took turns, and ratios of it |
//! | [`sim`]     | a year of the siege's sensor in a minute |
//! | [`soak`]    | mixed mail for hours, and what a daemon takes meanwhile |
//! | [`spread`]  | the median of several readings, with its extremes |
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

pub mod dns;
pub mod faults;
pub mod floor;
pub mod kept;
pub mod mta;
pub mod process;
pub mod readings;
pub mod sim;
pub mod soak;
pub mod spread;
