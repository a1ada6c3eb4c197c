//! A directory on a server: its answers are kept, and the last good one stands in while it is down. What is looked for in
//! it is another's: whether an address is listed, or what a tenant's row answers for its domain.

use std::{
    sync::Arc,
    time::{self, Duration},
};

use moka::{future, sync};
use tokio::time::{Instant, timeout_at};

use super::{
    apart::Apart,
    backend::{Backend, Failure},
    health::{Health, News},
    limits::LARGEST_CACHE,
    template::Asked,
};

/// What an entry of a cache takes up beside the address and what was found, in octets, roughly.
const ENTRY: usize = 100;
/// The maximum length of a server's text in the log, in characters.
const LONGEST_TEXT: usize = 300;

/// How long its questions may take, and its answers count.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub timeout: Duration,
    pub cache_known: Duration,
    pub cache_unknown: Duration,
}

/// What is looked for in a directory.
pub(super) trait Search: Send + Sync + 'static {
    /// What is found.
    type Found: Clone + Send + Sync + 'static;

    /// For how long the last good answer stands in for a server that is down: where something was found, and where
    /// nothing was. None is for as long as there is room.
    const LATELY: [Option<Duration>; 2];

    /// What the server has; none where it has nothing. See [`Backend`].
    fn ask(
        &self,
        backend: &Backend,
        asked: &Asked,
        deadline: Instant,
    ) -> impl Future<Output = Result<Option<Self::Found>, Failure>> + Send;

    /// How much room this takes up in a cache, in octets, roughly.
    fn size(found: &Self::Found) -> usize;
}

/// A directory that is asked address by address, or domain by domain.
pub(super) struct Remote<S: Search> {
    backend: Backend,
    search: S,
    times: Times,
    /// Questions under way, so that two that ask for the same at a time are one question. It keeps no answer.
    asking: future::Cache<String, Option<S::Found>>,
    /// The last answers, and when each came: for a while they need no question, and later they stand in while it is down.
    /// Each kind is kept by itself, so that invented addresses crowd out none that is listed.
    known: Apart<String, (time::Instant, S::Found)>,
    unknown: Apart<String, (time::Instant, ())>,
    health: Health,
}

impl<S: Search> Remote<S> {
    /// One that is not connected yet.
    pub fn new(backend: Backend, search: S) -> Self {
        let [known, unknown] = S::LATELY;
        Self {
            times: backend.times(),
            backend,
            search,
            asking: future::Cache::new(0),
            known: Apart::new(|| lately(known, S::size)),
            unknown: Apart::new(|| lately(unknown, |()| 0)),
            health: Health::default(),
        }
    }

    /// Its address, without a password.
    pub fn name(&self) -> &str {
        self.backend.name()
    }

    /// Whether it failed when it was last asked.
    pub fn is_down(&self) -> bool {
        self.health.is_down()
    }

    /// For how long it has been down.
    pub fn silent_for(&self) -> Option<Duration> {
        self.health.silent_for(Instant::now())
    }

    /// What to log of its health since the last time.
    pub fn health_news(&self) -> Option<News> {
        self.health.news(Instant::now())
    }

    /// What is looked for.
    pub fn search(&self) -> &S {
        &self.search
    }

    /// What it had lately, by what was asked for.
    pub fn known(&self) -> Vec<(String, S::Found)> {
        let known = self.known.iter();
        known.map(|(asked, (_, found))| (asked, found)).collect()
    }

    /// The columns that it answers with, asked now; none where nobody can know them without a row.
    pub async fn columns(&self) -> Option<Result<Vec<String>, String>> {
        match timeout_at(self.deadline(), self.backend.columns()).await {
            Ok(columns) => columns.map(|columns| columns.map_err(|why| plain(&why))),
            Err(_) => Some(Err(self.late())),
        }
    }

    /// When a question that begins now has to be answered.
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.times.timeout
    }

    /// What it has, or had lately; none where it has nothing.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn find(&self, asked: &Asked, deadline: Instant) -> Result<Option<S::Found>, String> {
        if let Some(found) = self.fresh(asked) {
            return Ok(found);
        }
        let answer = async {
            // It may have come since.
            match self.fresh(asked) {
                Some(found) => Ok(found),
                None => self.fetch(asked, deadline).await,
            }
        };
        let answer = self.asking.try_get_with_by_ref(asked.address(), answer);
        let answer = answer.await;
        answer.or_else(|why: Arc<String>| self.lately(asked).ok_or_else(|| why.to_string()))
    }

    /// The last answer, if it counts without a question.
    fn fresh(&self, asked: &Asked) -> Option<Option<S::Found>> {
        let counts = |at: time::Instant, span| at.elapsed() < span;
        if let Some((at, found)) = self.known.of(asked).get(asked.address())
            && counts(at, self.times.cache_known)
        {
            return Some(Some(found));
        }
        let (at, ()) = self.unknown.of(asked).get(asked.address())?;
        counts(at, self.times.cache_unknown).then_some(None)
    }

    fn lately(&self, asked: &Asked) -> Option<Option<S::Found>> {
        if let Some((_, found)) = self.known.of(asked).get(asked.address()) {
            return Some(Some(found));
        }
        let unknown = self.unknown.of(asked).get(asked.address());
        unknown.map(|_| None)
    }

    async fn fetch(&self, asked: &Asked, deadline: Instant) -> Result<Option<S::Found>, String> {
        self.health.may_ask(Instant::now(), self.times.timeout)?;
        match self.ask(asked, deadline).await {
            Ok(found) => {
                self.health.answered();
                let (address, now) = (asked.address().to_owned(), time::Instant::now());
                let (known, unknown) = (self.known.of(asked), self.unknown.of(asked));
                if let Some(found) = &found {
                    unknown.invalidate(&address);
                    known.insert(address, (now, found.clone()));
                } else {
                    known.invalidate(&address);
                    unknown.insert(address, (now, ()));
                }
                Ok(found)
            }
            Err(Failure::Question(why)) => {
                self.health.refused(&why);
                Err(why)
            }
            Err(Failure::Down(why)) => {
                self.health.failed(&why, Instant::now());
                Err(why)
            }
        }
    }

    /// Asks now, whatever is known.
    pub async fn ask(&self, asked: &Asked, deadline: Instant) -> Result<Option<S::Found>, Failure> {
        let answer = self.search.ask(&self.backend, asked, deadline);
        let answer = match timeout_at(deadline, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                // The connection that hangs went with its question; the others hang too.
                self.backend.disconnect();
                Err(Failure::Down(self.late()))
            }
        };
        // A server's error may quote the address, which a stranger chose.
        answer.map_err(|failure| match failure {
            Failure::Down(why) => Failure::Down(plain(&why)),
            Failure::Question(why) => Failure::Question(plain(&why)),
        })
    }

    fn late(&self) -> String {
        format!("no answer within {} s", self.times.timeout.as_secs_f32())
    }
}

fn lately<F: Clone + Send + Sync + 'static>(
    kept: Option<Duration>,
    size: fn(&F) -> usize,
) -> sync::Cache<String, (time::Instant, F)> {
    let cache = sync::Cache::builder()
        .max_capacity(LARGEST_CACHE)
        .weigher(move |asked: &String, (_, found): &(time::Instant, F)| weight(asked, size(found)));
    match kept {
        Some(kept) => cache.time_to_live(kept).build(),
        None => cache.build(),
    }
}

fn weight(asked: &str, found: usize) -> u32 {
    u32::try_from(asked.len() + found + ENTRY).unwrap_or(u32::MAX)
}

/// One line that a log can take.
pub(super) fn plain(text: &str) -> String {
    let one_line = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(one_line).take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::listed::Listed, *};

    fn remote() -> Remote<Listed> {
        let hour = Duration::from_secs(3600);
        Remote {
            times: Times {
                timeout: hour,
                cache_known: hour,
                cache_unknown: hour,
            },
            ..Remote::new(Backend::None, Listed)
        }
    }

    fn asked(local: &str, domain: &str, whose: &str) -> Asked {
        let [domain, whose] = [domain, whose].map(|name| name.parse().unwrap());
        Asked::new(local.as_bytes(), &domain, &whose).unwrap()
    }

    fn kept<S: Search>(remote: &Remote<S>, asked: impl Iterator<Item = Asked>) -> usize {
        asked.filter(|one| remote.lately(one).is_some()).count()
    }

    /// Names are cheap. Twice as many as there is room for are asked for here, each once.
    #[test]
    fn invented_names_crowd_out_nobody_who_is_listed() {
        let remote = remote();
        let listed = |number| asked(&format!("user{number}"), "example.org", "example.org");
        for one in (0..20_000).map(listed) {
            let now = time::Instant::now();
            remote
                .known
                .of(&one)
                .insert(one.address().to_owned(), (now, ()));
        }
        for number in 0..100_000 {
            let name = asked(
                &format!("invented{number}"),
                "flooded.example",
                "flooded.example",
            );
            assert_eq!(remote.fresh(&name), None);
            let now = time::Instant::now();
            remote
                .unknown
                .of(&name)
                .insert(name.address().to_owned(), (now, ()));
        }
        assert_eq!(kept(&remote, (0..20_000).map(listed)), 20_000);
        let unknown = remote.unknown.of(&listed(0));
        unknown.run_pending_tasks();
        assert!(unknown.weighted_size() <= LARGEST_CACHE);
    }

    /// A query may find something for every name below `.example.org`.
    #[test]
    fn invented_domains_crowd_out_none_that_has_a_name() {
        let remote = remote();
        let named = |number: usize| {
            let domain = format!("d{number}.example");
            asked("joe", &domain, &domain)
        };
        let keep = |one: &Asked, number: usize| {
            let (now, address) = (time::Instant::now(), one.address().to_owned());
            match number % 2 {
                0 => remote.known.of(one).insert(address, (now, ())),
                _ => remote.unknown.of(one).insert(address, (now, ())),
            }
        };
        for number in 0..10_000 {
            keep(&named(number), number);
        }
        for number in 0..200_000 {
            let domain = format!("invented{number}.example.org");
            keep(&asked("joe", &domain, "example.org"), number);
        }
        assert_eq!(kept(&remote, (0..10_000).map(named)), 10_000);
    }
}
