//! Memory with idle connections, after many have gone, and the time to start: each measured on processes of its own.

use std::{
    fs::read_to_string,
    io,
    net::Ipv4Addr,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use lab::milter::{Client, Peer};
use load::{
    mta::{Load, Mail, Target},
    process::usage,
    spread::Spread,
};
use serde::Serialize;

use super::{
    filters::{Large, Site, Socket},
    traffic::ordinary,
    zone::{CLIENT, HELO},
};

const IDLE: usize = 1000;
const GONE: usize = 5000;
/// How long memory may take to be given back: jemalloc does so within ten seconds after it was last used, step by step.
const PATIENCE: Duration = Duration::from_secs(20);

/// Figures of one filter, in MiB.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Memory {
    /// After a second of ordinary load.
    pub before: f64,
    /// With the idle connections.
    pub idle: f64,
    /// With all that were open together.
    pub peak: f64,
    /// After all have gone, at most [`PATIENCE`] later.
    pub after: f64,
}

impl Memory {
    /// Loads a fresh filter, opens connections that stay idle after one message, and closes them.
    pub fn of(socket: &Socket) -> io::Result<Self> {
        let Socket { target, process } = socket;
        let mail = ordinary();
        let load = Load {
            target,
            mails: std::slice::from_ref(&mail),
            connections: 20,
            messages: 1,
            rate: None,
        };
        load.run(Duration::from_secs(1))?;
        let resident = || usage(*process).map(|usage| mib(usage.rss));
        sleep(Duration::from_millis(500));
        let before = resident()?;
        let mut clients = Vec::new();
        while clients.len() < IDLE {
            clients.push(idle(target, &mail)?);
        }
        sleep(Duration::from_millis(500));
        let idle_now = resident()?;
        while clients.len() < GONE {
            clients.push(idle(target, &mail)?);
        }
        let peak = resident()?;
        drop(clients);
        let start = Instant::now();
        let mut after = resident()?;
        while after > before + 1.0 && start.elapsed() < PATIENCE {
            sleep(Duration::from_millis(200));
            after = resident()?;
        }
        Ok(Self {
            before,
            idle: idle_now,
            peak,
            after,
        })
    }
}

/// A session that has had one message, and stays.
fn idle(target: &Target, mail: &Mail) -> io::Result<Client> {
    let mut client = match target {
        Target::Unix(path) => Client::unix(path)?,
        Target::Tcp(address) => Client::tcp(*address)?,
    };
    client.macros(b'C', &[("j", "mx.example.org"), ("{client_addr}", CLIENT)])?;
    client.connect(HELO, Peer::at(Ipv4Addr::new(192, 0, 2, 1).into()))?;
    client.helo(HELO)?;
    client.mail("joan@example.com", &[])?;
    client.rcpt("info@example.org", &[])?;
    client.data()?;
    for (name, value) in &mail.headers {
        client.header(name.as_bytes(), value.as_bytes())?;
    }
    client.eoh()?;
    client.body(mail.body.as_bytes())?;
    client.eom()?;
    Ok(client)
}

/// How long Backstop takes to start with many rules and a long list, in milliseconds.
pub fn start_times(site: &Site, large: Large) -> io::Result<Option<Spread>> {
    let times = (0..7).map(|_| site.start_time(large));
    let times: Vec<f64> = times
        .map(|time| time.map(|time| time.as_secs_f64() * 1000.0))
        .collect::<io::Result<_>>()?;
    Ok(Spread::of(&times))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "memory in KiB is far below 2^53"
)]
fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// The processor and the kernel of this machine, in one line.
pub fn machine() -> String {
    let cpu = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cpu
        .lines()
        .filter_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = models.clone().next().map_or("unknown", |(_, model)| model);
    let cores = models.count();
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let memory = read_to_string(Path::new("/proc/meminfo")).unwrap_or_default();
    let memory = memory
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok());
    format!(
        "{cores} cores of {model}, {} GiB of memory, Linux {}",
        memory.map_or(0, |kib| kib >> 20),
        kernel.trim()
    )
}
