//! Measures a host with many domains, in one run on a real PostgreSQL and on SQLite: `host [--domains N] [--mailboxes N]`,
//! 20,000 and 2,000,000 unless said otherwise. `tests/bench host` builds and runs it.
//!
//! What is held: warm mail for all domains beside the same file with one domain; cold look-ups; the start and a reload, and the
//! memory, with a file of domains; a flood of invented names at one domain beside mail for the others; and what reports cost.
#![forbid(unsafe_code)]

mod databases;
mod flood;
mod large;
mod reports;
mod site;
mod speed;

use std::{io, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};
use load::dns::{Data, Dns, Known};

use databases::Database;

/// Where DNS answers.
const NAMESERVER: ([u8; 4], u16) = ([127, 0, 54, 1], 53);
/// The client of all messages; SPF of their senders passes for it.
const CLIENT: &str = "192.0.2.1";
/// Its name, and what it says in HELO.
const HELO: &str = "mx.example.com";

#[derive(Debug, Parser)]
struct Options {
    /// How many domains the databases have
    #[arg(long, default_value_t = 20_000)]
    domains: usize,
    /// How many mailboxes they have
    #[arg(long, default_value_t = 2_000_000)]
    mailboxes: usize,
    /// How many domains the file has
    #[arg(long, default_value_t = 50_000)]
    listed: usize,
    /// How many rounds there are
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Measure this only
    #[arg(long)]
    only: Option<Part>,
    /// The program that is measured
    #[arg(long, default_value = "target/release/backstop")]
    backstop: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Starts, reloads and memory with a file of domains
    Large,
    /// Warm mail for all domains beside one, and cold look-ups
    Speed,
    /// A flood of invented names at one domain
    Flood,
    /// Reports of many domains
    Reports,
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tests/bench host: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> io::Result<()> {
    let address = SocketAddr::from(NAMESERVER);
    let _dns = Dns::start(address, zone)?;
    println!(
        "{} domains, {} mailboxes; {} domains in the file",
        options.domains, options.mailboxes, options.listed
    );
    let wants = |part| options.only.is_none_or(|only| only == part);
    // The first, for the most memory of all children is asked for.
    if wants(Part::Reports) {
        reports::measure(options)?;
    }
    if wants(Part::Large) {
        large::measure(options)?;
    }
    if matches!(options.only, Some(Part::Large | Part::Reports)) {
        return Ok(());
    }
    for database in [
        Database::sqlite(options.domains, options.mailboxes)?,
        Database::postgresql(options.domains, options.mailboxes)?,
    ] {
        if wants(Part::Speed) {
            speed::measure(options, &database)?;
        }
        if wants(Part::Flood) {
            flood::measure(options, &database)?;
        }
    }
    Ok(())
}

/// The stranger, and one name of its own for every sender.
fn zone(name: &str) -> Known {
    let txt = |text: &str| Data::Txt(text.to_owned());
    let client = Data::A([192, 0, 2, 1].into());
    match name {
        HELO => Known::Records(86_400, vec![client, txt("v=spf1 ip4:192.0.2.1 -all")]),
        "example.com" => Known::Records(86_400, vec![txt("v=spf1 ip4:192.0.2.0/24 -all")]),
        "1.2.0.192.in-addr.arpa" => Known::Records(86_400, vec![Data::Ptr(HELO.to_owned())]),
        _ => Known::Nothing,
    }
}

/// The domain of this number.
fn domain(number: usize) -> String {
    format!("client{number}.example.net")
}
