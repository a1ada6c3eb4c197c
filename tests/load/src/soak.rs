//! Hours of mixed mail, in slices: what a daemon takes must not grow.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lab::backstop::Backstop;
use serde::Serialize;

use crate::{
    dns::{Data, Dns, Known},
    mta::{Load, Mail, SERIAL, Target},
    process::usage,
};

/// Sessions at a time, and messages of each.
const SESSIONS: usize = 20;
const MESSAGES: usize = 5;

/// The client that may send for every stranger's domain, one that may not, and a user of ours.
const SENDER: &str = "192.0.2.1";
const FORGER: &str = "198.51.100.1";
const USER: &str = "203.0.113.5";

/// What one slice of the time showed at its end.
#[derive(Debug, Clone, Serialize)]
pub struct Slice {
    /// Messages.
    pub messages: u64,
    /// Of them, those with a 4xx reply.
    pub deferred: u64,
    /// Of them, those with a 5xx reply.
    pub refused: u64,
    /// The time that 99 of 100 messages did not exceed, in milliseconds.
    pub p99: f64,
    /// Resident memory, in MiB.
    pub rss: f64,
    /// Open descriptors.
    pub descriptors: usize,
    /// What the store takes on disk, in MiB.
    pub store: f64,
    /// Processor time for each message, in milliseconds.
    pub cpu: f64,
}

/// A daemon with all that a production site has on, and mail of all kinds for it.
#[derive(Debug)]
pub struct Soak {
    backstop: Backstop,
    target: Target,
    mails: Vec<Mail>,
    rate: f64,
    _dns: Dns,
}

impl Soak {
    /// Starts the daemon; `rate` is in messages a second.
    ///
    /// # Errors
    /// What could not be started.
    pub fn start(program: &Path, rate: f64) -> io::Result<Self> {
        let dns = Dns::start(SocketAddr::from(([127, 0, 0, 1], 0)), zone)?;
        let folder = lab::mta::folder()?;
        let keys = folder.path().join("keys");
        lab::process::run(Command::new(program).args(["keygen", "--file"]).arg(&keys))?;
        let yaml = format!(
            "listen: inet:0@127.0.0.1\n\
             mode: enforce\n\
             local: {{domains: [example.org]}}\n\
             dns: {{nameservers: [\"{}\"]}}\n\
             spf: {{mail_from: {{fail: reject}}}}\n\
             recipients:\n  - domain: example.org\n    known: [{{addresses: [joe, ann]}}]\n    catch_all: {{mail: accept, bounces: reject}}\n\
             proof: {{key_file: {}, watermark: {{sign: true}}, ledger: {{remember: true}}, batv: {{sign: true}}, unproven: reject}}\n",
            dns.address(),
            keys.display(),
        );
        let program = fs::canonicalize(program)?;
        let backstop = Backstop::start_in(&program, &yaml, folder)?;
        Ok(Self {
            target: Target::Tcp(backstop.addr()),
            backstop,
            mails: mails(),
            rate,
            _dns: dns,
        })
    }

    /// Sends mail for this time, and looks what the daemon takes then.
    ///
    /// # Errors
    /// The daemon did not answer, or is gone.
    pub fn slice(&self, time: Duration) -> io::Result<Slice> {
        let process = self.backstop.id();
        let before = usage(process)?;
        let load = Load {
            target: &self.target,
            mails: &self.mails,
            connections: SESSIONS,
            messages: MESSAGES,
            rate: Some(self.rate),
        };
        let outcome = load.run(time)?;
        let after = usage(process)?;
        let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
        Ok(Slice {
            messages: outcome.accepted + outcome.refused + outcome.deferred,
            deferred: outcome.deferred,
            refused: outcome.refused,
            p99: outcome.latency(0.99) / 1000.0,
            rss: mib(after.rss * 1024),
            descriptors: fs::read_dir(format!("/proc/{process}/fd"))?.count(),
            store: mib(self.store()?),
            cpu: cpu * 1000.0 / outcome.messages(),
        })
    }

    /// The octets of the store's files.
    fn store(&self) -> io::Result<u64> {
        let mut octets = 0;
        for entry in fs::read_dir(self.backstop.folder())? {
            let path: PathBuf = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with("state.db") {
                octets += fs::metadata(&path).map_or(0, |metadata| metadata.len());
            }
        }
        Ok(octets)
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn mib(octets: u64) -> f64 {
    octets as f64 / f64::from(1 << 20)
}

/// Each stranger has a domain of his own.
fn zone(name: &str) -> Known {
    if name.ends_with("stranger.example") {
        return Known::Records(300, vec![Data::Txt(format!("v=spf1 ip4:{SENDER} -all"))]);
    }
    Known::Nothing
}

/// Mail of all kinds, as a site under a light joe job has it.
fn mails() -> Vec<Mail> {
    let stranger = format!("ann@{SERIAL}.stranger.example");
    let accepted = Mail::ordinary(SENDER, "mx.stranger.example", &stranger, "joe@example.org");
    let catch_all = Mail {
        recipients: vec![format!("shop-{SERIAL}@example.org")],
        ..accepted.clone()
    };
    let forged = Mail {
        client: FORGER.to_owned(),
        ..accepted.clone()
    };
    let outgoing = Mail {
        login: Some("joe".to_owned()),
        ..Mail::ordinary(USER, "pc.example.org", "joe@example.org", &stranger)
    };
    let bounce = Mail {
        headers: [
            ("From", "MAILER-DAEMON@mx.stranger.example"),
            ("To", "joe@example.org"),
            ("Subject", "Undelivered Mail Returned to Sender"),
            ("Content-Type", "text/plain"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        ..Mail::ordinary(SENDER, "mx.stranger.example", "", "joe@example.org")
    };
    let nobody = Mail {
        recipients: vec![format!("x{SERIAL}@example.org")],
        ..bounce.clone()
    };
    vec![
        accepted.clone(),
        outgoing.clone(),
        forged,
        accepted.clone(),
        bounce,
        outgoing,
        catch_all,
        accepted,
        nobody,
    ]
}
