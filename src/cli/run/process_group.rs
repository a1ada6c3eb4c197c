//! A program with all that it starts, none of which outlives it.

use std::{io, process::ExitStatus};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal::SIGKILL, killpg},
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};
use tokio::{
    process::{Child, ChildStdin, Command},
    signal::unix::{Signal, SignalKind, signal},
};

/// A program that runs, and the process group that it leads. Dropped, all of them are killed, but for those that left
/// the group.
pub(super) struct ProcessGroup {
    child: Child,
    /// None once they were killed: when nobody is left in the group, its number may become another's.
    id: Option<Pid>,
    child_ends: Signal,
}

impl ProcessGroup {
    /// Starts the program.
    ///
    /// # Errors
    /// Why that can't be done.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        // Before the program, so that its end can't be missed.
        let child_ends = signal(SignalKind::child())?;
        let child = command.process_group(0).spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            child,
            id: id.map(Pid::from_raw),
            child_ends,
        })
    }

    /// Its standard input, where that is piped, the first time.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits until the program ends, and kills what it left running.
    ///
    /// # Errors
    /// The system can't tell how it ended.
    pub async fn ended(mut self) -> io::Result<ExitStatus> {
        while self.id.is_some_and(is_running) {
            self.child_ends.recv().await;
        }
        self.kill();
        self.child.wait().await
    }

    fn kill(&mut self) {
        if let Some(id) = self.id.take()
            && let Err(error) = killpg(id, SIGKILL)
            && error != Errno::ESRCH
        {
            log::debug!("process group {id}: {error}");
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a child runs. One that has ended keeps its number, and with it that of its group, until somebody waits for
/// it, which this does not.
fn is_running(id: Pid) -> bool {
    let how = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(id), how) == Ok(WaitStatus::StillAlive)
}
