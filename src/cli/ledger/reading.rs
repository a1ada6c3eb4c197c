//! Reads logs and sent mail, and makes entries of the ledger of them.

use std::{collections::BTreeMap, io, sync::Arc};

use tokio::sync::mpsc::Sender;

use super::{
    report::{Found, UnreadableLine},
    sources::Source,
};
use crate::{
    cli::progress::Progress,
    core::{
        policy::Policy,
        proof::{DAY, ledger::Sent},
    },
    maillog::{Calendar, Joiner, Line, OutgoingMessage},
    mailstore::{MailStore, NotSent, SentCopy, logs::Log},
};

/// How many entries are handed over at a time, and written in one go.
const AT_ONCE: usize = 5_000;
/// How many unreadable lines are named.
const NAMED: usize = 10;

/// Reads all sources in order, and hands over what is to be written.
pub(super) struct Reading {
    policy: Arc<Policy>,
    /// The first second of which mail is taken, and the last, in seconds since 1970.
    since: u64,
    now: u64,
    joiner: Joiner,
    found: Found,
    batch: Vec<Sent>,
    hand_over: Sender<Vec<Sent>>,
    progress: Progress,
}

impl Reading {
    pub fn new(policy: Arc<Policy>, since: u64, now: u64, hand_over: Sender<Vec<Sent>>) -> Self {
        Self {
            joiner: Joiner::new(policy.local.clone()),
            policy,
            since,
            now,
            found: Found::default(),
            batch: Vec::with_capacity(AT_ONCE),
            hand_over,
            progress: Progress::new(),
        }
    }

    /// Reads them, the oldest log first, and gives what was found.
    pub fn all(mut self, sources: Vec<Source>) -> Found {
        let mut sources = sources.into_iter().peekable();
        while let Some(source) = sources.next() {
            match source {
                Source::Log(log, calendar, _) => {
                    if let Err(error) = self.log(&log, calendar) {
                        self.found.failed.push(format!("{log}: {error}"));
                    }
                    self.found.logs.push(log.to_string());
                }
                Source::Mail(store, name) => self.mail(*store, name),
            }
            if !matches!(sources.peek(), Some(Source::Log(..))) {
                self.joiner.end();
                self.take_joined();
            }
        }
        self.send();
        self.progress.ends();
        self.found.seen = self.joiner.seen().clone();
        self.found
    }

    fn log(&mut self, log: &Log, mut calendar: Calendar) -> io::Result<()> {
        let name = log.to_string();
        let mut lines = log.open(self.since)?;
        self.progress.begins(&name, lines.length(), true);
        let mut number = 0_u64;
        loop {
            let Some(octets) = lines.next_line()? else {
                self.found.cut += lines.cut();
                return Ok(());
            };
            number += 1;
            self.found.lines += 1;
            let read = Line::read(octets).map(|line| (line, calendar.time(line.stamp)));
            match read {
                _ if octets.trim_ascii().is_empty() || octets.starts_with(b"-- ") => {}
                None => self.unreadable(&name, number, "no time and program at its beginning"),
                Some((_, None)) => self.unreadable(&name, number, "no year has this day"),
                Some((_, Some(time))) if time > self.now.saturating_add(DAY) => {
                    self.unreadable(&name, number, "it is from the future");
                }
                Some((_, Some(time))) if time < self.since => self.found.too_old += 1,
                Some((line, Some(time))) => {
                    self.found.of_mta += u64::from(self.joiner.line(&line, time));
                    self.take_joined();
                }
            }
            self.progress.is_at(|| lines.position());
        }
    }

    fn unreadable(&mut self, log: &str, line: u64, why: &'static str) {
        self.found.unreadable += 1;
        if self.found.unreadable_lines.len() < NAMED {
            let log = log.to_owned();
            self.found
                .unreadable_lines
                .push(UnreadableLine { log, line, why });
        }
    }

    fn take_joined(&mut self) {
        while let Some(message) = self.joiner.next_message() {
            let OutgoingMessage {
                at,
                message_id,
                sender,
                recipients,
                recipient_count,
                ..
            } = &message;
            let sent = self.policy.sent(
                sender,
                recipients,
                *recipient_count,
                message_id.as_deref(),
                (*at).min(self.now),
            );
            self.push(sent.ok());
        }
    }

    fn mail(&mut self, store: MailStore, name: String) {
        self.progress
            .begins(&name, store.length(), store.kind() == "mbox");
        let mut folder: BTreeMap<&str, u64> = BTreeMap::new();
        for entry in store {
            let (counted, position) = match entry {
                Ok(stored) => {
                    let position = stored.position;
                    let copy = SentCopy::read(&stored, |domain| self.policy.local.is_ours(domain));
                    (self.copy(copy), position)
                }
                Err(unreadable) => {
                    self.found.failed.truncate(NAMED);
                    self.found.failed.push(unreadable.to_string());
                    ("unreadable", 0)
                }
            };
            *folder.entry(counted).or_default() += 1;
            self.progress.is_at(|| position);
        }
        let folder = folder
            .into_iter()
            .map(|(why, count)| (why.to_owned(), count));
        self.found.folders.insert(name, folder.collect());
    }

    /// Takes a copy, and says what it counts as.
    fn copy(&mut self, copy: Result<SentCopy, NotSent>) -> &'static str {
        let copy = match copy {
            Ok(copy) => copy,
            Err(NotSent::Received) => return "received",
            Err(NotSent::NotOurs) => return "not_ours",
            Err(NotSent::Draft) => return "draft",
            Err(NotSent::Incomplete) => return "incomplete",
        };
        if copy.at < self.since {
            return "too_old";
        }
        // Its author's clock wrote the date.
        if copy.at > self.now.saturating_add(DAY) {
            return "from_the_future";
        }
        let count = u32::try_from(copy.recipients.len()).unwrap_or(u32::MAX);
        let at = copy.at.min(self.now);
        let id = Some(copy.message_id.as_slice());
        let sent = self
            .policy
            .sent(&copy.author, &copy.recipients, count, id, at);
        self.push(sent.ok());
        "sent"
    }

    fn push(&mut self, sent: Option<Sent>) {
        let Some(sent) = sent else {
            return;
        };
        self.found.takes(sent.at);
        self.batch.push(sent);
        if self.batch.len() >= AT_ONCE {
            self.send();
        }
    }

    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(AT_ONCE));
        if !batch.is_empty() {
            // Who writes has given up, and says so.
            let _ = self.hand_over.blocking_send(batch);
        }
    }
}
