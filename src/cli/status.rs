//! `backstop status`: whether the daemon answers, and how what it needs fares.

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde::Serialize;

use super::{NO, load, open_store_to_ask, print_json, today, uses_store};
use crate::{
    config::Config,
    directory::{Directory, Event},
    filter,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Status {
    version: &'static str,
    file: String,
    mode: &'static str,
    domains: Vec<String>,
    daemon: Part,
    /// None where nothing needs it.
    store: Option<Part>,
    recipient_lists: Vec<Part>,
    /// Where metrics are served, if they are.
    metrics: Option<String>,
    is_well: bool,
}

/// Something that is there or is not.
#[derive(Serialize)]
struct Part {
    name: String,
    is_well: bool,
    /// The same for people.
    says: String,
}

impl Status {
    async fn of(config: &Config) -> Self {
        let (daemon, store, recipient_lists) =
            tokio::join!(daemon(config), store(config), recipient_lists(config));
        let mut others = store.iter().chain(&recipient_lists);
        let is_well = daemon.is_well && others.all(|part| part.is_well);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            file: config.file.display().to_string(),
            mode: config.policy.mode.as_str(),
            domains: texts(&config.policy.local.domains),
            is_well,
            daemon,
            store,
            recipient_lists,
            metrics: config
                .observe
                .http
                .map(|address| format!("http://{address}/metrics")),
        }
    }

    fn print(&self) {
        let Self { version, file, .. } = self;
        println!("backstop {version}, {file}");
        println!("mode: {}", self.mode);
        println!(
            "own domains: {}",
            if self.domains.is_empty() {
                "none".to_owned()
            } else {
                self.domains.join(", ")
            }
        );
        println!("daemon on {}: {}", self.daemon.name, self.daemon.says);
        if let Some(store) = &self.store {
            println!("store {}: {}", store.name, store.says);
        }
        for list in &self.recipient_lists {
            println!("recipients: {}", list.says);
        }
        if let Some(address) = &self.metrics {
            println!("metrics: {address}");
        }
        println!("{}", if self.is_well { "fine" } else { "not well" });
    }
}

pub(super) async fn status(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let status = Status::of(&config).await;
    if arguments.json {
        print_json(&status);
    } else {
        status.print();
    }
    if status.is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO)
    }
}

async fn daemon(config: &Config) -> Part {
    let reached = filter::reach(&config.listen).await;
    Part {
        name: config.listen.to_string(),
        is_well: reached.is_ok(),
        says: match reached {
            Ok(()) => "answers".to_owned(),
            Err(error) => format!(
                "does not answer: {error} (`systemctl status backstop` and `journalctl -u backstop` tell more)"
            ),
        },
    }
}

/// The store as another process finds it: the daemon has a connection of its own.
async fn store(config: &Config) -> Option<Part> {
    if !uses_store(config) {
        return None;
    }
    let (is_well, says) = match open_store_to_ask(config) {
        None => (
            false,
            "not there (the daemon makes it when it starts), or not to be seen by you".to_owned(),
        ),
        Some(store) => match store.coverage(today()..=today()).await {
            Ok(_) => (true, "answers".to_owned()),
            Err(why) => (false, format!("is down: {why}")),
        },
    };
    Some(Part {
        name: config.store.to_string(),
        is_well,
        says,
    })
}

/// The lists as they can be read now, by whoever asks.
async fn recipient_lists(config: &Config) -> Vec<Part> {
    let directory = Directory::new(config.directories.clone());
    // Reading files blocks.
    let read = tokio::task::spawn_blocking(move || directory.refresh());
    let events = read.await.unwrap_or_default().into_iter();
    let mut parts: Vec<Part> = events
        .map(|event| match &event {
            Event::Loaded { list, .. } => (list.clone(), true, event.to_string()),
            Event::Failed { list, why, .. } => {
                let says = format!("{}: can't be read: {why}", list.display());
                (list.clone(), false, says)
            }
        })
        .map(|(list, is_well, says)| Part {
            name: list.display().to_string(),
            is_well,
            says,
        })
        .collect();
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    parts
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}
