//! Whether a directory on a server lists an address.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Event,
    backend::{Backend, Failure},
    health::News,
    limits::{LATELY_KNOWN, LATELY_UNKNOWN},
    remote::{Remote, Search},
    template::Asked,
};
use crate::core::{address::Domain, recipients::lookup_keys};

/// Any row, and any entry, means that the address exists.
pub(super) struct Listed;

impl Search for Listed {
    type Found = ();

    const LATELY: [Option<Duration>; 2] = [Some(LATELY_KNOWN), Some(LATELY_UNKNOWN)];

    async fn ask(
        &self,
        backend: &Backend,
        asked: &Asked,
        deadline: Instant,
    ) -> Result<Option<()>, Failure> {
        let listed = backend.lists(asked, deadline).await?;
        Ok(listed.then_some(()))
    }

    fn size((): &()) -> usize {
        0
    }
}

impl Remote<Listed> {
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
        let deadline = self.deadline();
        let mut open = None;
        for key in lookup_keys(local_key, delimiters) {
            let Some(asked) = Asked::new(key, domain, whose) else {
                continue;
            };
            match self.find(&asked, deadline).await {
                Ok(Some(())) => return Ok(true),
                Ok(None) => {}
                Err(why) => open = Some(why),
            }
        }
        match open {
            None => Ok(false),
            Some(why) => Err(format!("{}: {why}", self.name())),
        }
    }

    /// What to log since the last time.
    pub fn news(&self) -> Option<Event> {
        let directory = self.name().to_owned();
        Some(match self.health_news()? {
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
        match self.ask(&asked, self.deadline()).await {
            Ok(None) => Ok(begun.elapsed()),
            Ok(Some(())) => Err(format!(
                "it lists {}, an address that was made up just now; a question that always finds something, such as \
                 one that counts, makes everybody known",
                asked.address()
            )),
            Err(Failure::Down(why) | Failure::Question(why)) => Err(why),
        }
    }
}
