//! `backstop check`: checks the file, its lists, its directories and its name servers, and shows what is on.

mod daemon;
mod domain;
mod domains;
mod imported;
mod mta;
mod postfix;
mod problem;
mod published;
mod sandbox;
mod submission;
mod tenants;

use std::{path::Path, process::ExitCode};

use clap::Args;
use serde::Serialize;

use self::problem::Problem;
use super::{
    CONFIGURATION, NO,
    domains::know,
    engine, open_store_to_ask, print_json,
    report::of_a_lifetime,
    tenants::{stricter, uncovered},
    today, unavailable, uses_store,
};
use crate::{
    config::{self, Config, Diagnostic, Diagnostics, Severity},
    core::{address::Domain, policy::Policy, proof::coverage::CoverageSummary, verdict::Mode},
    directory::{Event, Weight},
    engine::Engine,
    milter::check_owner,
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Read only files: the configuration, its lists, the store where it is one; ask no server, and not Postfix
    #[arg(long)]
    offline: bool,
    /// Also read the MTA's files for what makes it accept mail first and bounce it later
    #[arg(long, conflicts_with = "offline")]
    mta: bool,
    /// Show only what applies to this domain, and where the file says so; fails if it is not one of local.domains
    #[arg(long, value_name = "DOMAIN", conflicts_with_all = ["mta", "user"])]
    domain: Option<Domain>,
    /// As root: the user of the daemon, as which its files are read [default: backstop]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Be this user, and check only what that user can do
    #[arg(long, value_name = "NAME", hide = true)]
    as_user: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct CheckReport {
    file: String,
    on: Vec<String>,
    warnings: Vec<Problem>,
    problems: Vec<Problem>,
}

impl CheckReport {
    fn unreadable(path: &Path, diagnostics: &Diagnostics) -> Self {
        let (problems, warnings): (Vec<_>, Vec<_>) = diagnostics
            .0
            .iter()
            .partition(|diagnostic| diagnostic.severity == Severity::Error);
        let found =
            |diagnostics: Vec<&Diagnostic>| diagnostics.into_iter().map(Problem::from).collect();
        Self {
            file: path.display().to_string(),
            on: Vec::new(),
            warnings: found(warnings),
            problems: found(problems),
        }
    }
}

impl Arguments {
    /// The user that this process is to be, before it has threads.
    pub(super) fn as_user(&self) -> Option<&str> {
        self.as_user.as_deref()
    }
}

pub(super) async fn check(path: &Path, arguments: &Arguments) -> ExitCode {
    if arguments.as_user.is_some() {
        print_json(&daemon::own_problems(path, arguments.offline).await);
        return ExitCode::SUCCESS;
    }
    let mut config = match config::load(path) {
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
    if let Some(domain) = &arguments.domain {
        know(&mut config, !arguments.offline).await;
        return domain::check(&config, domain, arguments.offline, arguments.json).await;
    }
    let mut report = CheckReport {
        file: path.display().to_string(),
        on: config.summary(),
        warnings: config.warnings.iter().map(Problem::from).collect(),
        problems: Vec::new(),
    };
    domains::look(&mut config, arguments.offline, &mut report).await;
    let (engine, events) = match engine(&config, None, None) {
        Ok(made) => made,
        Err(error) => return unavailable(&error.to_string()),
    };
    for event in &events {
        match event.weight() {
            // Each mistake comes with its line.
            Weight::Warning if matches!(event, Event::Tenants(_)) => {
                tenants::rows(&engine, &mut report)
            }
            Weight::News => report.on.push(event.to_string()),
            Weight::Warning => report.warnings.push(event.to_string().into()),
            Weight::Problem => report.problems.push(event.to_string().into()),
        }
    }
    tenants::strangers(&config, &engine, &mut report);
    imported::look(&config.policy.proof, today(), &mut report);
    if !arguments.offline || config.store.file().is_some() {
        look_at_store(&config, &engine, &mut report).await;
    }
    if !arguments.offline {
        ask_servers(&engine, &mut report).await;
        published::look(&config, &engine, &mut report).await;
        look_at_postfix(&config.policy, &mut report).await;
        look_at_mta(&config, arguments.mta, &mut report).await;
    }
    if let Err(error) = check_owner(&config.listen, &config.socket) {
        report.problems.push(error.to_string().into());
    }
    // A draft elsewhere is not what the unit reads.
    if path == Path::new(super::DEFAULT_FILE) {
        report.warnings.extend(sandbox::warnings(&config).await);
    }
    match daemon::problems(path, arguments).await {
        Ok(problems) => report.problems.extend(problems),
        Err(why) if arguments.user.is_some() => report.problems.push(why.into()),
        Err(why) => report.on.push(why),
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
    let failed = engine.blocklists.self_test(lists, &engine.resolver).await;
    report
        .problems
        .extend(failed.into_iter().map(Problem::from));
    for (directory, answer) in engine.directory.probe(&engine.policy.local.domains).await {
        match answer {
            Ok(time) => report.on.push(format!(
                "directory {directory} answers in {} ms",
                time.as_millis()
            )),
            Err(why) => report
                .problems
                .push(format!("directory {directory}: {why}").into()),
        }
    }
    tenants::server(engine, report).await;
    for (nameserver, answer) in engine.resolver.probe().await {
        match answer {
            Ok(time) => report.on.push(format!(
                "name server {nameserver} answers in {} ms",
                time.as_millis()
            )),
            Err(why) => report
                .problems
                .push(format!("name server {nameserver} does not answer: {why}").into()),
        }
    }
}

/// Looks what Postfix does with mail while the daemon is down.
async fn look_at_postfix(policy: &Policy, report: &mut CheckReport) {
    match postfix::without_daemon(&refused_if_unsigned(policy)).await {
        Ok((known, warnings)) => {
            report.on.extend(known);
            report
                .warnings
                .extend(warnings.into_iter().map(Problem::from));
        }
        Err(why) => report.on.push(format!(
            "Postfix: its milter_default_action is not known: {why}"
        )),
    }
}

/// Compares domains and networks with those of the MTA, and with `bounces` looks what it bounces.
async fn look_at_mta(config: &Config, bounces: bool, report: &mut CheckReport) {
    match mta::look(config, bounces).await {
        Ok(mta) => {
            report.on.extend(mta.known);
            report.warnings.extend(mta.warnings);
        }
        Err(why) if bounces => report.problems.push(format!("the MTA: {why}").into()),
        Err(why) => report.on.push(format!(
            "the domains and networks of the MTA are not known: {why}"
        )),
    }
}

/// The keys that refuse bounces of mail which left unsigned.
fn refused_if_unsigned(policy: &Policy) -> Vec<String> {
    if !policy.proof.signs() {
        return Vec::new();
    }
    let mut keys = refuse_unproven(policy);
    keys.retain(|key| !key.starts_with("siege."));
    if policy.proof.requires_tag() && !keys.is_empty() {
        keys.push("proof.batv.required is true".to_owned());
    }
    keys
}

/// Checks whether the store answers, and whether its counts speak against refusing unproven bounces.
async fn look_at_store(config: &Config, engine: &Engine, report: &mut CheckReport) {
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
                report.problems.push(format!("store: {why}").into());
                return;
            }
        },
    };
    report.warnings.extend(srs(&summary).map(Problem::from));
    let tenants = stricter(engine.tenants.rows(), &config.policy);
    let uncovered = uncovered(&tenants, &summary, today(), &config.policy);
    report.warnings.extend(uncovered.map(Problem::from));
    let refused = refuse_unproven(&config.policy);
    if !refused.is_empty() {
        let refused = refused.join(" and ");
        let doubts = summary.doubts(today(), &config.policy.proof);
        let doubts = doubts
            .into_iter()
            .map(|doubt| format!("{refused}, but {doubt} (see `backstop report coverage`)"));
        report.warnings.extend(doubts.map(Problem::from));
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
