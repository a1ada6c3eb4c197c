//! DMARC aggregate reports in maildirs, mboxes, messages and files.
//!
//! | module    | what it does, in one sentence |
//! |-----------|-------------------------------|
//! | `packed`  | unpacks gzip and zip, within bounds |
//! | `limited` | ends a reader where a report is longer than any honest one |
//! | `xml`     | reads the XML of RFC 9990 and RFC 7489 |

mod limited;
mod packed;
mod xml;

use std::{
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

pub use packed::{MAX_PACKED, reports};

use self::packed::Kind;
use super::{Entries, MailStore, Stored, Unreadable, folder::Paths, mbox, packed::Source, shown};
use crate::core::aggregate::Written;

/// The most octets of a mail's body: a report of [`MAX_PACKED`] octets in base64, and a text beside it.
const MAX_BODY: usize = MAX_PACKED / 57 * 78 + 256 * 1024;
/// How the names of reports end, in folders that are not maildirs.
const REPORTS: [&[u8]; 3] = [b".xml", b".gz", b".zip"];

/// Why something is no report that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It is too large before it is unpacked.
    #[error("it is larger than 2 MiB, as no report is")]
    TooLarge,
    /// It is too large unpacked.
    #[error("it unpacks to more than 40 MiB, as no report does")]
    TooMuch,
    /// It can't be unpacked.
    #[error("it can't be unpacked: {0}")]
    Unpacking(String),
    /// The zip archive is broken, or its directory lies.
    #[error("the zip archive is broken: {0}")]
    Zip(String),
    /// The archive needs a password.
    #[error("the zip archive is encrypted")]
    Encrypted,
    /// The archive is packed in another way.
    #[error("the zip archive is packed otherwise than by deflate")]
    Method,
    /// The archive has too many entries.
    #[error("the zip archive has more than 8 entries; a report is alone in it")]
    ManyEntries,
    /// There is an archive in the archive.
    #[error("there is an archive within the archive")]
    Nested,
    /// It is packed neither by gzip nor by zip.
    #[error("it is an archive; expected gzip, zip or XML")]
    OtherArchive,
    /// It is nothing of that kind.
    #[error("it is no DMARC report: it is not XML")]
    NoReport,
    /// It is other XML.
    #[error("it is no DMARC report: its root element is not feedback")]
    OtherRoot,
    /// The XML is broken.
    #[error("its XML is broken: {0}")]
    Xml(String),
    /// It ends early.
    #[error("its XML ends early")]
    Ends,
    /// It goes on after its end.
    #[error("something follows its end")]
    Second,
    /// It has a DTD.
    #[error("it has a DTD (DOCTYPE), as no report does")]
    Dtd,
    /// It has an entity of its own.
    #[error("it has an entity that XML itself does not have")]
    Entity,
    /// Elements stand too deep in one another.
    #[error("its elements are more than 24 deep")]
    Deep,
    /// A tag, a comment or the like is too long.
    #[error("a tag or text in it is longer than 64 KiB")]
    LongPiece,
    /// A text that is read is too long.
    #[error("a value in it is longer than 1024 octets")]
    LongText,
    /// It has too many records.
    #[error("it has more than 100000 records")]
    ManyRecords,
    /// An element that it must have is missing.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A value can't be read.
    #[error("the value of {0} can't be read")]
    Wrong(&'static str),
}

impl Broken {
    fn unpacking(error: io::Error) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
        match inner {
            Some(broken) => Self::clone(broken),
            None => Self::Unpacking(crate::core::aggregate::plain(&error.to_string())),
        }
    }
}

/// What brings a report.
#[derive(Debug)]
pub enum Found {
    /// A mail, with all of its body.
    Mail(Box<Stored>),
    /// A file without a mail.
    File {
        /// Its path, for people.
        name: String,
        /// What it holds.
        reports: Result<Vec<Written>, Broken>,
    },
}

/// The mails and files below a path, in order, one at a time.
#[derive(Debug)]
pub struct ReportFiles {
    /// What is still to be opened.
    paths: Ahead,
    /// The mbox or message that is being read.
    open: Option<MailStore>,
}

#[derive(Debug)]
enum Ahead {
    Folder(Paths),
    File(Option<PathBuf>),
}

impl ReportFiles {
    /// Opens a maildir, an mbox, a message, a report, or a folder of these.
    ///
    /// # Errors
    /// It is not there, or can't be read.
    pub fn open(path: &Path) -> io::Result<Self> {
        let paths = match path.metadata()?.is_dir() {
            true => Ahead::Folder(Paths::new(path, is_report)),
            false => {
                std::fs::File::open(path)?;
                Ahead::File(Some(path.to_owned()))
            }
        };
        Ok(Self { paths, open: None })
    }

    /// Of how many mails or files it is, where that is known: those in an mbox are not counted.
    pub fn length(path: &Path) -> u64 {
        match path.is_dir() {
            true => Paths::new(path, is_report).count() as u64,
            false => 1,
        }
    }

    fn next_path(&mut self) -> Option<Result<PathBuf, Unreadable>> {
        match &mut self.paths {
            Ahead::Folder(paths) => paths.next(),
            Ahead::File(path) => path.take().map(Ok),
        }
    }

    /// Begins with the file at this path; gives what it is, where it is no mail.
    fn begin(&mut self, path: &Path) -> io::Result<Option<Found>> {
        let file = |reports| {
            Some(Found::File {
                name: shown(path),
                reports,
            })
        };
        let mut start = [0; 1024];
        let read = std::fs::File::open(path)?.read(&mut start)?;
        let start = start.get(..read).unwrap_or_default();
        if Kind::of(start) == Kind::Zip {
            return Ok(file(zip(path)?));
        }
        if Kind::of(start) == Kind::Gzip && path.metadata()?.len() > MAX_PACKED as u64 {
            return Ok(file(Err(Broken::TooLarge)));
        }
        let mut reader: BufReader<Source> =
            super::packed::open_to_unpack(path, packed::MAX_UNPACKED + (1 << 20))?;
        let start = reader.fill_buf()?;
        let entries = match Kind::of(start) {
            Kind::Xml => return Ok(file(packed::report(reader).map(|report| vec![report]))),
            Kind::Gzip | Kind::Zip | Kind::Archive => return Ok(file(Err(Broken::Nested))),
            Kind::Other if mbox::is_one(start) => {
                Entries::Mbox(Box::new(mbox::Mbox::new(path, reader, MAX_BODY)))
            }
            Kind::Other => Entries::Message(Some(reader)),
        };
        self.open = Some(MailStore {
            path: path.to_owned(),
            entries,
            limit: MAX_BODY.into(),
        });
        Ok(None)
    }
}

impl Iterator for ReportFiles {
    type Item = Result<Found, Unreadable>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mail) = self.open.as_mut().and_then(Iterator::next) {
                return Some(mail.map(|mail| Found::Mail(Box::new(mail))));
            }
            self.open = None;
            let path = match self.next_path()? {
                Ok(path) => path,
                Err(unreadable) => return Some(Err(unreadable)),
            };
            match self.begin(&path) {
                Ok(None) => {}
                Ok(Some(found)) => return Some(Ok(found)),
                Err(error) => {
                    return Some(Err(Unreadable {
                        name: shown(&path),
                        why: error.to_string(),
                    }));
                }
            }
        }
    }
}

fn is_report(name: &[u8]) -> bool {
    REPORTS.iter().any(|end| name.ends_with(end))
}

/// The reports in a zip archive, which is read as a whole: its directory stands at its end.
fn zip(path: &Path) -> io::Result<Result<Vec<Written>, Broken>> {
    let file = std::fs::File::open(path)?;
    let mut octets = Vec::new();
    let read = file.take(MAX_PACKED as u64 + 1).read_to_end(&mut octets)?;
    Ok(match read > MAX_PACKED {
        true => Err(Broken::TooLarge),
        false => reports(&octets),
    })
}

#[cfg(test)]
mod tests;
