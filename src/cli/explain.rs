//! `backstop explain`: what would be done with a message, every question, answer and reason, and the SMTP replies.

use std::{net::IpAddr, path::Path, process::ExitCode, sync::Arc};

use clap::Args;
use serde::Serialize;

use super::{NO, engine, load, print_json, unavailable};
use crate::{
    core::{
        address::{Mailbox, ReversePath, bracketless},
        envelope::{Client, Envelope, Recipient},
        policy::{Check, Judgement, SpfAnswers},
        printable::printable,
        reply::Reply,
    },
    dns::Nameserver,
    filter::{Engine, Message},
};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The client's address; leave it out for a local submission
    #[arg(long, value_name = "IP")]
    client_ip: Option<IpAddr>,
    /// What the client says in HELO or EHLO
    #[arg(long, value_name = "NAME")]
    helo: Option<String>,
    /// MAIL FROM; empty or <> for the null sender
    #[arg(long, value_name = "ADDRESS")]
    from: String,
    /// RCPT TO; may be given several times
    #[arg(long, value_name = "ADDRESS", required = true)]
    rcpt: Vec<String>,
    /// The client has logged in (as LOGIN)
    #[arg(long, value_name = "LOGIN", num_args = 0..=1, default_missing_value = "user")]
    auth: Option<String>,
    /// The MTA's {daemon_name}
    #[arg(long, value_name = "NAME")]
    daemon: Option<String>,
    /// The receiving host's name, for SPF's macro %{r}
    #[arg(long, value_name = "NAME", default_value = "unknown")]
    receiver: String,
    /// Ask this name server instead of the configured ones; may be given several times
    #[arg(long, value_name = "ADDRESS[:PORT]")]
    nameserver: Vec<Nameserver>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    mode: &'static str,
    recipients: Vec<Explained>,
    spf_trace: Vec<String>,
}

#[derive(Serialize)]
struct Explained {
    recipient: String,
    verdict: &'static str,
    reason: &'static str,
    /// What enforcing would do, where monitoring softened it.
    would: Option<&'static str>,
    reply: String,
    checks: Vec<Checked>,
}

#[derive(Serialize)]
struct Checked {
    name: &'static str,
    finding: String,
    action: Option<&'static str>,
    monitored: bool,
}

pub(super) async fn explain(config: &Path, arguments: &Arguments) -> ExitCode {
    let mut config = match load(config) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if !arguments.nameserver.is_empty() {
        config.dns.nameservers.clone_from(&arguments.nameserver);
    }
    let engine = match engine(&config, None) {
        Ok((engine, _)) => engine,
        Err(error) => return unavailable(&error.to_string()),
    };
    // A list is asked about clients only after it has proved sane.
    let _ = engine
        .blocklists
        .self_test(&engine.policy.dnsbl, &engine.resolver)
        .await;
    let report = walk(Arc::new(engine), arguments).await;
    let refused = report
        .recipients
        .iter()
        .any(|explained| matches!(explained.verdict, "reject" | "tempfail"));
    if arguments.json {
        print_json(&report);
    } else {
        print(&report);
    }
    if refused {
        ExitCode::from(NO)
    } else {
        ExitCode::SUCCESS
    }
}

async fn walk(engine: Arc<Engine>, arguments: &Arguments) -> Report {
    let mode = engine.policy.mode.as_str();
    let bytes = |text: &String| text.clone().into_bytes();
    let client = Client {
        address: arguments.client_ip.map(|address| address.to_canonical()),
        helo: arguments.helo.as_ref().map(bytes),
        login: arguments.auth.as_ref().map(bytes),
        daemon: arguments.daemon.as_ref().map(bytes),
    };
    let envelope = Envelope {
        client,
        reverse_path: ReversePath::from_bytes(arguments.from.as_bytes()),
    };
    let mut message = Message::new(engine, envelope, arguments.receiver.clone());
    let mut recipients = Vec::new();
    for rcpt in &arguments.rcpt {
        let mailbox = Mailbox::from_bytes(bracketless(rcpt.as_bytes()));
        let judgement = message
            .judge(&Recipient {
                mailbox,
                refused: None,
            })
            .await;
        recipients.push(explained(rcpt, &judgement, arguments.client_ip));
    }
    Report {
        mode,
        recipients,
        spf_trace: message.spf().map(spf_trace).unwrap_or_default(),
    }
}

/// The steps of both checks; of one where they were the same (the null sender is checked as postmaster@HELO).
fn spf_trace(spf: &SpfAnswers) -> Vec<String> {
    let mut lines = Vec::new();
    let mut seen: Option<&[String]> = None;
    for check in [&spf.helo, &spf.mail_from].into_iter().flatten() {
        lines.push(format!(
            "{} {}: {}; DNS terms {} of 10, void lookups {} of 2",
            check.identity, check.domain, check.result, check.lookups, check.void_lookups
        ));
        if seen == Some(check.trace.as_slice()) {
            lines.push("  as above".to_owned());
        } else {
            lines.extend(check.trace.iter().map(|step| format!("  {step}")));
        }
        seen = Some(&check.trace);
    }
    lines
}

fn explained(rcpt: &str, judgement: &Judgement, client: Option<IpAddr>) -> Explained {
    let verdict = &judgement.verdict;
    let checked = |check: &Check| Checked {
        name: check.name,
        finding: check.finding.clone(),
        action: check.rule.map(|rule| rule.action.as_str()),
        monitored: check.rule.is_some_and(|rule| rule.monitor),
    };
    Explained {
        recipient: printable(rcpt.as_bytes(), 512),
        verdict: verdict.action.as_str(),
        reason: verdict.reason.code(),
        would: verdict.would.map(|action| action.as_str()),
        reply: Reply::to(verdict, client)
            .map_or_else(|| "250 2.1.5 Ok".to_owned(), |reply| reply.to_string()),
        checks: judgement.checks.iter().map(checked).collect(),
    }
}

fn print(report: &Report) {
    if !report.spf_trace.is_empty() {
        println!("SPF");
        for step in &report.spf_trace {
            println!("  {step}");
        }
        println!();
    }
    for explained in &report.recipients {
        println!("{}", explained.recipient);
        for check in &explained.checks {
            let monitored = if check.monitored {
                " (monitored only)"
            } else {
                ""
            };
            let action = check
                .action
                .map(|action| format!(" -> {action}{monitored}"))
                .unwrap_or_default();
            println!("  {:<30} {}{action}", check.name, check.finding);
        }
        let would = explained
            .would
            .map(|action| format!(", would {action} if enforced"))
            .unwrap_or_default();
        println!(
            "  verdict: {} ({}){would}; mode {}",
            explained.verdict, explained.reason, report.mode
        );
        for line in explained.reply.split("\r\n") {
            println!("  reply:   {line}");
        }
        println!();
    }
}
