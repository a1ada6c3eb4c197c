//! The daemon, in ways that the lab does not start it: again and again in one folder, in another time, with a reader of its
//! log.

use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lab::process::{Daemon, wait_until};
use nix::{
    sys::{
        resource::{Resource, getrlimit},
        signal::{Signal, kill},
    },
    unistd::Pid,
};

/// How long it may take to start, on a busy machine with much to recover.
const PATIENCE: Duration = Duration::from_secs(60);

/// What stands between the daemon and its log, so that it can be stopped.
const READ_LOG: &str = r#"exec "$0" "$@" 2> >(echo $BASHPID >reader; exec cat >>log)"#;

/// What gives it a time of its own.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// The daemon and its folder, with `milter.yaml`, `keys` and `log`.
#[derive(Debug)]
pub(super) struct Filter {
    program: PathBuf,
    folder: PathBuf,
    address: SocketAddr,
    http: SocketAddr,
    daemon: Option<Daemon>,
    /// What the metrics of its earlier runs said, by name.
    earlier: Vec<(String, u64)>,
}

impl Filter {
    /// Starts it with the `milter.yaml` in this folder, which names these addresses.
    pub(super) fn start(
        program: &Path,
        folder: &Path,
        address: SocketAddr,
        http: SocketAddr,
    ) -> io::Result<Self> {
        let mut filter = Self {
            program: fs::canonicalize(program)?,
            folder: folder.to_owned(),
            address,
            http,
            daemon: None,
            earlier: Vec::new(),
        };
        filter.start_again()?;
        Ok(filter)
    }

    /// Starts it, and waits until it listens.
    pub(super) fn start_again(&mut self) -> io::Result<()> {
        let before = self.starts();
        let mut command = Command::new("bash");
        command
            .args(["-c", READ_LOG])
            .arg(&self.program)
            .args(["--config", "milter.yaml", "run"])
            .current_dir(&self.folder)
            .env_remove("JOURNAL_STREAM")
            .env_remove("RUST_LOG")
            .process_group(0);
        if self.folder.join("clock").exists() {
            command
                .env("LD_PRELOAD", FAKETIME)
                .env("FAKETIME_TIMESTAMP_FILE", self.folder.join("clock"))
                .env("FAKETIME_NO_CACHE", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        self.daemon = Some(Daemon::spawn(&mut command, &self.folder)?);
        wait_until(PATIENCE, || Ok(self.starts() > before))
            .map_err(|error| io::Error::other(format!("{error}: {}", self.log())))
    }

    /// Sets its clock forth or back, in seconds from now, by a file that is there from its start.
    pub(super) fn set_clock(&self, offset: i64) -> io::Result<()> {
        fs::write(self.folder.join("clock"), format!("{offset:+}\n"))
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.remember_metrics();
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill()?;
            daemon.stop()?;
        }
        Ok(())
    }

    /// SIGTERM, and the wait for its end.
    pub(super) fn terminate(&mut self) -> io::Result<()> {
        self.remember_metrics();
        if let Some(mut daemon) = self.daemon.take() {
            daemon.terminate()?;
            daemon.ended(PATIENCE)?;
            daemon.stop()?;
        }
        Ok(())
    }

    /// SIGHUP.
    pub(super) fn reload(&self) -> io::Result<()> {
        self.daemon.as_ref().map_or(Ok(()), Daemon::hangup)
    }

    /// Stops the reader of its log, or lets it go on.
    pub(super) fn hold_log(&self, held: bool) -> io::Result<()> {
        let reader = fs::read_to_string(self.folder.join("reader"))?;
        let reader = reader.trim().parse().map_err(io::Error::other)?;
        let signal = if held {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        Ok(kill(Pid::from_raw(reader), signal)?)
    }

    /// Leaves it so many descriptors beyond those that it has open; `None` gives back all.
    pub(super) fn limit_descriptors(&self, more: Option<usize>) -> io::Result<()> {
        let Some(daemon) = &self.daemon else {
            return Ok(());
        };
        let id = daemon.id();
        let limit = match more {
            Some(more) => fs::read_dir(format!("/proc/{id}/fd"))?.count() + more,
            None => usize::try_from(getrlimit(Resource::RLIMIT_NOFILE)?.0).unwrap_or(usize::MAX),
        };
        let mut prlimit = Command::new("prlimit");
        prlimit.args([format!("--pid={id}"), format!("--nofile={limit}:")]);
        lab::process::run(&mut prlimit).map(drop)
    }

    /// What its metric of this name says, those of its earlier runs included.
    pub(super) fn metric(&self, name: &str) -> u64 {
        let earlier = self.earlier.iter().filter(|(one, _)| one == name);
        let earlier: u64 = earlier.map(|(_, value)| value).sum();
        let now = self.metrics().unwrap_or_default().into_iter();
        earlier
            + now
                .filter(|(one, _)| one == name)
                .map(|(_, value)| value)
                .sum::<u64>()
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// All it has logged.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn starts(&self) -> usize {
        self.log().matches(" listens on ").count()
    }

    fn remember_metrics(&mut self) {
        self.earlier.extend(self.metrics().unwrap_or_default());
    }

    /// Counters without labels.
    fn metrics(&self) -> io::Result<Vec<(String, u64)>> {
        let mut http = TcpStream::connect(self.http)?;
        http.set_read_timeout(Some(PATIENCE))?;
        http.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut page = String::new();
        http.read_to_string(&mut page)?;
        let lines = page.lines().filter_map(|line| line.split_once(' '));
        Ok(lines
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect())
    }
}
