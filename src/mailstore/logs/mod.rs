//! Reads logs line by line: files, compressed or not, with those that were rotated away beside them; and the journal of
//! systemd, itself or what `journalctl` wrote of it.
//!
//! | module    | what it does, in one sentence |
//! |-----------|-------------------------------|
//! | `rotated` | finds the files of a log |
//! | `line`    | reads a line, of which strangers may have written much |
//! | `export`  | makes a line of an entry of the journal |
//! | `journal` | runs `journalctl` |
//!
//! A log may be larger than the memory, so nothing of it is kept but the line at hand.

mod export;
mod journal;
mod line;
mod rotated;

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, Seek},
    path::{Path, PathBuf},
};

use self::{journal::Journal, line::Found};
use super::packed;

/// The most octets of a line: what is longer is cut.
pub const MAX_LINE: usize = 16 * 1024;
/// Files that syslog writes the mail log to.
const DEFAULT_FILES: [&str; 2] = ["/var/log/mail.log", "/var/log/maillog"];

/// A log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Log {
    /// That of systemd: the lines of the daemon's unit, and of the mail facility.
    Journal,
    /// A file: text, or what `journalctl --output=export` wrote, either of them compressed or not; or a file of the journal.
    File(PathBuf),
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal => f.write_str("the journal"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Log {
    /// The logs of this host, the oldest first, without files that were last written before `since`, in seconds since 1970.
    pub fn of_this_host(since: u64) -> Vec<Self> {
        let files = DEFAULT_FILES.iter().map(Path::new);
        let files = files.flat_map(|file| Self::rotated(file, since));
        files.chain([Self::Journal]).collect()
    }

    /// A log file and those that were rotated away beside it, the oldest first, without those that were last written before
    /// `since`, in seconds since 1970.
    pub fn rotated(file: &Path, since: u64) -> Vec<Self> {
        let files = rotated::files(file, since).into_iter();
        files.map(Self::File).collect()
    }

    /// The same of a file that somebody named: it is there however old it is, or if it can't be read.
    pub fn named(file: &Path, since: u64) -> Vec<Self> {
        let mut logs = Self::rotated(file, since);
        let itself = Self::File(file.to_owned());
        if !logs.contains(&itself) {
            logs.push(itself);
        }
        logs
    }

    /// Opens it; of the journal, its lines from `since` on, in seconds since 1970. A host without a journal has no lines.
    ///
    /// # Errors
    /// It can't be opened, or is in a form that is not read here.
    pub fn open(&self, since: u64) -> io::Result<Lines> {
        let path = match self {
            Self::Journal => return Ok(Lines::of_journal(Journal::run(since, None)?)),
            Self::File(path) => path,
        };
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        // Both are at the same place of the file.
        let place = file.try_clone()?;
        let mut octets = packed::unpacked(file, u64::MAX)?;
        let form = match octets.fill_buf()? {
            start if journal::is_file(start) => {
                return Ok(Lines::of_journal(Journal::run(since, Some(path))?));
            }
            start if export::is_json(start) => {
                let why = "JSON of journalctl; expected its export: `journalctl --output=export`";
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            start if export::is_one(start) => Form::Export,
            _ => Form::Text,
        };
        Ok(Lines {
            octets: Some(Box::new(octets)),
            form,
            place: Some((place, length)),
            ..Lines::none()
        })
    }
}

/// How lines are written down.
#[derive(Clone, Copy, Debug)]
enum Form {
    Text,
    Export,
}

/// The lines of a log, one at a time.
pub struct Lines {
    /// None behind the end.
    octets: Option<Box<dyn BufRead + Send>>,
    form: Form,
    journal: Option<Journal>,
    /// The file, for the place where it is read, and its length.
    place: Option<(File, u64)>,
    line: Vec<u8>,
    cut: u64,
}

impl Lines {
    fn none() -> Self {
        Self {
            octets: None,
            form: Form::Text,
            journal: None,
            place: None,
            line: Vec::new(),
            cut: 0,
        }
    }

    fn of_journal(started: Option<(Journal, Box<dyn BufRead + Send>)>) -> Self {
        let (journal, octets) = started.unzip();
        Self {
            octets,
            form: Form::Export,
            journal,
            ..Self::none()
        }
    }

    /// The next line without its end, or none behind the last. A line of more than [`MAX_LINE`] octets is cut, and counted.
    /// A line of the journal is as `journalctl --output=short-unix` writes it.
    ///
    /// # Errors
    /// It can't be read any further; there are no more lines then.
    pub fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        let Some(octets) = &mut self.octets else {
            return Ok(None);
        };
        let found = match self.form {
            Form::Text => line::read(octets, &mut self.line),
            Form::Export => export::read(octets, &mut self.line),
        };
        match found {
            Ok(Found::Whole) => {}
            Ok(Found::Cut) => self.cut += 1,
            Ok(Found::End) => {
                self.octets = None;
                return match self.journal.take() {
                    Some(journal) => journal.end().map(|()| None),
                    None => Ok(None),
                };
            }
            Err(error) => {
                self.octets = None;
                return Err(error);
            }
        }
        Ok(Some(&self.line))
    }

    /// How many lines were cut so far.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// How far the file is read, in octets as it lies on the disk; 0 for the journal.
    pub fn position(&self) -> u64 {
        let file = self.place.as_ref().map(|(file, _)| file);
        file.map_or(0, |mut file| file.stream_position().unwrap_or(0))
    }

    /// How long the file is, in octets as it lies on the disk; 0 for the journal.
    pub fn length(&self) -> u64 {
        self.place.as_ref().map_or(0, |(_, length)| *length)
    }
}

/// A line for people, and for who looks for names in it: octets that are no UTF-8 are `?`.
pub fn text(line: &[u8]) -> String {
    let chunks = line.utf8_chunks();
    chunks
        .flat_map(|chunk| match chunk.invalid() {
            [] => [chunk.valid(), ""],
            _ => [chunk.valid(), "?"],
        })
        .collect()
}

#[cfg(test)]
mod tests;
