//! `lab`: the parts of the lab that people start by hand, and that `packaging/try` starts.
#![forbid(unsafe_code)]

use std::{error::Error, fs, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use lab::{
    dns::{Server, Zone},
    joe_job,
};

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
    /// Play a joe job on a private Postfix and backstop, and print what came of it
    JoeJob {
        /// The program
        #[arg(long, value_name = "PATH")]
        backstop: PathBuf,
        /// The shipped milter.yaml
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The DNS that it plays in, as YAML
        #[arg(long, value_name = "FILE")]
        zones: PathBuf,
        /// Leave everything running until Ctrl-C
        #[arg(long)]
        keep: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Dns { listen, zone } => dns(listen, zone).await,
        Command::JoeJob {
            backstop,
            config,
            zones,
            keep,
        } => {
            let options = joe_job::Options {
                backstop,
                config,
                zones,
                keep,
            };
            joe_job::run(options).await.map_err(Into::into)
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn dns(listen: SocketAddr, path: PathBuf) -> Result<bool, Box<dyn Error>> {
    let place = path.display();
    let text = fs::read_to_string(&path).map_err(|error| format!("{place}: {error}"))?;
    let zone = Zone::from_yaml(&text).map_err(|error| format!("{place}: {error}"))?;
    let server = Server::start_on(listen, zone)
        .await
        .map_err(|error| format!("{listen}: {error}"))?;
    println!("lab dns: {place} on {}", server.addr());
    std::future::pending().await
}
