//! `backstop replay`: what would have happened to stored mail, counted.

mod judge;
mod report;
mod surprise;
mod tally;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use super::{
    NO,
    asking::Asking,
    engine, print_json,
    stored::{ClientFrom, Given},
    unavailable,
};
use crate::{
    config::Config,
    core::{
        address::{Mailbox, bracketless},
        policy::Policy,
        verdict::Mode,
    },
    engine::Engine,
    mailstore::MailStore,
};
use judge::Judge;
use tally::Tally;

/// How many messages are judged at a time: most of it is waiting for DNS.
const AT_ONCE: usize = 16;
/// How many messages are read ahead.
const AHEAD: usize = 16;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A maildir, an mbox, a folder of .eml (with the folders in it), or one message
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Read each client and its HELO from the topmost Received that names one outside of local.networks; without this,
    /// the clients are unknown strangers, and DNS is not asked about them
    #[arg(long, value_name = "WHERE")]
    client_ip_from: Option<ClientFrom>,
    /// The recipient of messages that have no X-Original-To, Envelope-To or Delivered-To, and no `for` in Received
    #[arg(long, value_name = "ADDRESS")]
    rcpt_default: Option<String>,
    #[command(flatten)]
    asking: Asking,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn replay(config: &Path, arguments: &Arguments) -> ExitCode {
    let (config, first) = match arguments.asking.engine(config).await {
        Ok(made) => made,
        Err(code) => return code,
    };
    let enforcing = match enforcing(config, &first) {
        Ok(engine) => engine,
        Err(code) => return code,
    };
    let max_body = first.policy.proof.body_limit.octets();
    let store = match MailStore::open(&arguments.path, max_body) {
        Ok(store) => store,
        Err(error) => {
            eprintln!("backstop replay: {}: {error}", arguments.path.display());
            return ExitCode::from(NO);
        }
    };
    let rcpt_default = arguments.rcpt_default.as_ref();
    let judge = Judge {
        configured: Arc::new(first),
        enforcing: enforcing.map(Arc::new),
        given: Given {
            client_from: arguments.client_ip_from,
            rcpt_default: rcpt_default
                .map(|address| Mailbox::from_bytes(bracketless(address.as_bytes()))),
            ..Given::default()
        },
        receiver: arguments.asking.receiver.clone(),
        no_dns: arguments.asking.no_dns,
    };
    let kind = store.kind();
    let mode = judge.configured.policy.mode;
    let tally = tallied(store, judge).await;
    let report = tally.report(&arguments.path, kind, mode, !arguments.asking.no_dns);
    if arguments.json {
        print_json(&report);
    } else {
        report.print();
    }
    if report.judged_any() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO)
    }
}

/// The engine of the same file in mode `enforce`; none where the file says so itself.
fn enforcing(config: Config, first: &Engine) -> Result<Option<Engine>, ExitCode> {
    if config.policy.mode == Mode::Enforce {
        return Ok(None);
    }
    let config = Config {
        policy: Policy {
            mode: Mode::Enforce,
            ..config.policy
        },
        ..config
    };
    match engine(&config, Some(first), first.store.clone()) {
        Ok((engine, _)) => Ok(Some(engine)),
        Err(error) => Err(unavailable(&error.to_string())),
    }
}

/// Reads the store in a thread of its own, judges several messages at a time, and counts them in their order.
async fn tallied(store: MailStore, judge: Judge) -> Tally {
    let progress = progress(&store);
    let judge = Arc::new(judge);
    let (hand_over, read) = mpsc::channel(AHEAD);
    let reader = tokio::task::spawn_blocking(move || {
        for entry in store {
            if hand_over.blocking_send(entry).is_err() {
                break;
            }
        }
    });
    let entries = stream::unfold(read, |mut read| async {
        read.recv().await.map(|entry| (entry, read))
    });
    let judged = entries.map(|entry| judge::outcome(Arc::clone(&judge), entry));
    let mut judged = std::pin::pin!(judged.buffered(AT_ONCE));
    let mut tally = Tally::default();
    while let Some(outcome) = judged.next().await {
        match outcome.position {
            Some(position) => progress.set_position(position),
            None => progress.tick(),
        }
        tally.add(outcome);
    }
    progress.finish_and_clear();
    if reader.await.is_err() {
        eprintln!("backstop replay: reading ended early, by a fault of ours");
    }
    tally
}

/// A bar on standard error; none where that is no terminal.
fn progress(store: &MailStore) -> ProgressBar {
    let bar = ProgressBar::no_length();
    if bar.is_hidden() {
        return bar;
    }
    bar.set_length(store.length());
    let unit = if store.kind() == "mbox" {
        "{bytes} of {total_bytes}"
    } else {
        "{pos} of {len} messages"
    };
    // Ours, so it is well-formed.
    if let Ok(style) = ProgressStyle::with_template(&format!("{{wide_bar}} {unit}, {{eta}} to go"))
    {
        bar.set_style(style);
    }
    bar
}
