//! `backstop ledger import`: fills the ledger from what the MTA logged and from what authors kept.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time,
};

use clap::Args;
use tokio::sync::mpsc::{self, Receiver};

use super::{
    reading::Reading,
    report::ImportReport,
    sources::{Source, sort},
};
use crate::{
    cli::{
        CONFIGURATION, NO, domains::load_with_domains, now, open_store, print_json,
        store_owner::Taking, unavailable,
    },
    config::Config,
    core::{
        duration::Duration,
        proof::{DAY, ledger::Sent},
    },
    store::{Store, Unavailable},
};

/// How many batches are read ahead.
const AHEAD: usize = 2;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Logs of Postfix or Sendmail, compressed or not, and exports of the journal; maildirs and mboxes of sent mail
    #[arg(value_name = "PATH", required_unless_present = "journal")]
    paths: Vec<PathBuf>,
    /// Read the journal of this host, too
    #[arg(long)]
    journal: bool,
    /// How far to look back; at most as long as the ledger keeps its entries [default: proof.ledger.keep]
    #[arg(long, value_name = "DURATION")]
    since: Option<Duration>,
    #[command(flatten)]
    taking: Taking,
}

pub(super) async fn import(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load_with_domains(path).await {
        Ok(config) => config,
        Err(code) => return code,
    };
    // What has no key that signs is an error of the configuration by itself.
    if !config.policy.proof.ledger.remember {
        let why = "proof.ledger.remember is off, so nobody looks into the ledger; use `ledger: {remember: true}`";
        eprintln!("backstop ledger import: {}: {why}", path.display());
        return ExitCode::from(CONFIGURATION);
    }
    if let Err(why) = arguments.taking.may_write(&config.store) {
        return unavailable(&why);
    }
    let now = now();
    let keep = config.policy.proof.ledger.keep_days().saturating_mul(DAY);
    let asked = arguments
        .since
        .map(|since| time::Duration::from(since).as_secs());
    let since = now.saturating_sub(asked.unwrap_or(keep).min(keep));
    let sources = match sources(arguments, since) {
        Ok(sources) => sources,
        Err(why) => {
            eprintln!("backstop ledger import: {why}");
            return ExitCode::from(NO);
        }
    };
    let (hand_over, batches) = mpsc::channel(AHEAD);
    let reading = Reading::new(Arc::new(config.policy.clone()), since, now, hand_over);
    let reading = tokio::task::spawn_blocking(move || reading.all(sources));
    let written = match arguments.taking.dry_run {
        true => Ok(drain(batches).await),
        false => write(&config, batches).await.map(Some),
    };
    let found = match (reading.await, written) {
        (Ok(found), Ok(new)) => ImportReport {
            since,
            dry_run: arguments.taking.dry_run,
            found,
            new,
        },
        (_, Err(why)) => {
            return unavailable(&format!(
                "{why}; what was written stays, and the command can be run again"
            ));
        }
        (Err(_), _) => return unavailable("reading ended early, because of an internal error"),
    };
    if arguments.taking.json {
        print_json(&found);
    } else {
        found.print();
    }
    match found.found.outgoing > 0 && found.found.failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(NO),
    }
}

/// What the arguments name, in the order in which it is read. All of it must be there, before anything is written.
fn sources(arguments: &Arguments, since: u64) -> Result<Vec<Source>, String> {
    let mut paths: Vec<&PathBuf> = Vec::new();
    for path in &arguments.paths {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let named = paths.into_iter().map(|path| {
        Source::of(path, since).map_err(|error| format!("{}: {error}", path.display()))
    });
    let mut sources = named.collect::<Result<Vec<_>, _>>()?;
    if arguments.journal {
        sources.push(Source::journal());
    }
    sort(&mut sources);
    Ok(sources)
}

/// Lets all of it go.
async fn drain(mut batches: Receiver<Vec<Sent>>) -> Option<u64> {
    while batches.recv().await.is_some() {}
    None
}

/// Writes what is read, and gives how many Message-IDs were new.
async fn write(config: &Config, mut batches: Receiver<Vec<Sent>>) -> Result<u64, String> {
    let Some(store) = open_store(config, None) else {
        return Err("there is no store".to_owned());
    };
    let written = write_all(&*store, &mut batches).await;
    store.close().await;
    written.map_err(|why| why.to_string())
}

async fn write_all(
    store: &dyn Store,
    batches: &mut Receiver<Vec<Sent>>,
) -> Result<u64, Unavailable> {
    let mut new = 0;
    while let Some(batch) = batches.recv().await {
        new += store.import(batch).await?;
    }
    Ok(new)
}
