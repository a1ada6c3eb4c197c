//! `backstop report`: what the store tells of the days gone by.

mod coverage;

use std::{path::Path, process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};

use super::{load, open_store_to_ask, print_json, today, unavailable, uses_store};
use crate::{
    config::Config,
    core::proof::coverage::{KEEP_DAYS, Summary},
    store::{Store, Unavailable},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    report: Report,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// How much outgoing mail can prove its bounces, what proved the bounces that came, and whose would have been
    /// refused: look here before proof.unproven is set to reject
    Coverage(Period),
}

#[derive(Debug, Args)]
struct Period {
    /// The last so many days, today included
    #[arg(long, value_name = "NUMBER", default_value_t = 14, value_parser = clap::value_parser!(u64).range(1..=KEEP_DAYS))]
    days: u64,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn report(path: &Path, arguments: &Arguments) -> ExitCode {
    let Report::Coverage(period) = &arguments.report;
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if !uses_store(&config) {
        return unavailable(
            "nothing is counted: no proof is on that `local.domains` could have (see proof in milter.yaml)",
        );
    }
    let Some(store) = open_store_to_ask(&config) else {
        return unavailable(&format!(
            "{} is not there yet: the daemon makes it when it starts",
            config.store
        ));
    };
    let today = today();
    let first = today.saturating_sub(period.days - 1);
    let rows = match store.coverage(first..=today).await {
        Ok(rows) => rows,
        Err(why) => return unavailable(&format!("{}: {why}", config.store)),
    };
    let report = coverage::Report::of(&Summary::of(rows), first, today, &config.policy.proof);
    if period.json {
        print_json(&report);
    } else {
        report.print();
    }
    ExitCode::SUCCESS
}

/// What the counts of a lifetime and of today say.
pub(super) async fn of_a_lifetime(
    config: &Config,
    store: &Arc<dyn Store>,
) -> Result<Summary, Unavailable> {
    let today = today();
    let first = today.saturating_sub(config.policy.proof.lifetime_days());
    Ok(Summary::of(store.coverage(first..=today).await?))
}
