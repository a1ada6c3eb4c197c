//! What an administrator sees of the daemon: one line for each decision, warnings that are counted instead of
//! repeated, a log that systemd and a terminal can both read, and metrics.

mod decision;
mod http;
mod lately;
mod log;
mod metrics;
mod readings;
mod settings;
mod timings;
mod warnings;

pub use self::{
    decision::{Decision, LoggedCheck, LoggedDecision},
    http::{Hosts, HttpSocket, Pages, Readiness, StatusPage, serve_http},
    lately::{Answered, Hour, Kept, Lately, Latest, Tally},
    log::{
        end_logging, journal_reads_us, log_lines_lost, print_error, set_level, start_logging,
        without_priority,
    },
    metrics::Metrics,
    readings::{
        DomainListReading, GuessReading, Readings, SiegeReading, StoreReading, TenantReading,
    },
    settings::{HttpAddress, ObserveSettings},
    timings::{Stage, Timings},
    warnings::Warnings,
};
