//! Processes that must not outlive us, the ports they listen on, and waiting for them.

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The processor time that this thread has had. A test that bounds work asks this and not the clock: others may have the processor.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it is not negative")
}

/// A daemon and the process group it leads. Dropping it ends the whole group.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    lifeline: Child,
}

impl Daemon {
    /// Starts `command`, which must become a group leader (by `setsid` or `Command::process_group`). Should this process
    /// die without dropping the `Daemon` (a killed test run, a `static`), the group is ended and `folder` removed.
    pub fn spawn(command: &mut Command, folder: &Path) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("can't start {command:?}: {e}")))?;
        match lifeline(child.id(), folder) {
            Ok(lifeline) => Ok(Self { child, lifeline }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error)
            }
        }
    }

    pub fn is_running(&mut self) -> io::Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGHUP to the daemon alone.
    pub fn hangup(&self) -> io::Result<()> {
        Ok(kill_process(self.pid(), Signal::HUP)?)
    }

    /// Sends SIGTERM to the daemon alone, and waits for nothing.
    pub fn terminate(&self) -> io::Result<()> {
        Ok(kill_process(self.pid(), Signal::TERM)?)
    }

    /// Sends SIGKILL to the daemon alone, as the kernel does when memory runs out.
    pub fn kill(&self) -> io::Result<()> {
        Ok(kill_process(self.pid(), Signal::KILL)?)
    }

    /// Stops the daemon alone where it stands, until [`Self::resume`].
    pub fn pause(&self) -> io::Result<()> {
        Ok(kill_process(self.pid(), Signal::STOP)?)
    }

    pub fn resume(&self) -> io::Result<()> {
        Ok(kill_process(self.pid(), Signal::CONT)?)
    }

    /// How it ended, if it does within this time.
    pub fn ended(&mut self, limit: Duration) -> io::Result<ExitStatus> {
        wait_until(limit, || Ok(!self.is_running()?))?;
        self.child.wait()
    }

    /// Ends the group: SIGTERM first; SIGKILL for what is left of it when the daemon has ended, or after two seconds. A
    /// second call does nothing.
    pub fn stop(&mut self) -> io::Result<()> {
        if self.lifeline.try_wait()?.is_some() {
            return Ok(());
        }
        self.lifeline.kill()?;
        self.lifeline.wait()?;
        self.signal(Signal::TERM);
        let ended = wait_until(Duration::from_secs(2), || Ok(!self.is_running()?));
        self.signal(Signal::KILL);
        if ended.is_err() {
            self.child.wait()?;
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        // No such group: the daemon died, or did not get as far as leading one.
        if kill_process_group(self.pid(), signal).is_err() {
            let _ = kill_process(self.pid(), signal);
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// A shell that reads a pipe which only we hold open: the kernel tells it of our end, however we end.
fn lifeline(daemon: u32, folder: &Path) -> io::Result<Child> {
    Command::new("sh")
        .args([
            "-c",
            "read -r _; kill -s TERM -- \"-$1\"; sleep 1; kill -s KILL -- \"-$1\"; rm -rf -- \"$2\"",
            "lifeline",
            &daemon.to_string(),
        ])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// Runs a command to its end. A failure tells the command and what it said.
pub fn run(command: &mut Command) -> io::Result<Output> {
    let output = command
        .output()
        .map_err(|e| io::Error::new(e.kind(), format!("can't run {command:?}: {e}")))?;
    if output.status.success() {
        return Ok(output);
    }
    Err(io::Error::other(format!(
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )))
}

/// A port that nobody listens on, on 127.0.0.1 and, where the machine has it, on `::1`.
///
/// It is below Linux's range for outgoing connections, so that none of those takes it before the daemon does, and
/// no two calls in this process give the same one.
pub fn free_port() -> io::Result<u16> {
    const FIRST: u32 = 10_240;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(7919);
    for _ in 0..COUNT {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = u16::try_from(FIRST + offset).map_err(io::Error::other)?;
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        if v4.is_ok() && (v6.is_ok() || !has_ipv6()) {
            return Ok(port);
        }
    }
    Err(io::Error::other("no free port on loopback"))
}

/// Whether somebody listens on this port, on all loopback addresses that the machine has. Found out without connecting, so
/// that no milter sees a session that isn't a test's.
pub fn is_listening(port: u16) -> io::Result<bool> {
    Ok(is_listening_v4(port)? && (!has_ipv6() || listens(Path::new("/proc/net/tcp6"), port)?))
}

/// Whether somebody listens on this port of 127.0.0.1.
pub fn is_listening_v4(port: u16) -> io::Result<bool> {
    listens(Path::new("/proc/net/tcp"), port)
}

/// proc(5): the second field is address:port in hexadecimal, the fourth the state, 0A being LISTEN.
fn listens(table: &Path, port: u16) -> io::Result<bool> {
    let port = format!(":{port:04X}");
    Ok(std::fs::read_to_string(table)?.lines().any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().is_some_and(|local| local.ends_with(&port));
        local && fields.nth(1) == Some("0A")
    }))
}

/// Whether the machine has an IPv6 loopback address; containers often don't.
pub fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

/// Asks `ready` every 10 ms until it says yes. Gives up with `TimedOut` after `limit`, or with the first error.
pub fn wait_until(limit: Duration, mut ready: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let start = Instant::now();
    while !ready()? {
        if start.elapsed() > limit {
            return Err(io::ErrorKind::TimedOut.into());
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// An SMTP session on the standard input of a server, command by command: the last line of each reply, the greeting first.
/// The message that follows DATA is one command, with its dot.
pub fn smtp_on_stdin(server: &mut Command, commands: &[&[u8]]) -> io::Result<Vec<String>> {
    let mut child = server
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let missing = || io::Error::other("the server has no standard input or output");
    let mut input = child.stdin.take().ok_or_else(missing)?;
    let mut lines = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
    let mut reply = || loop {
        match lines.next().transpose()? {
            Some(line) if line.as_bytes().get(3) == Some(&b'-') => {}
            Some(line) => return Ok::<_, io::Error>(line),
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    };
    let mut replies = vec![reply()?];
    for command in commands {
        input.write_all(&[command, &b"\r\n"[..]].concat())?;
        replies.push(reply()?);
    }
    drop(input);
    child.wait()?;
    Ok(replies)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const FOLDER: &str = "LAB_TEST_LIFELINE";

    #[test]
    fn a_daemon_ends_with_the_process_that_forgot_it() {
        if let Some(folder) = std::env::var_os(FOLDER) {
            forget_a_daemon(Path::new(&folder));
        }
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("daemon");
        fs::create_dir(&folder).unwrap();
        let name = "process::tests::a_daemon_ends_with_the_process_that_forgot_it";
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name])
            .env(FOLDER, &folder)
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(42));
        let pid = fs::read_to_string(parent.path().join("pid")).unwrap();
        wait_until(Duration::from_secs(5), || Ok(!folder.exists())).unwrap();
        let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }

    fn forget_a_daemon(folder: &Path) -> ! {
        let mut sleeper = Command::new("sleep");
        let daemon = Daemon::spawn(sleeper.arg("60").process_group(0), folder).unwrap();
        fs::write(folder.join("../pid"), daemon.child.id().to_string()).unwrap();
        std::process::exit(42)
    }

    #[test]
    fn stopping_twice_is_stopping() {
        let folder = tempfile::tempdir().unwrap();
        let mut sleeper = Command::new("sleep");
        let mut daemon = Daemon::spawn(sleeper.arg("60").process_group(0), folder.path()).unwrap();
        assert!(daemon.is_running().unwrap());
        daemon.stop().unwrap();
        daemon.stop().unwrap();
        assert!(!daemon.is_running().unwrap());
        assert!(folder.path().exists());
    }

    #[test]
    fn listening_is_seen_without_connecting() {
        let port = free_port().unwrap();
        assert!(!is_listening(port).unwrap());
        let _v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let _v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
        assert!(is_listening(port).unwrap());
    }
}
