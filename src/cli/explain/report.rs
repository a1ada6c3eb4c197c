//! What `explain` prints; also its JSON object.

use std::net::IpAddr;

use serde::Serialize;

use super::leaves::Leaves;
use crate::{
    cli::stored::{Reconstructed, known},
    core::{
        message::Ending,
        notification::Notification,
        policy::{Check, Judgement, SpfAnswers},
        printable::printable,
        reply::Reply,
        trace_header::Deletion,
        verdict::{Mode, Verdict},
    },
    engine::{Course, Whole},
    mailstore::Stored,
};

/// The longest text of a stranger's that is shown, in octets.
const LONGEST_SHOWN: usize = 512;

#[derive(Serialize)]
pub(super) struct Report {
    mode: &'static str,
    recipients: Vec<Explained>,
    spf_trace: Vec<String>,
    /// Only of outgoing mail with a recipient that was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) leaves: Option<Leaves>,
    /// Only with `--eml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<MessageReport>,
}

#[derive(Serialize)]
struct Explained {
    recipient: String,
    #[serde(flatten)]
    answer: Answer,
    reply: String,
    checks: Vec<Checked>,
    /// Only where something is asked when the message is about to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_data: Option<Stage>,
    /// Only with `--eml`, and where RCPT let it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_headers: Option<Stage>,
    /// Only with `--eml`, and where a proof was looked for in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_content: Option<Stage>,
}

/// What was found at a later stage, and the verdict after it.
#[derive(Serialize)]
struct Stage {
    #[serde(flatten)]
    answer: Answer,
    checks: Vec<Checked>,
}

#[derive(Serialize)]
struct Answer {
    verdict: &'static str,
    reason: &'static str,
    /// Which entry of `milter.yaml` decided, or vouched.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What it proves, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    /// What enforcing would do, where monitoring softened it.
    would: Option<&'static str>,
}

#[derive(Serialize)]
struct Checked {
    name: &'static str,
    finding: String,
    action: Option<&'static str>,
    monitored: bool,
}

/// What is shown of a message as a whole.
#[derive(Serialize)]
pub(super) struct MessageReport {
    file: String,
    client: Option<IpAddr>,
    helo: Option<String>,
    mail_from: String,
    /// Where the envelope comes from.
    sources: Vec<String>,
    /// How many headers were read.
    headers: usize,
    /// Whether there were more of them, or longer ones, than are kept.
    headers_cut: bool,
    /// What kind of notification it is, if any.
    kind: Option<&'static str>,
    evidence: Option<String>,
    /// The reply to it, at whatever stage it comes; none where RCPT accepted no recipient.
    reply: Option<String>,
    /// Headers that are put on top, in their order.
    written: Vec<String>,
    /// Headers that are taken out before, because only we may write them: which of that name, from 1.
    removed: Vec<String>,
    quarantine: Option<&'static str>,
    discard: bool,
}

impl Report {
    pub(super) fn new(
        mode: Mode,
        whole: &Whole,
        client: Option<IpAddr>,
        spf: Option<&SpfAnswers>,
    ) -> Self {
        let explained = |course: &Course| {
            let Judgement { verdict, checks } = &course.rcpt.judgement;
            Explained {
                recipient: shown(&course.rcpt.addressed.sent.mailbox.to_bytes()),
                answer: Answer::new(verdict),
                reply: reply(verdict, client).unwrap_or_else(|| "250 2.1.5 Ok".to_owned()),
                checks: checked(checks),
                at_data: course.data.as_ref().map(Stage::new),
                after_headers: course.headers.as_ref().map(Stage::new),
                after_content: course.content.as_ref().map(Stage::new),
            }
        };
        Self {
            mode: mode.as_str(),
            recipients: whole.recipients.iter().map(explained).collect(),
            spf_trace: spf.map(spf_trace).unwrap_or_default(),
            leaves: None,
            message: None,
        }
    }

    /// Whether a recipient, or the message, is refused.
    pub(super) fn refuses(&self) -> bool {
        let refuses = |answer: &Answer| matches!(answer.verdict, "reject" | "tempfail");
        self.recipients.iter().any(|explained| {
            let mut stages = explained.stages();
            refuses(&explained.answer) || stages.any(|(_, stage)| refuses(&stage.answer))
        })
    }

    pub(super) fn print(&self) {
        if let Some(message) = &self.message {
            message.print_envelope();
        }
        if !self.spf_trace.is_empty() {
            println!("SPF");
            for step in &self.spf_trace {
                println!("  {step}");
            }
            println!();
        }
        for explained in &self.recipients {
            println!("{}", explained.recipient);
            print_checks(&explained.checks);
            explained.answer.print("verdict:", self.mode);
            print_reply(&explained.reply);
            for (name, stage) in explained.stages() {
                println!("  {name}");
                print_checks(&stage.checks);
                stage.answer.print("verdict:", self.mode);
            }
            println!();
        }
        if let Some(leaves) = &self.leaves {
            leaves.print();
        }
        if let Some(message) = &self.message {
            message.print_end();
        }
    }
}

impl Explained {
    fn stages(&self) -> impl Iterator<Item = (&'static str, &Stage)> {
        let stages = [
            ("at DATA", &self.at_data),
            ("at the end of the headers", &self.after_headers),
            ("at the end of the message", &self.after_content),
        ];
        let reached = stages.into_iter();
        reached.filter_map(|(name, stage)| Some((name, stage.as_ref()?)))
    }
}

impl Stage {
    fn new(judgement: &Judgement) -> Self {
        Self {
            answer: Answer::new(&judgement.verdict),
            checks: checked(&judgement.checks),
        }
    }
}

impl MessageReport {
    pub(super) fn new(stored: &Stored, case: &Reconstructed, whole: &Whole) -> Self {
        let client = &case.envelope.client;
        let notification = Notification::recognise(&case.envelope.reverse_path, &stored.headers);
        let ending = whole.end.as_ref().map(|end| &end.ending);
        Self {
            file: stored.name.clone(),
            client: known(client),
            helo: client.helo.as_deref().map(shown),
            mail_from: shown(&case.envelope.reverse_path.to_bytes()),
            sources: case.sources.clone(),
            headers: stored.headers.len(),
            headers_cut: stored.headers.is_cut(),
            kind: notification
                .as_ref()
                .map(|notification| notification.kind.as_str()),
            evidence: notification
                .as_ref()
                .map(|notification| notification.evidence_codes().join(",")),
            reply: end_reply(whole, known(client)),
            written: ending.map(written).unwrap_or_default(),
            removed: ending.map(removed).unwrap_or_default(),
            quarantine: ending.and_then(|ending| ending.quarantine),
            discard: ending.is_some_and(|ending| ending.discard),
        }
    }

    fn print_envelope(&self) {
        println!("{}", self.file);
        let client = self.client.map(|address| address.to_string());
        println!(
            "  envelope: client {}, HELO {}, MAIL FROM <{}>",
            client.as_deref().unwrap_or("unknown or none"),
            self.helo.as_deref().unwrap_or("unknown or none"),
            self.mail_from
        );
        for source in &self.sources {
            println!("    {source}");
        }
        let cut = if self.headers_cut { ", not all" } else { "" };
        println!("  headers:  {} read{cut}", self.headers);
        match (self.kind, &self.evidence) {
            (Some(kind), Some(evidence)) => println!("  kind:     {kind} ({evidence})"),
            _ => println!("  kind:     no notification"),
        }
        println!();
    }

    fn print_end(&self) {
        let Some(reply) = &self.reply else {
            println!("No recipient was accepted, so the message is not sent.");
            return;
        };
        println!("The message");
        print_reply(reply);
        if self.discard {
            println!("  discarded: it is not delivered");
        }
        if let Some(reason) = self.quarantine {
            println!("  held in the queue: {reason}");
        }
        for header in &self.removed {
            println!("  removed: {header}");
        }
        for header in &self.written {
            println!("  written: {}", header.replace('\n', "\n          "));
        }
    }
}

impl Answer {
    fn new(verdict: &Verdict) -> Self {
        Self {
            verdict: verdict.action.as_str(),
            reason: verdict.reason.code(),
            by: verdict.by.as_ref().map(ToString::to_string),
            proof: verdict.proof.as_ref().map(ToString::to_string),
            would: verdict.would.map(|action| action.as_str()),
        }
    }

    fn print(&self, label: &str, mode: &str) {
        let would = self
            .would
            .map(|action| format!(", would {action} if enforced"))
            .unwrap_or_default();
        let proof = self.proof.as_ref().map(|proof| format!(", proof {proof}"));
        let by = self.by.as_ref().map(|by| format!(" by {by}"));
        println!(
            "  {label} {} ({}{}){}{would}; mode {mode}",
            self.verdict,
            self.reason,
            by.unwrap_or_default(),
            proof.unwrap_or_default()
        );
    }
}

/// The reply to the message; none where no recipient was accepted by then.
fn end_reply(whole: &Whole, client: Option<IpAddr>) -> Option<String> {
    let mut reached = whole
        .recipients
        .iter()
        .filter(|course| course.data.is_some() || course.headers.is_some())
        .peekable();
    reached.peek()?;
    let refusal = reached.find_map(|course| reply(&course.last().verdict, client));
    Some(refusal.unwrap_or_else(|| "250 2.0.0 Ok".to_owned()))
}

fn written(ending: &Ending) -> Vec<String> {
    let headers = ending.insert_headers.iter();
    headers
        .map(|(name, value)| format!("{name}: {value}"))
        .collect()
}

/// Those further up first, as a reader meets them.
fn removed(ending: &Ending) -> Vec<String> {
    let removed = |Deletion { name, index }: &Deletion| format!("{} #{index}", shown(name));
    ending.delete_headers.iter().rev().map(removed).collect()
}

fn reply(verdict: &Verdict, client: Option<IpAddr>) -> Option<String> {
    Reply::to(verdict, client).map(|reply| reply.to_string())
}

fn checked(checks: &[Check]) -> Vec<Checked> {
    let checked = |check: &Check| Checked {
        name: check.name,
        finding: check.finding.clone(),
        action: check.rule.map(|rule| rule.action.as_str()),
        monitored: check.rule.is_some_and(|rule| rule.monitor),
    };
    checks.iter().map(checked).collect()
}

/// The steps of both checks; of one where they were the same (the null sender is checked as postmaster@HELO).
fn spf_trace(spf: &SpfAnswers) -> Vec<String> {
    if spf.helo.is_none() && spf.mail_from.is_none() {
        return vec!["not asked".to_owned()];
    }
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

fn print_checks(checks: &[Checked]) {
    for check in checks {
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
}

fn print_reply(reply: &str) {
    for line in reply.split("\r\n") {
        println!("  reply:   {line}");
    }
}

pub(super) fn shown(bytes: &[u8]) -> String {
    printable(bytes, LONGEST_SHOWN)
}
