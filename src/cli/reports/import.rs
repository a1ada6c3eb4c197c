//! `backstop reports import`: takes DMARC aggregate reports into the store.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use futures_util::{StreamExt, stream};
use tokio::{sync::mpsc, time::Instant};

use super::{
    reading::{self, Item},
    tally::ImportTally,
};
use crate::{
    cli::{
        NO, domains::load_with_domains, now, print_json, retention, store_owner::Taking,
        unavailable,
    },
    config::Config,
    core::{
        address::Domain,
        aggregate::{AggregateReport, Written},
    },
    dns::Resolver,
    engine::StoredMail,
    mailstore::{Unreadable, dmarc::ReportFiles},
    store::{self, Store},
};

/// How many mails are read ahead, and how many are looked at side by side: each may be three megabytes.
const AHEAD: usize = 4;
const AT_ONCE: usize = 8;
/// How many reports are written in one go.
const WRITTEN_AT_ONCE: usize = 200;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Maildirs, mboxes and mails; files of reports (.xml, .gz, .zip); folders of these
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Believe files without a mail, too: their reporter is then the domain of the address in them. Mail must always pass
    /// DMARC
    #[arg(long)]
    trust: bool,
    #[command(flatten)]
    taking: Taking,
}

pub(super) async fn import(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load_with_domains(path).await {
        Ok(config) => config,
        Err(code) => return code,
    };
    if config.has_no_domain() {
        return unavailable(
            "no report is about you, because `local.domains` is empty; list your domains there",
        );
    }
    if let Err(why) = arguments.taking.may_write(&config.store) {
        return unavailable(&why);
    }
    // All of it must be there, before anything is written.
    let mut files = Vec::new();
    for path in &arguments.paths {
        match ReportFiles::open(path) {
            Ok(found) => files.push((path.clone(), found)),
            Err(error) => {
                eprintln!("backstop reports import: {}: {error}", path.display());
                return ExitCode::from(NO);
            }
        }
    }
    let resolver = match Resolver::new(&config.dns) {
        Ok(resolver) => resolver,
        Err(error) => return unavailable(&error.to_string()),
    };
    let judge = Judge {
        config: Arc::new(config),
        resolver,
        now: now(),
        trust: arguments.trust,
    };
    let store = (!arguments.taking.dry_run)
        .then(|| store::open(&judge.config.store, retention(&judge.config)));
    let tally = imported(&judge, files, store.as_deref()).await;
    if let Some(store) = store {
        store.close().await;
    }
    let mut tally = match tally {
        Ok(tally) => tally,
        Err(why) => return unavailable(&why),
    };
    tally.end();
    if arguments.taking.json {
        print_json(&tally);
    } else {
        tally.print();
    }
    // What strangers send is no failure of the command.
    match tally.unreadable {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(NO),
    }
}

/// Reads in a separate thread, asks DNS about several mails at a time, and writes in order.
async fn imported(
    judge: &Judge,
    files: Vec<(PathBuf, ReportFiles)>,
    store: Option<&dyn Store>,
) -> Result<ImportTally, String> {
    let (hand_over, read) = mpsc::channel(AHEAD);
    let reader = tokio::task::spawn_blocking(move || reading::read(files, &hand_over));
    let items = stream::unfold(read, |mut read| async {
        read.recv().await.map(|item| (item, read))
    });
    let judged = items.map(|item| judge.outcome(item));
    let mut judged = std::pin::pin!(judged.buffered(AT_ONCE));
    let mut tally = ImportTally::new(store.is_none());
    let mut waiting = Vec::new();
    while let Some(outcome) = judged.next().await {
        outcome.count(&mut tally, &mut waiting);
        if waiting.len() >= WRITTEN_AT_ONCE {
            write(store, &mut waiting, &mut tally).await?;
        }
    }
    write(store, &mut waiting, &mut tally).await?;
    match reader.await {
        Ok(()) => Ok(tally),
        Err(_) => Err("reading ended early, because of an internal error".to_owned()),
    }
}

async fn write(
    store: Option<&dyn Store>,
    waiting: &mut Vec<AggregateReport>,
    tally: &mut ImportTally,
) -> Result<(), String> {
    let reports = std::mem::take(waiting);
    let (Some(store), false) = (store, reports.is_empty()) else {
        return Ok(());
    };
    let kept = store.import_reports(reports).await;
    let kept = kept.map_err(|why| {
        format!("{why}; what was written stays, and the command can be run again")
    })?;
    for kept in kept {
        tally.became(kept);
    }
    Ok(())
}

/// Says whose word the reports are.
struct Judge {
    config: Arc<Config>,
    resolver: Resolver,
    now: u64,
    trust: bool,
}

/// What became of a mail or file.
struct Outcome {
    name: String,
    is_mail: bool,
    found: Judged,
}

enum Judged {
    Unreadable(String),
    Broken(String),
    WithoutReport,
    Reports(Vec<Result<AggregateReport, String>>),
}

impl Judge {
    async fn outcome(&self, item: Result<Item, Unreadable>) -> Outcome {
        let item = match item {
            Ok(item) => item,
            Err(Unreadable { name, why }) => {
                return Outcome {
                    name,
                    is_mail: false,
                    found: Judged::Unreadable(why),
                };
            }
        };
        let found = match &item.reports {
            None => Judged::WithoutReport,
            Some(Err(why)) => Judged::Broken(why.to_string()),
            Some(Ok(written)) => Judged::Reports(self.believed(&item, written).await),
        };
        Outcome {
            is_mail: item.mail.is_some(),
            name: item.name,
            found,
        }
    }

    async fn believed(
        &self,
        item: &Item,
        written: &[Written],
    ) -> Vec<Result<AggregateReport, String>> {
        let local = &self.config.policy.local;
        // One that is not about us needs no question.
        let of_mail = match &item.mail {
            Some(mail) if written.iter().any(|report| report.is_about(local)) => {
                let mail = StoredMail {
                    headers: &mail.headers,
                    raw_headers: &mail.raw_headers,
                    body: &mail.body,
                };
                let lookup = self
                    .resolver
                    .budgeted(Instant::now() + self.resolver.budget());
                let keys = &self.config.dkim_keys;
                let reporter = Box::pin(mail.reporter(local, keys, &lookup, self.now)).await;
                Some(reporter.map_err(|why| why.to_string()))
            }
            _ => None,
        };
        let report = |report: &Written| {
            let reporter = match &of_mail {
                Some(reporter) => reporter.clone()?,
                None => self.of_file(report, item.mail.is_some())?,
            };
            let counted = report.clone().by(&reporter, local, self.now);
            counted.map_err(|why| why.to_string())
        };
        let counted = written.iter().map(report);
        counted
            .flat_map(|counted| match counted {
                Ok(reports) => reports.into_iter().map(Ok).collect(),
                Err(why) => vec![Err(why)],
            })
            .collect()
    }

    /// The reporter of a file without a mail.
    fn of_file(&self, report: &Written, is_mail: bool) -> Result<Domain, String> {
        match &report.email {
            // It is not about us, and so is left out whoever wrote it.
            _ if is_mail => Ok(report.domain.clone()),
            _ if !self.trust => Err(
                "it is a file without a mail, and nobody vouches for it; use --trust if you do"
                    .to_owned(),
            ),
            Some(reporter) => Ok(reporter.clone()),
            None => Err("it names no address of its reporter".to_owned()),
        }
    }
}

impl Outcome {
    fn count(self, tally: &mut ImportTally, waiting: &mut Vec<AggregateReport>) {
        let read = match (&self.found, self.is_mail) {
            (Judged::Unreadable(_), _) => &mut tally.unreadable,
            (_, true) => &mut tally.mails,
            (_, false) => &mut tally.files,
        };
        *read += 1;
        match self.found {
            Judged::Unreadable(why) => tally.problem(&self.name, &why),
            Judged::Broken(why) => {
                tally.broken += 1;
                tally.problem(&self.name, &why);
            }
            Judged::WithoutReport => tally.without_report += 1,
            Judged::Reports(reports) => {
                for report in reports {
                    tally.reports += 1;
                    match report {
                        Ok(report) => waiting.push(report),
                        Err(why) => tally.leaves_out(&why),
                    }
                }
            }
        }
    }
}
