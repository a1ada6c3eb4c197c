//! `backstop status`: whether the daemon answers, and whether its store and lists can be used.

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use clap::Args;
use serde::Serialize;

use super::{
    NO,
    domains::{age, load_with_domains, trouble},
    now, open_store_to_ask, print_json,
    suspected::{SuspectedAccount, suspected_now},
    today, uses_store,
};
use crate::{
    config::Config,
    core::{
        address::Domain,
        attack::hour,
        moment::rfc3339,
        policy::Modes,
        proof::coverage::CoverageSummary,
        siege::{self, State},
    },
    directory::{
        Directory, Event, Weight,
        domains::ListState,
        tenants::{Probed, Tenants},
    },
    engine::{self, Rounds},
    milter::reach,
    store::Store,
};

/// How many domains are shown by name.
const MAX_NAMED: usize = 50;

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
    /// Whether clients may have modes of their own.
    #[serde(skip)]
    modes: Modes,
    /// Those that the file names.
    domains: Vec<String>,
    domain_lists: Vec<DomainListPart>,
    daemon: Part,
    /// None if nothing needs it.
    store: Option<Part>,
    recipient_lists: Vec<Part>,
    /// None if no tenant has answers of its own.
    tenants: Option<Part>,
    /// None if floods are not watched for. Of many, those of a hundred domains that are not calm.
    sieges: Option<Vec<Siege>>,
    /// How many domains are in each state of a siege: those of which bounces are known.
    siege_domains: Option<BTreeMap<&'static str, usize>>,
    /// Accounts that somebody may abuse; none if floods are not watched for.
    accounts: Option<Vec<SuspectedAccount>>,
    /// The URL of the metrics, if they are served.
    metrics: Option<String>,
    is_well: bool,
}

/// One part, and whether it works.
#[derive(Serialize)]
struct Part {
    name: String,
    is_well: bool,
    /// The same in words.
    says: String,
}

/// A list of domains, as this process finds it.
#[derive(Serialize)]
struct DomainListPart {
    #[serde(flatten)]
    part: Part,
    /// How many its last good answer has; none where there is none.
    domains: Option<usize>,
    /// How old that answer is, in seconds.
    age: Option<u64>,
    /// Since when there is no good answer.
    failing_since: Option<String>,
}

/// The sieges that are shown, and how many domains are in each state.
type Sieges = (Vec<Siege>, BTreeMap<&'static str, usize>);

/// The siege of one domain, or of `all` domains together.
#[derive(Serialize)]
struct Siege {
    domain: String,
    #[serde(flatten)]
    status: siege::Status,
}

impl Status {
    async fn of(config: &Config) -> Self {
        let (daemon, (store, flooded), recipient_lists, tenants) = tokio::join!(
            daemon(config),
            store(config),
            recipient_lists(config),
            tenants(config)
        );
        let domain_lists: Vec<_> = config.lists.states().iter().map(domain_list).collect();
        let lists = domain_lists.iter().map(|list| &list.part);
        let others = store.iter().chain(&recipient_lists).chain(lists);
        let mut others = others.chain(&tenants);
        let (flooded, accounts) = flooded.unzip();
        let (sieges, siege_domains) = flooded.unzip();
        let is_well = daemon.is_well && others.all(|part| part.is_well);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            file: config.file.display().to_string(),
            mode: config.policy.mode.as_str(),
            modes: config.policy.modes(),
            domains: texts(&config.named_domains),
            domain_lists,
            is_well,
            daemon,
            store,
            recipient_lists,
            tenants,
            sieges,
            siege_domains,
            accounts,
            metrics: config
                .observe
                .http
                .as_ref()
                .map(|address| address.page("/metrics")),
        }
    }

    /// Whether there are more sieges than are shown.
    fn has_more(&self) -> bool {
        let shown = self.sieges.as_ref().map_or(0, Vec::len);
        let all: usize = self
            .siege_domains
            .iter()
            .flatten()
            .map(|(_, count)| count)
            .sum();
        all > shown
    }

    fn print(&self) {
        let Self { version, file, .. } = self;
        println!("backstop {version}, {file}");
        println!("mode: {}", self.modes);
        println!("own domains: {}", named(&self.domains));
        for list in &self.domain_lists {
            println!("domains: {}", list.part.says);
        }
        println!("daemon on {}: {}", self.daemon.name, self.daemon.says);
        if let Some(store) = &self.store {
            println!("store {}: {}", store.name, store.says);
        }
        for list in &self.recipient_lists {
            println!("recipients: {}", list.says);
        }
        if let Some(tenants) = &self.tenants {
            println!("tenants: {}", tenants.says);
        }
        for siege in self.sieges.iter().flatten() {
            println!("{siege}");
        }
        for (state, count) in self
            .siege_domains
            .iter()
            .flatten()
            .filter(|_| self.has_more())
        {
            println!("sieges, domains in all: {count} {state}");
        }
        if let Some([]) = self.sieges.as_deref() {
            println!("sieges: none, and no bounces that could begin one");
        }
        for account in self.accounts.iter().flatten() {
            println!("account_suspected: {}", account.line());
        }
        if let Some(address) = &self.metrics {
            println!("metrics: {address}");
        }
        println!(
            "{}",
            if self.is_well {
                "fine"
            } else {
                "not fine; see above"
            }
        );
    }
}

pub(super) async fn status(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load_with_domains(path).await {
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
    let reached = reach(&config.listen).await;
    Part {
        name: config.listen.to_string(),
        is_well: reached.is_ok(),
        says: match reached {
            Ok(()) => "answers".to_owned(),
            Err(error) => format!(
                "does not answer: {error} (see `systemctl status backstop` and `journalctl -u backstop`)"
            ),
        },
    }
}

/// The store as this process finds it (the daemon has its own connection), and the sieges and suspected accounts in it.
async fn store(config: &Config) -> (Option<Part>, Option<(Sieges, Vec<SuspectedAccount>)>) {
    if !uses_store(config) {
        return (None, None);
    }
    let mut known = None;
    let days = config.policy.proof.ledger.keep_days();
    let since = today().saturating_sub(days);
    let (is_well, says) = match open_store_to_ask(config) {
        None => (
            false,
            "does not exist yet (the daemon makes it when it starts), or you may not read it"
                .to_owned(),
        ),
        Some(store) => match store.coverage(since..=today()).await {
            Ok(rows) => {
                if config.policy.siege.watch {
                    // One that went away a moment ago has none.
                    let accounts = suspected_now(config, &*store, hour(now())).await;
                    known = Some((sieges(config, &*store).await, accounts.unwrap_or_default()));
                }
                let says = match CoverageSummary::of(rows).lost_by_ledger() {
                    0 => "answers".to_owned(),
                    lost => format!(
                        "answers; {lost} outgoing messages of the last {days} days are not in its ledger"
                    ),
                };
                (true, says)
            }
            Err(why) => (false, format!("is down: {why}")),
        },
    };
    let part = Part {
        name: config.store.to_string(),
        is_well,
        says,
    };
    (Some(part), known)
}

/// The lists, as this process can read them now.
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
            // Not for lists: nothing has asked a directory yet.
            Event::Silent { directory, .. } | Event::Back { directory, .. } => (
                directory.into(),
                event.weight() != Weight::Problem,
                event.to_string(),
            ),
            Event::Tenants(event) => (
                "tenants".into(),
                event.weight() != Weight::Problem,
                event.to_string(),
            ),
        })
        .map(|(list, is_well, says)| Part {
            name: list.display().to_string(),
            is_well,
            says,
        })
        .collect();
    parts.extend(directories(config).await);
    parts.sort_by(|one, other| one.name.cmp(&other.name));
    parts
}

/// Tenants' rows, as this process finds them: of a file all, of a server whether it answers.
async fn tenants(config: &Config) -> Option<Part> {
    let tenants = Arc::new(Tenants::new(&config.tenants));
    if let Some(Probed { name, answer, .. }) = tenants.probe().await {
        return Some(Part {
            is_well: answer.is_ok(),
            says: match answer {
                Ok(time) => format!("{name}: answers in {} ms", time.as_millis()),
                Err(why) => format!("{name}: {why}"),
            },
            name,
        });
    }
    let reading = Arc::clone(&tenants);
    // Reading files blocks.
    let read = tokio::task::spawn_blocking(move || reading.refresh());
    let events = read.await.unwrap_or_default();
    let state = tenants.state()?;
    let said = events.first().map(ToString::to_string).unwrap_or_default();
    Some(Part {
        name: state.name,
        is_well: !state.is_down,
        says: said.strip_prefix("tenants: ").unwrap_or(&said).to_owned(),
    })
}

/// The SQL and LDAP servers, asked once each.
async fn directories(config: &Config) -> Vec<Part> {
    let directory = Directory::new(config.directories.clone());
    let probed = directory
        .probe(&config.policy.local.domains)
        .await
        .into_iter();
    let parts = probed.map(|(name, answer)| Part {
        is_well: answer.is_ok(),
        says: match answer {
            Ok(time) => format!("{name}: answers in {} ms", time.as_millis()),
            Err(why) => format!("{name}: {why}"),
        },
        name,
    });
    parts.collect()
}

/// The sieges of the domains with recent bounces, as all hosts with this store see them.
async fn sieges(config: &Config, store: &dyn Store) -> Sieges {
    let sieges = Arc::<engine::Sieges>::default();
    let mut rounds = Rounds::new(Arc::clone(&sieges));
    rounds.look(&config.policy, store).await;
    let view = sieges.view();
    let statuses = view.statuses.iter();
    let siege = |(domain, status): &(Option<Domain>, siege::Status)| Siege {
        domain: domain
            .as_ref()
            .map_or_else(|| "all".to_owned(), Domain::to_string),
        status: status.clone(),
    };
    let counts = State::ALL.map(|state| (state.as_str(), view.count(state)));
    (statuses.map(siege).collect(), counts.into_iter().collect())
}

impl fmt::Display for Siege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, status } = self;
        let time =
            |seconds| humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds));
        write!(f, "siege of {domain}: {}", status.state)?;
        if status.since > 0 {
            write!(f, " since {}", time(status.since))?;
        }
        if let Some(word) = status.by_hand {
            write!(f, ", by hand until {}", time(word.until))?;
        } else if let (Some(earliest), Some(latest)) = (status.earliest_end, status.latest_end) {
            write!(
                f,
                ", until {} if quiet, {} at the latest",
                time(earliest),
                time(latest)
            )?;
        }
        write!(f, "; {status}")
    }
}

fn named(domains: &[String]) -> String {
    match domains.get(..MAX_NAMED) {
        _ if domains.is_empty() => "none".to_owned(),
        Some(first) if domains.len() > MAX_NAMED => {
            format!(
                "{}, and {} more",
                first.join(", "),
                domains.len() - MAX_NAMED
            )
        }
        _ => domains.join(", "),
    }
}

/// A list of domains: what the daemon keeps of it, or where that is old what it is now.
fn domain_list(state: &ListState) -> DomainListPart {
    let shown = |time: SystemTime| Some(rfc3339(time.duration_since(UNIX_EPOCH).ok()?.as_secs()));
    let says = trouble(state).unwrap_or_else(|| {
        let domains = state.domains.unwrap_or_default();
        let age = age(state).unwrap_or_default();
        format!("{}: {domains} domains, as of {age} s ago", state.name)
    });
    // Without a daemon that says since when, no answer was good since the last one was.
    let failing = state.failing.as_ref();
    DomainListPart {
        part: Part {
            name: state.name.clone(),
            is_well: failing.is_none() && state.domains.is_some(),
            says,
        },
        domains: state.domains,
        age: age(state),
        failing_since: failing.and_then(|(since, _)| shown(state.good.unwrap_or(*since))),
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(T::to_string).collect()
}
