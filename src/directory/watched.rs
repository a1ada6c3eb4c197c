//! A file that somebody else writes: whether it has changed, and whether it has settled.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Two million addresses of ordinary length.
const LARGEST_FILE: u64 = 64 << 20;

#[derive(Debug)]
pub(super) struct WatchedFile {
    path: PathBuf,
    watch: Mutex<Watch>,
    /// Whether the last look failed. Apart from `watch`, which is locked while a disk is waited for.
    unreadable: AtomicBool,
}

/// What was seen of the file so far.
#[derive(Debug, Default)]
struct Watch {
    /// As it was when it was read.
    loaded: Option<Stamp>,
    /// As it was when its content was found to be no good: not to be read again until it changes.
    rejected: Option<Stamp>,
    /// As it was at the last look.
    seen: Option<Stamp>,
    /// What was reported last, if it was a failure.
    complaint: Option<String>,
}

/// Changes whenever the file does. The inode shows one that was renamed into place, the change time one whose
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

/// What came of a look.
#[derive(Debug)]
pub(super) enum Look<T> {
    /// It was read.
    New(T),
    /// It can be read again, and is as it was.
    Back,
    /// It can't be read, or its content is no good, and why.
    Failed {
        why: String,
        /// Whether the look before failed for another reason, or not at all.
        is_new: bool,
    },
    /// It is as it was, or it is being written to.
    Same,
}

/// What came of an attempt to read the file.
enum Reading<T> {
    Done(T),
    /// It changed meanwhile.
    Unsettled,
    /// Its content is no good.
    Rejected(String),
}

impl WatchedFile {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
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

    /// Reads the file if it has changed. Blocks on the disk.
    ///
    /// A file that somebody is still writing to must not replace a good copy: one that has changed is read when it
    /// looks the same at two looks in a row, and when it has not changed while it was read. What was never read is read at
    /// the first look.
    pub fn look<T>(&self, parse: impl FnOnce(&[u8]) -> Result<T, String>) -> Look<T> {
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match stamp(&self.path) {
            Ok(stamp) => stamp,
            Err(error) => return self.failed(&mut watch, error.to_string()),
        };
        let settled = watch.seen.replace(stamp) == Some(stamp) || watch.loaded.is_none();
        if watch.loaded == Some(stamp) {
            self.unreadable.store(false, Ordering::Relaxed);
            return match watch.complaint.take() {
                Some(_) => Look::Back,
                None => Look::Same,
            };
        }
        if watch.rejected == Some(stamp) || !settled {
            return Look::Same;
        }
        match self.read(stamp, parse) {
            Ok(Reading::Done(parsed)) => {
                watch.loaded = Some(stamp);
                watch.complaint = None;
                self.unreadable.store(false, Ordering::Relaxed);
                Look::New(parsed)
            }
            Ok(Reading::Unsettled) => Look::Same,
            Ok(Reading::Rejected(why)) => {
                watch.rejected = Some(stamp);
                self.failed(&mut watch, why)
            }
            Err(error) => self.failed(&mut watch, error.to_string()),
        }
    }

    fn read<T>(
        &self,
        stamp: Stamp,
        parse: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> io::Result<Reading<T>> {
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
        Ok(match parse(&bytes) {
            Ok(parsed) => Reading::Done(parsed),
            Err(why) => Reading::Rejected(why),
        })
    }

    fn failed<T>(&self, watch: &mut Watch, why: String) -> Look<T> {
        self.unreadable.store(true, Ordering::Relaxed);
        let is_new = watch.complaint.as_ref() != Some(&why);
        watch.complaint = Some(why.clone());
        Look::Failed { why, is_new }
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
