//! One file with addresses: its last good copy, and whether it has changed.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    mem,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;

use super::{
    Event, FileState,
    address_set::AddressSet,
    event::WholeDomains,
    parse::{self, Format, Parsed},
};

/// Two million addresses of ordinary length.
const LARGEST_FILE: u64 = 64 << 20;

#[derive(Debug)]
pub(super) struct ListFile {
    path: PathBuf,
    format: Format,
    /// The last good copy, or why there is none yet.
    copy: ArcSwap<Result<AddressSet, String>>,
    watch: Mutex<Watch>,
    /// Whether the last look failed. Apart from `watch`, which is locked while a disk is waited for.
    unreadable: AtomicBool,
}

/// What was seen of the file so far.
#[derive(Debug, Default)]
struct Watch {
    /// As it was when the copy was made.
    loaded: Option<Stamp>,
    /// As it was when its content was found to be no good: not to be read again until it changes.
    rejected: Option<Stamp>,
    /// As it was at the last look.
    seen: Option<Stamp>,
    /// What was reported last, if it was a failure.
    complaint: Option<String>,
}

/// Changes whenever the file does. The inode tells of one that was renamed into place, the change time of one whose
/// modification time was set back, or that may be read at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What came of an attempt to read the file.
enum Reading {
    Done(Box<Parsed>),
    /// It changed meanwhile.
    Unsettled,
    /// Its content is no good.
    Rejected(String),
}

impl ListFile {
    pub fn new(path: PathBuf, format: Format) -> Self {
        let unread = Err(format!("{} has not been read yet", path.display()));
        Self {
            path,
            format,
            copy: ArcSwap::from_pointee(unread),
            watch: Mutex::default(),
            unreadable: AtomicBool::new(false),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it could not be read when it was last tried, whatever was read before. Never waits.
    pub fn is_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// How it is. Never waits.
    pub fn state(&self) -> FileState {
        FileState {
            path: self.path.clone(),
            addresses: self.with_addresses(AddressSet::len).ok(),
            is_unreadable: self.is_unreadable(),
        }
    }

    /// Asks the last good copy.
    ///
    /// # Errors
    /// Why there is none.
    pub fn with_addresses<T>(&self, ask: impl FnOnce(&AddressSet) -> T) -> Result<T, String> {
        match self.copy.load().as_ref() {
            Ok(addresses) => Ok(ask(addresses)),
            Err(why) => Err(why.clone()),
        }
    }

    /// Reads the file if it has changed, and reports what is new.
    ///
    /// A file that somebody is still writing to must not replace a good copy: one that has changed is read when it
    /// looks the same at two looks in a row, and when it has not changed while it was read. Without a copy the first
    /// look reads it.
    pub fn refresh(&self) -> Option<Event> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match stamp(&self.path) {
            Ok(stamp) => stamp,
            Err(error) => return self.complain(&mut watch, error.to_string()),
        };
        let settled = watch.seen.replace(stamp) == Some(stamp) || watch.loaded.is_none();
        if watch.loaded == Some(stamp) {
            let back = watch.complaint.take().is_some();
            return back.then(|| self.loaded(Parsed::default()));
        }
        if watch.rejected == Some(stamp) || !settled {
            return None;
        }
        match self.read(stamp) {
            Ok(Reading::Done(mut parsed)) => {
                watch.loaded = Some(stamp);
                watch.complaint = None;
                let addresses = mem::take(&mut parsed.addresses);
                self.copy.store(Ok(addresses).into());
                Some(self.loaded(*parsed))
            }
            Ok(Reading::Unsettled) => None,
            Ok(Reading::Rejected(why)) => {
                watch.rejected = Some(stamp);
                self.complain(&mut watch, why)
            }
            Err(error) => self.complain(&mut watch, error.to_string()),
        }
    }

    fn read(&self, stamp: Stamp) -> io::Result<Reading> {
        let mut file = File::open(&self.path)?;
        let mut bytes = Vec::new();
        file.by_ref()
            .take(LARGEST_FILE + 1)
            .read_to_end(&mut bytes)?;
        if Stamp::from(&file.metadata()?) != stamp {
            return Ok(Reading::Unsettled);
        }
        if bytes.len() as u64 > LARGEST_FILE {
            return Ok(Reading::Rejected("it is larger than 64 MiB".to_owned()));
        }
        Ok(match parse::parse(self.format, &bytes) {
            Err(why) => Reading::Rejected(why),
            Ok(Parsed {
                addresses,
                skipped,
                whole_domain_lines: 0,
                ..
            }) if addresses.len() == 0 => {
                let first = skipped.first().map(|first| format!(" ({first})"));
                Reading::Rejected(format!("it holds no address{}", first.unwrap_or_default()))
            }
            Ok(parsed) => Reading::Done(Box::new(parsed)),
        })
    }

    fn loaded(&self, parsed: Parsed) -> Event {
        self.unreadable.store(false, Ordering::Relaxed);
        Event::Loaded {
            list: self.path.clone(),
            addresses: self.with_addresses(AddressSet::len).unwrap_or_default(),
            skipped: parsed.skipped,
            skipped_count: parsed.skipped_count,
            whole_domains: WholeDomains {
                domains: parsed.whole_domains.into_iter().collect(),
                lines: parsed.whole_domain_lines,
                unanswered: Vec::new(),
            },
        }
    }

    fn complain(&self, watch: &mut Watch, why: String) -> Option<Event> {
        self.unreadable.store(true, Ordering::Relaxed);
        let kept = self.with_addresses(AddressSet::len).ok();
        if kept.is_none() {
            let unavailable = Err(format!("{}: {why}", self.path.display()));
            self.copy.store(unavailable.into());
        }
        if watch.complaint.as_ref() == Some(&why) {
            return None;
        }
        watch.complaint = Some(why.clone());
        Some(Event::Failed {
            list: self.path.clone(),
            why,
            kept,
        })
    }
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::metadata(path)?;
    // Opening a pipe would wait for its writer.
    if metadata.is_file() {
        Ok(Stamp::from(&metadata))
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}
