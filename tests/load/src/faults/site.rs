//! The site: two Postfixes, Backstop between them, its DNS and its store, and the sink behind.

use std::{
    collections::HashMap,
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use backstop::{
    core::proof::{
        Keys,
        ledger::{self, Hashed},
    },
    store::{self, Retention, StoreUrl},
};
use lab::{
    dns::{Fault, Scope, Server, Zone},
    postfix::{self, Postfix},
    process::{free_port, run},
    redis::{self, Redis},
    sink::{Mail, Sink},
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{fault::Kept, filter::Filter};

/// Where strangers come from; our own hosts are 127.0.0.1.
const STRANGER: &str = "127.0.0.66";

/// A site, without mail so far.
#[derive(Debug)]
pub struct Site {
    // In the order in which they end.
    pub(super) outer: Postfix,
    inner: Postfix,
    pub(super) filter: Filter,
    pub(super) redis: Option<Redis>,
    pub(super) sink: Sink,
    dns: Server,
    runtime: Runtime,
    pub(super) disk: Disk,
    store: StoreUrl,
    folder: TempDir,
}

impl Site {
    /// Starts all of it.
    ///
    /// # Errors
    /// What could not be started.
    pub fn build(program: &Path, kept: Kept) -> io::Result<Self> {
        let runtime = Runtime::new()?;
        let dns = runtime.block_on(Server::start(zone(None)));
        let sink = Sink::start()?;
        let folder = lab::mta::folder()?;
        let disk = Disk::mount(folder.path().join("state"))?;
        let redis = match kept {
            Kept::InSqlite => None,
            // So that it has again what it had when it was killed.
            Kept::InRedis => Some(Redis::start(redis::Options {
                lines: vec!["appendonly yes".to_owned(), "appendfsync always".to_owned()],
                ..redis::Options::default()
            })?),
        };
        let url = match &redis {
            None => format!("sqlite:{}", disk.folder.join("state.db").display()),
            Some(redis) => format!("redis://127.0.0.1:{}/", redis.port()),
        };
        let store = url
            .parse()
            .map_err(|error| io::Error::other(format!("{url}: {error}")))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let keys = folder.path().join("keys");
        run(std::process::Command::new(program)
            .args(["keygen", "--file"])
            .arg(&keys))?;
        let yaml = format!(
            "listen: inet:{}@{}\n\
             mode: enforce\n\
             local: {{domains: [example.org], networks: [127.0.0.1]}}\n\
             dns: {{nameservers: [\"{}\"], timeout: 1s, budget: 3s}}\n\
             spf: {{mail_from: {{fail: reject, temperror: tempfail}}}}\n\
             proof: {{key_file: {}, watermark: {{sign: true}}, ledger: {{remember: true}}, batv: {{sign: true, layout: sub_address}}}}\n\
             store: {url}\n\
             observe: {{http: \"{http}\"}}\n\
             log: {{level: debug}}\n",
            address.port(),
            address.ip(),
            dns.addr(),
            keys.display(),
        );
        fs::write(folder.path().join("milter.yaml"), yaml)?;
        let filter = Filter::start(program, folder.path(), address, http)?;
        let inner = Postfix::start(&postfix::Options {
            domains: Vec::new(),
            relay: Some(sink.addr()),
            smtpd_milters: vec![format!("inet:{address}")],
            ..postfix::Options::default()
        })?;
        let outer = Postfix::start(&outer(&inner))?;
        Ok(Self {
            outer,
            inner,
            filter,
            redis,
            sink,
            dns,
            runtime,
            disk,
            store,
            folder,
        })
    }

    /// Every name of the DNS misbehaves so, or none does.
    pub(super) fn break_dns(&self, fault: Option<Fault>) {
        self.dns.set_zone(zone(fault));
    }

    /// The state's file, or the one beside it that ends so.
    pub(super) fn beside_database(&self, ending: &str) -> PathBuf {
        self.disk.folder.join(format!("state.db{ending}"))
    }

    /// How many of these outgoing messages the ledger does not have.
    ///
    /// # Errors
    /// The ledger can't be asked.
    pub(super) fn unremembered(&self, outgoing: &[&Mail]) -> io::Result<usize> {
        let keys = fs::read_to_string(self.folder.path().join("keys"))?;
        let keys = Keys::parse(&keys).map_err(|error| io::Error::other(error.to_string()))?;
        self.runtime.block_on(async {
            let ledger = store::open(
                &self.store,
                Retention {
                    ledger_days: 7,
                    learned_days: 7,
                    max_learned: 1000,
                },
            );
            let mut missing = 0;
            for mail in outgoing {
                let hash = message_id(&mail.message)
                    .and_then(|id| ledger::hash(&keys, Hashed::MessageId, &id))
                    .ok_or_else(|| io::Error::other("an outgoing message without a Message-ID"))?;
                let found = ledger.sent(vec![hash]).await;
                let found = found.map_err(|error| io::Error::other(error.to_string()))?;
                missing += usize::from(found.is_none());
            }
            Ok(missing)
        })
    }

    /// What arrived, by recipient.
    pub(super) fn arrived(&self) -> HashMap<String, Vec<Mail>> {
        let mut arrived: HashMap<String, Vec<Mail>> = HashMap::new();
        for mail in self.sink.mail() {
            for recipient in &mail.recipients {
                arrived
                    .entry(recipient.clone())
                    .or_default()
                    .push(mail.clone());
            }
        }
        arrived
    }

    /// What the inner Postfix logged, for the error message when mail does not arrive.
    pub(super) fn inner_log(&self) -> String {
        self.inner.log()
    }
}

/// A file system of its own for the state, so that it can be full or read-only.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) folder: PathBuf,
}

impl Disk {
    fn mount(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir(&folder)?;
        run(std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs"])
            .arg(&folder))?;
        Ok(Self { folder })
    }

    /// Takes all its room, or gives it back.
    pub(super) fn fill(&self, is_full: bool) -> io::Result<()> {
        let filler = self.folder.join("filler");
        if !is_full {
            return fs::remove_file(filler);
        }
        // It ends with an error, when there is no more room.
        std::process::Command::new("dd")
            .args(["if=/dev/zero", "bs=4k"])
            .arg(format!("of={}", filler.display()))
            .stderr(std::process::Stdio::null())
            .status()
            .map(drop)
    }

    /// No more writes, or again. What is open for writing forbids the former.
    pub(super) fn read_only(&self, is_so: bool) -> io::Result<()> {
        let mode = if is_so { "remount,ro" } else { "remount,rw" };
        run(std::process::Command::new("mount")
            .args(["-o", mode])
            .arg(&self.folder))
        .map(drop)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run(std::process::Command::new("umount")
            .arg("--lazy")
            .arg(&self.folder));
    }
}

/// The outer Postfix: it tries again soon what was deferred, and strangers' mail comes from an address of its own.
fn outer(inner: &Postfix) -> postfix::Options {
    let to = inner.smtp_addr();
    let to = format!("[{}]:{}", to.ip(), to.port());
    postfix::Options {
        domains: Vec::new(),
        relay: Some(inner.smtp_addr()),
        main_cf: vec![
            format!("transport_maps = inline:{{ {{ example.org = stranger:{to} }} }}"),
            "minimal_backoff_time = 1s".to_owned(),
            "maximal_backoff_time = 3s".to_owned(),
            "queue_run_delay = 1s".to_owned(),
            // A filter that is down is no reason to give up the host for a while.
            "default_destination_concurrency_failed_cohort_limit = 1000000".to_owned(),
        ],
        master_cf: vec![format!(
            "stranger unix - - n - - smtp -o smtp_bind_address={STRANGER}"
        )],
        ..postfix::Options::default()
    }
}

/// The strangers' domain may send from their address. Its answers live for a second, so that DNS is asked all the time.
fn zone(fault: Option<Fault>) -> Zone {
    let zone = Zone::new()
        .txt("pass.example", format!("v=spf1 ip4:{STRANGER} -all"))
        .ttl("pass.example", 1);
    match fault {
        Some(fault) => zone.fault("pass.example", Scope::Every, fault),
        None => zone,
    }
}

fn message_id(message: &[u8]) -> Option<Vec<u8>> {
    let lines = message.split(|&byte| byte == b'\n');
    let headers = lines.take_while(|line| !matches!(line, [] | [b'\r']));
    let mut values = headers.filter_map(|line| {
        let (name, value) = line.split_at_checked("message-id:".len())?;
        name.eq_ignore_ascii_case(b"message-id:").then_some(value)
    });
    ledger::message_id(values.next()?)
}
