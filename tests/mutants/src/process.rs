//! One run of a test program.
use crate::Outcome;
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    fs,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// Nothing that a test waits for takes as long.
const WAITS_AT_MOST: u32 = 40;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Passed,
    Failed,
    /// It took more processor time than it may, or waited for what does not come.
    Hung,
}

pub struct Run<'a> {
    pub program: &'a Path,
    /// The directory that cargo would start it in.
    pub directory: &'a Path,
    pub tests: &'a [String],
    pub variables: &'a [(&'a str, String)],
    /// Processor time in seconds.
    pub at_most: u64,
}

impl Run<'_> {
    pub fn run(&self) -> Outcome<Ended> {
        // A shell sets the limits of a process that is not there yet. What fills the memory shall not fill the machine's.
        let limits = format!("ulimit -v 6000000 -t {}; exec \"$@\"", self.at_most);
        let mut command = Command::new("bash");
        command
            .args(["-c", &limits, "run"])
            .arg(self.program)
            .args(["--exact", "--test-threads=1"])
            .args(self.tests)
            .current_dir(self.directory)
            .env("CARGO_MANIFEST_DIR", self.directory)
            .env("RUST_BACKTRACE", "0")
            .env("PROPTEST_FAILURE_PERSISTENCE", "off")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn()?;
        let id = child.id();
        let (tell, told) = mpsc::channel();
        let waiting = thread::spawn(move || tell.send(child.wait()));
        let mut before = None;
        let mut idle = 0;
        let ended = loop {
            match told.recv_timeout(Duration::from_secs(1)) {
                Ok(status) => break ended(status?)?,
                Err(RecvTimeoutError::Disconnected) => return Err("a thread is gone".into()),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // Waiting for its turn on a busy machine is no waiting.
            let now = waits(id);
            idle = if now.is_some() && now == before {
                idle + 1
            } else {
                0
            };
            before = now;
            if idle >= WAITS_AT_MOST {
                Command::new("kill")
                    .args(["-9", &id.to_string()])
                    .status()?;
                break Ended::Hung;
            }
        };
        waiting.join().map_err(|_| "a thread panicked")?.ok();
        Ok(ended)
    }
}

fn ended(status: ExitStatus) -> Outcome<Ended> {
    use std::os::unix::process::ExitStatusExt;
    const SIGKILL: i32 = 9;
    const SIGXCPU: i32 = 24;
    /// Of a test program of which a test failed.
    const FAILED: i32 = 101;
    match (status.code(), status.signal()) {
        (_, Some(SIGKILL | SIGXCPU)) => Ok(Ended::Hung),
        (Some(0), _) => Ok(Ended::Passed),
        (Some(FAILED), _) | (_, Some(_)) => Ok(Ended::Failed),
        _ => Err(format!("a test program could not be run: {status}").into()),
    }
}

/// The processor time of a process, in ticks, if all of its threads sleep.
fn waits(id: u32) -> Option<u64> {
    let mut ticks = 0;
    for thread in fs::read_dir(format!("/proc/{id}/task")).ok()? {
        let stat = fs::read_to_string(thread.ok()?.path().join("stat")).ok()?;
        // The name in brackets may have blanks.
        let mut fields = stat.rsplit(") ").next()?.split(' ');
        if fields.next()? != "S" {
            return None;
        }
        ticks += fields.nth(10)?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    }
    Some(ticks)
}

/// Processor time in seconds of all processes that were started here and have ended.
pub fn of_children() -> Outcome<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1_000_000.0;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}
