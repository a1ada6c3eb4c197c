//! Private servers on loopback that know recipients: PostgreSQL, MariaDB and OpenLDAP, each with its own port, socket,
//! folder, data and log of every question.

mod mariadb;
mod openldap;
mod postgresql;

use crate::mta::PATIENCE;
use crate::process::{Daemon, free_port, is_listening_v4, wait_until};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Who may ask, and with what; in LDAP its name is [`BIND_DN`].
pub const USER: &str = "backstop";
pub const PASSWORD: &str = "p/w's 1";
pub const BIND_DN: &str = "cn=backstop,dc=example,dc=org";
/// Below which entries stand.
pub const BASE: &str = "dc=example,dc=org";

/// Who may read the view `answers` of clients' rows and nothing else, and who keeps their table, `client`. Both have
/// [`PASSWORD`].
pub const READER: &str = "reader";
pub const KEEPER: &str = "keeper";
/// The columns of both.
pub const COLUMNS: [&str; 10] = [
    "domain",
    "mode",
    "catch_all",
    "unknown",
    "never_send",
    "unproven",
    "unproven_replies",
    "siege_unproven",
    "siege_catch_all",
    "exempt_recipients",
];

/// What each server makes of its data; `mail` is the database, `mailbox` its table with the column `address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Postgresql,
    Mariadb,
    Openldap,
}

/// What an LDAP server has below [`BASE`], in the words of slapd.conf(5) and of LDIF.
#[derive(Clone, Copy, Debug)]
pub struct Tree<'a> {
    /// Attributes and object classes beside those of OpenLDAP itself.
    pub schema: &'a str,
    /// Who may read what.
    pub access: &'a str,
    /// The entries.
    pub entries: &'a str,
}

/// A server.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    port: u16,
    program: PathBuf,
    arguments: Vec<OsString>,
    libraries: Option<PathBuf>,
    user: Option<u32>,
    daemon: Option<Daemon>,
    folder: TempDir,
}

impl Server {
    /// Starts one that lists these addresses.
    pub fn start(kind: Kind, addresses: &[&str]) -> io::Result<Self> {
        let mut server = match kind {
            Kind::Postgresql => postgresql::prepare(addresses),
            Kind::Mariadb => mariadb::prepare(addresses),
            Kind::Openldap => openldap::prepare(addresses),
        }?;
        server.start_again()?;
        Ok(server)
    }

    /// Starts a PostgreSQL whose database has what these statements make, each of which ends with a line. They run before
    /// anybody can connect, and nothing of them is logged.
    pub fn start_postgresql(statements: &str) -> io::Result<Self> {
        let mut server = postgresql::prepare_with(statements)?;
        server.start_again()?;
        Ok(server)
    }

    /// Starts an LDAP server with a tree of somebody else's.
    pub fn with_tree(tree: &Tree) -> io::Result<Self> {
        let mut server = openldap::prepare_tree(tree)?;
        server.start_again()?;
        Ok(server)
    }

    /// Starts it at its port, with what it knew.
    pub fn start_again(&mut self) -> io::Result<()> {
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.log_file())?;
        let mut command = self.command();
        command
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        self.daemon = Some(Daemon::spawn(&mut command, self.folder.path())?);
        let port = self.port;
        wait_until(PATIENCE, || is_listening_v4(port)).map_err(|error| {
            io::Error::other(format!("{:?}: {error}\n{}", self.kind, self.log()))
        })?;
        // PostgreSQL listens before it lets anybody in.
        let ready = match self.kind {
            Kind::Postgresql => "ready to accept connections",
            Kind::Mariadb => "ready for connections",
            Kind::Openldap => return Ok(()),
        };
        wait_until(PATIENCE, || Ok(self.starts_with_log(ready)))
    }

    /// Whether the last start got so far.
    fn starts_with_log(&self, text: &str) -> bool {
        let log = self.log();
        let begin = log.rfind("starting ").unwrap_or(0);
        log.get(begin..).is_some_and(|log| log.contains(text))
    }

    /// Ends it, and whoever is connected.
    pub fn stop(&mut self) -> io::Result<()> {
        match self.daemon.take() {
            Some(mut daemon) => daemon.stop(),
            None => Ok(()),
        }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate of its CA, in PEM.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// All that it wrote, every question among it.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// How many questions of this text it was asked so far.
    pub fn asked(&self, text: &str) -> usize {
        let log = self.log();
        let mark = match self.kind {
            // The question stands in one line, what it was asked with in the next.
            Kind::Postgresql => "DETAIL:  parameters",
            Kind::Mariadb => "Execute",
            Kind::Openldap => "SRCH base",
        };
        log.lines()
            .filter(|line| line.contains(mark) && line.contains(text))
            .count()
    }

    /// How many connections it was asked for so far.
    pub fn connections(&self) -> usize {
        let mark = match self.kind {
            Kind::Postgresql => "connection received",
            Kind::Mariadb => "Connect\t",
            Kind::Openldap => " ACCEPT ",
        };
        self.log().matches(mark).count()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null());
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if let Some(id) = self.user {
            command.uid(id).gid(id);
        }
        command
    }
}

fn new(kind: Kind, program: PathBuf) -> io::Result<Server> {
    let folder = crate::mta::folder()?;
    crate::certificates::make_certificates(folder.path())?;
    Ok(Server {
        kind,
        port: free_port()?,
        program,
        arguments: Vec::new(),
        libraries: None,
        user: None,
        daemon: None,
        folder,
    })
}

/// Feeds a program, and tells what it said if it fails.
fn feed(command: &mut Command, input: &str) -> io::Result<()> {
    use std::io::Write;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn insertions(addresses: &[&str]) -> String {
    let row = |address: &&str| format!("INSERT INTO mailbox VALUES ({});\n", quoted(address));
    addresses.iter().map(row).collect()
}
