//! `backstop reports`: the DMARC reports that others send.

mod import;
mod reading;
mod tally;

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: ReportsCommand,
}

#[derive(Debug, Subcommand)]
enum ReportsCommand {
    /// Take DMARC aggregate reports from a mailbox into the store, for `backstop report senders`. What was taken before is
    /// not counted again, so this may run every day on the same mailbox
    Import(import::Arguments),
}

pub(super) async fn reports(config: &Path, arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        ReportsCommand::Import(arguments) => import::import(config, arguments).await,
    }
}
