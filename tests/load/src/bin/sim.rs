//! Simulates the siege's sensor for a year, and prints what came: `sim [SEEDS] [FILE.svg]`. Exit codes: 0 all is as it
//! is wanted, 1 something is not, 64 usage.

use std::{env, fs, process::ExitCode, time::Instant};

use load::sim::results::{Plan, Results};

fn main() -> ExitCode {
    let (mut seeds, mut picture) = (5, None);
    for argument in env::args().skip(1) {
        if let Ok(number) = argument.parse() {
            seeds = number;
        } else if argument.ends_with(".svg") {
            picture = Some(argument);
        } else {
            eprintln!(
                "sim: {argument} is neither a number of seeds nor a file.svg; expected: sim [SEEDS] [FILE.svg]"
            );
            return ExitCode::from(64);
        }
    }
    let begun = Instant::now();
    let results = Results::of(&Plan::year(seeds));
    println!("{results}");
    println!(
        "{seeds} sites of each size, {:.0} s",
        begun.elapsed().as_secs_f64()
    );
    if let Some(path) = picture
        && let Err(error) = fs::write(&path, results.svg())
    {
        eprintln!("sim: {path}: {error}");
        return ExitCode::FAILURE;
    }
    let failures = results.failures();
    failures
        .iter()
        .for_each(|failure| println!("NOT AS WANTED: {failure}"));
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
