//! `backstop report letter`: for the provider or host that holds us responsible for mail that others sent in our name. It says
//! what was counted, and nothing is sent.

mod templates;
mod write;

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::write::Letter;
use super::{Gathered, Scope, gathered};
use crate::{
    cli::{NO, now, print_json, suspected::suspected_now, unavailable},
    config::Config,
    core::{attack::hour, proof::coverage::CoverageSummary},
    store::Unavailable,
};

#[derive(Debug, Args)]
pub(in crate::cli::report) struct LetterArguments {
    #[command(flatten)]
    scope: Scope,
    /// Write it although an account of yours is suspected; the letter says so
    #[arg(long)]
    force: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct LetterReport<'a> {
    from: &'a str,
    to: &'a str,
    domain: Option<&'a str>,
    text: &'a str,
}

pub(in crate::cli::report) async fn letter(
    config: &Config,
    arguments: &LetterArguments,
) -> ExitCode {
    let Gathered { store, view, notes } = match gathered(config, &arguments.scope).await {
        Ok(gathered) => gathered,
        Err(code) => return code,
    };
    let failed = |why: Unavailable| unavailable(&why.to_string());
    let mut suspected = match suspected_now(config, &*store, hour(now())).await {
        Ok(suspected) => suspected,
        Err(why) => return failed(why),
    };
    // A letter about one client's domain says nothing of another's, nor does what is printed beside it.
    let about = view.domain.as_deref();
    suspected.retain(|account| about.is_none_or(|domain| domain == account.domain));
    if !suspected.is_empty() && !arguments.force {
        for account in &suspected {
            eprintln!("backstop: account_suspected: {}", account.line());
        }
        eprintln!(
            "backstop: no letter is written while an account of yours may be abused; look at it first, or use --force"
        );
        return ExitCode::from(NO);
    }
    if view.bounces.0.suspect() == 0 {
        eprintln!(
            "backstop: no bounces without proof came in this period, so there is nothing to say"
        );
        return ExitCode::from(NO);
    }
    let (first, last) = (view.period.first / 24, view.period.last / 24);
    let coverage = match store.coverage(first..=last).await {
        Ok(rows) => CoverageSummary::of(rows),
        Err(why) => return failed(why),
    };
    let letter = Letter {
        view: &view,
        coverage: &coverage,
        watches: config.policy.siege.watch,
        now: now(),
    };
    let text = letter.text();
    match arguments.json {
        true => print_json(&LetterReport {
            from: &view.from,
            to: &view.to,
            domain: view.domain.as_deref(),
            text: &text,
        }),
        false => println!("{}", text.trim_end()),
    }
    for line in notes {
        eprintln!("{line}");
    }
    eprintln!("read it before you send it; nothing was sent");
    ExitCode::SUCCESS
}
