//! A directory on a server: its answers are kept, and the last good one stands in while it is down.

use std::{
    sync::Arc,
    time::{self, Duration},
};

use moka::{future, sync};
use tokio::time::{Instant, timeout_at};

use super::{
    Event,
    backend::{Backend, Failure},
    health::{Health, News},
    limits::{LARGEST_CACHE, LATELY_KNOWN, LATELY_UNKNOWN},
    template::Asked,
};
use crate::core::{address::Domain, recipients::lookup_keys};

/// What an entry of a cache takes up beside the address, in octets, roughly.
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

/// A directory that is asked address by address.
pub(super) struct Remote {
    backend: Backend,
    times: Times,
    /// Questions under way, so that two that ask for one address at a time are one question. It keeps no answer.
    asking: future::Cache<String, bool>,
    /// The last answers, and when each came: for a while they need no question, and later they stand in while it is down.
    /// Each kind is kept by itself, so that invented addresses crowd out none that is listed.
    known: sync::Cache<String, time::Instant>,
    unknown: sync::Cache<String, time::Instant>,
    health: Health,
}

impl Remote {
    /// One that is not connected yet.
    pub fn new(backend: Backend) -> Self {
        Self {
            times: backend.times(),
            backend,
            asking: future::Cache::new(0),
            known: lately(LATELY_KNOWN),
            unknown: lately(LATELY_UNKNOWN),
            health: Health::default(),
        }
    }

    /// Its address, without a password.
    pub fn name(&self) -> &str {
        self.backend.name()
    }

    /// Whether it lists a local part of this domain, with its extension or without. The question is one of `whose` of our
    /// domains, which this one is or lies below.
    ///
    /// # Errors
    /// Why that is not known.
    pub async fn lists(
        &self,
        local_key: &[u8],
        domain: &Domain,
        whose: &Domain,
        delimiters: &str,
    ) -> Result<bool, String> {
        let deadline = Instant::now() + self.times.timeout;
        let mut open = None;
        for key in lookup_keys(local_key, delimiters) {
            let Some(asked) = Asked::new(key, domain, whose) else {
                continue;
            };
            match self.answer(&asked, deadline).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(why) => open = Some(why),
            }
        }
        match open {
            None => Ok(false),
            Some(why) => Err(format!("{}: {why}", self.name())),
        }
    }

    /// Connects and asks for an address that can't exist; how long it took.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn probe(&self, domain: &Domain) -> Result<Duration, String> {
        let begun = Instant::now();
        let local = format!(
            "backstop-check-{:016x}",
            getrandom::u64().unwrap_or_default()
        );
        let asked = Asked::new(local.as_bytes(), domain, domain).ok_or("the domain is too long")?;
        match self.ask(&asked, begun + self.times.timeout).await {
            Ok(false) => Ok(begun.elapsed()),
            Ok(true) => Err(format!(
                "it lists {}, an address that was made up just now; a question that always finds something, such as \
                 one that counts, makes everybody known",
                asked.address()
            )),
            Err(Failure::Down(why) | Failure::Question(why)) => Err(why),
        }
    }

    /// Whether it failed when it was last asked.
    pub fn is_down(&self) -> bool {
        self.health.is_down()
    }

    /// What to log since the last time.
    pub fn news(&self) -> Option<Event> {
        let directory = self.name().to_owned();
        Some(match self.health.news(Instant::now())? {
            News::Silent { why, questions } => Event::Silent {
                directory,
                why,
                questions,
            },
            News::Back { questions } => Event::Back {
                directory,
                questions,
            },
        })
    }

    async fn answer(&self, asked: &Asked, deadline: Instant) -> Result<bool, String> {
        let address = asked.address();
        if let Some(listed) = self.fresh(address) {
            return Ok(listed);
        }
        let answer = async {
            // It may have come since.
            match self.fresh(address) {
                Some(listed) => Ok(listed),
                None => self.fetch(asked, deadline).await,
            }
        };
        let answer = self.asking.try_get_with_by_ref(address, answer).await;
        answer.or_else(|why: Arc<String>| self.lately(address).ok_or_else(|| why.to_string()))
    }

    /// The last answer, if it counts without a question.
    fn fresh(&self, address: &str) -> Option<bool> {
        let counts = |at: time::Instant, span| at.elapsed() < span;
        let known = self.known.get(address);
        if known.is_some_and(|at| counts(at, self.times.cache_known)) {
            return Some(true);
        }
        let unknown = self.unknown.get(address);
        let counts = unknown.is_some_and(|at| counts(at, self.times.cache_unknown));
        counts.then_some(false)
    }

    fn lately(&self, address: &str) -> Option<bool> {
        if self.known.get(address).is_some() {
            return Some(true);
        }
        self.unknown.get(address).map(|_| false)
    }

    async fn fetch(&self, asked: &Asked, deadline: Instant) -> Result<bool, String> {
        self.health.may_ask(Instant::now(), self.times.timeout)?;
        match self.ask(asked, deadline).await {
            Ok(listed) => {
                self.health.answered();
                let address = asked.address().to_owned();
                if listed {
                    self.unknown.invalidate(&address);
                    self.known.insert(address, time::Instant::now());
                } else {
                    self.known.invalidate(&address);
                    self.unknown.insert(address, time::Instant::now());
                }
                Ok(listed)
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

    async fn ask(&self, asked: &Asked, deadline: Instant) -> Result<bool, Failure> {
        let answer = match timeout_at(deadline, self.backend.ask(asked, deadline)).await {
            Ok(answer) => answer,
            Err(_) => {
                // The connection that hangs went with its question; the others hang too.
                self.backend.disconnect();
                let seconds = self.times.timeout.as_secs_f32();
                Err(Failure::Down(format!("no answer within {seconds} s")))
            }
        };
        // A server's error may quote the address, which a stranger chose.
        answer.map_err(|failure| match failure {
            Failure::Down(why) => Failure::Down(plain(&why)),
            Failure::Question(why) => Failure::Question(plain(&why)),
        })
    }
}

fn lately(kept: Duration) -> sync::Cache<String, time::Instant> {
    sync::Cache::builder()
        .max_capacity(LARGEST_CACHE)
        .weigher(|address: &String, _: &time::Instant| weight(address))
        .time_to_live(kept)
        .build()
}

fn weight(address: &str) -> u32 {
    u32::try_from(address.len() + ENTRY).unwrap_or(u32::MAX)
}

/// One line that a log can take.
pub(super) fn plain(text: &str) -> String {
    let one_line = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(one_line).take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote() -> Remote {
        let hour = Duration::from_secs(3600);
        Remote {
            times: Times {
                timeout: hour,
                cache_known: hour,
                cache_unknown: hour,
            },
            ..Remote::new(Backend::None)
        }
    }

    fn address(number: usize) -> String {
        format!("user{number}@example.org")
    }

    /// Names are cheap. Twice as many as there is room for are asked for here, each once.
    #[test]
    fn invented_names_crowd_out_nobody_who_is_listed() {
        let remote = remote();
        for number in 0..20_000 {
            remote.known.insert(address(number), time::Instant::now());
        }
        for number in 0..100_000 {
            let name = format!("invented{number}@flooded.example");
            assert_eq!(remote.fresh(&name), None);
            remote.unknown.insert(name, time::Instant::now());
        }
        let kept = |number: &usize| remote.fresh(&address(*number)) == Some(true);
        assert_eq!((0..20_000).filter(kept).count(), 20_000);
        remote.unknown.run_pending_tasks();
        assert!(remote.unknown.weighted_size() <= LARGEST_CACHE);
    }
}
