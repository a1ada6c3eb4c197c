//! Knows what tenants answer for their own domains: the rows of `tenants`, in a file or on a server.
//!
//! A row that is wrong must not cost a tenant its mail, nor a host all its tenants': the last good row counts, and where
//! there is none, the domain is in monitor. What a server answered last counts while it is down, for as long as there is
//! room.

#![cfg_attr(not(feature = "sql"), allow(dead_code, unused_variables))]

mod csv;
mod event;
mod file;
mod file_row;
mod key;
mod row;
mod rows;
mod settings;
mod value;
mod yaml;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

pub use self::{
    event::TenantEvent,
    file::Format as TenantFormat,
    key::TenantKey,
    row::RowMistake,
    settings::{RowFilter, RowQuery, TenantLdap, TenantSettings, TenantSql},
};
use self::{file::TenantFile, rows::Rows};
use super::{
    Source,
    backend::{Backend, Failure},
    health::News,
    remote::Remote,
    template::Asked,
};
use crate::core::{address::Domain, local::Local, outside::Unanswered, tenant::TenantAnswers};

/// Tenants' answers. Copies share what is known.
#[derive(Clone)]
pub struct Tenants {
    settings: TenantSettings,
    held: Held,
    /// What a domain without a row answers: nothing.
    none: Arc<TenantAnswers>,
}

#[derive(Clone)]
enum Held {
    Nowhere,
    File(Arc<TenantFile>),
    Server(Arc<Remote<Rows>>),
}

/// How tenants' answers are, for whoever watches them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantState {
    /// The file or the server, without its password.
    pub name: String,
    /// Whether it is a file.
    pub is_file: bool,
    /// How many domains have a row: of a file all, of a server those that it was asked for and that are remembered; none
    /// where a file was never read.
    pub rows: Option<usize>,
    /// How many rows are wrong.
    pub mistaken: usize,
    /// What is wrong with them, of a file; the first thousand.
    pub mistakes: Vec<RowMistake>,
    /// Whether the file can't be read, or the server is down.
    pub is_down: bool,
    /// For how long the server has been down.
    pub silent_for: Option<Duration>,
}

/// What a server says when it is asked for a made-up domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The server, without its password.
    pub name: String,
    /// How long it took, or what is wrong.
    pub answer: Result<Duration, String>,
    /// The columns that the query answers with; none where that can't be known without a row.
    pub columns: Option<Vec<String>>,
    /// What is wrong with them.
    pub wrong_columns: Vec<String>,
}

impl Tenants {
    /// Those of `tenants:`. A file is not read before [`Self::refresh`], and a server not asked before somebody wants to
    /// know.
    pub fn new(settings: &TenantSettings) -> Self {
        let allow = settings.allow.clone();
        let held = match settings {
            TenantSettings {
                file: Some(path), ..
            } => {
                let format = TenantFormat::of(path).unwrap_or(TenantFormat::Yaml);
                Held::File(Arc::new(TenantFile::new(path.clone(), format, allow)))
            }
            TenantSettings { sql: Some(sql), .. } => {
                let source = Source::Sql(Box::new(sql.server()));
                let rows = Rows::of_sql(sql.url.to_string(), allow);
                Held::Server(Arc::new(Remote::new(Backend::of(&source), rows)))
            }
            TenantSettings {
                ldap: Some(ldap), ..
            } => {
                let source = Source::Ldap(Box::new(ldap.server()));
                let rows = Rows::of_ldap(ldap.url.to_string(), allow, ldap.attributes.clone());
                Held::Server(Arc::new(Remote::new(Backend::of(&source), rows)))
            }
            _ => Held::Nowhere,
        };
        Self {
            settings: settings.clone(),
            held,
            none: Arc::default(),
        }
    }

    /// Those of other settings, as after a reload; of the same, with all that is known.
    pub fn succeeded_by(&self, settings: &TenantSettings) -> Self {
        match *settings == self.settings {
            true => self.clone(),
            false => Self::new(settings),
        }
    }

    /// What they act by.
    #[cfg(test)]
    pub(crate) fn acts_by(&self) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        // Passwords are in the hash alone.
        let mut hasher = DefaultHasher::new();
        self.settings.hash(&mut hasher);
        format!("{:?} {:x}", self.settings, hasher.finish())
    }

    /// What the tenant of a domain of `who` answers; nothing where it has no row. A server takes as long as its `timeout` at
    /// most.
    ///
    /// # Errors
    /// The file was never read, or the server is down and was not asked before.
    pub async fn of(&self, domain: &Domain, who: &Local) -> Result<Arc<TenantAnswers>, Unanswered> {
        let found = match &self.held {
            Held::Nowhere => Ok(None),
            Held::File(file) => file.of(domain),
            Held::Server(server) => {
                // On the heap, for it is long.
                let asked = Asked::whole(domain, who.ours(domain).unwrap_or(domain));
                let found = Box::pin(server.find(&asked, server.deadline())).await;
                found.map_err(|why| format!("{}: {why}", server.name()))
            }
        };
        let found = found.map_err(|why| Unanswered::directory(format!("tenants: {why}")))?;
        Ok(found.unwrap_or_else(|| Arc::clone(&self.none)))
    }

    /// Reads the file if it has changed, and reports what is new. Blocks on the disk: call it every few seconds, and not
    /// where mail waits.
    pub fn refresh(&self) -> Vec<TenantEvent> {
        match &self.held {
            Held::Nowhere => Vec::new(),
            Held::File(file) => file.refresh().into_iter().collect(),
            Held::Server(server) => {
                let name = || server.name().to_owned();
                let health = server.health_news().map(|news| match news {
                    News::Silent { why, questions } => TenantEvent::Silent {
                        server: name(),
                        why,
                        questions,
                    },
                    News::Back { questions } => TenantEvent::Back {
                        server: name(),
                        questions,
                    },
                });
                let wrong = server.search().news(Instant::now());
                health.into_iter().chain(wrong).collect()
            }
        }
    }

    /// How they are; none where there are none. Never waits.
    pub fn state(&self) -> Option<TenantState> {
        match &self.held {
            Held::Nowhere => None,
            Held::File(file) => {
                let state = file.state();
                let rows = state.as_ref().map(|state| state.rows);
                let state = state.unwrap_or_default();
                Some(TenantState {
                    name: file.path().display().to_string(),
                    is_file: true,
                    rows,
                    mistaken: state.mistaken,
                    mistakes: state.mistakes,
                    is_down: file.is_unreadable(),
                    silent_for: None,
                })
            }
            Held::Server(server) => Some(TenantState {
                name: server.name().to_owned(),
                is_file: false,
                rows: Some(server.known().len()),
                mistaken: server.search().mistaken(),
                mistakes: Vec::new(),
                is_down: server.is_down(),
                silent_for: server.silent_for(),
            }),
        }
    }

    /// The domains with a row, each with what it answers: of a file all, of a server those that it was asked for and that
    /// are remembered.
    pub fn rows(&self) -> Vec<(Domain, Arc<TenantAnswers>)> {
        match &self.held {
            Held::Nowhere => Vec::new(),
            Held::File(file) => file.rows(),
            Held::Server(server) => {
                let known = server.known().into_iter();
                let row = |(asked, answers): (String, _)| {
                    Some((asked.strip_prefix('@')?.parse().ok()?, answers))
                };
                known.filter_map(row).collect()
            }
        }
    }

    /// What they were made of.
    pub fn settings(&self) -> &TenantSettings {
        &self.settings
    }

    /// Asks the server for a domain that can't exist, and for the columns that it answers with; none where there is no
    /// server.
    pub async fn probe(&self) -> Option<Probed> {
        let Held::Server(server) = &self.held else {
            return None;
        };
        let name = server.name().to_owned();
        let columns = match server.columns().await {
            None => None,
            Some(Ok(columns)) => Some(columns),
            Some(Err(why)) => {
                return Some(Probed {
                    name,
                    answer: Err(why),
                    columns: None,
                    wrong_columns: Vec::new(),
                });
            }
        };
        let begun = Instant::now();
        let made_up = format!(
            "backstop-check-{:016x}.invalid",
            getrandom::u64().unwrap_or_default()
        );
        let answer = match made_up.parse::<Domain>() {
            Err(error) => Err(error.to_string()),
            Ok(domain) => match server
                .ask(&Asked::whole(&domain, &domain), server.deadline())
                .await
            {
                Ok(None) => Ok(begun.elapsed()),
                Ok(Some(_)) => Err(format!(
                    "it has a row for {domain}, which was made up just now; one that is always found answers for every \
                     domain"
                )),
                Err(Failure::Down(why) | Failure::Question(why)) => Err(why),
            },
        };
        let wrong_columns = columns
            .as_deref()
            .map_or_else(Vec::new, |columns| server.search().wrong_columns(columns));
        Some(Probed {
            name,
            answer,
            columns,
            wrong_columns,
        })
    }
}
