//! `lab`: the parts of the lab that people start by hand, and that `packaging/try` starts.
#![forbid(unsafe_code)]

use std::{
    error::Error,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use lab::{
    bouncer::{Bouncer, Kind, Setting},
    dns::{Server, Zone},
    joe_job,
    sink::Sink,
};
use tokio::task::spawn_blocking;

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
    /// Have every private MTA bounce FOLDER/original.eml, and write what came back beside it
    Bounces { folder: PathBuf },
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
        /// Where to write the report of the attack, as an HTML page
        #[arg(long, value_name = "FILE")]
        report: PathBuf,
        /// Leave everything running until Ctrl-C
        #[arg(long)]
        keep: bool,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Dns { listen, zone } => dns(listen, zone).await,
        Command::Bounces { folder } => match spawn_blocking(move || bounces(&folder)).await {
            Ok(done) => done.map(|()| true).map_err(Into::into),
            Err(error) => Err(error.into()),
        },
        Command::JoeJob {
            backstop,
            config,
            zones,
            report,
            keep,
        } => {
            let options = joe_job::Options {
                backstop,
                config,
                zones,
                report,
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

type Listen = fn() -> io::Result<Sink>;

/// How each file below `tests/fixtures/returned/real` came to be: the MTA, its setting, the parameters of MAIL, and what the
/// bounce went to.
const BOUNCES: &[(&str, Kind, Setting, &str, Listen)] = {
    use Kind::{Exim, OpenSmtpd, Postfix, Sendmail};
    use Setting::{Default, NoMime};
    &[
        ("postfix-full", Postfix, Default, "RET=FULL", Sink::start),
        ("postfix-headers", Postfix, Default, "RET=HDRS", Sink::start),
        (
            "postfix-7bit",
            Postfix,
            Default,
            "RET=FULL",
            Sink::start_7bit,
        ),
        ("sendmail-full", Sendmail, Default, "RET=FULL", Sink::start),
        (
            "sendmail-headers",
            Sendmail,
            Default,
            "RET=HDRS",
            Sink::start,
        ),
        ("sendmail-no-mime", Sendmail, NoMime, "", Sink::start),
        ("exim-full", Exim, Default, "RET=FULL", Sink::start),
        ("exim-headers", Exim, Default, "RET=HDRS", Sink::start),
        (
            "opensmtpd-full",
            OpenSmtpd,
            Default,
            "RET=FULL",
            Sink::start,
        ),
        (
            "opensmtpd-headers",
            OpenSmtpd,
            Default,
            "RET=HDRS",
            Sink::start,
        ),
    ]
};

fn bounces(folder: &Path) -> io::Result<()> {
    const SENDER: &str = "joe@home.example";
    let original = fs::read(folder.join("original.eml"))?;
    for &(name, kind, setting, parameters, listen) in BOUNCES {
        let sink = listen()?;
        let bouncer = Bouncer::start_set(kind, sink.addr(), setting)?;
        bouncer.send(SENDER, parameters, &original)?;
        let bounce = sink
            .wait_for_mail(SENDER)
            .map_err(|error| io::Error::other(format!("{name}: {error}\n{}", bouncer.log())))?;
        let file = folder.join(format!("{name}.eml"));
        fs::write(&file, bounce.message)?;
        println!("{}", file.display());
    }
    Ok(())
}
