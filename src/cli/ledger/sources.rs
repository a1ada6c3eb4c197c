//! What a path holds: a log, or sent mail.

use std::{fs, io, path::Path, time::UNIX_EPOCH};

use jiff::tz::TimeZone;

use crate::{
    maillog::{Calendar, Line, Stamp},
    mailstore::{MailStore, logs::Log},
};

/// How many lines are read of a file to see whether it is a log.
const LOOKED_AT: usize = 200;

/// What is read.
pub(super) enum Source {
    /// A log, what dates its lines, and when it begins, in seconds since 1970.
    Log(Log, Calendar, u64),
    /// A folder of sent mail, an mbox, or one message.
    Mail(Box<MailStore>, String),
}

impl Source {
    /// What is there. A file is a log where a line in its front is one of a log.
    ///
    /// # Errors
    /// It can't be read, or is neither.
    pub fn of(path: &Path, since: u64) -> io::Result<Self> {
        let name = path.display().to_string();
        let found = path.metadata()?;
        if found.is_dir() {
            return match MailStore::open(path, 0)? {
                store if store.length() == 0 => Err(wrong(
                    "no mail is in this folder; expected a maildir, or name the files of a log",
                )),
                store => Ok(Self::Mail(Box::new(store), name)),
            };
        }
        if !found.is_file() {
            return Err(wrong(
                "expected a file or a folder: it is read more than once",
            ));
        }
        if let Some(store) = mail(path) {
            return Ok(Self::Mail(Box::new(store), name));
        }
        let log = Log::File(path.to_owned());
        match first(&log, since)? {
            Some(stamp) => {
                let calendar = looked_through(&log, since, stamp)?;
                let begins = calendar.clone().time(stamp).unwrap_or_default();
                Ok(Self::Log(log, calendar, begins))
            }
            None if found.len() == 0 => {
                let calendar = calendar(&log);
                Ok(Self::Log(log, calendar, 0))
            }
            None => Err(wrong(
                "neither a log nor mail; expected a log of Postfix or Sendmail, an export of the journal, a maildir, or an mbox",
            )),
        }
    }

    /// The journal of this host.
    pub fn journal() -> Self {
        Self::Log(Log::Journal, calendar(&Log::Journal), u64::MAX)
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The oldest logs first: a message can begin in one and end in the next. Mail comes last.
pub(super) fn sort(sources: &mut [Source]) {
    sources.sort_by_key(|source| match source {
        Source::Log(_, _, begins) => (false, *begins),
        Source::Mail(..) => (true, 0),
    });
}

/// What dates the lines of a log.
fn calendar(log: &Log) -> Calendar {
    let written = match log {
        Log::Journal => None,
        Log::File(path) => fs::metadata(path).and_then(|file| file.modified()).ok(),
    };
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let written = written.and_then(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs()));
    Calendar::new(written.unwrap_or(now).min(now), TimeZone::system())
}

/// The file as an mbox, or as one message, where it is that. A mail can quote a log; no log looks like a mail.
fn mail(path: &Path) -> Option<MailStore> {
    let store = || MailStore::open(path, 0).ok();
    let is_mail = store().is_some_and(|mut store| {
        store.kind() == "mbox" || store.next().is_some_and(|read| read.is_ok())
    });
    is_mail.then(store).flatten()
}

/// The time of the first line in the front of a log; none for what is no log.
fn first(log: &Log, since: u64) -> io::Result<Option<Stamp>> {
    let mut lines = log.open(since)?;
    for _ in 0..LOOKED_AT {
        match lines.next_line()?.map(Line::read) {
            None => return Ok(None),
            Some(None) => {}
            Some(Some(line)) => return Ok(Some(line.stamp)),
        }
    }
    Ok(None)
}

/// What dates the lines of a log that begins so: one without years is looked through for New Years. Where it ends before its
/// end, reading it says so.
fn looked_through(log: &Log, since: u64, first: Stamp) -> io::Result<Calendar> {
    let mut calendar = calendar(log);
    if first.known().is_none() {
        let mut lines = log.open(since)?;
        while let Ok(Some(line)) = lines.next_line() {
            if let Some(line) = Line::read(line) {
                calendar.look(line.stamp);
            }
        }
        calendar.begin();
    }
    Ok(calendar)
}
