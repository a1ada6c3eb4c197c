//! `backstop report would`: what `mode: enforce` would have refused, and the lines of `milter.yaml` that would spare it.

use std::{collections::BTreeMap, process::ExitCode, time};

use clap::Args;
use serde::Serialize;

use super::ask;
use crate::{
    cli::{print_json, today, unavailable},
    config::{
        Config,
        amend::{self, NoLine},
    },
    core::{
        duration::Duration,
        moment::rfc3339,
        policy::Modes,
        proof::DAY,
        verdict::{Action, Mode},
        would::{KEEP_DAYS, Total, WouldSummary},
    },
};

/// The maximum number of groups in the text.
const MAX_NAMED: usize = 30;
/// Why there are no counts.
const NOTHING: &str = "nothing is counted: `mode` is enforce, no rule has `monitor: true`, and there are no `tenants`";
/// The default period, in days.
const DEFAULT: u64 = 7;

#[derive(Debug, Args)]
pub(super) struct WouldArguments {
    /// The period until now, in whole days (UTC): 14d, for example; at most 30d [default: 7d]
    #[arg(long, value_name = "DURATION")]
    since: Option<Duration>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// The report; also its JSON object.
#[derive(Serialize)]
struct WouldReport {
    from: String,
    to: String,
    /// Recipients of mail that would have been refused, deferred, held or dropped.
    recipients: u64,
    groups: Vec<Group>,
    /// How many recipients found no room in the groups, by reason.
    others: BTreeMap<String, u64>,
    #[serde(skip)]
    modes: Modes,
}

#[derive(Serialize)]
struct Group {
    recipients: u64,
    action: Action,
    reason: String,
    by: Option<String>,
    sender: String,
    client: String,
    /// Messages of the same sender that were accepted with nothing against them.
    accepted_otherwise: u64,
    example: Option<Example>,
    spare: Option<Line>,
}

#[derive(Serialize)]
struct Example {
    time: String,
    id: String,
    queue_id: Option<String>,
    recipient: String,
    spf: Option<String>,
    spf_helo: Option<String>,
}

/// The line of the file that spares a group.
#[derive(Serialize)]
struct Line {
    key: &'static str,
    /// The file spares it already.
    spared: bool,
    file: String,
    line: Option<usize>,
    /// What the line is then.
    text: Option<String>,
}

pub(super) async fn would(config: &Config, arguments: &WouldArguments) -> ExitCode {
    if config.has_no_domain() {
        return unavailable(
            "nothing is counted, because `local.domains` is empty; list your domains there",
        );
    }
    let store = match ask(config, NOTHING) {
        Ok(store) => store,
        Err(code) => return code,
    };
    let days = arguments.since.map_or(DEFAULT, |since| {
        time::Duration::from(since).as_secs().div_ceil(DAY).max(1)
    });
    let today = today();
    let kept = days.min(KEEP_DAYS);
    let first = today.saturating_sub(kept - 1);
    let read = async {
        let rows = store.would(first..=today).await?;
        let senders = WouldSummary::senders(&rows);
        let accepted = store.accepted_of(first..=today, senders).await?;
        Ok::<_, crate::store::Unavailable>(WouldSummary::of(rows, &accepted))
    };
    let summary = match read.await {
        Ok(summary) => summary,
        Err(why) => return unavailable(&why.to_string()),
    };
    let report = WouldReport::of(summary, (first, today), config);
    if arguments.json {
        print_json(&report);
    } else {
        report.print();
    }
    if days > kept {
        eprintln!("only the last {KEEP_DAYS} days are kept, so the report begins there");
    }
    ExitCode::SUCCESS
}

impl WouldReport {
    fn of(summary: WouldSummary, (first, last): (u64, u64), config: &Config) -> Self {
        let groups = summary.groups.into_iter();
        Self {
            from: rfc3339(first.saturating_mul(DAY)),
            to: rfc3339(last.saturating_add(1).saturating_mul(DAY) - 1),
            recipients: summary.times,
            groups: groups.map(|total| Group::of(total, config)).collect(),
            others: summary.others,
            modes: config.policy.modes(),
        }
    }

    fn print(&self) {
        let day = |time: &str| time.get(..10).unwrap_or_default().to_owned();
        let (from, to) = (day(&self.from), day(&self.to));
        let what = match self.modes {
            Modes::One(Mode::Enforce) => {
                "mail that monitored rules would have refused, deferred or held"
            }
            Modes::One(Mode::Monitor) | Modes::OfEach(_) => {
                "mail that `mode: enforce` would have refused, deferred or held"
            }
        };
        println!("{what}, from {from} to {to} (UTC)");
        if self.recipients == 0 {
            println!("\nnone");
            return;
        }
        println!(
            "\n{:>9}  {:<10} {:<24} {:<9} {:<28} client",
            "times", "action", "reason", "SPF", "sender"
        );
        let shown = self.groups.get(..MAX_NAMED).unwrap_or(&self.groups);
        for group in shown {
            group.print();
        }
        if let Some(more) = self
            .groups
            .len()
            .checked_sub(MAX_NAMED)
            .filter(|more| *more > 0)
        {
            println!("\nand {more} more groups; use --json to see all");
        }
        for (reason, times) in &self.others {
            println!(
                "\n{times:>9}  more with the reason {reason} found no room in the store; the log has them"
            );
        }
    }
}

impl Group {
    fn of(total: Total, config: &Config) -> Self {
        let Total {
            group,
            times,
            example,
            accepted,
        } = total;
        let spare = group.spare.as_ref().map(|spare| {
            let found = amend::sparing(config, spare);
            let spared = matches!(found, Err(NoLine::Spared));
            let line = found.ok();
            Line {
                key: spare.key(),
                spared,
                file: config.file.display().to_string(),
                line: line.as_ref().map(|line| line.line),
                text: line.map(|line| line.written),
            }
        });
        Self {
            recipients: times,
            action: group.action,
            reason: group.reason,
            by: Some(group.by).filter(|by| !by.is_empty()),
            sender: group.sender,
            client: group.client,
            accepted_otherwise: accepted,
            example: example.map(|example| Example {
                time: rfc3339(example.at),
                id: example.id,
                queue_id: example.queue_id,
                recipient: example.recipient,
                spf: example.spf,
                spf_helo: example.spf_helo,
            }),
            spare,
        }
    }

    fn print(&self) {
        let example = self.example.as_ref();
        let spf = example.and_then(|example| example.spf.as_deref());
        println!(
            "\n{:>9}  {:<10} {:<24} {:<9} {:<28} {}",
            self.recipients,
            self.action,
            self.reason,
            spf.unwrap_or("-"),
            self.sender,
            self.client
        );
        let line = |text: String| println!("{:>9}  {text}", "");
        if let Some(by) = &self.by {
            line(format!("by {by}"));
        }
        if self.accepted_otherwise > 0 {
            let times = self.accepted_otherwise;
            line(format!("other mail of this sender was accepted: {times}"));
        }
        if let Some(example) = example {
            let queue_id = example.queue_id.as_deref();
            let id = queue_id.map_or(format!("id={}", example.id), |id| format!("queue id {id}"));
            let recipient = &example.recipient;
            line(format!("last {}, {id}, to {recipient}", example.time));
        }
        line(match &self.spare {
            None => "no entry spares it: what did not answer has to be mended".to_owned(),
            Some(Line {
                spared: true,
                key,
                file,
                ..
            }) => {
                format!("{file} spares it by now ({key})")
            }
            Some(Line {
                line: Some(at),
                text: Some(text),
                file,
                ..
            }) => {
                format!("to spare it, {file}:{at}: {text}")
            }
            Some(Line { key, file, .. }) => {
                format!("to spare it, use {key} in {file}")
            }
        });
    }
}
