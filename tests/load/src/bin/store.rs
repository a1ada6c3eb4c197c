//! What a large store costs: `tests/bench ledger`, `tests/bench report` and `tests/bench sieges`.
#![forbid(unsafe_code)]

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use load::kept::{ledger, report, rounds, waits};
use tokio::runtime::Runtime;

/// How large a small ledger is.
const SMALL: u64 = 10_000;

/// What a large store costs
#[derive(Parser)]
#[command(name = "tests/bench")]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The program
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "target/release/backstop",
        hide = true
    )]
    backstop: PathBuf,
}

#[derive(Subcommand)]
enum What {
    /// What a message costs in the ledger, small and large, and what outgoing mail waits for it
    Ledger {
        /// The rows of the large one: the ledger itself deletes the oldest beyond five million
        #[arg(long, value_name = "COUNT", default_value_t = 4_900_000)]
        rows: u64,
        /// How often the wait is measured
        #[arg(long, value_name = "COUNT", default_value_t = 5)]
        rounds: usize,
    },
    /// `backstop report` over ninety days that are full
    Report {
        /// How often it is run
        #[arg(long, value_name = "COUNT", default_value_t = 5)]
        rounds: usize,
    },
    /// A round of the sieges where fifty thousand domains are known, in SQLite and in Redis
    Sieges,
}

fn main() -> ExitCode {
    let Arguments { what, backstop } = Arguments::parse();
    let done = match what {
        What::Ledger { rows, rounds } => of_ledger(&backstop, rows, rounds),
        What::Report { rounds } => of_report(&backstop, rounds),
        What::Sieges => of_sieges(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tests/bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn of_ledger(backstop: &Path, large: u64, rounds: usize) -> io::Result<()> {
    let runtime = Runtime::new()?;
    println!(
        "| rows | MiB | at a time | messages/s | octets written a message | µs to find | µs to miss |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|");
    for rows in [SMALL, large] {
        let folder = lab::mta::folder()?;
        let path = folder.path().join("state.db");
        runtime.block_on(ledger::fill(&path, 0, rows))?;
        let lookups = runtime.block_on(ledger::search(&path, rows))?;
        let mut written = rows;
        for connections in [1, 20, 100] {
            let size = ledger::mib(&path)?;
            let writes = runtime.block_on(ledger::write(&path, written, connections))?;
            println!(
                "| {written} | {size:.0} | {connections} | {:.0} | {:.0} | {:.1} | {:.1} |",
                writes.rate, writes.octets, lookups.hit, lookups.miss
            );
            written += ledger::WRITES;
        }
    }
    println!("\n| ledger | connections | messages/s (minimum–maximum) | p50 ms | p99 ms |");
    println!("|---|--:|--:|--:|--:|");
    for wait in waits(backstop, rounds, Duration::from_secs(3))? {
        println!(
            "| {} | {} | {:.0} ({:.0}–{:.0}) | {:.2} | {:.2} |",
            wait.ledger,
            wait.connections,
            wait.rate.median,
            wait.rate.min,
            wait.rate.max,
            wait.p50,
            wait.p99
        );
    }
    Ok(())
}

fn of_report(backstop: &Path, rounds: usize) -> io::Result<()> {
    let folder = lab::mta::folder()?;
    let path = folder.path().join("state.db");
    let config = folder.path().join("milter.yaml");
    let yaml = format!(
        "local: {{domains: [example.org]}}\nstore: sqlite:{}\n",
        path.display()
    );
    fs::write(&config, yaml)?;
    let rows = Runtime::new()?.block_on(report::fill(&path))?;
    println!("| rows | seconds | CPU seconds |");
    println!("|--:|--:|--:|");
    for _ in 0..rounds {
        let took = report::report(backstop, &config)?;
        println!(
            "| {rows} | {:.2} | {:.2} |",
            took.time.as_secs_f64(),
            took.cpu.as_secs_f64()
        );
    }
    Ok(())
}

fn of_sieges() -> io::Result<()> {
    let folder = lab::mta::folder()?;
    let redis = lab::redis::Redis::start(lab::redis::Options::default())?;
    println!("| store | domains with a bounce | CPU of a round, ms |");
    println!("|---|--:|--:|");
    for (store, url) in [
        (
            "SQLite",
            format!("sqlite:{}/state.db", folder.path().display()),
        ),
        ("Redis", format!("redis://127.0.0.1:{}", redis.port())),
    ] {
        for cost in Runtime::new()?.block_on(rounds::rounds(&url))? {
            println!(
                "| {store} | {} | {:.2} |",
                cost.changed,
                cost.cpu.as_secs_f64() * 1_000.0
            );
        }
    }
    Ok(())
}
