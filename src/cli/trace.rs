//! `backstop trace`: what became of a message, or of mail from or to an address, as the logs tell it.

mod line;
mod mta;
mod story;

use std::{io, path::PathBuf, process::ExitCode, time};

use clap::Args;
use serde::Serialize;

use self::{
    line::Line,
    story::{Search, Story, Wanted},
};
use super::{NO, USAGE, now, print_json, without_controls};
use crate::{
    core::{duration::Duration, moment::rfc3339},
    mailstore::logs::{Log, text},
    observe::without_priority,
};

/// What an empty answer means.
const NOTHING: &str = "so no host has handed over such a message here, or the log of that time is gone. If a bounce is missing, look \
     for the message that was to bounce: the lines of its delivery say whether it was returned, and by which host; a bounce \
     to a backup MX is in the log of that host. `log.level` in milter.yaml must be info or debug";

/// What it means where a log could not be read.
const UNREAD: &str = "but not all of it could be read, so that says little; root may read it";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A queue id, the id of a decision line, a Message-ID in angle brackets, or the address of a sender or a recipient
    #[arg(value_name = "ID|ADDRESS")]
    wanted: String,
    /// How far to look back
    #[arg(long, value_name = "DURATION", default_value = "2d")]
    since: Duration,
    /// Read this log file, and those that were rotated away beside it, instead of the journal and /var/log/mail.log; may be
    /// given several times
    #[arg(long, value_name = "FILE")]
    log: Vec<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was found; also the JSON object.
#[derive(Serialize)]
struct TraceReport {
    wanted: String,
    since: String,
    /// What was read.
    logs: Vec<String>,
    /// What could not be read, with the reason.
    unreadable: Vec<String>,
    messages: Vec<Story>,
    /// How many older messages there are.
    older: usize,
}

pub(super) fn trace(arguments: &Arguments) -> ExitCode {
    if arguments.wanted.trim().is_empty() {
        eprintln!("backstop trace: expected a queue id, a Message-ID or an address");
        return ExitCode::from(USAGE);
    }
    let since = now().saturating_sub(time::Duration::from(arguments.since).as_secs());
    let logs = match arguments.log.as_slice() {
        [] => Log::of_this_host(since),
        files => files
            .iter()
            .flat_map(|file| Log::named(file, since))
            .collect(),
    };
    let report = report(arguments, since, &logs);
    if arguments.json {
        print_json(&report);
    } else {
        report.print();
    }
    match report.messages.is_empty() {
        true => ExitCode::from(NO),
        false => ExitCode::SUCCESS,
    }
}

fn report(arguments: &Arguments, since: u64, logs: &[Log]) -> TraceReport {
    let mut search = Search::new(Wanted::of(arguments.wanted.trim()));
    let mut unreadable = Vec::new();
    for pass in [true, false] {
        for log in logs {
            let read = each_line(log, since, |line| match pass {
                true => search.look(line),
                false => search.tell(line),
            });
            if let Err(error) = read
                && pass
            {
                unreadable.push(format!("{log}: {error}"));
            }
        }
    }
    TraceReport {
        wanted: arguments.wanted.clone(),
        since: rfc3339(since),
        logs: logs.iter().map(Log::to_string).collect(),
        unreadable,
        older: search.dropped(),
        messages: search.stories(),
    }
}

/// Hands over the lines of a log since then, and what ends it before its end.
fn each_line(log: &Log, since: u64, mut with: impl FnMut(&Line)) -> io::Result<()> {
    // Where the year or the zone is not there, the file's own time has to do.
    let is_recent = |line: &Line| line.time.is_none_or(|time| time >= since);
    let mut lines = log.open(since)?;
    while let Some(line) = lines.next_line()? {
        let line = text(line.trim_ascii_end());
        if let Some(line) = Line::read(without_priority(&line)).filter(is_recent) {
            with(&line);
        }
    }
    Ok(())
}

impl TraceReport {
    fn print(&self) {
        for why in &self.unreadable {
            eprintln!("backstop trace: {}", without_controls(why));
        }
        if self.messages.is_empty() {
            let logs = self.logs.join(", ");
            let meaning = match self.unreadable.is_empty() {
                true => NOTHING,
                false => UNREAD,
            };
            println!(
                "nothing about {} since {} in {}: {meaning}",
                without_controls(&self.wanted),
                self.since,
                without_controls(&logs)
            );
            return;
        }
        if self.older > 0 {
            println!(
                "these are the newest; {} older messages are left out\n",
                self.older
            );
        }
        for (number, story) in self.messages.iter().enumerate() {
            if number > 0 {
                println!();
            }
            story.print();
        }
    }
}

impl Story {
    fn print(&self) {
        let ids: Vec<_> = self.ids.iter().map(String::as_str).collect();
        match (&self.queue_id, ids.as_slice()) {
            (Some(queue_id), []) => println!("{queue_id}: no decision of Backstop is in the log"),
            (Some(queue_id), ids) => println!("{queue_id} (id={})", ids.join(", id=")),
            (None, []) => println!("refused before it had a queue id"),
            (None, ids) => println!("id={}, refused before it had a queue id", ids.join(", id=")),
        }
        for event in &self.events {
            let time = event.time.as_ref().unwrap_or(&event.logged);
            println!(
                "  {time}  {}: {}",
                event.program,
                without_controls(&event.words)
            );
        }
        if self.omitted > 0 {
            println!("  and {} more lines", self.omitted);
        }
        for id in &self.leads_to {
            println!("  see also `backstop trace {id}`");
        }
    }
}
