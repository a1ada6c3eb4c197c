//! `backstop trace`: what became of a message, or of mail from or to an address, as the logs tell it.

mod line;
mod mta;
mod source;
mod story;

use std::{path::PathBuf, process::ExitCode, time};

use clap::Args;
use serde::Serialize;

use self::{
    line::Line,
    source::{Source, ago},
    story::{Search, Story, Wanted},
};
use super::{NO, USAGE, now, print_json, without_controls};
use crate::core::{duration::Duration, moment::rfc3339};

/// What an empty answer means.
const HINT: &str = "so no host has handed over such a message here, or the log of that time is gone. If a bounce is missing, look \
     for the message that was to bounce: the lines of its delivery say whether it was returned, and by which host; a bounce \
     to a backup MX is in the log of that host. `log.level` in milter.yaml must be info or debug";

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
    let since = ago(now(), time::Duration::from(arguments.since));
    let sources = match arguments.log.as_slice() {
        [] => Source::of_this_host(since),
        files => files.iter().flat_map(|file| named(file, since)).collect(),
    };
    let report = report(arguments, since, &sources);
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

/// A file that was named is read, however old; those beside it only if they are of that time.
fn named(file: &std::path::Path, since: u64) -> Vec<Source> {
    let mut sources = Source::rotated(file, since);
    let itself = Source::File(file.to_owned());
    if !sources.contains(&itself) {
        sources.push(itself);
    }
    sources
}

fn report(arguments: &Arguments, since: u64, sources: &[Source]) -> TraceReport {
    let mut search = Search::new(Wanted::of(arguments.wanted.trim()));
    // Where the year or the zone is not there, the file's own time has to do.
    let is_recent = |line: &Line| line.time.is_none_or(|time| time >= since);
    let mut unreadable = Vec::new();
    for pass in [true, false] {
        for source in sources {
            let read = source.read(since, |text| {
                let Some(line) = Line::read(text).filter(is_recent) else {
                    return;
                };
                match pass {
                    true => search.look(&line),
                    false => search.tell(&line),
                }
            });
            if let Err(error) = read
                && pass
            {
                unreadable.push(format!("{}: {error}", source.name()));
            }
        }
    }
    TraceReport {
        wanted: arguments.wanted.clone(),
        since: rfc3339(since),
        logs: sources.iter().map(Source::name).collect(),
        unreadable,
        older: search.dropped(),
        messages: search.stories(),
    }
}

impl TraceReport {
    fn print(&self) {
        for why in &self.unreadable {
            eprintln!("backstop trace: {}", without_controls(why));
        }
        if self.messages.is_empty() {
            let logs = self.logs.join(", ");
            println!(
                "nothing about {} since {} in {}: {HINT}",
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
