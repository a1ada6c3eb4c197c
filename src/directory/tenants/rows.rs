//! Tenants' rows on a server, asked for domain by domain.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use moka::sync;
use tokio::time::Instant;

use super::{
    TenantEvent, TenantKey, file,
    row::{self, DOMAIN, Names, RowMistake},
};
use crate::{
    core::{address::Domain, tenant::TenantAnswers},
    directory::{
        apart::Apart,
        backend::{Backend, Failure},
        cells::Cells,
        ldap::Attribute,
        limits::{LARGEST_CACHE, SILENCE},
        remote::Search,
        template::{Asked, Placeholder},
    },
};

/// How many domains with a wrong row are remembered, so that each mistake is told once.
const MOST_WRONG: u64 = 10_000;

/// What a row answers, with the last good ones for when one is wrong.
pub(super) struct Rows {
    /// The server, without its password.
    name: String,
    allow: Vec<TenantKey>,
    columns: Columns,
    /// As asked of an LDAP server.
    attributes: Vec<String>,
    good: Apart<Domain, Arc<TenantAnswers>>,
    /// What was told of the domains whose row is wrong.
    wrong: sync::Cache<Domain, Arc<str>>,
    news: Mutex<WrongNews>,
}

/// How a server names the keys.
enum Columns {
    /// A column is named as its key.
    AsKeys,
    /// The attribute of each key.
    Named(BTreeMap<TenantKey, Attribute>),
}

#[derive(Default)]
struct WrongNews {
    told: Option<Instant>,
    rows: u64,
    latest: Option<RowMistake>,
}

impl Names for Columns {
    fn key(&self, column: &str) -> Option<TenantKey> {
        match self {
            Self::AsKeys => TenantKey::of_column(column),
            Self::Named(attributes) => {
                let mut named = attributes.iter();
                let found = named.find(|(_, attribute)| attribute.as_str() == column);
                found.map(|(key, _)| *key)
            }
        }
    }

    /// A query may ask for all of a row, and then it is known whether it is the right one.
    fn is_domain(&self, column: &str) -> bool {
        matches!(self, Self::AsKeys) && column.eq_ignore_ascii_case(DOMAIN)
    }
}

impl Rows {
    /// Rows of a database.
    pub fn of_sql(name: String, allow: Vec<TenantKey>) -> Self {
        Self::new(name, allow, Columns::AsKeys, Vec::new())
    }

    /// Entries of a directory.
    pub fn of_ldap(
        name: String,
        allow: Vec<TenantKey>,
        attributes: BTreeMap<TenantKey, Attribute>,
    ) -> Self {
        let asked = attributes.values().map(|one| one.as_str().to_owned());
        let asked = asked.collect();
        Self::new(name, allow, Columns::Named(attributes), asked)
    }

    fn new(name: String, allow: Vec<TenantKey>, columns: Columns, attributes: Vec<String>) -> Self {
        let weight = |domain: &Domain, answers: &Arc<TenantAnswers>| {
            let size = domain.as_str().len() + file::size(answers);
            u32::try_from(size).unwrap_or(u32::MAX)
        };
        Self {
            name,
            allow,
            columns,
            attributes,
            good: Apart::new(|| {
                let good = sync::Cache::builder().max_capacity(LARGEST_CACHE);
                good.weigher(weight).build()
            }),
            wrong: sync::Cache::new(MOST_WRONG),
            news: Mutex::default(),
        }
    }

    /// What is wrong with each of these columns, for whoever checks them without a row.
    pub fn wrong_columns(&self, columns: &[String]) -> Vec<String> {
        let wrong = columns
            .iter()
            .filter(|column| !self.columns.is_domain(column))
            .filter_map(|column| match self.columns.key(column) {
                None => Some(format!("the column `{}` is no key", column.escape_debug())),
                Some(key) if !self.allow.contains(&key) => Some(format!(
                    "tenants.allow does not name the column `{}`",
                    key.as_str()
                )),
                Some(_) => None,
            });
        wrong.collect()
    }

    /// How many domains have a wrong row, as far as is known.
    pub fn mistaken(&self) -> usize {
        self.wrong.run_pending_tasks();
        usize::try_from(self.wrong.entry_count()).unwrap_or(usize::MAX)
    }

    /// What to log since the last time, once a minute at most.
    pub fn news(&self, now: Instant) -> Option<TenantEvent> {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let due = news
            .told
            .is_none_or(|told| now.saturating_duration_since(told) >= SILENCE);
        if !due {
            return None;
        }
        let latest = news.latest.take()?;
        let rows = std::mem::take(&mut news.rows);
        news.told = Some(now);
        Some(TenantEvent::Wrong {
            server: self.name.clone(),
            rows,
            latest,
        })
    }

    /// What the rows for a domain answer.
    fn judged(&self, asked: &Asked, domain: &Domain, rows: &[Cells]) -> Option<Arc<TenantAnswers>> {
        let last_good = self.good.of(asked);
        let read = match rows {
            [] => {
                last_good.invalidate(domain);
                self.wrong.invalidate(domain);
                return None;
            }
            [cells] => {
                let from: Arc<str> = self.name.as_str().into();
                row::answers(domain, from, None, cells, &self.columns, &self.allow)
            }
            _ => Err(vec![RowMistake::of_row(
                domain.as_str(),
                None,
                "there are several rows for this domain",
                "one",
            )]),
        };
        Some(match read {
            Ok(answers) => {
                let answers = Arc::new(answers);
                last_good.insert(domain.clone(), Arc::clone(&answers));
                self.wrong.invalidate(domain);
                answers
            }
            Err(mistakes) => {
                self.note(domain, mistakes);
                let good = last_good.get(domain);
                Arc::new(row::instead(&self.name, good.as_deref()))
            }
        })
    }

    /// A mistake is told when it is new, and not each time that the row is asked for.
    fn note(&self, domain: &Domain, mistakes: Vec<RowMistake>) {
        let Some(first) = mistakes.into_iter().next() else {
            return;
        };
        let text: Arc<str> = first.to_string().into();
        if self.wrong.get(domain).is_some_and(|known| known == text) {
            return;
        }
        self.wrong.insert(domain.clone(), text);
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        news.rows = news.rows.saturating_add(1);
        news.latest = Some(first);
    }
}

impl Search for Rows {
    type Found = Arc<TenantAnswers>;

    /// A tenant's last word holds until it says another.
    const LATELY: [Option<Duration>; 2] = [None, None];

    async fn ask(
        &self,
        backend: &Backend,
        asked: &Asked,
        deadline: Instant,
    ) -> Result<Option<Self::Found>, Failure> {
        let rows = backend.rows(asked, &self.attributes, deadline).await?;
        let domain = asked.part(Placeholder::Domain).parse::<Domain>();
        let domain = domain.map_err(|error| Failure::Question(error.to_string()))?;
        Ok(self.judged(asked, &domain, &rows))
    }

    fn size(found: &Self::Found) -> usize {
        file::size(found)
    }
}
