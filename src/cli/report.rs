//! `backstop report`: what the store tells of the days gone by.

mod attack;
mod coverage;

use std::{path::Path, process::ExitCode, sync::Arc};

use clap::{Args, Subcommand};

use super::{load, open_store_to_ask, print_json, today, unavailable, uses_store};
use crate::{
    config::Config,
    core::proof::coverage::{CoverageSummary, KEEP_DAYS},
    store::{Store, Unavailable},
};

/// Why nothing is counted.
const NO_STORE: &str = "nothing is counted: neither a proof that `local.domains` could have is on, nor siege.watch, nor \
                        report.keep_samples (see milter.yaml)";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    report: Option<Report>,
    #[command(flatten)]
    attack: attack::About,
}

#[derive(Debug, Subcommand)]
enum Report {
    /// Which bounces came from whom, to which forged addresses, by hour, and how they were answered (what is done when
    /// neither is named)
    Attack(attack::About),
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
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    match &arguments.report {
        None => attack::attack(&config, &arguments.attack).await,
        Some(Report::Attack(arguments)) => attack::attack(&config, arguments).await,
        Some(Report::Coverage(period)) => of_coverage(&config, period).await,
    }
}

/// The store to ask; what to exit with where there is none, which is told.
fn ask(config: &Config, unused: &str) -> Result<Arc<dyn Store>, ExitCode> {
    if !uses_store(config) {
        return Err(unavailable(unused));
    }
    open_store_to_ask(config).ok_or_else(|| {
        unavailable(&format!(
            "{} is not there yet: the daemon makes it when it starts",
            config.store
        ))
    })
}

async fn of_coverage(config: &Config, period: &Period) -> ExitCode {
    let unused = "nothing is counted: no proof is on that `local.domains` could have (see proof in milter.yaml)";
    let store = match ask(config, unused) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let today = today();
    let first = today.saturating_sub(period.days - 1);
    let rows = match store.coverage(first..=today).await {
        Ok(rows) => rows,
        Err(why) => return unavailable(&format!("{}: {why}", config.store)),
    };
    let report = coverage::Report::of(
        &CoverageSummary::of(rows),
        first,
        today,
        &config.policy.proof,
    );
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
) -> Result<CoverageSummary, Unavailable> {
    let today = today();
    let first = today.saturating_sub(config.policy.proof.lifetime_days());
    Ok(CoverageSummary::of(store.coverage(first..=today).await?))
}
