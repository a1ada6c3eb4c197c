//! `lab`: the parts of the lab that people start by hand, and that `packaging/try` starts.
#![forbid(unsafe_code)]

use std::{error::Error, fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use lab::dns::{Server, Zone};

/// What the tests and packaging/try stand on.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve a zone over UDP and TCP until killed
    Dns {
        /// Where to answer; port 0 is a random one
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:5353")]
        listen: SocketAddr,
        /// The zone, as YAML
        zone: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Dns { listen, zone } => dns(listen, zone).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn dns(listen: SocketAddr, path: PathBuf) -> Result<(), Box<dyn Error>> {
    let place = path.display();
    let text = fs::read_to_string(&path).map_err(|error| format!("{place}: {error}"))?;
    let zone = Zone::from_yaml(&text).map_err(|error| format!("{place}: {error}"))?;
    let server = Server::start_on(listen, zone)
        .await
        .map_err(|error| format!("{listen}: {error}"))?;
    println!("lab dns: {place} on {}", server.addr());
    std::future::pending().await
}
