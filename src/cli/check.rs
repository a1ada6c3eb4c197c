//! `backstop check`: checks the file, its lists, its directories and its name servers, and shows what is on.

mod mta;
mod postfix;

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde::Serialize;

use super::{
    CONFIGURATION, NO, engine, open_store_to_ask, print_json, report::of_a_lifetime, today,
    unavailable, uses_store,
};
use crate::{
    config::{self, Config, Diagnostic, Diagnostics, Severity},
    core::{policy::Policy, proof::coverage::CoverageSummary, verdict::Mode},
    directory::Weight,
    engine::Engine,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Read only files: the configuration, its lists, the store where it is one; ask no server, and not Postfix
    #[arg(long)]
    offline: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CheckReport {
    file: String,
    on: Vec<String>,
    warnings: Vec<String>,
    problems: Vec<String>,
}

impl CheckReport {
    fn unreadable(path: &Path, diagnostics: &Diagnostics) -> Self {
        let (problems, warnings): (Vec<_>, Vec<_>) = diagnostics
            .0
            .iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Error);
        let texts =
            |diagnostics: Vec<&Diagnostic>| diagnostics.iter().map(ToString::to_string).collect();
        Self {
            file: path.display().to_string(),
            on: Vec::new(),
            warnings: texts(warnings),
            problems: texts(problems),
        }
    }
}

pub(super) async fn check(path: &Path, arguments: &Arguments) -> ExitCode {
    let config = match config::load(path) {
        Ok(config) => config,
        Err(diagnostics) => {
            if arguments.json {
                print_json(&CheckReport::unreadable(path, &diagnostics));
            } else {
                eprintln!("{diagnostics}");
            }
            return ExitCode::from(CONFIGURATION);
        }
    };
    let (engine, events) = match engine(&config, None, None) {
        Ok(made) => made,
        Err(error) => return unavailable(&error.to_string()),
    };
    let mut report = CheckReport {
        file: path.display().to_string(),
        on: config.summary(),
        warnings: config.warnings.iter().map(ToString::to_string).collect(),
        problems: Vec::new(),
    };
    for event in &events {
        let into = match event.weight() {
            Weight::News => &mut report.on,
            Weight::Warning => &mut report.warnings,
            Weight::Problem => &mut report.problems,
        };
        into.push(event.to_string());
    }
    if !arguments.offline || config.store.file().is_some() {
        look_at_store(&config, &mut report).await;
    }
    if !arguments.offline {
        ask_servers(&engine, &mut report).await;
        look_at_postfix(&mut report).await;
        look_at_mta(&config, &mut report).await;
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

/// Asks the DNS lists, the directories and the name servers.
async fn ask_servers(engine: &Engine, report: &mut CheckReport) {
    let lists = &engine.policy.dnsbl;
    report
        .problems
        .extend(engine.blocklists.self_test(lists, &engine.resolver).await);
    for (directory, answer) in engine.directory.probe().await {
        match answer {
            Ok(time) => report.on.push(format!(
                "directory {directory} answers in {} ms",
                time.as_millis()
            )),
            Err(why) => report
                .problems
                .push(format!("directory {directory}: {why}")),
        }
    }
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

/// Looks whether Postfix would take mail while the daemon is down.
async fn look_at_postfix(report: &mut CheckReport) {
    match postfix::accepts_unchecked().await {
        Ok(warnings) => report.warnings.extend(warnings),
        Err(why) => report.on.push(format!(
            "Postfix: its milter_default_action is not known: {why}"
        )),
    }
}

/// Compares domains and networks with those of the MTA.
async fn look_at_mta(config: &Config, report: &mut CheckReport) {
    match mta::differences(config).await {
        Ok(warnings) => report.warnings.extend(warnings),
        Err(why) => report.on.push(format!(
            "the domains and networks of the MTA are not known: {why}"
        )),
    }
}

/// Checks whether the store answers, and whether its counts speak against refusing unproven bounces.
async fn look_at_store(config: &Config, report: &mut CheckReport) {
    if !uses_store(config) {
        return;
    }
    let summary = match open_store_to_ask(config) {
        None => {
            let absent = "does not exist yet; the daemon makes it when it starts";
            report.on.push(format!("store {}: {absent}", config.store));
            CoverageSummary::default()
        }
        Some(store) => match of_a_lifetime(config, &store).await {
            Ok(summary) => {
                report.on.push(format!("store {}: answers", config.store));
                summary
            }
            Err(why) => {
                report
                    .problems
                    .push(format!("store {}: {why}", config.store));
                return;
            }
        },
    };
    report.warnings.extend(srs(&summary));
    let refused = refuse_unproven(&config.policy);
    if !refused.is_empty() {
        let refused = refused.join(" and ");
        let doubts = summary.doubts(today(), &config.policy.proof);
        let doubts = doubts
            .into_iter()
            .map(|doubt| format!("{refused}, but {doubt} (see `backstop report coverage`)"));
        report.warnings.extend(doubts);
    }
}

/// Warnings about domains with SRS addresses that the file does not list.
fn srs(summary: &CoverageSummary) -> impl Iterator<Item = String> {
    summary.srs.iter().map(|(domain, (sent, bounced))| {
        format!(
            "SRS addresses of {domain} were seen ({sent} times in outgoing mail, {bounced} times in bounces), and their \
             bounces are unproven here; if an SRS daemon rewrites senders there, use `null_sender: {{srs: [{domain}]}}`"
        )
    })
}

/// The keys that refuse unproven bounces, with their actions. A siege refuses them by default, which is mentioned only in
/// mode enforce.
fn refuse_unproven(policy: &Policy) -> Vec<String> {
    let besieged = policy.siege.watch && policy.mode == Mode::Enforce;
    let keys = [
        ("proof.unproven", Some(policy.proof.unproven)),
        ("siege.unproven", besieged.then_some(policy.siege.unproven)),
    ];
    let refused = keys.into_iter().filter_map(|(key, rule)| {
        let rule = rule?;
        let refuses = rule.action.acts() && !rule.monitor;
        refuses.then(|| format!("{key} is {}", rule.action))
    });
    refused.collect()
}

fn print(report: &CheckReport) {
    for line in &report.on {
        println!("{line}");
    }
    for warning in &report.warnings {
        println!("{warning}");
    }
    for problem in &report.problems {
        println!("problem: {problem}");
    }
    let what = match (report.problems.is_empty(), report.warnings.is_empty()) {
        (true, true) => "fine",
        (true, false) => "fine, but see the warnings above",
        (false, _) => "no mistakes in the file, but see the problems above",
    };
    println!("{}: {what}", report.file);
}
