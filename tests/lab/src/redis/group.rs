//! A master with two replicas, and the three sentinels that choose another master when it is gone.

use std::io;
use std::time::Duration;

use tempfile::TempDir;

use super::{Options, PATIENCE, Redis};
use crate::certificates::make_certificates;
use crate::process::wait_until;

/// The name that the sentinels know the master by.
const NAME: &str = "main";
const REPLICAS: usize = 2;
const SENTINELS: usize = 3;
/// After how many milliseconds a server that does not answer is taken for dead.
const DEAD: u32 = 1_000;

#[derive(Debug)]
pub struct Group {
    /// The first is the master that it begins with.
    servers: Vec<Redis>,
    sentinels: Vec<Redis>,
    _certificates: TempDir,
}

impl Group {
    /// All servers with these options; the sentinels have the same password and speak TLS if they do.
    pub fn start(options: &Options) -> io::Result<Self> {
        let certificates = tempfile::tempdir()?;
        let options = &Options {
            certificates: options.tls.then(|| certificates.path().to_owned()),
            ..options.clone()
        };
        if options.tls {
            make_certificates(certificates.path())?;
        }
        let of_group = server(options);
        let master = Redis::start(of_group.clone())?;
        let port = master.port();
        let mut servers = vec![master];
        for _ in 0..REPLICAS {
            let mut replica = of_group.clone();
            replica.lines.push(format!("replicaof 127.0.0.1 {port}"));
            servers.push(Redis::start(replica)?);
        }
        let online = |master: &Redis| -> io::Result<bool> {
            let said = master.ask(&["INFO", "replication"])?;
            Ok(said.matches("state=online").count() == REPLICAS)
        };
        wait_until(PATIENCE, || online(&servers[0]))?;
        let sentinel = || Redis::start(sentinel(options, port));
        let sentinels = (0..SENTINELS)
            .map(|_| sentinel())
            .collect::<io::Result<Vec<_>>>()?;
        for sentinel in &sentinels {
            wait_until(PATIENCE, || {
                let said = sentinel.ask(&["SENTINEL", "MASTER", NAME])?;
                let lines: Vec<_> = said.lines().collect();
                let is = |name: &str, value: usize| {
                    lines
                        .windows(2)
                        .any(|pair| pair == [name, &value.to_string()])
                };
                Ok(is("num-slaves", REPLICAS) && is("num-other-sentinels", SENTINELS - 1))
            })?;
        }
        Ok(Self {
            servers,
            sentinels,
            _certificates: certificates,
        })
    }

    /// The store of `milter.yaml`, without a password.
    pub fn url(&self) -> String {
        let host = |sentinel: &Redis| format!("127.0.0.1:{}", sentinel.port());
        let hosts: Vec<_> = self.sentinels.iter().map(host).collect();
        format!("redis+sentinel://{}/{NAME}/0", hosts.join(","))
    }

    /// The server that the first living sentinel calls the master.
    pub fn master(&self) -> io::Result<usize> {
        for sentinel in &self.sentinels {
            let said = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME])?;
            let port = said
                .lines()
                .nth(1)
                .and_then(|port| port.parse::<u16>().ok());
            let server = self
                .servers
                .iter()
                .position(|server| Some(server.port()) == port);
            if let Some(server) = server {
                return Ok(server);
            }
        }
        Err(io::Error::other("no sentinel names one of the servers"))
    }

    pub fn server(&mut self, number: usize) -> &mut Redis {
        &mut self.servers[number]
    }

    pub fn sentinel(&mut self, number: usize) -> &mut Redis {
        &mut self.sentinels[number]
    }

    /// Waits until another server than this one is the master, and says which.
    pub fn another_than(&self, former: usize) -> io::Result<usize> {
        let mut now = former;
        wait_until(Duration::from_secs(120), || {
            now = self.master()?;
            Ok(now != former)
        })?;
        Ok(now)
    }
}

/// Each may become the replica of another.
fn server(options: &Options) -> Options {
    let mut server = options.clone();
    let login = options.password.as_ref();
    server
        .lines
        .extend(login.map(|password| format!("masterauth {password}")));
    server
}

fn sentinel(options: &Options, master: u16) -> Options {
    let mut lines = vec![
        format!("sentinel monitor {NAME} 127.0.0.1 {master} 2"),
        format!("sentinel down-after-milliseconds {NAME} {DEAD}"),
        format!("sentinel failover-timeout {NAME} 5000"),
    ];
    if let Some(password) = &options.password {
        lines.push(format!("sentinel auth-pass {NAME} {password}"));
        lines.push(format!("sentinel sentinel-pass {password}"));
    }
    Options {
        lines,
        is_sentinel: true,
        ..options.clone()
    }
}
