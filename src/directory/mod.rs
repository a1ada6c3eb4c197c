//! Knows which recipients exist: reads the lists that `recipients[].known` names, and re-reads them when they change.
//!
//! Two rules keep mail from being refused for a list's sake. The last good copy stays while a newer one can't be read,
//! and a list without any address counts as one that can't be read: whatever was to write it has failed, or has not
//! finished. Who wants nobody known takes the list out of the file.

mod address_set;
mod list_file;
mod parse;

use std::{collections::HashMap, fmt, path::PathBuf, sync::Arc};

use self::{address_set::AddressSet, list_file::ListFile};
use crate::core::{
    address::{Domain, Mailbox},
    pattern::AddressPattern,
    recipients::{Known, lookup_keys},
};

/// Where addresses are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// In `milter.yaml` itself.
    Addresses(Vec<AddressPattern>),
    /// In a text file: an address or a local part a line.
    File(PathBuf),
    /// In the text form of a Postfix lookup table (virtual, relay_recipients) or of aliases(5): the keys.
    PostfixMap(PathBuf),
}

/// Where the recipients of one domain are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSources {
    /// The domain.
    pub domain: Domain,
    /// Its lists, asked in this order.
    pub sources: Vec<Source>,
}

/// What has changed about a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was read, and is in use.
    Loaded {
        /// The file.
        list: PathBuf,
        /// How many addresses it holds.
        addresses: usize,
        /// What was not understood in it, as `line N: what`; the first ten.
        skipped: Vec<String>,
        /// How many lines were skipped in all.
        skipped_count: usize,
    },
    /// It can't be read.
    Failed {
        /// The file.
        list: PathBuf,
        /// Why not.
        why: String,
        /// How many addresses the older copy holds that stays in use; none where there is none.
        kept: Option<usize>,
    },
}

impl Event {
    /// Whether an administrator should look at it.
    pub fn is_problem(&self) -> bool {
        match self {
            Self::Loaded { skipped_count, .. } => *skipped_count > 0,
            Self::Failed { .. } => true,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loaded {
                list,
                addresses,
                skipped,
                skipped_count,
            } => {
                let addresses = match addresses {
                    1 => "1 address".to_owned(),
                    several => format!("{several} addresses"),
                };
                write!(f, "{}: {addresses} read", list.display())?;
                if *skipped_count > 0 {
                    write!(f, ", {skipped_count} lines skipped: {}", skipped.join("; "))?;
                }
                Ok(())
            }
            Self::Failed { list, why, kept } => {
                write!(f, "{}: {why}; ", list.display())?;
                match kept {
                    Some(count) => write!(f, "the {count} addresses read before stay in use"),
                    None => {
                        f.write_str("until it can be read, nobody is refused for not being listed")
                    }
                }
            }
        }
    }
}

/// The recipients that exist, by the entries of `recipients:`.
#[derive(Debug)]
pub struct Directory {
    entries: Vec<Entry>,
    files: HashMap<Source, Arc<ListFile>>,
}

#[derive(Debug)]
struct Entry {
    domain: Domain,
    lists: Vec<List>,
}

#[derive(Debug)]
enum List {
    Inline(AddressSet),
    File(Arc<ListFile>),
}

impl Directory {
    /// A directory of the entries of `recipients:`, in their order. Files are not read before [`Self::refresh`]; one
    /// that several entries name is read once.
    pub fn new(entries: Vec<DomainSources>) -> Self {
        Self::sharing(&HashMap::new(), entries)
    }

    /// A directory of other entries, as after a reload. Files that both name keep the copy that was read.
    pub fn succeeded_by(&self, entries: Vec<DomainSources>) -> Self {
        Self::sharing(&self.files, entries)
    }

    fn sharing(known: &HashMap<Source, Arc<ListFile>>, entries: Vec<DomainSources>) -> Self {
        let mut files: HashMap<Source, Arc<ListFile>> = HashMap::new();
        let mut list = |source: Source| {
            let (path, format) = match &source {
                Source::Addresses(patterns) => return List::Inline(patterns.iter().collect()),
                Source::File(path) => (path.clone(), parse::Format::Text),
                Source::PostfixMap(path) => (path.clone(), parse::Format::PostfixMap),
            };
            let old = known.get(&source).cloned();
            let file = files
                .entry(source)
                .or_insert_with(|| old.unwrap_or_else(|| Arc::new(ListFile::new(path, format))));
            List::File(Arc::clone(file))
        };
        let entries = entries
            .into_iter()
            .map(|DomainSources { domain, sources }| Entry {
                domain,
                lists: sources.into_iter().map(&mut list).collect(),
            })
            .collect();
        Self { entries, files }
    }

    /// Whether a list of this entry (its place in `recipients:`, from 0) knows the mailbox, with its extension or
    /// without. A list entry without a domain means the mailbox of that name in the entry's domain.
    pub fn known(&self, entry: usize, mailbox: &Mailbox, delimiters: &str) -> Known {
        let Some(entry) = self.entries.get(entry) else {
            return Known::NotListed;
        };
        let local = mailbox.local_key();
        let listed = |set: &AddressSet| {
            lookup_keys(&local, delimiters).any(|key| set.contains(key, &entry.domain))
        };
        let mut unavailable = None;
        for list in &entry.lists {
            match list {
                List::Inline(set) if listed(set) => {
                    return Known::Listed("the list in milter.yaml".to_owned());
                }
                List::Inline(_) => {}
                List::File(file) => match file.with_addresses(listed) {
                    Ok(true) => return Known::Listed(file.path().display().to_string()),
                    Ok(false) => {}
                    Err(why) => unavailable = Some(why),
                },
            }
        }
        unavailable.map_or(Known::NotListed, Known::Unavailable)
    }

    /// How many lists could not be read when that was last tried. Never waits.
    pub fn unreadable(&self) -> usize {
        let files = self.files.values();
        files.filter(|file| file.is_unreadable()).count()
    }

    /// Reads the files that have changed, and tells what is new. Blocks on the disk: to be called every few seconds,
    /// and not from where mail waits. Each change of a list's state is told once.
    pub fn refresh(&self) -> Vec<Event> {
        self.files
            .values()
            .filter_map(|file| file.refresh())
            .collect()
    }
}

#[cfg(test)]
mod tests;
