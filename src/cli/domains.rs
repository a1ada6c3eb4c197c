//! The domains of ours that stand in lists: the daemon follows them, commands know them as the daemon does.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use super::load;
use crate::{
    config::Config,
    directory::domains::{DomainLists, Folders, ListState},
};

/// Where systemd's `StateDirectory=backstop` is.
const STATE: &str = "/var/lib/backstop";
/// What a daemon keeps is no older while its servers answer.
const FRESH: Duration = Duration::from_secs(150);
/// How long a command waits for servers, whose own `timeout` is shorter.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the daemon waits at its start, and at a reload, for a server whose list it has never had.
const AT_START: Duration = Duration::from_secs(1);

/// Loads the configuration with all domains of ours, or prints its mistakes. A list that can't be had is told of.
pub(super) async fn load_with_domains(path: &Path) -> Result<Config, ExitCode> {
    let mut config = load(path)?;
    know(&mut config, true).await;
    for state in config.lists.states() {
        if let Some(why) = trouble(&state) {
            eprintln!("backstop: local.domains: {why}");
        }
    }
    Ok(config)
}

/// Learns which domains are ours, as a daemon knows it that runs; where none does, from the lists themselves, unless no
/// server is to be asked.
pub(super) async fn know(config: &mut Config, asks: bool) {
    if config.domain_lists.is_empty() {
        return;
    }
    let lists = lists(config);
    if asks {
        lists.begin(FRESH, PATIENCE).await;
    } else {
        lists.read().await;
    }
    config.know(lists);
}

/// The lists for a command, which keeps nothing: the files would be its user's.
pub(super) fn lists(config: &Config) -> Arc<DomainLists> {
    let folders = Folders {
        write: None,
        read: folders(config),
    };
    Arc::new(DomainLists::new(&config.domain_lists, folders))
}

/// Begins to follow the lists, for the daemon: with what was known before, else with what comes within a second.
pub(super) async fn begin(config: &mut Config, former: &DomainLists) {
    let read = folders(config);
    let write = read.first().filter(|_| !config.domain_lists.is_empty());
    let write = write.cloned();
    let lists = former.succeeded_by(&config.domain_lists, Folders { write, read });
    let lists = Arc::new(lists);
    lists.begin(Duration::MAX, AT_START).await;
    for state in lists.states() {
        if state.domains.is_none() && state.failing.is_none() {
            log::warn!(
                "local.domains: {} has not answered yet; until it does, its domains are not known here, and their mail is \
                 judged as strangers'",
                state.name
            );
        }
    }
    config.know(lists);
}

/// What is wrong with a list; none where nothing is.
pub(super) fn trouble(state: &ListState) -> Option<String> {
    let ListState { name, domains, .. } = state;
    let (_, why) = state.failing.as_ref()?;
    Some(match domains {
        Some(domains) => format!(
            "{name}: {why}; the {domains} domains of the last good answer count{}",
            age(state).map_or_else(String::new, |age| format!(", which came {age} s ago"))
        ),
        None => format!("{name}: {why}; its domains are not known"),
    })
}

/// How old the last good answer is, in seconds.
pub(super) fn age(state: &ListState) -> Option<u64> {
    let age = state.good?.elapsed().unwrap_or_default();
    Some(age.as_secs())
}

/// Where last good answers may be kept: first where this process would.
pub(super) fn folders(config: &Config) -> Vec<PathBuf> {
    // Of several, which a unit may have, the first is the one for all purposes.
    let of_systemd = env::var_os("STATE_DIRECTORY");
    let of_systemd = of_systemd.and_then(|folders| env::split_paths(&folders).next());
    let of_store = config
        .store
        .file()
        .and_then(Path::parent)
        .map(Path::to_owned);
    let mut folders = Vec::new();
    for folder in of_systemd.into_iter().chain(of_store).chain([STATE.into()]) {
        if folder.is_absolute() && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}
