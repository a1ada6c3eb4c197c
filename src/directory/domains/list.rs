//! One list of domains: its last good answer, and how it does.

use std::{
    mem,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use arc_swap::ArcSwapOption;

use super::{
    Change, DomainEvent, DomainSource, Folders, Skipped, kept,
    names::{Names, order},
};
use crate::{
    core::pattern::DomainPattern,
    directory::{
        ldap,
        limits::{MAX_DOMAINS, WholeList},
        parse::Format,
        remote::plain,
        sql,
        watched::{Look, WatchedFile},
    },
};

/// How often a server is asked.
const INTERVAL: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct DomainList {
    source: DomainSource,
    name: String,
    /// None for one on a server.
    file: Option<(WatchedFile, Format)>,
    /// The last good answer.
    domains: ArcSwapOption<Vec<DomainPattern>>,
    /// How often that has changed.
    version: AtomicU64,
    state: Mutex<State>,
    /// Held while a server is asked, so that questions to one that hangs don't pile up.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// When the last good answer came.
    good: Option<SystemTime>,
    /// Since when there is none, and why.
    failing: Option<(SystemTime, String)>,
    skipped: Skipped,
    /// When the server is to be asked again.
    due: Option<Instant>,
    /// When the kept copy was last known to be good.
    touched: Option<Instant>,
    /// Whether it was said that nothing can be kept.
    complained: bool,
    news: Vec<DomainEvent>,
}

/// A list, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListState {
    /// Its file, or its server without a password.
    pub name: String,
    /// How many domains its last good answer has; none where there was none yet.
    pub domains: Option<usize>,
    /// When that answer came.
    pub good: Option<SystemTime>,
    /// Since when there is no good answer, and why.
    pub failing: Option<(SystemTime, String)>,
    /// What it has that is no domain.
    pub skipped: Skipped,
}

impl DomainList {
    pub fn new(source: DomainSource) -> Self {
        let file = match &source {
            DomainSource::File(path) => Some((WatchedFile::new(path.clone()), Format::Text)),
            DomainSource::PostfixMap(path) => {
                Some((WatchedFile::new(path.clone()), Format::PostfixMap))
            }
            DomainSource::Sql(_) | DomainSource::Ldap(_) => None,
        };
        Self {
            name: source.to_string(),
            source,
            file,
            domains: ArcSwapOption::empty(),
            version: AtomicU64::default(),
            state: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    pub fn source(&self) -> &DomainSource {
        &self.source
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_on_server(&self) -> bool {
        self.file.is_none()
    }

    /// The last good answer.
    pub fn domains(&self) -> Option<Arc<Vec<DomainPattern>>> {
        self.domains.load_full()
    }

    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub fn state(&self) -> ListState {
        let domains = self.domains().map(|domains| domains.len());
        let state = self.lock();
        ListState {
            name: self.name.clone(),
            domains,
            good: state.good,
            failing: state.failing.clone(),
            skipped: state.skipped.clone(),
        }
    }

    /// What to log since the last time.
    pub fn news(&self) -> Vec<DomainEvent> {
        mem::take(&mut self.lock().news)
    }

    /// Takes the newest copy that was kept, where nothing is known yet. Blocks on the disk.
    pub fn recall(&self, folders: &Folders) {
        if self.domains.load().is_some() {
            return;
        }
        let copies = folders.read.iter();
        let copies = copies.filter_map(|folder| kept::read(folder, &self.source));
        let Some((domains, good)) = copies.max_by_key(|(_, good)| *good) else {
            return;
        };
        let mut state = self.lock();
        state.good = Some(good);
        state.news.push(DomainEvent::Recalled {
            list: self.name.clone(),
            domains: domains.len(),
            age: good.elapsed().unwrap_or_default().as_secs(),
        });
        self.replace(domains);
    }

    /// Reads the file, where it is one that has changed. Blocks on the disk.
    pub fn look(&self, folders: &Folders) {
        let Some((file, format)) = &self.file else {
            return;
        };
        match file.look(|bytes| Names::of_file(*format, bytes)) {
            Look::New(names) => self.took(names, folders),
            Look::Failed { why, .. } => self.failed(why),
            Look::Back => self.is_as_before(folders),
            Look::Same if !file.is_unreadable() => self.is_as_before(folders),
            Look::Same => {}
        }
    }

    /// Whether the server is to be asked now; then it is not for a minute.
    pub fn is_due(&self, now: Instant) -> bool {
        let mut state = self.lock();
        let is_due = self.is_on_server() && state.due.is_none_or(|due| now >= due);
        if is_due {
            state.due = Some(now + INTERVAL);
        }
        is_due
    }

    /// Asks the server, unless somebody is asking it.
    pub async fn fetch(self: Arc<Self>, folders: Arc<Folders>) {
        let Ok(_alone) = self.asking.try_lock() else {
            return;
        };
        let answer = self.ask().await;
        let list = Arc::clone(&self);
        // Files block.
        let taken = tokio::task::spawn_blocking(move || match answer {
            Ok(names) => list.took(names, &folders),
            Err(why) => list.failed(why),
        });
        if let Err(panic) = taken.await {
            log::error!("{}: {panic}", self.name);
        }
    }

    /// All that the server has.
    async fn ask(&self) -> Result<Names, String> {
        let limit = |timeout: crate::core::duration::Duration| WholeList {
            timeout: timeout.into(),
            most: MAX_DOMAINS,
        };
        let said = |why: &dyn ToString| why.to_string();
        let answer = match &self.source {
            DomainSource::Sql(list) => {
                let server = list.server().map_err(|why| said(&why))?;
                let rows = sql::rows(server, list.query.as_str(), limit(list.timeout)).await;
                rows.and_then(|rows| Names::of_values(rows.iter().map(String::as_str)))
            }
            DomainSource::Ldap(list) => {
                let server = list.server().map_err(|why| said(&why))?;
                let attribute = list.attribute.as_str();
                let attributes = vec![attribute.to_owned()];
                let filter = list.filter.as_str();
                let entries = ldap::entries(server, filter, attributes, limit(list.timeout)).await;
                entries.and_then(|entries| {
                    let values = entries.iter().filter_map(|entry| entry.get(attribute));
                    Names::of_values(values.flatten().map(String::as_str))
                })
            }
            DomainSource::File(_) | DomainSource::PostfixMap(_) => {
                Err("it is no server".to_owned())
            }
        };
        // It is shown beside the name, and may quote the server.
        let prefix = format!("{}: ", self.name);
        answer.map_err(|why| plain(why.strip_prefix(&prefix).unwrap_or(&why)))
    }

    fn took(&self, names: Names, folders: &Folders) {
        let Names { domains, skipped } = names;
        let before = self.domains();
        let is_same = before.as_ref().is_some_and(|before| **before == domains);
        {
            let mut state = self.lock();
            if skipped.count > 0 && skipped != state.skipped {
                let (list, skipped) = (self.name.clone(), skipped.clone());
                state.news.push(DomainEvent::Skipped { list, skipped });
            }
            state.skipped = skipped;
        }
        if is_same {
            return self.is_as_before(folders);
        }
        let written = folders
            .write
            .as_ref()
            .map(|folder| (folder, kept::write(folder, &self.source, &domains)));
        let mut state = self.lock();
        state.good = Some(SystemTime::now());
        state.touched = Some(Instant::now());
        state.failing = None;
        let list = self.name.clone();
        state.news.push(match before {
            None => DomainEvent::Read {
                list,
                domains: domains.len(),
            },
            Some(before) => DomainEvent::Changed {
                list,
                change: Change::between(&before, &domains),
            },
        });
        if let Some((folder, Err(error))) = written {
            state.not_kept(folder.clone(), error.to_string());
        }
        self.replace(domains);
    }

    /// The answer is good, and the same.
    fn is_as_before(&self, folders: &Folders) {
        let Some(domains) = self.domains() else {
            return;
        };
        let (now, mut state) = (SystemTime::now(), self.lock());
        state.good = Some(now);
        if state.failing.take().is_some() {
            state.news.push(DomainEvent::Back {
                list: self.name.clone(),
                domains: domains.len(),
            });
        }
        let is_late = |touched: Instant| touched.elapsed() >= INTERVAL;
        if !state.touched.is_none_or(is_late) {
            return;
        }
        state.touched = Some(Instant::now());
        drop(state);
        let Some(folder) = &folders.write else {
            return;
        };
        // It went with its folder, or was never there: a copy of another folder was recalled.
        let kept = kept::touch(folder, &self.source, now)
            .or_else(|_| kept::write(folder, &self.source, &domains));
        if let Err(error) = kept {
            self.lock().not_kept(folder.clone(), error.to_string());
        }
    }

    fn failed(&self, why: String) {
        let kept = self.domains().map(|domains| domains.len());
        let mut state = self.lock();
        let since = match &state.failing {
            Some((_, before)) if *before == why => return,
            Some((since, _)) => *since,
            None => SystemTime::now(),
        };
        state.failing = Some((since, why.clone()));
        state.news.push(DomainEvent::Failed {
            list: self.name.clone(),
            why,
            kept,
        });
    }

    fn replace(&self, mut domains: Vec<DomainPattern>) {
        debug_assert!(domains.is_sorted_by(|one, other| order(one, other).is_lt()));
        domains.shrink_to_fit();
        self.domains.store(Some(Arc::new(domains)));
        self.version.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn not_kept(&mut self, folder: PathBuf, why: String) {
        if !self.complained {
            self.complained = true;
            self.news.push(DomainEvent::NotKept { folder, why });
        }
    }
}
