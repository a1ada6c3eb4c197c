//! A program with all processes that it starts. None of them outlives it.

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

/// A running program and the process group that it leads. Drop kills them all, except processes that left the group.
pub(super) struct ProcessGroup {
    child: Child,
    /// None after the kill: when a group is empty, its number can be used again.
    id: Option<Pid>,
    child_ends: Signal,
}

impl ProcessGroup {
    /// Starts the program.
    ///
    /// # Errors
    /// Why it can't be started.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        // Before the program starts, so that we can't miss its end.
        let child_ends = signal(SignalKind::child())?;
        let child = command.process_group(0).spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            child,
            id: id.map(Pid::from_raw),
            child_ends,
        })
    }

    /// Its standard input, if that is piped; only once.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits until the program ends, and kills the processes that it left running.
    ///
    /// # Errors
    /// The system does not know how it ended.
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

/// Whether a child runs. A child that has ended keeps its number, and that of its group, until we wait for it. This does
/// not wait.
fn is_running(id: Pid) -> bool {
    let how = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::Pid(id), how) == Ok(WaitStatus::StillAlive)
}
