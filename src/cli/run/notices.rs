//! The command of `siege.notify`, which is run for each change that an administrator is to hear of.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::mpsc::{Receiver, Sender, channel},
    time::timeout,
};

use super::process_group::ProcessGroup;
use crate::server::{Access, refused};

/// How long the command may run, with all processes that it starts.
const MAX_RUN_TIME: Duration = Duration::from_secs(30);
/// How many changes wait for the command. Others are only logged.
const MAX_WAITING: usize = 32;

/// A change to notify the administrator of.
pub(super) struct Notice {
    /// The command and its arguments; empty for none.
    pub argv: Vec<String>,
    /// The line in the log.
    pub line: String,
    /// What the environment of the command has.
    pub variables: Vec<(&'static str, String)>,
}

/// Where notices go.
#[derive(Clone)]
pub(super) struct Notices(Sender<Notice>);

impl Notices {
    /// Begins to run commands.
    pub fn start() -> Self {
        let (notices, waiting) = channel(MAX_WAITING);
        tokio::spawn(notify(waiting));
        Self(notices)
    }

    /// Has the command run. Never waits.
    pub fn send(&self, notice: Notice) {
        if !notice.argv.is_empty() && self.0.try_send(notice).is_err() {
            log::warn!(
                "siege.notify: {MAX_WAITING} changes wait for the command already, so it is not run for this one"
            );
        }
    }
}

/// Runs the command for each change, one after the other.
async fn notify(mut waiting: Receiver<Notice>) {
    while let Some(notice) = waiting.recv().await {
        let program = notice.argv.first().cloned().unwrap_or_default();
        match timeout(MAX_RUN_TIME, run(notice)).await {
            Ok(Ok(())) => {}
            Ok(Err(why)) => log::warn!("siege.notify: {program}: {why}"),
            Err(_) => log::warn!(
                "siege.notify: {program} was stopped because it took longer than {} s",
                MAX_RUN_TIME.as_secs()
            ),
        }
    }
}

/// Runs the command without a shell, with the line as standard input. No process that it starts outlives it.
async fn run(notice: Notice) -> Result<(), String> {
    let Notice {
        argv,
        line,
        variables,
    } = notice;
    let Some((program, arguments)) = argv.split_first() else {
        return Ok(());
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(variables)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut program = ProcessGroup::spawn(&mut command)
        .map_err(|error| refused(&error, Path::new(program), Access::Run))?;
    if let Some(mut stdin) = program.stdin() {
        // The command need not read it.
        let _ = stdin.write_all(format!("{line}\n").as_bytes()).await;
    }
    let status = program.ended().await.map_err(|error| error.to_string())?;
    status
        .success()
        .then_some(())
        .ok_or_else(|| status.to_string())
}
