//! Knows which recipients exist: reads the lists that `recipients[].known` names, and reads them again when they change;
//! asks the directories that it names, which are databases and LDAP servers.
//!
//! Two rules keep mail from being refused for a list's sake. The last good copy stays while a newer one can't be read,
//! and a list without any address counts as one that can't be read: whatever was to write it has failed, or has not
//! finished. To list nobody, remove the list from `known`. The last good answer of a directory stays too, for
//! a day, and what it was never asked is an open question.

// What only the servers need stays where it is in a build without them.
#![cfg_attr(
    not(all(feature = "sql", feature = "ldap")),
    allow(dead_code, unused_variables)
)]

mod address_set;
mod apart;
mod attempts;
mod backend;
mod cells;
pub mod domains;
mod event;
mod health;
mod idle;
pub mod ldap;
pub mod limits;
mod list_file;
mod listed;
mod parse;
mod remote;
pub mod sql;
pub mod table;
mod template;
pub mod tenants;
mod turns;
mod watched;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

pub use self::event::{Event, Weight, WholeDomains};
use self::{
    address_set::AddressSet, backend::Backend, ldap::Ldap, list_file::ListFile, listed::Listed,
    remote::Remote, sql::Sql, template::Placeholder,
};
use crate::core::{
    address::{Domain, Mailbox},
    local::{Domains, Local},
    outside::Unanswered,
    pattern::{AddressPattern, DomainPattern},
    recipients::{Known, Scope, Scopes, lookup_keys},
};
use crate::server::Access;

/// Where addresses are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// In `milter.yaml` itself.
    Addresses(Vec<AddressPattern>),
    /// In a text file: an address or a local part a line.
    File(PathBuf),
    /// In the text form of a Postfix lookup table (virtual, relay_recipients) or of aliases(5): the keys.
    PostfixMap(PathBuf),
    /// In a database.
    Sql(Box<Sql>),
    /// In an LDAP directory.
    Ldap(Box<Ldap>),
}

impl Source {
    /// Whether it is a server that gets only the part before the @ of an address.
    pub fn ignores_domain(&self) -> bool {
        let of_domain = |place: Placeholder| place != Placeholder::Local;
        match self {
            Self::Sql(sql) => !sql.query.parameters().any(of_domain),
            Self::Ldap(ldap) => !ldap.filter.placeholders().any(of_domain),
            Self::Addresses(_) | Self::File(_) | Self::PostfixMap(_) => false,
        }
    }

    /// The files that are opened when a server is asked, and how each is used.
    pub fn files_to_ask(&self) -> Vec<(PathBuf, Access)> {
        let (ca, password, database) = match self {
            Self::Sql(sql) => (&sql.ca, &sql.password_file, sql.url.file()),
            Self::Ldap(ldap) => (&ldap.ca, &ldap.password_file, None),
            Self::Addresses(_) | Self::File(_) | Self::PostfixMap(_) => return Vec::new(),
        };
        let read = ca.iter().chain(password).cloned();
        let read = read.map(|file| (file, Access::Read));
        let database = database.map(|file| (file.to_owned(), Access::ReadDatabase));
        read.chain(database).collect()
    }
}

/// Where the recipients of one entry's domains are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainSources {
    /// The domains.
    pub scope: Scope,
    /// Its lists, asked in this order.
    pub sources: Vec<Source>,
    /// Whether the file says what those get whom no list knows: it has `catch_all` or `unknown`.
    pub answers_rest: bool,
}

/// A file with addresses, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Where it is.
    pub path: PathBuf,
    /// How many addresses its last good copy has; none where there was none yet.
    pub addresses: Option<usize>,
    /// Whether it could not be read when that was last tried.
    pub is_unreadable: bool,
}

/// The recipients that exist, by the entries of `recipients:`. A copy shares the lists.
#[derive(Clone)]
pub struct Directory {
    entries: Vec<Entry>,
    scopes: Scopes,
    files: HashMap<Source, Arc<ListFile>>,
    remotes: HashMap<Source, Arc<Remote<Listed>>>,
}

#[derive(Clone)]
struct Entry {
    scope: Scope,
    lists: Vec<List>,
    answers_rest: bool,
}

#[derive(Clone)]
enum List {
    Inline(Arc<AddressSet>),
    File(Arc<ListFile>),
    Remote(Arc<Remote<Listed>>),
}

impl Directory {
    /// A directory of the entries of `recipients:`, in their order. Files are not read before [`Self::refresh`], and
    /// servers not asked before somebody wants to know; one that several entries name is one.
    pub fn new(entries: Vec<DomainSources>) -> Self {
        Self::sharing(None, entries)
    }

    /// A directory of other entries, as after a reload. Files that both name keep the copy that was read, servers their
    /// connections and answers.
    pub fn succeeded_by(&self, entries: Vec<DomainSources>) -> Self {
        Self::sharing(Some(self), entries)
    }

    /// What it acts by: each entry, with its lists.
    #[cfg(test)]
    pub(crate) fn acts_by(&self) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let of_files = self
            .files
            .iter()
            .map(|(source, list)| (source, Arc::as_ptr(list).addr()));
        let of_remotes = self
            .remotes
            .iter()
            .map(|(source, remote)| (source, Arc::as_ptr(remote).addr()));
        let sources: HashMap<_, _> = of_files
            .chain(of_remotes)
            .map(|(source, at)| (at, source))
            .collect();
        // Passwords are in the hash alone.
        let of_source = |at| {
            let source = sources.get(&at);
            let mut hasher = DefaultHasher::new();
            source.hash(&mut hasher);
            format!("{source:?} {:x}", hasher.finish())
        };
        let of_list = |list: &List| match list {
            List::Inline(addresses) => format!("{addresses:?}"),
            List::File(list) => of_source(Arc::as_ptr(list).addr()),
            List::Remote(remote) => of_source(Arc::as_ptr(remote).addr()),
        };
        let of_entry = |entry: &Entry| {
            let lists: Vec<_> = entry.lists.iter().map(of_list).collect();
            format!("{} {lists:?} {}", entry.scope, entry.answers_rest)
        };
        let entries: Vec<_> = self.entries.iter().map(of_entry).collect();
        entries.join("\n")
    }

    fn sharing(former: Option<&Self>, entries: Vec<DomainSources>) -> Self {
        let mut directory = Self {
            entries: Vec::with_capacity(entries.len()),
            scopes: entries
                .iter()
                .map(|entry| &entry.scope)
                .enumerate()
                .collect(),
            files: HashMap::new(),
            remotes: HashMap::new(),
        };
        for DomainSources {
            scope,
            sources,
            answers_rest,
        } in entries
        {
            let lists = sources
                .into_iter()
                .map(|source| directory.list(former, source))
                .collect();
            directory.entries.push(Entry {
                scope,
                lists,
                answers_rest,
            });
        }
        directory
    }

    /// The list of this source: one that is there already, of the former directory, or a new one.
    fn list(&mut self, former: Option<&Self>, source: Source) -> List {
        let (path, format) = match &source {
            Source::Addresses(patterns) => {
                return List::Inline(Arc::new(patterns.iter().collect()));
            }
            Source::Sql(_) | Source::Ldap(_) => {
                let old = former.and_then(|former| former.remotes.get(&source).cloned());
                let remote = self.remotes.entry(source).or_insert_with_key(|source| {
                    old.unwrap_or_else(|| Arc::new(Remote::new(Backend::of(source), Listed)))
                });
                return List::Remote(Arc::clone(remote));
            }
            Source::File(path) => (path.clone(), parse::Format::Text),
            Source::PostfixMap(path) => (path.clone(), parse::Format::PostfixMap),
        };
        let old = former.and_then(|former| former.files.get(&source).cloned());
        let file = self
            .files
            .entry(source)
            .or_insert_with(|| old.unwrap_or_else(|| Arc::new(ListFile::new(path, format))));
        List::File(Arc::clone(file))
    }

    /// Whether a list of this entry (its place in `recipients:`, from 0) knows the mailbox, with its extension or
    /// without. A list entry without a domain means the mailbox of that name in each domain that the entry is for. A server
    /// takes as long as its `timeout` at most.
    pub async fn known(&self, entry: usize, mailbox: &Mailbox, who: &Local) -> Known {
        let (Some(entry), Some(domain)) = (self.entries.get(entry), mailbox.domain()) else {
            return Known::NotListed;
        };
        let (local, delimiters) = (mailbox.local_key(), who.recipient_delimiter.as_str());
        let listed =
            |set: &AddressSet| lookup_keys(&local, delimiters).any(|key| set.contains(key, domain));
        let mut unanswered = None;
        for list in &entry.lists {
            let (name, answer) = match list {
                List::Inline(set) => ("addresses".to_owned(), Ok(listed(set))),
                List::File(file) => {
                    let name = file.path().display().to_string();
                    (name, file.with_addresses(listed))
                }
                List::Remote(remote) => {
                    // On the heap, for it is long, and most lists are no server's.
                    let whose = who.ours(domain).unwrap_or(domain);
                    let answer = Box::pin(remote.lists(&local, domain, whose, delimiters));
                    let answer = answer.await;
                    (remote.name().to_owned(), answer)
                }
            };
            match answer {
                Ok(true) => return Known::Listed(name),
                Ok(false) => {}
                Err(why) => unanswered = Some(Unanswered::directory(why)),
            }
        }
        unanswered.map_or(Known::NotListed, Known::Unanswered)
    }

    /// How many lists could not be read, and servers not asked, when that was last tried. Never waits.
    pub fn unreadable(&self) -> usize {
        let files = self.files.values().filter(|file| file.is_unreadable());
        let remotes = self.remotes.values().filter(|remote| remote.is_down());
        files.count() + remotes.count()
    }

    /// The files, by name. Never waits.
    pub fn files(&self) -> Vec<FileState> {
        let mut files: Vec<_> = self.files.values().map(|file| file.state()).collect();
        files.sort_by(|one, other| one.path.cmp(&other.path));
        files
    }

    /// Reads the files that have changed, and reports what is new. Blocks on the disk: call it every few seconds, and not
    /// where mail waits. Each change of a list's state is reported once.
    pub fn refresh(&self) -> Vec<Event> {
        let files = self.files.values().filter_map(|file| {
            let mut event = file.refresh()?;
            if let Event::Loaded { whole_domains, .. } = &mut event {
                whole_domains.unanswered = self.unanswered(file, &whole_domains.domains);
            }
            Some(event)
        });
        let remotes = self.remotes.values().filter_map(|remote| remote.news());
        files.chain(remotes).collect()
    }

    /// Those of these domains whose entry has this file, and says nothing of all others, with what the entry is for.
    fn unanswered(&self, file: &Arc<ListFile>, domains: &[Domain]) -> Vec<(Domain, Scope)> {
        let is_it = |list: &List| matches!(list, List::File(one) if Arc::ptr_eq(one, file));
        let unanswered = domains.iter().filter_map(|domain| {
            let entry = self.entries.get(self.scopes.find(domain)?)?;
            let has_it = !entry.answers_rest && entry.lists.iter().any(is_it);
            has_it.then(|| (domain.clone(), entry.scope.clone()))
        });
        unanswered.collect()
    }

    /// Asks each server for an address that can't exist, in one of our domains: its name, and how long that took or what
    /// is wrong with it.
    pub async fn probe(&self, ours: &Domains) -> Vec<(String, Result<Duration, String>)> {
        let mut answers = Vec::new();
        for (remote, domain) in self.probed(ours) {
            answers.push((remote.name().to_owned(), remote.probe(&domain).await));
        }
        answers.sort_by(|(one, _), (other, _)| one.cmp(other));
        answers
    }

    /// Each server, and a domain that the first entry with it is for.
    fn probed(&self, ours: &Domains) -> Vec<(Arc<Remote<Listed>>, Domain)> {
        let mut seen = HashSet::new();
        let entries = self.entries.iter().enumerate();
        let remotes = entries.flat_map(|(number, entry)| {
            let lists = entry.lists.iter();
            let remotes = lists.filter_map(|list| match list {
                List::Remote(remote) => Some(remote),
                List::Inline(_) | List::File(_) => None,
            });
            remotes.map(move |remote| (number, &entry.scope, remote))
        });
        let first = remotes.filter(|(_, _, remote)| seen.insert(Arc::as_ptr(remote)));
        let asked = first.filter_map(|(number, scope, remote)| {
            Some((Arc::clone(remote), self.one_of(number, scope, ours)?))
        });
        asked.collect()
    }

    /// A domain that this entry is for.
    fn one_of(&self, number: usize, scope: &Scope, ours: &Domains) -> Option<Domain> {
        let mut ours = ours.iter().map(one_meant_by);
        match scope {
            Scope::Named(pattern @ DomainPattern::Itself(_)) => Some(one_meant_by(pattern)),
            _ => ours.find(|domain| self.scopes.find(domain) == Some(number)),
        }
        .or_else(|| match scope {
            Scope::Named(pattern) => Some(one_meant_by(pattern)),
            // RFC 2606: no domain of anybody's.
            Scope::Others => "backstop-check.invalid".parse().ok(),
        })
    }
}

/// A domain that the pattern matches.
fn one_meant_by(pattern: &DomainPattern) -> Domain {
    match pattern {
        DomainPattern::Itself(domain) => domain.clone(),
        DomainPattern::Below(parent) => {
            let made_up = format!("backstop-check.{parent}").parse();
            made_up.unwrap_or_else(|_| parent.clone())
        }
    }
}

#[cfg(test)]
mod tests;
