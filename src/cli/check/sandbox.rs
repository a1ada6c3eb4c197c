//! What the unit of systemd hides from the daemon: files that are there for all others.

use std::path::{Path, PathBuf};

use super::{daemon, problem::Problem};
use crate::{config::Config, milter::ListenAddress, setup::Machine};

const UNIT: &str = "backstop.service";
const PROPERTIES: &str = "LoadState,ProtectHome,ProtectSystem,PrivateTmp,ReadWritePaths,BindPaths,BindReadOnlyPaths,\
    StateDirectory,RuntimeDirectory,CacheDirectory,LogsDirectory";
/// Folders that `ProtectHome=` closes, and those of which `PrivateTmp=` gives the unit its own; systemd.exec(5).
const HOMES: [&str; 3] = ["/home", "/root", "/run/user"];
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// Folders that `StateDirectory=` and its like make.
const MADE: [(&str, &str); 4] = [
    ("StateDirectory", "/var/lib"),
    ("RuntimeDirectory", "/run"),
    ("CacheDirectory", "/var/cache"),
    ("LogsDirectory", "/var/log"),
];

/// Warnings of files in the configuration that the daemon can't see, or can't write, though their owners let it. None where
/// there is no such unit.
pub(super) async fn warnings(config: &Config) -> Vec<Problem> {
    let machine = Machine::default();
    let Some(properties) = machine.unit_properties(UNIT, PROPERTIES).await else {
        return Vec::new();
    };
    Sandbox::of(&properties).warnings(&reads(config), &writes(config))
}

/// What the daemon reads.
fn reads(config: &Config) -> Vec<PathBuf> {
    let files = daemon::files(config).into_iter();
    let mut files = Vec::from_iter(files.map(|(file, _)| file));
    files.extend(daemon::lists(config));
    files.extend(config.policy.proof.key_file.clone());
    files.extend(config.policy.siege.notify.first().map(PathBuf::from));
    files
}

/// What the daemon makes files beside.
fn writes(config: &Config) -> Vec<PathBuf> {
    let mut files = Vec::new();
    if crate::cli::uses_store(config) {
        files.extend(config.store.file().map(Path::to_owned));
    }
    if let ListenAddress::Unix(socket) = &config.listen {
        files.push(socket.clone());
    }
    files
}

/// What `systemctl show` says of the unit.
#[derive(Debug, Default)]
struct Sandbox {
    is_loaded: bool,
    home: String,
    system: String,
    tmp: String,
    writable: Vec<PathBuf>,
    bound: Vec<PathBuf>,
}

impl Sandbox {
    fn of(properties: &str) -> Self {
        let mut sandbox = Self::default();
        for (name, value) in properties.lines().filter_map(|line| line.split_once('=')) {
            let words = value.split_ascii_whitespace();
            match name {
                "LoadState" => sandbox.is_loaded = value == "loaded",
                "ProtectHome" => value.clone_into(&mut sandbox.home),
                "ProtectSystem" => value.clone_into(&mut sandbox.system),
                "PrivateTmp" => value.clone_into(&mut sandbox.tmp),
                "ReadWritePaths" => {
                    let paths = words.map(|word| word.trim_start_matches(['-', '+']).into());
                    sandbox.writable.extend(paths);
                }
                // SOURCE:DESTINATION:OPTIONS, or one of them for both.
                "BindPaths" | "BindReadOnlyPaths" => sandbox.bound.extend(words.map(|word| {
                    let mut parts = word.trim_start_matches('-').split(':');
                    let source = parts.next().unwrap_or_default();
                    PathBuf::from(parts.next().unwrap_or(source))
                })),
                _ => {
                    let made = MADE.iter().find(|(made, _)| *made == name);
                    let paths =
                        made.map(|(_, folder)| words.map(move |word| Path::new(folder).join(word)));
                    sandbox.writable.extend(paths.into_iter().flatten());
                }
            }
        }
        sandbox
    }

    fn warnings(&self, reads: &[PathBuf], writes: &[PathBuf]) -> Vec<Problem> {
        if !self.is_loaded {
            return Vec::new();
        }
        let unread = reads.iter().filter_map(|file| {
            let setting = self.hides(file)?;
            let message = format!("{UNIT} hides it from the daemon ({setting})");
            let help = match setting.starts_with("ProtectHome=") {
                true => {
                    "move it, for example to /etc/backstop, or `systemctl edit backstop` with [Service] and \
                     ProtectHome=read-only"
                }
                false => "move it, for example to /etc/backstop",
            };
            Some(daemon::helped(daemon::in_file(file, message), help))
        });
        let unwritten = writes.iter().filter_map(|file| {
            let folder = file.parent()?;
            let setting = self.hides(folder).or_else(|| self.closes(folder))?;
            let message = format!("{UNIT} does not let the daemon write there ({setting})");
            let help = format!(
                "use /var/lib/backstop or /run/backstop, or `systemctl edit backstop` with [Service] and \
                 ReadWritePaths={}",
                folder.display()
            );
            Some(daemon::helped(daemon::in_file(file, message), &help))
        });
        unread.chain(unwritten).collect()
    }

    /// The setting that hides a file, as it is named or where it leads to.
    fn hides(&self, file: &Path) -> Option<String> {
        let real = std::fs::canonicalize(file).ok();
        [Some(file), real.as_deref()]
            .into_iter()
            .flatten()
            .find_map(|file| {
                let is_below =
                    |folders: &[&str]| folders.iter().any(|folder| file.starts_with(folder));
                if is_in(file, &self.bound) {
                    None
                } else if is_below(&HOMES) && ["yes", "tmpfs"].contains(&self.home.as_str()) {
                    Some(format!("ProtectHome={}", self.home))
                } else if is_below(&TEMPORARY)
                    && ["yes", "disconnected"].contains(&self.tmp.as_str())
                {
                    Some(format!("PrivateTmp={}", self.tmp))
                } else {
                    None
                }
            })
    }

    /// The setting that makes a folder read-only.
    fn closes(&self, folder: &Path) -> Option<String> {
        if is_in(folder, &self.writable) || is_in(folder, &self.bound) {
            return None;
        }
        let is_below = |folders: &[&str]| folders.iter().any(|closed| folder.starts_with(closed));
        if is_below(&HOMES) && self.home == "read-only" {
            return Some("ProtectHome=read-only".to_owned());
        }
        let is_closed = match self.system.as_str() {
            "strict" => !is_below(&["/dev", "/proc", "/sys"]) && !is_below(&TEMPORARY),
            "full" => is_below(&["/usr", "/boot", "/efi", "/etc"]),
            "yes" => is_below(&["/usr", "/boot", "/efi"]),
            _ => false,
        };
        is_closed.then(|| format!("ProtectSystem={}", self.system))
    }
}

fn is_in(file: &Path, folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| file.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `systemctl show` prints our unit.
    const OURS: &str = "LoadState=loaded\nProtectHome=yes\nProtectSystem=strict\nPrivateTmp=yes\n\
        ReadWritePaths=-/var/spool/postfix/backstop\nBindPaths=\nBindReadOnlyPaths=\nStateDirectory=backstop\n\
        RuntimeDirectory=backstop\nCacheDirectory=\nLogsDirectory=\n";

    #[test]
    fn what_is_hidden_is_named_with_the_setting() {
        for (change, read, expected) in [
            (("", ""), "/home/joe/list", "ProtectHome=yes"),
            (("", ""), "/root/keys", "ProtectHome=yes"),
            (("", ""), "/run/user/7/list", "ProtectHome=yes"),
            (("", ""), "/tmp/list", "PrivateTmp=yes"),
            (("", ""), "/var/tmp/list", "PrivateTmp=yes"),
            (("", ""), "/etc/postfix/virtual", ""),
            (("", ""), "/homes/list", ""),
            (
                ("Home=yes", "Home=tmpfs"),
                "/root/keys",
                "ProtectHome=tmpfs",
            ),
            (("Home=yes", "Home=read-only"), "/root/keys", ""),
            (("Home=yes", "Home=no"), "/root/keys", ""),
            (
                ("Tmp=yes", "Tmp=disconnected"),
                "/tmp/list",
                "PrivateTmp=disconnected",
            ),
            (("Tmp=yes", "Tmp=no"), "/tmp/list", ""),
            (
                ("OnlyPaths=", "OnlyPaths=-/home/joe:/home/joe:rbind"),
                "/home/joe/list",
                "",
            ),
            (
                ("BindPaths=\n", "BindPaths=/srv/x:/home/ann\n"),
                "/home/ann/list",
                "",
            ),
            (("=loaded", "=not-found"), "/home/joe/list", ""),
        ] {
            let properties = OURS.replace(change.0, change.1);
            let found = Sandbox::of(&properties).warnings(&[read.into()], &[]);
            let found: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
            match expected {
                "" => assert!(found.is_empty(), "{change:?} {read}: {found:?}"),
                setting => assert!(
                    found.len() == 1 && found[0].contains(setting),
                    "{change:?} {read}: {found:?}"
                ),
            }
        }
    }

    #[test]
    fn where_it_may_not_write_is_named_with_the_setting() {
        for (change, written, expected) in [
            (("", ""), "/var/lib/backstop/state.db", ""),
            (("", ""), "/run/backstop/backstop.sock", ""),
            (("", ""), "/var/spool/postfix/backstop/backstop.sock", ""),
            (("", ""), "/srv/backstop/state.db", "ProtectSystem=strict"),
            (("", ""), "/home/joe/state.db", "ProtectHome=yes"),
            (("", ""), "/tmp/backstop.sock", "PrivateTmp=yes"),
            (
                ("Home=yes", "Home=read-only"),
                "/home/joe/state.db",
                "ProtectHome=read-only",
            ),
            (
                ("-/var/spool", "/srv /var/spool"),
                "/srv/backstop/state.db",
                "",
            ),
            (
                ("System=strict", "System=full"),
                "/srv/backstop/state.db",
                "",
            ),
            (
                ("System=strict", "System=full"),
                "/etc/backstop/state.db",
                "ProtectSystem=full",
            ),
            (
                ("System=strict", "System=yes"),
                "/etc/backstop/state.db",
                "",
            ),
            (("System=strict", "System=no"), "/usr/state.db", ""),
        ] {
            let properties = OURS.replace(change.0, change.1);
            let found = Sandbox::of(&properties).warnings(&[], &[written.into()]);
            let found: Vec<_> = found.iter().map(|one| one.message.as_str()).collect();
            match expected {
                "" => assert!(found.is_empty(), "{change:?} {written}: {found:?}"),
                setting => {
                    assert!(
                        found.len() == 1 && found[0].contains(setting),
                        "{change:?} {written}: {found:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_a_link_leads_to_counts() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("list");
        std::os::unix::fs::symlink("/root", &link).unwrap();
        let sandbox = Sandbox::of(&OURS.replace("PrivateTmp=yes", "PrivateTmp=no"));
        assert_eq!(sandbox.hides(&link).as_deref(), Some("ProtectHome=yes"));
    }
}
