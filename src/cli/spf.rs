//! `backstop spf`: one SPF check, step by step.

use std::{
    ffi::OsString, net::IpAddr, os::unix::ffi::OsStrExt, process::ExitCode, time::SystemTime,
};

use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use super::{NO, USAGE, print_json, unavailable};
use crate::{
    core::{
        address::ReversePath,
        duration::Duration,
        spf::{SpfCheck, SpfResult},
    },
    dns::{DnsSettings, MAX_BUDGET, MIN_TIMEOUT, Nameserver, Resolver, SettingsError},
    spf::{self, SpfQuery},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The client's address
    #[arg(long)]
    client_ip: IpAddr,
    /// The name in HELO or EHLO
    #[arg(long, value_name = "NAME")]
    helo: Option<OsString>,
    /// The address in MAIL FROM; empty for the null sender, which is checked as postmaster@HELO
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<OsString>,
    /// Ask this name server instead of the system's; may be given several times
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    nameserver: Vec<Nameserver>,
    /// How long to wait for one answer of one name server [default: 2s, or the budget if that is less]
    #[arg(long, value_name = "TIME")]
    timeout: Option<Duration>,
    /// The maximum time of the whole check
    #[arg(long, value_name = "TIME", default_value_t = DnsSettings::default().budget)]
    budget: Duration,
    /// The name of the receiving host, for the macro %{r}
    #[arg(long, value_name = "NAME", default_value = "unknown")]
    receiver: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The result; also the JSON object.
#[derive(Serialize)]
struct SpfReport<'a> {
    result: &'a str,
    identity: &'a str,
    domain: &'a str,
    mechanism: &'a str,
    explanation: &'a str,
    problem: &'a str,
    lookups: u32,
    void_lookups: u32,
    trace: &'a [String],
}

pub(super) async fn spf(arguments: &Arguments) -> ExitCode {
    let helo = arguments.helo.as_deref().unwrap_or_default().as_bytes();
    let mail_from = arguments.mail_from.as_deref().unwrap_or_default();
    let mail_from = ReversePath::from_bytes(mail_from.as_bytes());
    if arguments.helo.is_none() && mail_from.is_null() {
        eprintln!(
            "backstop spf: there is no name to check; use --helo NAME, --mail-from ADDRESS or both"
        );
        return ExitCode::from(USAGE);
    }
    let budget = arguments.budget;
    let default_timeout = DnsSettings::default().timeout.min(budget);
    let settings = DnsSettings {
        nameservers: arguments.nameserver.clone(),
        timeout: arguments.timeout.unwrap_or(default_timeout),
        budget,
        ..DnsSettings::default()
    };
    let resolver = match Resolver::new(&settings) {
        Ok(resolver) => resolver,
        Err(SettingsError::Timeout { timeout, budget }) => {
            eprintln!(
                "backstop spf: --timeout is {timeout}; expected {MIN_TIMEOUT} to {budget}, the value of --budget"
            );
            return ExitCode::from(USAGE);
        }
        Err(SettingsError::Budget(budget)) => {
            eprintln!("backstop spf: --budget is {budget}; expected at most {MAX_BUDGET}");
            return ExitCode::from(USAGE);
        }
        Err(error) => return unavailable(&error.to_string()),
    };
    let lookup = resolver.budgeted(Instant::now() + resolver.budget());
    let query = SpfQuery {
        client: arguments.client_ip,
        helo,
        mail_from: &mail_from,
        now: SystemTime::now(),
        receiver: &arguments.receiver,
        traced: true,
    };
    let check = match &arguments.mail_from {
        Some(_) => spf::check_mail_from(&lookup, &query).await,
        None => spf::check_helo(&lookup, &query).await,
    };
    print(&check, arguments.json);
    if check.result == SpfResult::Fail {
        ExitCode::from(NO)
    } else {
        ExitCode::SUCCESS
    }
}

fn print(check: &SpfCheck, json: bool) {
    let report = SpfReport {
        result: check.result.as_str(),
        identity: check.identity.as_str(),
        domain: &check.domain,
        mechanism: check.mechanism.as_deref().unwrap_or_default(),
        explanation: check.explanation.as_deref().unwrap_or_default(),
        problem: check.problem.as_deref().unwrap_or_default(),
        lookups: check.lookups,
        void_lookups: check.void_lookups,
        trace: &check.trace,
    };
    if json {
        return print_json(&report);
    }
    for step in report.trace {
        println!("  {step}");
    }
    println!();
    println!("{} {}: {}", report.identity, report.domain, report.result);
    for (label, value) in [
        ("decided by", report.mechanism),
        ("because", report.problem),
        ("the domain explains", report.explanation),
    ] {
        if !value.is_empty() {
            println!("{label}: {value}");
        }
    }
    println!(
        "DNS terms: {} of 10; void lookups: {} of 2",
        report.lookups, report.void_lookups
    );
}
