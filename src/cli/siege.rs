//! `backstop siege`: an administrator's word on a siege, in place of what the rates say.

use std::{path::Path, process::ExitCode, time};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{NO, load, open_store_to_ask, print_json, unavailable};
use crate::{
    config::Config,
    core::{
        address::Domain,
        duration::Duration,
        siege::{ByHand, Forced, LONGEST_BY_HAND, Record, Status},
    },
    engine::siege_name,
    store::{Store, Unavailable},
};

/// How often it is tried to write what hosts write twice a second.
const TRIES: usize = 20;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whether there is a siege; auto: what the rates say
    word: Word,
    /// One of local.domains, or `all` for all of them together
    domain: Target,
    /// How long this holds, at most 30 days
    #[arg(long = "for", value_name = "TIME", default_value = "1d")]
    time: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Word {
    On,
    Off,
    Auto,
}

/// Whose siege.
#[derive(Clone, Debug)]
struct Target(Option<Domain>);

impl std::str::FromStr for Target {
    type Err = <Domain as std::str::FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "all" => Ok(Self(None)),
            name => name.parse().map(|domain| Self(Some(domain))),
        }
    }
}

#[derive(Serialize)]
struct Report {
    domain: String,
    #[serde(flatten)]
    status: Status,
}

pub(super) async fn siege(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(why) = check(&config, arguments) {
        eprintln!("backstop siege: {why}");
        return ExitCode::from(NO);
    }
    let Some(store) = open_store_to_ask(&config) else {
        return unavailable(&format!(
            "{} is not there yet: the daemon makes it when it starts",
            config.store
        ));
    };
    match say(&config, &*store, arguments).await {
        Ok(Some(status)) => {
            tell(arguments, status);
            ExitCode::SUCCESS
        }
        Ok(None) => unavailable(&format!(
            "{}: others write the same record all the time; try again",
            config.store
        )),
        Err(why) => unavailable(&format!("{}: {why}", config.store)),
    }
}

fn check(config: &Config, arguments: &Arguments) -> Result<(), String> {
    if !config.policy.siege.watch {
        return Err("siege.watch is off, so nobody heeds this".to_owned());
    }
    let ours = |domain: &Domain| config.policy.local.is_ours(domain);
    match &arguments.domain.0 {
        Some(domain) if !ours(domain) => {
            return Err(format!("{domain} is not in local.domains"));
        }
        _ => {}
    }
    let most = Duration::from_secs(LONGEST_BY_HAND);
    if arguments.time > most || arguments.time < Duration::from_secs(1) {
        return Err(format!(
            "--for {} is not between 1s and {most}",
            arguments.time
        ));
    }
    Ok(())
}

/// Says it to all hosts; how things stand then, or nothing where it could not be written.
async fn say(
    config: &Config,
    store: &dyn Store,
    arguments: &Arguments,
) -> Result<Option<Status>, Unavailable> {
    let name = siege_name(arguments.domain.0.as_ref());
    let lasts = time::Duration::from(arguments.time).as_secs();
    for _ in 0..TRIES {
        let shared = store.siege_records().await?;
        let now = shared.now_millis / 1000;
        let found = shared.records.iter().find(|record| record.name == name);
        let stored = found.and_then(|found| Record::from_bytes(&found.bytes).ok());
        let mut record = stored.unwrap_or_else(|| Record::new(now));
        let forced = match arguments.word {
            Word::On => Some(Forced::On),
            Word::Off => Some(Forced::Off),
            Word::Auto => None,
        };
        let word = forced.map(|forced| ByHand {
            forced,
            until: now.saturating_add(lasts),
        });
        record.set_by_hand(word, now);
        let seen = found.map_or(0, |found| found.version);
        let written = store.write_siege_record(name.to_owned(), seen, record.to_bytes());
        if written.await?.is_some() {
            return Ok(Some(record.status(&config.policy.siege, now)));
        }
    }
    Ok(None)
}

fn tell(arguments: &Arguments, status: Status) {
    let domain = match &arguments.domain.0 {
        Some(domain) => domain.to_string(),
        None => "all".to_owned(),
    };
    if arguments.json {
        print_json(&Report { domain, status });
        return;
    }
    let state = status.state;
    match status.by_hand {
        Some(word) => println!(
            "{domain}: {state}, by hand, until {}",
            humantime::format_rfc3339_seconds(
                time::UNIX_EPOCH + time::Duration::from_secs(word.until)
            )
        ),
        None => println!("{domain}: {state}, by what comes in; {status}"),
    }
    println!("a daemon that runs heeds it within a second");
}
