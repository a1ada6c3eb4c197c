//! One file with addresses, and its last good copy.

use std::{
    mem,
    path::{Path, PathBuf},
};

use arc_swap::ArcSwap;

use super::{
    Event, FileState,
    address_set::AddressSet,
    event::WholeDomains,
    parse::{self, Format, Parsed},
    watched::{Look, WatchedFile},
};

#[derive(Debug)]
pub(super) struct ListFile {
    file: WatchedFile,
    format: Format,
    /// The last good copy, or why there is none yet.
    copy: ArcSwap<Result<AddressSet, String>>,
}

impl ListFile {
    pub fn new(path: PathBuf, format: Format) -> Self {
        let unread = Err(format!("{} has not been read yet", path.display()));
        Self {
            file: WatchedFile::new(path),
            format,
            copy: ArcSwap::from_pointee(unread),
        }
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Whether it could not be read when it was last tried, whatever was read before. Never waits.
    pub fn is_unreadable(&self) -> bool {
        self.file.is_unreadable()
    }

    /// How it is. Never waits.
    pub fn state(&self) -> FileState {
        FileState {
            path: self.path().to_owned(),
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
    pub fn refresh(&self) -> Option<Event> {
        match self.file.look(|bytes| self.parse(bytes)) {
            Look::Same => None,
            Look::Back => Some(self.loaded(Parsed::default())),
            Look::New(mut parsed) => {
                let addresses = mem::take(&mut parsed.addresses);
                self.copy.store(Ok(addresses).into());
                Some(self.loaded(*parsed))
            }
            Look::Failed { why, is_new } => {
                let kept = self.with_addresses(AddressSet::len).ok();
                if kept.is_none() {
                    let unavailable = Err(format!("{}: {why}", self.path().display()));
                    self.copy.store(unavailable.into());
                }
                is_new.then(|| Event::Failed {
                    list: self.path().to_owned(),
                    why,
                    kept,
                })
            }
        }
    }

    fn parse(&self, bytes: &[u8]) -> Result<Box<Parsed>, String> {
        match parse::parse(self.format, bytes)? {
            Parsed {
                addresses,
                skipped,
                whole_domain_lines: 0,
                ..
            } if addresses.len() == 0 => {
                let first = skipped.first().map(|first| format!(" ({first})"));
                Err(format!("it holds no address{}", first.unwrap_or_default()))
            }
            parsed => Ok(Box::new(parsed)),
        }
    }

    fn loaded(&self, parsed: Parsed) -> Event {
        Event::Loaded {
            list: self.path().to_owned(),
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
}
