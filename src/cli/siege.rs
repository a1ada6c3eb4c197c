//! `backstop siege`: begins or ends a siege by hand, whatever the rates are.

use std::{path::Path, process::ExitCode, time};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::{NO, domains::load_with_domains, open_store_to_ask, print_json, unavailable};
use crate::{
    config::Config,
    core::{
        address::Domain,
        duration::Duration,
        siege::{ByHand, Forced, LONGEST_BY_HAND, Record, Status, Written, record_name},
    },
    store::{Reason, SiegeWrite, Store, Unavailable, siege_record},
};

/// How often we try to write a record that hosts write twice a second.
const TRIES: usize = 20;
/// How long we try while the store is slow or busy.
const PATIENCE: time::Duration = time::Duration::from_secs(10);
/// How long we wait before we try again.
const PAUSE: time::Duration = time::Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// on: begin a siege; off: end it; auto: let the rate of bounces decide again
    #[arg(value_name = "STATE")]
    state: SiegeSwitch,
    /// A domain of local.domains, or `all` for all of them
    domain: Target,
    /// For how long, at most 30d
    #[arg(long = "for", value_name = "TIME", default_value = "1d")]
    time: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SiegeSwitch {
    On,
    Off,
    Auto,
}

/// The domain, or none for all.
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
struct SiegeReport {
    domain: String,
    #[serde(flatten)]
    status: Status,
}

pub(super) async fn siege(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load_with_domains(path).await {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(why) = check(&config, arguments) {
        eprintln!("backstop siege: {why}");
        return ExitCode::from(NO);
    }
    let Some(store) = open_store_to_ask(&config) else {
        return unavailable(&format!(
            "{} does not exist yet; the daemon makes it when it starts",
            config.store
        ));
    };
    match set(&config, &*store, arguments).await {
        Ok(Some(status)) => {
            print(arguments, status);
            ExitCode::SUCCESS
        }
        Ok(None) => unavailable(&format!(
            "{}: other hosts keep writing the same record; try again",
            config.store
        )),
        Err(why) => unavailable(&why.to_string()),
    }
}

fn check(config: &Config, arguments: &Arguments) -> Result<(), String> {
    if !config.policy.siege.watch {
        return Err(
            "siege.watch is off, so this has no effect; use `siege: {watch: true}`".to_owned(),
        );
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
            "--for is {}; expected 1s to {most}",
            arguments.time
        ));
    }
    Ok(())
}

/// Writes it for all hosts. Returns the new status, or nothing if it could not be written. A store that is slow or busy has
/// [`PATIENCE`]: its own limit is that of mail, and no mail waits for this.
async fn set(
    config: &Config,
    store: &dyn Store,
    arguments: &Arguments,
) -> Result<Option<Status>, Unavailable> {
    let end = Instant::now() + PATIENCE;
    let mut races = 0;
    let mut is_told = false;
    while races < TRIES {
        match set_once(config, store, arguments).await {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) => races += 1,
            Err(why)
                if matches!(why.reason(), Reason::Slow | Reason::Busy) && Instant::now() < end =>
            {
                if !is_told {
                    eprintln!("{why}; trying again for {} s", PATIENCE.as_secs());
                    is_told = true;
                }
                sleep(PAUSE).await;
            }
            Err(why) => return Err(why),
        }
    }
    Ok(None)
}

/// The same, unless another host writes the record meanwhile.
async fn set_once(
    config: &Config,
    store: &dyn Store,
    arguments: &Arguments,
) -> Result<Option<Status>, Unavailable> {
    let name = record_name(arguments.domain.0.as_ref());
    let lasts = time::Duration::from(arguments.time).as_secs();
    let (found, now) = siege_record(store, name).await?;
    let stored = found.as_ref();
    let stored = stored.and_then(|found| Record::from_bytes(&found.bytes).ok());
    let mut record = stored.unwrap_or_else(|| Record::new(now));
    let forced = match arguments.state {
        SiegeSwitch::On => Some(Forced::On),
        SiegeSwitch::Off => Some(Forced::Off),
        SiegeSwitch::Auto => None,
    };
    let by_hand = forced.map(|forced| ByHand {
        forced,
        until: now.saturating_add(lasts),
    });
    record.set_by_hand(by_hand, now);
    let domain = arguments.domain.0.as_ref();
    let write = SiegeWrite {
        name: name.to_owned(),
        seen: found.map_or(0, |found| found.version),
        bytes: record.to_bytes(),
        is_invented: domain.is_some_and(|domain| !config.policy.local.domains.names(domain)),
    };
    let written = store.write_siege_records(vec![write]).await?;
    match written[..] {
        [Written::Version(_)] => Ok(Some(record.status(&config.policy.siege, now))),
        _ => Ok(None),
    }
}

fn print(arguments: &Arguments, status: Status) {
    let domain = match &arguments.domain.0 {
        Some(domain) => domain.to_string(),
        None => "all".to_owned(),
    };
    if arguments.json {
        print_json(&SiegeReport { domain, status });
        return;
    }
    let state = status.state;
    match status.by_hand {
        Some(by_hand) => println!(
            "{domain}: {state}, by hand, until {}",
            humantime::format_rfc3339_seconds(
                time::UNIX_EPOCH + time::Duration::from_secs(by_hand.until)
            )
        ),
        None => println!("{domain}: {state}, by the rate of bounces; {status}"),
    }
    println!("running daemons apply this within a second");
}
