//! `backstop report`: what the store has counted in the last days.

mod attack;
mod coverage;
mod gather;
mod pages;
mod senders;
mod tenants;
mod would;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Subcommand};

use super::{
    domains::load_with_domains, open_store_to_ask, print_json, today, unavailable, uses_store,
};
use crate::{
    config::Config,
    core::proof::coverage::{CoverageSummary, KEEP_DAYS},
    store::{Store, Unavailable},
};

/// Why there are no counts.
const NO_STORE: &str = "nothing is counted; use `proof`, `siege.watch` or `report.keep_samples` in milter.yaml, for \
                        `local.domains`";

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    report: Option<ReportKind>,
    #[command(flatten)]
    attack: attack::AttackArguments,
    /// Write a page for each domain of local.domains, which shows nothing of any other, and an index of all, to this folder.
    /// One that an earlier run wrote is replaced as a whole
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["domain", "json", "html", "export"])]
    html_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ReportKind {
    /// Which bounces came, by hour, by host and by forged address, and how they were answered (the default)
    Attack(attack::AttackArguments),
    /// A letter for the provider or host that holds you responsible for forged mail: what was counted, in plain text
    Letter(attack::LetterArguments),
    /// What was counted of each domain: bounces and their answers, sieges, coverage of proof; those first that hurt most
    Tenants(tenants::TenantsArguments),
    /// How much outgoing mail can prove its bounces, what proved the bounces that came, and which would have been refused.
    /// Read this before you set proof.unproven to reject
    Coverage(CoverageArguments),
    /// What `mode: enforce` would have refused, and the line of milter.yaml that would spare each. Read this before you
    /// enforce
    Would(would::WouldArguments),
    /// Who sends with your domains in From:, how, and what stops it, as the DMARC reports of others say. `backstop reports
    /// import` takes them in
    Senders(senders::SendersArguments),
}

#[derive(Debug, Args)]
struct CoverageArguments {
    /// The number of days, including today
    #[arg(long, value_name = "NUMBER", default_value_t = 14, value_parser = clap::value_parser!(u64).range(1..=KEEP_DAYS))]
    days: u64,
    /// The maximum number of domains in the text, those with the least coverage first; JSON has all
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: usize,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn report(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load_with_domains(path).await {
        Ok(config) => config,
        Err(code) => return code,
    };
    match &arguments.report {
        None => match &arguments.html_dir {
            None => attack::attack(&config, &arguments.attack).await,
            Some(folder) => pages::write(&config, arguments.attack.period(), folder).await,
        },
        Some(ReportKind::Tenants(arguments)) => tenants::tenants(&config, arguments).await,
        Some(ReportKind::Attack(arguments)) => attack::attack(&config, arguments).await,
        Some(ReportKind::Letter(arguments)) => attack::letter(&config, arguments).await,
        Some(ReportKind::Coverage(arguments)) => of_coverage(&config, arguments).await,
        Some(ReportKind::Would(arguments)) => would::would(&config, arguments).await,
        Some(ReportKind::Senders(arguments)) => senders::senders(&config, arguments).await,
    }
}

/// The store; or, after an error message, the exit code.
fn ask(config: &Config, unused: &str) -> Result<Arc<dyn Store>, ExitCode> {
    if !uses_store(config) {
        return Err(unavailable(unused));
    }
    open_store_to_ask(config).ok_or_else(|| {
        unavailable(&format!(
            "{} does not exist yet; the daemon makes it when it starts",
            config.store
        ))
    })
}

async fn of_coverage(config: &Config, arguments: &CoverageArguments) -> ExitCode {
    let unused = "nothing is counted; use `proof` in milter.yaml, with `local.domains`";
    let store = match ask(config, unused) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let today = today();
    let first = today.saturating_sub(arguments.days - 1);
    let summary = match gather::coverage(&*store, first..=today).await {
        Ok(summary) => summary,
        Err(why) => return unavailable(&why.to_string()),
    };
    let report = coverage::CoverageReport::of(&summary, first, today, &config.policy.proof);
    if arguments.json {
        print_json(&report);
    } else {
        report.print(arguments.limit);
    }
    ExitCode::SUCCESS
}

/// The counts of the last lifetime, including today.
pub(super) async fn of_a_lifetime(
    config: &Config,
    store: &Arc<dyn Store>,
) -> Result<CoverageSummary, Unavailable> {
    let today = today();
    let first = today.saturating_sub(config.policy.proof.lifetime_days());
    gather::coverage(&**store, first..=today).await
}
