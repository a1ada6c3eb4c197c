//! `backstop check`: lints the file, reads its lists, asks its name servers, and says what is on.

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde::Serialize;

use super::{NO, engine, load, print_json, unavailable};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Read the file and its lists only; ask no name server
    #[arg(long)]
    no_dns: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    file: String,
    on: Vec<String>,
    warnings: Vec<String>,
    problems: Vec<String>,
}

pub(super) async fn check(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match load(path) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let (engine, events) = match engine(&config, None) {
        Ok(made) => made,
        Err(error) => return unavailable(&error.to_string()),
    };
    let mut report = Report {
        file: path.display().to_string(),
        on: config.summary(),
        warnings: config.warnings.iter().map(ToString::to_string).collect(),
        problems: Vec::new(),
    };
    for event in &events {
        let into = if event.is_problem() {
            &mut report.problems
        } else {
            &mut report.on
        };
        into.push(event.to_string());
    }
    if !arguments.no_dns {
        for (nameserver, answer) in engine.resolver.probe().await {
            match answer {
                Ok(time) => report.on.push(format!(
                    "name server {nameserver} answers in {} ms",
                    time.as_millis()
                )),
                Err(why) => report
                    .problems
                    .push(format!("name server {nameserver} does not answer: {why}")),
            }
        }
    }
    if arguments.json {
        print_json(&report);
    } else {
        print(&report);
    }
    if report.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO)
    }
}

fn print(report: &Report) {
    for line in &report.on {
        println!("{line}");
    }
    for warning in &report.warnings {
        println!("{warning}");
    }
    for problem in &report.problems {
        println!("problem: {problem}");
    }
    let what = if report.problems.is_empty() {
        "fine"
    } else {
        "readable, but see above"
    };
    println!("{}: {what}", report.file);
}
