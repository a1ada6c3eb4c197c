//! What would stop the daemon as its own user, found by a process of that user: it reads what the daemon reads, and makes
//! files where the daemon makes them.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::MetadataExt,
    path::{self, Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::unistd::{self, AccessFlags, Uid};
use tokio::{process::Command, time::timeout};

use super::{Arguments, problem::Problem};
use crate::{
    cli::{
        daemon_user::DaemonUser,
        domains::{folders, lists as lists_of_domains, trouble},
        open_store_to_ask, today,
    },
    config::{self, Config, Severity},
    directory::{Directory, Source, Weight, domains::DomainSource, tenants::Tenants},
    milter::{ListenAddress, try_socket},
    server::{Access, refused},
};

/// How long the other process may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What systemd makes for the unit: it need not be there before the daemon ran.
const MADE_BY_SYSTEMD: [&str; 2] = ["/run/backstop", "/var/lib/backstop"];

/// The problems of the daemon's user, where this is root; else none, and why nothing was looked for.
pub(super) async fn problems(config: &Path, arguments: &Arguments) -> Result<Vec<Problem>, String> {
    if !Uid::effective().is_root() {
        return Err("what the user of the daemon may read is checked only for root".to_owned());
    }
    let user = DaemonUser::find(arguments.user.as_deref())?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let file = path::absolute(config).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(file)
        .args(["check", "--json", "--as-user", &user.name])
        .args(arguments.offline.then_some("--offline"))
        // Its own folder may be closed to that user.
        .current_dir("/")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = match timeout(PATIENCE, command.output()).await {
        Ok(output) => output.map_err(|error| format!("as user {}: {error}", user.name))?,
        Err(_elapsed) => {
            let why = format!("took longer than {} s", PATIENCE.as_secs());
            return Ok(vec![
                format!("as user {}: reading its files {why}", user.name).into(),
            ]);
        }
    };
    match serde_json::from_slice::<Vec<Problem>>(&output.stdout) {
        Ok(problems) => Ok(problems
            .into_iter()
            .map(|problem| Problem {
                message: format!("as user {}: {}", user.name, problem.message),
                ..problem
            })
            .collect()),
        Err(_) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or_default();
            Ok(vec![
                format!("as user {}: nothing can be checked: {first}", user.name).into(),
            ])
        }
    }
}

/// The problems of the user that this process is.
pub(super) async fn own_problems(path: &Path, offline: bool) -> Vec<Problem> {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(diagnostics) => {
            let errors = diagnostics.0.iter();
            let errors = errors.filter(|one| one.severity == Severity::Error);
            return errors.map(Problem::from).collect();
        }
    };
    let mut problems = Vec::new();
    let lists = config.directories.clone();
    // Reading files blocks.
    let read = tokio::task::spawn_blocking(move || Directory::new(lists).refresh());
    let events = read.await.unwrap_or_default();
    let unreadable = events
        .iter()
        .filter(|event| event.weight() == Weight::Problem);
    problems.extend(unreadable.map(|event| Problem::from(event.to_string())));
    problems.extend(files(&config).into_iter().filter_map(|(file, access)| {
        let error = File::open(&file).err()?;
        let why = refused(&error, &file, access);
        Some(in_file(&file, format!("it can't be read: {why}")))
    }));
    problems.extend(state(&config).await);
    problems.extend(domains(&config, offline).await);
    problems.extend(socket(&config));
    problems.extend(notify(&config));
    if !offline {
        let directory = Directory::new(config.directories.clone());
        for (name, answer) in directory.probe(&config.policy.local.domains).await {
            problems.extend(
                answer
                    .err()
                    .map(|why| format!("directory {name}: {why}").into()),
            );
        }
        let tenants = Tenants::new(&config.tenants).probe().await;
        problems.extend(tenants.and_then(|probed| {
            let why = probed.answer.err()?;
            Some(format!("tenants {}: {why}", probed.name).into())
        }));
    }
    problems
}

/// Whether the lists of domains can be read, and kept for the next start.
async fn domains(config: &Config, offline: bool) -> Vec<Problem> {
    let lists = lists_of_domains(config);
    lists.read().await;
    if !offline {
        lists.ask_all().await;
    }
    let states = lists.states();
    let troubles = states.iter().filter_map(trouble);
    let mut problems: Vec<_> = troubles
        .map(|why| Problem::from(format!("local.domains: {why}")))
        .collect();
    let kept = folders(config).into_iter().next();
    if let Some(folder) = kept.filter(|_| !states.is_empty())
        && (folder.exists() || !is_made_by_systemd(&folder))
        && let Err(why) = make_file_in(&folder)
    {
        let why = format!("lists of domains can't be kept there for the next start: {why}");
        let help = "the user of the daemon must own the folder";
        problems.push(helped(in_file(&folder, why), help));
    }
    problems
}

/// Files that are opened when they are needed, and not before.
pub(super) fn files(config: &Config) -> Vec<(PathBuf, Access)> {
    let domains = config.domain_lists.iter().filter_map(DomainSource::server);
    let recipients = config.directories.iter().flat_map(|entry| &entry.sources);
    let servers = domains
        .chain(recipients.cloned())
        .chain(config.tenants.server());
    let mut files = Vec::from_iter(servers.flat_map(|server| server.files_to_ask()));
    let tenants = config.tenants.file.clone();
    files.extend(tenants.map(|file| (file, Access::Read)));
    files
}

/// Files with lists of recipients and of domains.
pub(super) fn lists(config: &Config) -> Vec<PathBuf> {
    let sources = config.directories.iter().flat_map(|entry| &entry.sources);
    let recipients = sources.filter_map(|source| match source {
        Source::File(file) | Source::PostfixMap(file) => Some(file.clone()),
        Source::Addresses(_) | Source::Sql(_) | Source::Ldap(_) => None,
    });
    let domains = config.domain_lists.iter();
    let domains = domains.filter_map(|source| match source {
        DomainSource::File(file) | DomainSource::PostfixMap(file) => Some(file.clone()),
        DomainSource::Sql(_) | DomainSource::Ldap(_) => None,
    });
    recipients.chain(domains).collect()
}

/// Whether the store can be written to. SQLite makes files beside its own.
async fn state(config: &Config) -> Vec<Problem> {
    if !crate::cli::uses_store(config) {
        return Vec::new();
    }
    let Some(file) = config.store.file() else {
        return Vec::new();
    };
    let folder = file.parent().unwrap_or(Path::new("/"));
    if !folder.exists() && is_made_by_systemd(folder) {
        return Vec::new();
    }
    if let Err(why) = make_file_in(folder) {
        let why = format!("no file can be made in it: {why}");
        let help = "the user of the daemon must own the folder of `store`";
        return vec![helped(in_file(folder, why), help)];
    }
    let beside = ["", "-wal", "-shm"].map(|ending| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    });
    let closed = beside.iter().filter_map(|file| {
        let opened = OpenOptions::new().read(true).write(true).open(file);
        let error = opened
            .err()
            .filter(|error| error.kind() != io::ErrorKind::NotFound)?;
        let why = format!(
            "it can't be written: {}",
            refused(&error, file, Access::Write)
        );
        Some(helped(
            in_file(file, why),
            "the user of the daemon must own it",
        ))
    });
    let closed: Vec<_> = closed.collect();
    if !closed.is_empty() {
        return closed;
    }
    match open_store_to_ask(config) {
        Some(store) => {
            let asked = store.coverage(today()..=today()).await;
            asked
                .err()
                .map(|why| format!("store: {why}").into())
                .into_iter()
                .collect()
        }
        None => Vec::new(),
    }
}

/// Tries to make a file in a folder that is to be ours.
fn make_file_in(folder: &Path) -> Result<(), String> {
    let made = tempfile::tempfile_in(folder).map(drop);
    made.map_err(|error| refused(&error, folder, Access::MakeFiles))
}

/// Whether the socket file can be made, with its owner. What systemd made is its own.
fn socket(config: &Config) -> Option<Problem> {
    let ListenAddress::Unix(path) = &config.listen else {
        return None;
    };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let foreign = fs::metadata(path).is_ok_and(|file| file.uid() != Uid::effective().as_raw());
    if foreign || !folder.exists() && is_made_by_systemd(folder) {
        return None;
    }
    let tried = try_socket(path, &config.socket);
    tried.err().map(|error| error.to_string().into())
}

/// Whether the command of `siege.notify` can be run; it is not run.
fn notify(config: &Config) -> Option<Problem> {
    let program = config.policy.siege.notify.first()?;
    let why = match fs::metadata(program) {
        Ok(found) if !found.is_file() => "it is not a file".to_owned(),
        _ => {
            let errno = unistd::access(Path::new(program), AccessFlags::X_OK).err()?;
            errno.desc().to_owned()
        }
    };
    let message = format!("siege.notify: {program} can't be run: {why}");
    Some(helped(
        message.into(),
        "use the path of a program that the user of the daemon may run",
    ))
}

fn is_made_by_systemd(folder: &Path) -> bool {
    MADE_BY_SYSTEMD.iter().any(|made| folder == Path::new(made))
}

pub(super) fn in_file(file: &Path, message: String) -> Problem {
    Problem {
        file: Some(file.display().to_string()),
        ..Problem::from(message)
    }
}

pub(super) fn helped(problem: Problem, help: &str) -> Problem {
    Problem {
        help: Some(help.to_owned()),
        ..problem
    }
}
