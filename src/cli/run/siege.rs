//! Runs the rounds of the sieges. Each change is logged, and runs the command of `siege.notify`.

use std::{
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use tokio::{
    io::AsyncWriteExt,
    process::Command,
    sync::mpsc::{Receiver, Sender, channel},
    time::{sleep, timeout},
};

use super::process_group::ProcessGroup;
use crate::{
    core::{
        policy::Policy,
        siege::{Cause, Change},
        verdict::Mode,
    },
    engine::{Rounds, Shared},
    server::refused,
};

/// The time between rounds on average: other hosts follow within two seconds.
const ROUND: Duration = Duration::from_millis(500);
/// How long the command may run, with all processes that it starts.
const MAX_RUN_TIME: Duration = Duration::from_secs(30);
/// How many changes wait for the command. Others are only logged.
const MAX_WAITING: usize = 32;

/// A change to notify the administrator of.
struct Notice {
    argv: Vec<String>,
    change: Change,
    line: String,
}

/// Runs rounds forever.
pub(super) async fn watch(shared: Arc<Shared>) {
    let (notices, waiting) = channel(MAX_WAITING);
    tokio::spawn(notify(waiting));
    let mut rounds = Rounds::new(Arc::clone(&shared.engine.load().sieges));
    loop {
        sleep(pause()).await;
        let engine = shared.engine.load_full();
        let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
        let policy = &engine.policy;
        for change in rounds.round(policy, engine.store.as_deref(), now).await {
            announce(policy, change, &notices);
        }
    }
}

/// Half a round to one and a half, at random. Of hosts that keep step, the slower one would lose the race for each record
/// each time, and what it counts would be seen late.
fn pause() -> Duration {
    // A system that gives no random number gives the time of a round.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    ROUND / 2 + ROUND.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn announce(policy: &Policy, change: Change, notices: &Sender<Notice>) {
    let line = format!("siege of {change}; {}", answered(policy, &change));
    log::warn!("{line}");
    let argv = policy.siege.notify.clone();
    // Only the host that saw it first runs the command.
    if argv.is_empty() || change.cause == Cause::Elsewhere {
        return;
    }
    let notice = Notice { argv, change, line };
    if notices.try_send(notice).is_err() {
        log::warn!(
            "siege.notify: {MAX_WAITING} changes wait for the command already, so it is not run for this one"
        );
    }
}

/// The answers from now on.
fn answered(policy: &Policy, change: &Change) -> String {
    let siege = &policy.siege;
    if !change.to.is_besieged() {
        return "the usual answers apply".to_owned();
    }
    let mode = match policy.mode {
        Mode::Monitor => " (mode monitor: logged only)",
        Mode::Enforce => "",
    };
    format!(
        "unproven notifications: {}, catch-all: mail {}, bounces {}, null senders from listed hosts: {}, their second \
         recipient: {}{mode}",
        siege.unproven.action,
        siege.catch_all.mail.action,
        siege.catch_all.bounces.action,
        siege.listed.action,
        siege.extra_recipients.action,
    )
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
    let Notice { argv, change, line } = notice;
    let Some((program, arguments)) = argv.split_first() else {
        return Ok(());
    };
    let domain = change
        .domain
        .as_ref()
        .map_or_else(|| "all".to_owned(), ToString::to_string);
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("BACKSTOP_DOMAIN", domain)
        .env("BACKSTOP_FROM", change.from.as_str())
        .env("BACKSTOP_TO", change.to.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut program = ProcessGroup::spawn(&mut command)
        .map_err(|error| refused(&error, Path::new(program), "ix"))?;
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
