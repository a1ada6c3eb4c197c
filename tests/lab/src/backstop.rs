//! The daemon under test: the real binary, with a configuration and a log of its own.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    mta::{self, PATIENCE},
    process::{Daemon, wait_until},
};

/// How long its log must be as it is to be at rest: several times as long as lines gather.
const REST: Duration = Duration::from_millis(50);

/// A running `backstop run`; ended, and its folder removed, when dropped.
#[derive(Debug)]
pub struct Backstop {
    daemon: Daemon,
    folder: TempDir,
    /// Read from the log once.
    addr: OnceLock<SocketAddr>,
}

impl Backstop {
    /// Starts the binary with this `milter.yaml`, and waits until it listens. `listen: inet:0@127.0.0.1` lets the kernel
    /// choose the port.
    pub fn start(binary: &Path, yaml: &str) -> io::Result<Self> {
        let folder = mta::folder_in_memory()?;
        Self::start_in(binary, yaml, folder)
    }

    /// The same in a folder prepared by the caller, with lists and sockets in it.
    pub fn start_in(binary: &Path, yaml: &str, folder: TempDir) -> io::Result<Self> {
        let mut launcher = Command::new(binary);
        launcher
            .env_remove("JOURNAL_STREAM")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null());
        Self::start_by(launcher, yaml, folder)
    }

    /// The same by a command of the caller's that becomes the binary, in an environment and with descriptors of the
    /// caller's; the arguments are added to it. Its store lies in the folder, unless the `milter.yaml` names one.
    pub fn start_by(mut launcher: Command, yaml: &str, folder: TempDir) -> io::Result<Self> {
        let config = folder.path().join("milter.yaml");
        fs::write(&config, with_store(yaml, folder.path()))?;
        let log = fs::File::create(folder.path().join("log"))?;
        launcher
            .arg("--config")
            .arg(&config)
            .arg("run")
            .stderr(log)
            .process_group(0);
        let daemon = Daemon::spawn(&mut launcher, folder.path())?;
        let mut backstop = Self {
            daemon,
            folder,
            addr: OnceLock::new(),
        };
        wait_until(PATIENCE, || {
            if !backstop.daemon.is_running()? {
                return Err(io::Error::other(format!(
                    "backstop ended: {}",
                    backstop.log_so_far()
                )));
            }
            Ok(backstop.log_so_far().contains(" listens on "))
        })?;
        Ok(backstop)
    }

    /// Another `milter.yaml`, for a reload; the store stays.
    pub fn configure(&self, yaml: &str) -> io::Result<()> {
        let new = self.folder().join("milter.yaml.new");
        fs::write(&new, with_store(yaml, self.folder()))?;
        fs::rename(new, self.config())
    }

    /// The TCP address it listens on, as it told.
    pub fn addr(&self) -> SocketAddr {
        *self.addr.get_or_init(|| {
            let log = self.log_so_far();
            let (_, rest) = log.split_once(" listens on ").expect("start waited for it");
            let word = rest
                .split([',', '\n'])
                .next()
                .expect("split gives at least one");
            word.parse()
                .unwrap_or_else(|_| panic!("{word} is no TCP address"))
        })
    }

    /// Its folder: configuration, log, and what the caller put there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The path of its configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("milter.yaml")
    }

    /// All it has logged, when it has come to rest: lines gather for some milliseconds before they are written.
    pub fn log(&self) -> String {
        let mut log = self.log_so_far();
        let mut since = Instant::now();
        while since.elapsed() < REST {
            sleep(REST / 10);
            let now = self.log_so_far();
            if now.len() != log.len() {
                (log, since) = (now, Instant::now());
            }
        }
        log
    }

    /// All it has logged that is written by now, while more comes.
    pub fn log_so_far(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until a line of the log holds `text`, and gives that line.
    pub fn wait_for_log(&self, text: &str) -> io::Result<String> {
        let find = || {
            self.log_so_far()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        };
        wait_until(PATIENCE, || Ok(find().is_some())).map_err(|error| {
            io::Error::other(format!("no `{text}` ({error}) in: {}", self.log()))
        })?;
        Ok(find().unwrap_or_default())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.daemon.id()
    }

    /// SIGHUP.
    pub fn reload(&self) -> io::Result<()> {
        self.daemon.hangup()
    }

    /// SIGTERM, without a wait.
    pub fn terminate(&self) -> io::Result<()> {
        self.daemon.terminate()
    }

    /// SIGKILL.
    pub fn kill(&self) -> io::Result<()> {
        self.daemon.kill()
    }

    /// How it ended, if it does within this time.
    pub fn ended(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        self.daemon.ended(limit)
    }

    /// Whether the process lives.
    pub fn is_running(&mut self) -> io::Result<bool> {
        self.daemon.is_running()
    }

    /// SIGTERM, and the wait for the end.
    pub fn stop(&mut self) -> io::Result<()> {
        self.daemon.stop()
    }
}

impl Drop for Backstop {
    fn drop(&mut self) {
        // A test has failed: what the daemon said of it.
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log_so_far());
        }
    }
}

fn with_store(yaml: &str, folder: &Path) -> String {
    if yaml.lines().any(|line| line.starts_with("store:")) {
        return yaml.to_owned();
    }
    let store = folder.join("state.db");
    format!("{}\nstore: sqlite:{}\n", yaml.trim_end(), store.display())
}
