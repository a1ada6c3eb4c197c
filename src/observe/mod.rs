//! What an administrator sees of the daemon: one line for each decision, warnings that are counted instead of
//! repeated, and a log that systemd and a terminal can both read.

mod decision;
mod log;
mod warnings;

pub use self::{
    decision::Decision,
    log::{set_level, start_logging},
    warnings::Warnings,
};
