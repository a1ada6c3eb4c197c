//! `backstop ledger`: what is remembered of outgoing mail.

mod import;
mod reading;
mod report;
mod sources;

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Fill the ledger from the logs of the MTA, and from folders of sent mail, so that the bounces of mail that left before
    /// Backstop came prove themselves
    Import(import::Arguments),
}

pub(super) async fn ledger(config: &Path, arguments: &Arguments) -> ExitCode {
    match &arguments.command {
        LedgerCommand::Import(arguments) => import::import(config, arguments).await,
    }
}
