//! Mail through a real Postfix and Backstop while one thing after the other goes wrong: `tests/faults`.
#![forbid(unsafe_code)]

use std::{io, path::PathBuf, process::ExitCode};

use clap::Parser;
use load::faults::{FAULTS, Outcome, Site, play};

/// Faults under load: what becomes of mail while one thing after the other goes wrong
#[derive(Parser)]
struct Arguments {
    /// The program
    #[arg(long, value_name = "PATH")]
    backstop: PathBuf,
    /// Messages in all; half of them incoming, half outgoing
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    messages: usize,
    /// Only the faults whose name has this in it
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Where the outcomes go as JSON
    #[arg(long, value_name = "PATH")]
    json: PathBuf,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tests/faults: {error}");
            ExitCode::from(69)
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<bool> {
    let chosen: Vec<_> = FAULTS
        .iter()
        .filter(|fault| fault.name.contains(&arguments.only))
        .collect();
    // One stream in, one out.
    let each = arguments.messages.div_ceil(FAULTS.len() * 2);
    let mut outcomes: Vec<Outcome> = Vec::new();
    println!("{}", Outcome::HEAD);
    for fault in chosen {
        let mut site = Site::build(&arguments.backstop, fault.store)?;
        let outcome = play(fault, &mut site, each)?;
        println!("{outcome}");
        outcomes.push(outcome);
    }
    std::fs::write(&arguments.json, serde_json::to_vec_pretty(&outcomes)?)?;
    let well = outcomes.iter().filter(|outcome| outcome.is_well()).count();
    println!("{well} of {} as it should be", outcomes.len());
    Ok(well == outcomes.len())
}
