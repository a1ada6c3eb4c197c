//! Knows which domains are ours: reads the lists that `local.domains` names, and reads them again when they change.
//!
//! A server's list is fetched whole, each minute, and looked up in memory, so that no name that a stranger makes up becomes a
//! question. The last good answer stays while there is none, or an empty one: whatever was to write it has failed. It is
//! kept in the state folder, so that it outlives a restart. No mail waits for a list.

mod event;
mod kept;
mod list;
mod names;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::join_all;
use tokio::time::timeout;

use self::list::DomainList;
pub use self::{
    event::{Change, DomainEvent},
    list::ListState,
    names::Skipped,
};
use super::{Source, ldap::LdapList, sql::SqlList};
use crate::core::{local::Domains, pattern::DomainPattern};

/// Where domains of ours are listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DomainSource {
    /// In a text file: a name a line.
    File(PathBuf),
    /// In the text form of a Postfix lookup table: the keys that are domains.
    PostfixMap(PathBuf),
    /// In a database.
    Sql(Box<SqlList>),
    /// In an LDAP directory.
    Ldap(Box<LdapList>),
}

impl DomainSource {
    /// The server as one that is asked for recipients.
    pub fn server(&self) -> Option<Source> {
        match self {
            Self::File(_) | Self::PostfixMap(_) => None,
            Self::Sql(list) => Some(Source::Sql(Box::new(list.server().ok()?))),
            Self::Ldap(list) => Some(Source::Ldap(Box::new(list.server().ok()?))),
        }
    }

    /// What tells it from others: where it is, and what is asked there; no password.
    fn identity(&self) -> String {
        match self {
            Self::File(path) => format!("file\0{}", path.display()),
            Self::PostfixMap(path) => format!("postfix_map\0{}", path.display()),
            Self::Sql(list) => format!("sql\0{}\0{}", list.url, list.query.as_str()),
            Self::Ldap(list) => {
                let (url, base, scope) = (&list.url, &list.base, list.scope);
                let (filter, attribute) = (list.filter.as_str(), list.attribute.as_str());
                let who = list.bind_dn.as_deref().unwrap_or_default();
                format!("ldap\0{url}\0{who}\0{base}\0{scope:?}\0{filter}\0{attribute}")
            }
        }
    }
}

impl fmt::Display for DomainSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) | Self::PostfixMap(path) => path.display().fmt(f),
            Self::Sql(list) => list.url.fmt(f),
            Self::Ldap(list) => list.url.fmt(f),
        }
    }
}

/// Where last good answers are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folders {
    /// Where they are written; none for who only reads them.
    pub write: Option<PathBuf>,
    /// Where they may be: the newest counts.
    pub read: Vec<PathBuf>,
}

/// The lists of `local.domains`, in its order.
#[derive(Debug, Default)]
pub struct DomainLists {
    lists: Vec<Arc<DomainList>>,
    folders: Arc<Folders>,
}

impl DomainLists {
    /// Lists of which nothing is known yet.
    pub fn new(sources: &[DomainSource], folders: Folders) -> Self {
        Self::default().succeeded_by(sources, folders)
    }

    /// Other lists, as after a reload. Those that were there before keep what they know.
    #[must_use]
    pub fn succeeded_by(&self, sources: &[DomainSource], folders: Folders) -> Self {
        let mut lists: Vec<Arc<DomainList>> = Vec::new();
        for source in sources {
            let is_it = |list: &&Arc<DomainList>| list.source() == source;
            // One that is named twice is one.
            if lists.iter().any(|list| is_it(&list)) {
                continue;
            }
            let old = self.lists.iter().find(is_it).cloned();
            lists.push(old.unwrap_or_else(|| Arc::new(DomainList::new(source.clone()))));
        }
        Self {
            lists,
            folders: Arc::new(folders),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// These domains, and those of the lists.
    #[must_use]
    pub fn with(&self, named: &Domains) -> Domains {
        let listed: Vec<_> = self
            .lists
            .iter()
            .filter_map(|list| list.domains())
            .collect();
        if listed.is_empty() {
            return named.clone();
        }
        let listed = listed.iter().flat_map(|domains| domains.iter());
        named.iter().chain(listed).cloned().collect()
    }

    /// The first list that has this entry.
    pub fn naming(&self, entry: &DomainPattern) -> Option<&str> {
        let has_it = |list: &&Arc<DomainList>| {
            let domains = list.domains();
            let found = domains.map(|domains| {
                domains
                    .binary_search_by(|domain| names::order(domain, entry))
                    .is_ok()
            });
            found.unwrap_or_default()
        };
        self.lists.iter().find(has_it).map(|list| list.name())
    }

    /// What they are lists of.
    #[cfg(test)]
    pub(crate) fn acts_by(&self) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let of_source = |list: &Arc<DomainList>| {
            // Passwords are in the hash alone.
            let mut hasher = DefaultHasher::new();
            list.source().hash(&mut hasher);
            format!("{:?} {:x}", list.source(), hasher.finish())
        };
        let sources: Vec<_> = self.lists.iter().map(of_source).collect();
        sources.join("\n")
    }

    /// Each list as it is now. Never waits.
    pub fn states(&self) -> Vec<ListState> {
        self.lists.iter().map(|list| list.state()).collect()
    }

    /// Changes when one of the lists does.
    pub fn version(&self) -> u64 {
        self.lists.iter().map(|list| list.version()).sum()
    }

    /// What to log since the last time.
    pub fn news(&self) -> Vec<DomainEvent> {
        self.lists.iter().flat_map(|list| list.news()).collect()
    }

    /// Takes what was kept, and reads the files.
    pub async fn read(self: &Arc<Self>) {
        let lists = Arc::clone(self);
        // Files block.
        let read = tokio::task::spawn_blocking(move || {
            for list in &lists.lists {
                list.recall(&lists.folders);
                list.look(&lists.folders);
            }
        });
        if let Err(panic) = read.await {
            log::error!("local.domains: {panic}");
        }
    }

    /// The same. Then it asks the servers whose last good answer is not known, or older than `oldest`, and waits for them as
    /// long as `patience`; those that need longer go on without.
    pub async fn begin(self: &Arc<Self>, oldest: Duration, patience: Duration) {
        self.read().await;
        let is_old = |list: &&Arc<DomainList>| {
            let good = list.state().good;
            let age = good.map(|good| good.elapsed().unwrap_or_default());
            age.is_none_or(|age| age > oldest)
        };
        let asked = self.fetch(self.lists.iter().filter(is_old));
        let _in_time = timeout(patience, join_all(asked)).await;
    }

    /// Reads the files that have changed. Blocks on the disk.
    pub fn look(&self) {
        self.lists.iter().for_each(|list| list.look(&self.folders));
    }

    /// Asks the servers whose minute is over. Never waits.
    pub fn ask_again(&self) {
        // They go on by themselves.
        drop(self.fetch(self.lists.iter()));
    }

    /// Asks each server now, reads each file, and waits for them.
    pub async fn ask_all(&self) -> Vec<(ListState, Duration)> {
        let each = self.lists.iter().map(|list| async move {
            let begun = Instant::now();
            let (one, folders) = (Arc::clone(list), Arc::clone(&self.folders));
            if list.is_on_server() {
                one.fetch(folders).await;
            } else if let Err(panic) = tokio::task::spawn_blocking(move || one.look(&folders)).await
            {
                log::error!("local.domains: {panic}");
            }
            (list.state(), begun.elapsed())
        });
        join_all(each).await
    }

    /// Removes the kept answers of lists that are no longer named. Blocks on the disk.
    pub fn sweep(&self) {
        if let Some(folder) = &self.folders.write {
            let sources = self.lists.iter().map(|list| list.source());
            kept::sweep(folder, sources, SystemTime::now());
        }
    }

    /// The folder that answers are kept in.
    pub fn folder(&self) -> Option<&Path> {
        self.folders.write.as_deref()
    }

    fn fetch<'a>(
        &'a self,
        lists: impl Iterator<Item = &'a Arc<DomainList>>,
    ) -> Vec<tokio::task::JoinHandle<()>> {
        let now = Instant::now();
        let due = lists.filter(|list| list.is_due(now));
        due.map(|list| tokio::spawn(Arc::clone(list).fetch(Arc::clone(&self.folders))))
            .collect()
    }
}
