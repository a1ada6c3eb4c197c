//! What the private MTAs have in common.

use crate::mailboxes::Mailboxes;
use crate::process::{Daemon, run, wait_until};
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// How long a start, a delivery or a log line may take: a bounce waits its turn in a queue, and the machine may be slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The name Postfix and Sendmail give themselves.
pub const HOSTNAME: &str = "mx.lab.test";

/// The first id that [`write_accounts`] gives: Debian keeps this range free (Policy 9.2.2).
const FIRST_ID: u32 = 65_500;

/// The unpacked package tree `name` (`postfix`, `sendmail`, `exim`, `opensmtpd`, `amavis`, `opendkim` or `opendmarc`) below
/// `$BACKSTOP_LAB_MTAS`, else below `target/mtas` of the workspace.
pub fn unpacked(name: &str) -> io::Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let workspace = workspace.canonicalize().unwrap_or(workspace);
    let trees = std::env::var_os("BACKSTOP_LAB_MTAS")
        .map_or_else(|| workspace.join("target/mtas"), PathBuf::from);
    let tree = trees.join(name);
    if tree.is_dir() {
        return tree.canonicalize();
    }
    Err(io::Error::new(
        io::ErrorKind::NotFound,
        format!(
            "no {name} in {}: run `{}/tests/install-mtas {}` once, or point BACKSTOP_LAB_MTAS at where it put them",
            trees.display(),
            workspace.display(),
            trees.display()
        ),
    ))
}

/// All MTAs start as root, in order to give the rights up again.
pub fn must_be_root() -> io::Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "the private MTAs start as root only (as installed ones do): run the tests as root or with sudo",
    ))
}

/// A new folder in /tmp that unprivileged users can walk through; removed when dropped.
pub fn folder() -> io::Result<TempDir> {
    folder_in("/tmp")
}

/// The same in memory, if the machine has such a place: what is kept there waits for no disk, however slow that is. For a
/// daemon whose store is to answer within a second.
pub fn folder_in_memory() -> io::Result<TempDir> {
    const MEMORY: &str = "/dev/shm";
    if is_fit_memory(MEMORY).unwrap_or_default() {
        folder_in(MEMORY)
    } else {
        folder()
    }
}

/// Whether this is memory with room for stores, and programs can be run in it: containers often have neither.
fn is_fit_memory(path: &str) -> io::Result<bool> {
    const TMPFS: u64 = 0x0102_1994;
    const ROOM: u64 = 1 << 30;
    let is_memory = u64::try_from(rustix::fs::statfs(path)?.f_type).is_ok_and(|kind| kind == TMPFS);
    let place = rustix::fs::statvfs(path)?;
    let runs_programs = !place.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC);
    let room = place.f_bavail.saturating_mul(place.f_frsize);
    Ok(is_memory && runs_programs && room >= ROOM)
}

fn folder_in(place: &str) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix("backstop-lab-")
        .tempdir_in(place)?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// `install -d`, which takes owner and group by name.
pub fn make_folder(path: &Path, owner: &str, group: &str, mode: &str) -> io::Result<()> {
    let mut install = Command::new("install");
    install.args(["-d", "-o", owner, "-g", group, "-m", mode]);
    run(install.arg(path)).map(drop)
}

/// Writes copies of this machine's `passwd` and `group` into `folder`, with `accounts` added: for a mount namespace in which
/// an MTA finds the accounts it was built for. None is made on the machine.
pub fn write_accounts(folder: &Path, accounts: &[&str]) -> io::Result<()> {
    let mut passwd = fs::read_to_string("/etc/passwd")?;
    let mut group = fs::read_to_string("/etc/group")?;
    for (name, id) in accounts.iter().zip(FIRST_ID..) {
        let _ = writeln!(passwd, "{name}:x:{id}:{id}::/:/bin/false");
        let _ = writeln!(group, "{name}:x:{id}:");
    }
    fs::write(folder.join("passwd"), passwd)?;
    fs::write(folder.join("group"), group)
}

/// An MTA that runs. Dropping it ends it, and removes its folder.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    // Before the folder: fields are dropped in this order, and the daemon must have ended when its folder is removed.
    daemon: Daemon,
    port: u16,
    mailboxes: Mailboxes,
    folder: TempDir,
}

impl Running {
    /// Starts `command` and waits until it listens on `port`, as `listens` tells. It is to log to `mail.log` in `folder`.
    pub fn start(
        listens: fn(u16) -> io::Result<bool>,
        name: &'static str,
        command: &mut Command,
        port: u16,
        mailboxes: Mailboxes,
        folder: TempDir,
    ) -> io::Result<Self> {
        let said = folder.path().join("said");
        let file = fs::File::create(&said)?;
        command.stdout(file.try_clone()?).stderr(file);
        let mut running = Self {
            name,
            daemon: Daemon::spawn(command, folder.path())?,
            port,
            mailboxes,
            folder,
        };
        let waited = wait_until(PATIENCE, || {
            Ok(!running.daemon.is_running()? || listens(port)?)
        });
        if waited.is_ok() && running.daemon.is_running()? {
            return Ok(running);
        }
        let said = fs::read_to_string(&said).unwrap_or_default();
        Err(io::Error::other(format!(
            "{name} did not start\n{said}{}",
            running.log()
        )))
    }

    pub fn smtp_addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The same on `::1`; nobody listens there on a machine without IPv6.
    pub fn smtp_addr_v6(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.port).into()
    }

    /// Configuration, queue, log and mailboxes are in here.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Everything logged so far. Use [`Running::wait_for_log`] for what must be there: lines come a little later than the
    /// events.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder().join("mail.log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits for `text` to be logged, at most a minute, and gives the first line that has it.
    pub fn wait_for_log(&self, text: &str) -> io::Result<String> {
        let mut found = None;
        wait_until(PATIENCE, || {
            found = self
                .log()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned);
            Ok(found.is_some())
        })
        .and_then(|()| found.ok_or_else(|| io::ErrorKind::NotFound.into()))
        .map_err(|e| self.explain(&format!("{text:?} is not in the log: {e}")))
    }

    /// What was delivered to this envelope recipient, of our domains or anybody's: byte for byte, lines ending in LF, oldest
    /// first. `Return-Path:` holds the envelope sender.
    pub fn mailbox(&self, recipient: &str) -> io::Result<Vec<Vec<u8>>> {
        self.mailboxes.read(recipient)
    }

    /// Waits until `recipient` has `count` messages or more, at most a minute.
    pub fn wait_for_mail(&self, recipient: &str, count: usize) -> io::Result<Vec<Vec<u8>>> {
        wait_until(PATIENCE, || Ok(self.mailbox(recipient)?.len() >= count))
            .and_then(|()| self.mailbox(recipient))
            .map_err(|e| self.explain(&format!("{recipient} has no {count} messages: {e}")))
    }

    /// Sends SIGHUP.
    pub fn hangup(&self) -> io::Result<()> {
        self.daemon.hangup()
    }

    /// Ends it; mailboxes and log stay until it is dropped.
    pub fn stop(&mut self) -> io::Result<()> {
        self.daemon.stop()
    }

    fn explain(&self, what: &str) -> io::Error {
        io::Error::other(format!("{}: {what}\n{}", self.name, self.log()))
    }
}
