//! `backstop replay`: counts what would have happened to stored mail.

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
    asking::DnsOptions,
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
    mailstore::{BodyLimit, MailStore},
};
use judge::Judge;
use tally::ReplayTally;

/// How many messages are judged at a time. Most of the time is spent on DNS.
const AT_ONCE: usize = 16;
/// How many messages are read ahead.
const AHEAD: usize = 16;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A maildir, an mbox, a folder of .eml files (with its subfolders), or one message
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Read each client and its HELO from the topmost Received with a client outside of local.networks; without this, the
    /// clients are unknown, and DNS is not asked about them
    #[arg(long, value_name = "WHERE")]
    client_ip_from: Option<ClientFrom>,
    /// The recipient of messages without X-Original-To, Envelope-To, Delivered-To and a `for` in Received
    #[arg(long, value_name = "ADDRESS")]
    rcpt_default: Option<String>,
    #[command(flatten)]
    dns: DnsOptions,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) async fn replay(config: &Path, arguments: &Arguments) -> ExitCode {
    let (config, first) = match arguments.dns.engine(config).await {
        Ok(made) => made,
        Err(code) => return code,
    };
    let enforcing = match enforcing(config, &first) {
        Ok(engine) => engine,
        Err(code) => return code,
    };
    let policy = Arc::clone(&first.policy);
    let limit = BodyLimit::ByHeaders(Arc::new(move |headers| policy.stored_body_limit(headers)));
    let store = match MailStore::open(&arguments.path, limit) {
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
        receiver: arguments.dns.receiver.clone(),
        no_dns: arguments.dns.no_dns,
    };
    let kind = store.kind();
    let policy = Arc::clone(&judge.configured.policy);
    let tally = tallied(store, judge).await;
    let report = tally.report(&arguments.path, kind, &policy, !arguments.dns.no_dns);
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

/// The engine of the same file in mode `enforce` for all clients; none if that is its mode, and no client has another.
fn enforcing(config: Config, first: &Engine) -> Result<Option<Engine>, ExitCode> {
    let has_tenants = config.policy.has_tenants;
    if config.policy.mode == Mode::Enforce && !has_tenants {
        return Ok(None);
    }
    let config = Config {
        policy: Policy {
            mode: Mode::Enforce,
            has_modes: false,
            ..config.policy
        },
        ..config
    };
    match engine(&config, Some(first), first.store.clone()) {
        // Each judges all messages, and would count the wrong tags of the other, too.
        Ok((engine, _)) => Ok(Some(Engine {
            guesses: Arc::default(),
            ..engine
        })),
        Err(error) => Err(unavailable(&error.to_string())),
    }
}

/// Reads the store in a separate thread, judges several messages at a time, and counts them in order.
async fn tallied(store: MailStore, judge: Judge) -> ReplayTally {
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
    let mut tally = ReplayTally::default();
    while let Some(outcome) = judged.next().await {
        match outcome.position {
            Some(position) => progress.set_position(position),
            None => progress.tick(),
        }
        tally.add(outcome);
    }
    progress.finish_and_clear();
    if reader.await.is_err() {
        eprintln!("backstop replay: reading ended early, because of an internal error");
    }
    tally
}

/// A progress bar on standard error, if that is a terminal.
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
    // The template is a constant, so it is valid.
    if let Ok(style) = ProgressStyle::with_template(&format!("{{wide_bar}} {unit}, {{eta}} to go"))
    {
        bar.set_style(style);
    }
    bar
}
