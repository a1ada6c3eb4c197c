//! A joe job in real SMTP, as `packaging/try` plays it: a private Postfix, a small DNS, and backstop in enforce mode.

mod acts;
mod settings;
mod stage;
mod table;

use std::{io, path::PathBuf};

use tokio::{
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
};

use crate::dns::{Server, Zone};
use stage::Stage;

/// What is played with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub backstop: PathBuf,
    /// The shipped `milter.yaml`; what the play changes in it is changed in a copy.
    pub config: PathBuf,
    /// The DNS.
    pub zones: PathBuf,
    /// Leave everything running after the play, until a signal comes.
    pub keep: bool,
}

/// Plays all acts and prints the table. Whether every answer was the right one.
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
    let (stage, outcomes) = spawn_blocking(move || {
        let stage = Stage::set(&options, nameserver)?;
        let outcomes = acts::ACTS
            .iter()
            .map(|act| stage.play(act))
            .collect::<io::Result<Vec<_>>>()?;
        io::Result::Ok((stage, outcomes))
    })
    .await
    .map_err(io::Error::other)??;

    print!("{}", table::table(&outcomes));
    println!("{}", table::summary(&outcomes));
    if keep {
        println!("{}", stage.directions(nameserver));
        until_told_to_stop().await?;
    }
    Ok(outcomes.iter().all(stage::Outcome::is_right))
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
