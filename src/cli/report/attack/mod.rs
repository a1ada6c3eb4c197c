//! `backstop report`: who sent bounces of mail that nobody here sent, to which addresses, and what became of them.

mod arf;
mod chart;
mod export;
mod html;
mod period;
mod text;
mod view;

use std::{path::PathBuf, process::ExitCode, time::UNIX_EPOCH};

use clap::Args;

use self::view::View;
use super::{NO_STORE, ask};
use crate::{
    cli::{USAGE, print_json, unavailable},
    config::Config,
    core::{address::Domain, attack::AttackSummary},
};

#[derive(Debug, Args)]
pub(super) struct About {
    #[command(flatten)]
    period: period::During,
    /// Only what came to this domain of yours
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<Domain>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write a page with charts into this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the samples that were kept, redacted, each as a report to an abuse desk, into this new or empty folder
    #[arg(long, value_name = "FOLDER")]
    export: Option<PathBuf>,
}

pub(super) async fn attack(config: &Config, arguments: &About) -> ExitCode {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let Some(period) = arguments.period.period(now) else {
        return wrong(
            "nothing is left of that period: it ends before it begins, or lies beyond the 90 days that are kept",
        );
    };
    let domain = match &arguments.domain {
        None => None,
        Some(domain) => match config.policy.local.ours(domain) {
            Some(ours) => Some(ours.as_str()),
            None => return wrong(&format!("{domain} is none of `local.domains`")),
        },
    };
    if config.policy.local.domains.is_empty() {
        return unavailable(
            "nothing is counted: `local.domains` is empty (see local in milter.yaml)",
        );
    }
    let store = match ask(config, NO_STORE) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let failed = |why| unavailable(&format!("{}: {why}", config.store));
    // Day by day: each question has its own time to be answered in, and after a flood all rows at once would be a
    // gigabyte.
    let mut summary = AttackSummary::default();
    for day in period.days() {
        match store.attack(day).await {
            Ok(rows) => summary.add(rows, domain),
            Err(why) => return failed(why),
        }
    }
    let view = View::of(summary, period, domain);
    let mut told = Vec::new();
    if let Some(file) = &arguments.html {
        if let Err(why) = html::write(&view, file) {
            return unavailable(&why);
        }
        told.push(format!("{}: the report as a page", file.display()));
    }
    if let Some(folder) = &arguments.export {
        let samples = match store.samples(period.seconds()).await {
            Ok(samples) => samples,
            Err(why) => return failed(why),
        };
        let samples = export::of_domain(samples, &config.policy.local, domain);
        if let Err(why) = export::write(folder, &samples, config, &view) {
            return unavailable(&why);
        }
        let reports = samples.len();
        told.push(format!(
            "{}: {reports} reports; read them before you send any",
            folder.display()
        ));
        if samples.is_empty() && !config.report.keep_samples {
            told.push("no samples are kept: report.keep_samples is false".to_owned());
        }
    }
    if arguments.json {
        print_json(&view);
    } else {
        view.print();
    }
    for line in told {
        eprintln!("{line}");
    }
    ExitCode::SUCCESS
}

fn wrong(why: &str) -> ExitCode {
    eprintln!("backstop: {why}");
    ExitCode::from(USAGE)
}
