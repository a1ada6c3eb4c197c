//! Mixed mail for a long time, in slices: `tests/bench soak`.
#![forbid(unsafe_code)]

use std::{fs, io, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use load::soak::Soak;

/// Mixed mail for a long time: what the daemon takes must stay as it is
#[derive(Parser)]
struct Arguments {
    /// The program
    #[arg(long, value_name = "PATH")]
    backstop: PathBuf,
    /// For how long
    #[arg(long, value_name = "COUNT", default_value_t = 60)]
    minutes: u64,
    /// In how many slices
    #[arg(long, value_name = "COUNT", default_value_t = 12)]
    slices: u32,
    /// Messages a second
    #[arg(long, value_name = "RATE", default_value_t = 100.0)]
    rate: f64,
    /// Where the figures go as JSON
    #[arg(long, value_name = "PATH")]
    json: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tests/bench soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let time = Duration::from_secs(arguments.minutes * 60) / arguments.slices.max(1);
    let soak = Soak::start(&arguments.backstop, arguments.rate)?;
    println!(
        "| slice | messages | refused | deferred | p99 ms | MiB | descriptors | store MiB | CPU ms/message |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    let mut slices = Vec::new();
    for number in 1..=arguments.slices {
        let slice = soak.slice(time)?;
        println!(
            "| {number} | {} | {} | {} | {:.1} | {:.1} | {} | {:.1} | {:.3} |",
            slice.messages,
            slice.refused,
            slice.deferred,
            slice.p99,
            slice.rss,
            slice.descriptors,
            slice.store,
            slice.cpu
        );
        slices.push(slice);
    }
    fs::write(&arguments.json, serde_json::to_vec_pretty(&slices)?)
}
