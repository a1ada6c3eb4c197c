//! A joe job in real SMTP, as `packaging/try` plays it: a private Postfix, a small DNS, and backstop in enforce mode.

mod acts;
mod flood;
mod settings;
mod stage;
mod story;
mod table;

use std::{io, path::PathBuf};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
};

use crate::dns::{Server, Zone};

/// What is played with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub backstop: PathBuf,
    /// The shipped `milter.yaml`; what the play changes in it is changed in a copy.
    pub config: PathBuf,
    /// The DNS.
    pub zones: PathBuf,
    /// Where the report of the attack is written, as an HTML page.
    pub report: PathBuf,
    /// Leave everything running after the play, until a signal comes.
    pub keep: bool,
}

/// Plays all acts, and tells as they come what became of them. Whether every answer was the right one.
///
/// # Errors
/// When something that is played with can't be started.
pub async fn run(options: Options) -> io::Result<bool> {
    let text = std::fs::read_to_string(&options.zones)?;
    let zone = Zone::from_yaml(&text)
        .map_err(|error| io::Error::other(format!("{}: {error}", options.zones.display())))?;
    let dns = Server::start(zone).await;
    let nameserver = dns.addr();
    let keep = options.keep;
    let (stage, is_right) = spawn_blocking(move || story::tell(&options, nameserver))
        .await
        .map_err(io::Error::other)??;
    if keep {
        println!("{}", stage.directions(nameserver)?);
        until_told_to_stop().await?;
    }
    Ok(is_right)
}

async fn until_told_to_stop() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}
