//! The report of `explain`; also its JSON object.

use std::{collections::BTreeMap, net::IpAddr};

use serde::Serialize;

use super::{entry::EntryAsked, leaves::Leaves};
use crate::{
    cli::stored::{Reconstructed, known},
    config::Located,
    core::{
        message::Ending,
        notification::Notification,
        policy::{Check, Judgement, Policy, SpfAnswers},
        printable::printable,
        reply::Reply,
        tenant::TenantAnswers,
        trace_header::Deletion,
        verdict::Verdict,
    },
    engine::{Course, Whole},
    mailstore::Stored,
};

/// The maximum length of text from outside, in octets.
const MAX_SHOWN: usize = 512;

#[derive(Serialize)]
pub(super) struct ExplainReport {
    mode: &'static str,
    recipients: Vec<Explained>,
    spf_trace: Vec<String>,
    /// Only for outgoing mail with an accepted recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) leaves: Option<Leaves>,
    /// Only with `--eml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<MessageReport>,
}

#[derive(Serialize)]
struct Explained {
    recipient: String,
    /// What its client answers, where clients may have rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<Tenant>,
    /// Its domain's.
    mode: &'static str,
    #[serde(flatten)]
    answer: ShownVerdict,
    reply: String,
    /// The entry of `recipients` that was asked, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<EntryAsked>,
    checks: Vec<Checked>,
    /// Only if a rule decides at DATA.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_data: Option<Stage>,
    /// Only with `--eml`, if RCPT accepted the recipient.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_headers: Option<Stage>,
    /// Only with `--eml`, if a proof or a signature of the author's was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_content: Option<Stage>,
    /// Only with `--eml`, if it answers forged mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_end: Option<Stage>,
}

/// The row of a domain in `tenants`.
#[derive(Serialize)]
struct Tenant {
    /// Where it stands; empty if there is none.
    from: String,
    /// The keys that it sets. The file answers the others.
    answers: BTreeMap<&'static str, String>,
}

/// The checks of a stage after RCPT, and the verdict after it.
#[derive(Serialize)]
struct Stage {
    #[serde(flatten)]
    answer: ShownVerdict,
    checks: Vec<Checked>,
}

#[derive(Serialize)]
struct ShownVerdict {
    #[serde(skip)]
    is_refusal: bool,
    verdict: &'static str,
    reason: &'static str,
    /// The entry of `milter.yaml` that decided, or vouched.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// The proof, if one was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<String>,
    /// The action without monitoring.
    would: Option<&'static str>,
}

#[derive(Serialize)]
struct Checked {
    name: &'static str,
    finding: String,
    action: Option<&'static str>,
    monitored: bool,
}

/// The part about the whole message.
#[derive(Serialize)]
pub(super) struct MessageReport {
    file: String,
    client: Option<IpAddr>,
    helo: Option<String>,
    mail_from: String,
    /// The sources of the envelope.
    sources: Vec<String>,
    /// The number of headers that were read.
    headers: usize,
    /// Whether headers were cut.
    headers_cut: bool,
    /// The kind of notification, if it is one.
    kind: Option<&'static str>,
    evidence: Option<String>,
    /// The reply to it, at any stage; none if RCPT accepted no recipient.
    reply: Option<String>,
    /// Headers that are added on top, in order.
    written: Vec<String>,
    /// Headers that are removed before, because only we may write them; with the index of each name, from 1.
    removed: Vec<String>,
    quarantine: Option<&'static str>,
    discard: bool,
    /// Recipients whose sender gets no notice, with what failed.
    no_dsn: Vec<String>,
}

impl ExplainReport {
    pub(super) fn new(
        (policy, located): (&Policy, &Located),
        whole: &Whole,
        client: Option<IpAddr>,
        spf: Option<&SpfAnswers>,
    ) -> Self {
        let explained = |course: &Course| {
            let Judgement { verdict, checks } = &course.rcpt.judgement;
            let tenant = course.rcpt.lookups.tenant.as_deref();
            Explained {
                tenant: tenant.map(Tenant::of),
                mode: policy.answers_of(tenant).mode().as_str(),
                recipient: shown(&course.rcpt.addressed.sent.mailbox.to_bytes()),
                answer: ShownVerdict::new(verdict),
                reply: reply(verdict, client).unwrap_or_else(|| "250 2.1.5 Ok".to_owned()),
                entry: EntryAsked::of(course, policy, located),
                checks: checked(checks),
                at_data: course.data.as_ref().map(Stage::new),
                after_headers: course.headers.as_ref().map(Stage::new),
                after_content: course.content.as_ref().map(Stage::new),
                at_end: course.end.as_ref().map(Stage::new),
            }
        };
        Self {
            mode: policy.mode.as_str(),
            recipients: whole.recipients.iter().map(explained).collect(),
            spf_trace: spf.map(spf_trace).unwrap_or_default(),
            leaves: None,
            message: None,
        }
    }

    /// Whether a recipient, or the message, is refused.
    pub(super) fn refuses(&self) -> bool {
        self.recipients.iter().any(|explained| {
            let mut stages = explained.stages();
            explained.answer.is_refusal || stages.any(|(_, stage)| stage.answer.is_refusal)
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
            if let Some(entry) = &explained.entry {
                entry.print();
            }
            print_checks(&explained.checks);
            explained.answer.print("verdict:", explained.mode);
            print_reply(&explained.reply);
            for (name, stage) in explained.stages() {
                println!("  {name}");
                print_checks(&stage.checks);
                stage.answer.print("verdict:", explained.mode);
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

impl Tenant {
    fn of(row: &TenantAnswers) -> Self {
        Self {
            from: shown(row.from.as_bytes()),
            answers: row.keys().into_iter().collect(),
        }
    }
}

impl Explained {
    fn stages(&self) -> impl Iterator<Item = (&'static str, &Stage)> {
        let stages = [
            ("at DATA", &self.at_data),
            ("at the end of the headers", &self.after_headers),
            ("at the end of the message", &self.after_content),
            ("before it is delivered", &self.at_end),
        ];
        let reached = stages.into_iter();
        reached.filter_map(|(name, stage)| Some((name, stage.as_ref()?)))
    }
}

impl Stage {
    fn new(judgement: &Judgement) -> Self {
        Self {
            answer: ShownVerdict::new(&judgement.verdict),
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
            no_dsn: ending.map(no_dsn).unwrap_or_default(),
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
            println!("The MTA does not send the message: no recipient was accepted.");
            return;
        };
        println!("The message");
        print_reply(reply);
        if self.discard {
            println!("  discarded: no recipient gets it");
        }
        if let Some(reason) = self.quarantine {
            println!("  held in the queue: {reason}");
        }
        for recipient in &self.no_dsn {
            println!("  no notice to the sender: {recipient}");
        }
        for header in &self.removed {
            println!("  removed: {header}");
        }
        for header in &self.written {
            println!("  written: {}", header.replace('\n', "\n          "));
        }
    }
}

impl ShownVerdict {
    fn new(verdict: &Verdict) -> Self {
        Self {
            is_refusal: !verdict.is_accepted(),
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

/// The reply to the message; none if no recipient was accepted by then.
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

fn no_dsn(ending: &Ending) -> Vec<String> {
    let silenced = ending.readd_recipients.iter().filter_map(|readded| {
        let why = readded.no_dsn?;
        Some(format!("{} ({why} fails)", shown(&readded.address)))
    });
    silenced.collect()
}

/// In the order of the message.
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

/// The steps of both checks, or of one if they are the same (the null sender is checked as postmaster@HELO).
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
    printable(bytes, MAX_SHOWN)
}
