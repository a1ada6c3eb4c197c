//! Recipients in databases and LDAP directories: the same tests over real PostgreSQL, MariaDB, OpenLDAP and SQLite.

mod caches;
mod clock;
mod connecting;
mod data;
#[cfg(all(feature = "sql", feature = "ldap"))]
mod domains;
mod fair;
mod files;
mod idle;
mod many;
mod outages;
#[cfg(all(feature = "sql", feature = "ldap"))]
mod tenants;
#[cfg(feature = "sql")]
pub mod trouble;

use std::{
    path::Path,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

use backstop::{
    config,
    core::{address::Mailbox, local::Local, recipients::Known},
    directory::Directory,
};
use lab::directory::{BASE, BIND_DN, Kind, PASSWORD, Server, USER};
use tokio::runtime::Runtime;

const KINDS: [Kind; 3] = [Kind::Postgresql, Kind::Mariadb, Kind::Openldap];

/// Whom each server lists.
const LISTED: [&str; 6] = [
    "joe@example.org",
    "ann+shop@example.org",
    "o'brien@example.org",
    "dürst@example.org",
    "eve@example.net",
    "eve@a.example.com",
];

/// One server of each kind for all tests, which start and stop it one after the other.
static SERVERS: [LazyLock<Mutex<Server>>; 3] = [
    LazyLock::new(|| server(Kind::Postgresql)),
    LazyLock::new(|| server(Kind::Mariadb)),
    LazyLock::new(|| server(Kind::Openldap)),
];

/// The defaults, with no domain listed.
static LOCAL: LazyLock<Local> = LazyLock::new(Local::default);

pub static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
});

fn server(kind: Kind) -> Mutex<Server> {
    let listed: Vec<&str> = match kind {
        // LDIF is ASCII, and what isn't would be in base64.
        Kind::Openldap => LISTED.into_iter().filter(|one| one.is_ascii()).collect(),
        Kind::Postgresql | Kind::Mariadb => LISTED.to_vec(),
    };
    Mutex::new(Server::start(kind, &listed).unwrap())
}

pub fn lent(kind: Kind) -> MutexGuard<'static, Server> {
    let mutex: &Mutex<Server> = match kind {
        Kind::Postgresql => &SERVERS[0],
        Kind::Mariadb => &SERVERS[1],
        Kind::Openldap => &SERVERS[2],
    };
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The entry of `known` for a server at this port; `more` are further keys, each as `, key: value`.
fn known(kind: Kind, port: u16, more: &str) -> String {
    let password = "p%2fw's%201";
    let query = "SELECT address FROM mailbox WHERE address = :address";
    match kind {
        Kind::Postgresql => format!(
            "{{sql: {{url: \"postgres://{USER}:{password}@127.0.0.1:{port}/mail\", query: \"{query}\"{more}}}}}"
        ),
        Kind::Mariadb => format!(
            "{{sql: {{url: \"mysql://{USER}:{password}@127.0.0.1:{port}/mail\", query: \"{query}\"{more}}}}}"
        ),
        Kind::Openldap => format!(
            "{{ldap: {{url: \"ldap://127.0.0.1:{port}\", bind_dn: \"{BIND_DN}\", password: \"{PASSWORD}\", \
             base: \"{BASE}\", filter: \"(&(objectClass=inetOrgPerson)(mail=:address))\"{more}}}}}"
        ),
    }
}

/// `recipients` with just this entry of `known`.
fn recipients(known: &str) -> String {
    format!(
        "recipients: [{{domain: example.org, known: [{known}], unknown: {{mail: reject, bounces: reject}}}}]\n"
    )
}

/// The directory of a file with just this entry of `known`.
fn directory(known: &str) -> Directory {
    let yaml = format!("local: {{domains: [example.org]}}\n{}", recipients(known));
    let config =
        config::parse(Path::new("/m.yaml"), &yaml).unwrap_or_else(|wrong| panic!("{wrong}"));
    Directory::new(config.directories)
}

fn ask_bytes(directory: &Directory, address: &[u8]) -> Known {
    RUNTIME.block_on(directory.known(0, &Mailbox::from_bytes(address), &LOCAL))
}

fn ask(directory: &Directory, address: &str) -> Known {
    ask_bytes(directory, address.as_bytes())
}

fn is_listed(directory: &Directory, address: &str) -> bool {
    match ask(directory, address) {
        Known::Listed(_) => true,
        Known::NotListed => false,
        Known::Unanswered(why) => panic!("{address}: {why}"),
    }
}

fn is_unavailable(directory: &Directory, address: &str) -> bool {
    matches!(ask(directory, address), Known::Unanswered(_))
}

/// How often a server was asked something with this text so far. Its log may lag behind its answers.
fn questions(server: &Server, text: &str) -> usize {
    settled(|| server.asked(text))
}

/// A count that may lag: once it stays the same.
fn settled(count: impl Fn() -> usize) -> usize {
    let mut last = count();
    let mut since = Instant::now();
    while since.elapsed() < Duration::from_millis(150) {
        sleep(Duration::from_millis(10));
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}
