//! A joe job in every layout that an MTA may have: one row an act, one column a kind of layout, each cell seen in SMTP, in
//! the mailbox and in the log.

mod acts;
mod answers;
mod check;
mod layout;
mod mta;
mod play;
mod postfix;
mod sendmail;
mod setup;
mod world;

use std::{io, path::PathBuf};

use tokio::task::spawn_blocking;

use crate::dns::{Server, Zone};
use world::World;

pub use layout::Site;

/// What is played with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The program.
    pub backstop: PathBuf,
    /// The folder `packaging`, whose lines for the MTA are used.
    pub packaging: PathBuf,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// How many answers were seen.
    pub cells: usize,
    /// Those that were not as expected, and what else was wrong.
    pub wrong: Vec<String>,
}

/// Who may send for no domain, friends whom nothing speaks against, and another host of ours.
const ZONE: &str = r#"
bank.example:
  - TXT: "v=spf1 -all"
friend.example:
  - TXT: "v=spf1 ?all"
"*.local.test":
  - TXT: "v=spf1 ip4:198.51.100.201 ip4:127.0.1.201 -all"
"#;

/// Plays all acts in all layouts of the site.
///
/// # Errors
/// When something that is played with can't be started.
pub async fn run(options: Options, site: Site) -> io::Result<Report> {
    let zone = Zone::from_yaml(ZONE).map_err(io::Error::other)?;
    let dns = Server::start(zone).await;
    let nameserver = dns.addr();
    spawn_blocking(move || play::play(&World::start(&options, site, nameserver)?))
        .await
        .map_err(io::Error::other)?
}

/// Sets Backstop up with `backstop setup` beside an MTA that has all layouts of the site, sends mail through all of them,
/// and takes the set-up back.
///
/// # Errors
/// When something that is played with can't be started.
pub async fn set_up(options: Options, site: Site) -> io::Result<Report> {
    let zone = Zone::from_yaml(ZONE).map_err(io::Error::other)?;
    let dns = Server::start(zone).await;
    let nameserver = dns.addr();
    spawn_blocking(move || setup::run(&options, site, nameserver))
        .await
        .map_err(io::Error::other)?
}
