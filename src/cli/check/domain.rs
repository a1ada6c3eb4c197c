//! `backstop check --domain`: what applies to one domain, and where the file says so.

mod lists;
mod settings;

use std::{process::ExitCode, sync::Arc};

use serde::Serialize;

use self::{lists::lists, settings::Settings};
use super::problem::Problem;
use crate::{
    cli::{NO, open_store_to_ask, print_json, report::of_a_lifetime, uses_store},
    config::{At, Config, Located, Place},
    core::{address::Domain, tenant::TenantAnswers},
    directory::tenants::{TenantEvent, Tenants},
    engine::{Rounds, Sieges},
};

/// What is shown; also the JSON object.
#[derive(Serialize)]
struct DomainReport {
    file: String,
    domain: String,
    /// Whether the domain is one of ours.
    ours: bool,
    /// What the entry of `recipients` that answers for the domain is for; none where none does.
    recipients: Option<String>,
    on: Vec<Setting>,
    problems: Vec<Problem>,
}

/// One that applies.
#[derive(Serialize)]
struct Setting {
    key: &'static str,
    says: String,
    /// Where the file says so, from 1; none where it leaves that to a default, or another part says so.
    line: Option<usize>,
    column: Option<usize>,
}

/// Shows it. A domain that is not ours fails.
pub(super) async fn check(config: &Config, domain: &Domain, offline: bool, json: bool) -> ExitCode {
    let report = report(config, domain, offline).await;
    if json {
        print_json(&report);
    } else {
        report.print();
    }
    if report.ours && report.problems.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO)
    }
}

async fn report(config: &Config, domain: &Domain, offline: bool) -> DomainReport {
    let policy = &config.policy;
    let entry = policy.recipients.entry(domain, &policy.local.domains);
    let mut report = DomainReport {
        file: config.file.display().to_string(),
        domain: domain.to_string(),
        ours: policy.local.is_ours(domain),
        recipients: entry.map(|(_, entry)| entry.scope.to_string()),
        on: Vec::new(),
        problems: Vec::new(),
    };
    let located = Located::of(config);
    let mut settings = Settings::new(config, &located, domain);
    settings.ours();
    if !report.ours && entry.is_none() {
        report.on = settings.into_found();
        return report;
    }
    if config.tenants.is_on() {
        tenant(config, domain, offline, &mut settings, &mut report.problems).await;
    }
    settings.mode();
    settings.recipients();
    if let Some((number, _)) = entry {
        lists(
            config,
            (number, domain),
            offline,
            &mut settings,
            &mut report.problems,
        )
        .await;
        settings.classes(number);
    }
    settings.senders();
    settings.addresses();
    settings.proofs();
    settings.headers();
    settings.siege();
    if policy.siege.watch && (!offline || config.store.file().is_some()) {
        siege_now(config, domain, &mut settings, &mut report.problems).await;
    }
    report.on = settings.into_found();
    report
}

/// What the row of its tenant answers in the place of the file, and where that stands.
async fn tenant(
    config: &Config,
    domain: &Domain,
    offline: bool,
    settings: &mut Settings<'_>,
    problems: &mut Vec<Problem>,
) {
    let at = ["tenants".into()];
    if offline && config.tenants.file.is_none() {
        settings.found("tenants", "its row is not asked for".to_owned(), &at);
        return;
    }
    let tenants = Arc::new(Tenants::new(&config.tenants));
    let reading = Arc::clone(&tenants);
    // Reading files blocks.
    let read = tokio::task::spawn_blocking(move || reading.refresh()).await;
    match tenants.of(domain, &config.policy.local).await {
        Ok(row) => settings.tenant(row),
        Err(why) => {
            settings.tenant(TenantAnswers::unanswered().into());
            // What a file has that makes it unreadable, says more.
            let read = read.unwrap_or_default().into_iter().next();
            let why = read.map_or_else(|| why.to_string(), |event| event.to_string());
            problems.push(why.into());
        }
    }
    let mistakes = tenants.state().map(|state| state.mistakes);
    let of_file = mistakes.unwrap_or_default().into_iter();
    let of_server = tenants
        .refresh()
        .into_iter()
        .filter_map(|event| match event {
            TenantEvent::Wrong { latest, .. } => Some(latest),
            _ => None,
        });
    let of_domain = of_file.chain(of_server).filter(|mistake| {
        let parsed = mistake.domain.parse::<Domain>();
        parsed.is_ok_and(|of| of == *domain)
    });
    problems.extend(of_domain.map(|mistake| Problem::from(format!("tenants: {mistake}"))));
}

/// How far the siege of the domain is, as all hosts with this store see it.
async fn siege_now(
    config: &Config,
    domain: &Domain,
    settings: &mut Settings<'_>,
    problems: &mut Vec<Problem>,
) {
    let Some(store) = uses_store(config)
        .then(|| open_store_to_ask(config))
        .flatten()
    else {
        return;
    };
    if let Err(why) = of_a_lifetime(config, &store).await {
        problems.push(format!("store: {why}").into());
        return;
    }
    let sieges = Arc::<Sieges>::default();
    Rounds::new(Arc::clone(&sieges))
        .look(&config.policy, &*store)
        .await;
    let state = sieges.state(domain);
    settings.found(
        "siege now",
        format!("{state} (`backstop status` has the rates)"),
        &[],
    );
}

impl DomainReport {
    fn print(&self) {
        for setting in &self.on {
            match (setting.line, setting.column) {
                (Some(line), Some(column)) => println!(
                    "{}: {} ({}:{line}:{column})",
                    setting.key, setting.says, self.file
                ),
                _ => println!("{}: {}", setting.key, setting.says),
            }
        }
        for problem in &self.problems {
            println!("problem: {problem}");
        }
        let what = match (self.ours, self.problems.is_empty()) {
            (false, _) => "not one of local.domains",
            (true, true) => "fine",
            (true, false) => "see the problems above",
        };
        println!("{}: {what}", self.domain);
    }
}

impl Setting {
    fn new(key: &'static str, says: String, place: Option<Place>) -> Self {
        Self {
            key,
            says,
            line: place.map(|place| place.line),
            column: place.map(|place| place.column),
        }
    }
}

/// The steps to `recipients[number]` and below.
fn in_entry<'a>(number: usize, below: &[At<'a>]) -> Vec<At<'a>> {
    let entry = [At::Key("recipients"), At::Item(number)];
    entry.into_iter().chain(below.iter().copied()).collect()
}
