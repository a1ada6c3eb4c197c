//! `backstop report`: who sent backscatter, to which addresses, and how it was answered.

mod arf;
mod arf_origin;
mod complaints;
mod contacts;
mod export;
mod hours;
mod html;
mod letter;
mod origins;
mod period;
mod text;
mod view;
mod whose;

use std::{ops::RangeInclusive, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use futures_util::{StreamExt, stream};

use self::complaints::Complaints;
pub(super) use self::{
    hours::Series,
    html::{accounts, answers, list, over_time, tiles},
    letter::{LetterArguments, letter},
    period::{Period, PeriodArguments},
    view::{Numbers, View},
    whose::{Owners, SpfAsker, names_it},
};
use super::{NO_STORE, ask};
use crate::{
    cli::{USAGE, now, page, print_json, suspected::suspected, unavailable},
    config::Config,
    core::{
        address::Domain,
        attack::{AttackSummary, KEEP_DAYS, Origins, hour},
        proof::date,
    },
    store::{Store, Unavailable},
};

/// Which bounces are meant.
#[derive(Debug, Args)]
struct Scope {
    #[command(flatten)]
    period: period::PeriodArguments,
    /// Report only bounces to this domain of local.domains
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<Domain>,
}

#[derive(Debug, Args)]
pub(super) struct AttackArguments {
    #[command(flatten)]
    scope: Scope,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Write an HTML page with charts to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write reports to abuse desks, redacted: one for each kept sample, and one for each host that three networks say sent
    /// in your name; to this new or empty folder
    #[arg(long, value_name = "FOLDER")]
    export: Option<PathBuf>,
}

impl AttackArguments {
    /// Which period is meant.
    pub fn period(&self) -> &PeriodArguments {
        &self.scope.period
    }
}

/// What was counted of them.
struct Gathered {
    store: Arc<dyn Store>,
    view: View,
    /// What is to be said beside it.
    notes: Vec<String>,
}

/// Reads what was counted; or prints why it can't, and gives the exit code.
async fn gathered(config: &Config, scope: &Scope) -> Result<Gathered, ExitCode> {
    let now = now();
    let Some(period) = scope.period.period(now) else {
        return Err(wrong(
            "this period is empty: it ends before it begins, or is not in the 90 days that are kept",
        ));
    };
    let domain = match &scope.domain {
        None => None,
        Some(domain) => match config.policy.local.ours(domain) {
            Some(ours) => Some(ours.as_str()),
            None => return Err(wrong(&format!("{domain} is not in `local.domains`"))),
        },
    };
    if config.has_no_domain() {
        return Err(unavailable(
            "nothing is counted, because `local.domains` is empty; list your domains there",
        ));
    }
    let store = ask(config, NO_STORE)?;
    let failed = |why: Unavailable| unavailable(&why.to_string());
    let summary = summary(&store, &period, domain).await.map_err(failed)?;
    let hours = period.first..=period.last;
    let accounts = suspected(config, &*store, hours, hour(now)).await;
    let mut accounts = accounts.map_err(failed)?;
    accounts.retain(|account| domain.is_none_or(|domain| domain == account.domain));
    let owners = Owners::of(config, &summary.origins).await;
    let view = View::of(summary, accounts, period, domain, &owners);
    let mut notes = Vec::new();
    if scope.period.begins_too_early(now) {
        let first = date(view.period.first / 24);
        notes.push(format!(
            "only the last {KEEP_DAYS} days are kept, so the report begins on {first}"
        ));
    }
    Ok(Gathered { store, view, notes })
}

pub(super) async fn attack(config: &Config, arguments: &AttackArguments) -> ExitCode {
    let Gathered {
        store,
        view,
        mut notes,
    } = match gathered(config, &arguments.scope).await {
        Ok(gathered) => gathered,
        Err(code) => return code,
    };
    if let Some(file) = &arguments.html {
        if let Err(why) = page::write(&html::render(&view), file) {
            return unavailable(&why);
        }
        notes.push(format!("{}: the report as an HTML page", file.display()));
    }
    if let Some(folder) = &arguments.export {
        let samples = match store.samples(view.period.seconds()).await {
            Ok(samples) => samples,
            Err(why) => return unavailable(&why.to_string()),
        };
        let samples = export::of_domain(samples, &config.policy.local, view.domain.as_deref());
        let complaints = Complaints::of(config, &view.origins, &samples).await;
        if let Err(why) = export::write(folder, &samples, &complaints, config, &view) {
            return unavailable(&why);
        }
        let reports = samples.len() + complaints.reports.len();
        notes.push(format!(
            "{}: {reports} reports for abuse desks; read each before you send it",
            folder.display()
        ));
        if samples.is_empty() && !config.report.keep_samples {
            notes.push(
                "no samples are kept; use `report: {keep_samples: true}` in milter.yaml".to_owned(),
            );
        }
    }
    if arguments.json {
        print_json(&view);
    } else {
        view.print();
    }
    for line in notes {
        eprintln!("{line}");
    }
    ExitCode::SUCCESS
}

/// Day by day: each query has its own time limit, and after a flood all rows together can be a gigabyte. While one day is
/// added up, the next two are read.
async fn summary(
    store: &Arc<dyn Store>,
    period: &Period,
    domain: Option<&str>,
) -> Result<AttackSummary, Unavailable> {
    let mut summary = AttackSummary::default();
    let read = |day| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.attack(day).await })
    };
    let mut days = stream::iter(period.days()).map(read).buffered(2);
    while let Some(rows) = days.next().await {
        match rows {
            Ok(rows) => summary.add(rows?, domain),
            // A bug of ours: it goes on as if it had been here.
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    Ok(summary)
}

/// Who sent in our name in these hours, as the bounces of others say.
pub(super) async fn origins_of(
    store: &Arc<dyn Store>,
    hours: RangeInclusive<u64>,
) -> Result<Origins, Unavailable> {
    let period = Period {
        first: *hours.start(),
        last: *hours.end(),
    };
    Ok(summary(store, &period, None).await?.origins)
}

fn wrong(why: &str) -> ExitCode {
    eprintln!("backstop: {why}");
    ExitCode::from(USAGE)
}
