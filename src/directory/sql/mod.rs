//! Recipients in a database: SQLite, PostgreSQL, or MySQL and MariaDB.

#[cfg(feature = "sql")]
mod cells;
#[cfg(feature = "sql")]
mod client;
#[cfg(feature = "sql")]
mod columns;
#[cfg(feature = "sql")]
mod connections;
mod list;
mod query;
#[cfg(feature = "sql")]
mod refusal;
#[cfg(feature = "sql")]
mod rows;
mod url;

use std::path::{Path, PathBuf};

use serde::Deserialize;

#[cfg(feature = "sql")]
pub(super) use self::client::Client;
#[cfg(feature = "sql")]
pub use self::rows::rows;
pub use self::{
    list::{ListQuery, ListQueryError, SqlList},
    query::{Query, QueryError},
    url::SqlUrl,
};
use super::{limits, remote::Times};
use crate::{core::duration::Duration, server::Password};

/// `sql:` in an entry of `known`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sql {
    /// Where the database is.
    pub url: SqlUrl,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Whether the server must have a certificate; left out, it must unless it is this host.
    pub tls: Option<Tls>,
    /// The certificates that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// What is asked: any row means that the address exists.
    pub query: Query,
    /// The maximum number of connections, 1 to [`limits::MAX_CONNECTIONS`].
    #[serde(default = "limits::connections")]
    pub connections: u32,
    /// How long the questions for one recipient may take, connecting included.
    #[serde(default = "limits::timeout")]
    pub timeout: Duration,
    /// How long a listed address counts without asking again.
    #[serde(default = "limits::cache_known")]
    pub cache_known: Duration,
    /// The same for one that is not listed.
    #[serde(default = "limits::cache_unknown")]
    pub cache_unknown: Duration,
}

/// The words for `tls`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// The server shows a certificate of its name.
    Verify,
    /// Everything in clear.
    Off,
}

impl Sql {
    /// The same with files relative to this folder.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        self.password_file = self.password_file.map(|file| folder.join(file));
        self.ca = self.ca.map(|file| folder.join(file));
        self
    }

    /// What proves that it is us, where something must.
    pub fn password(&self) -> Option<Password> {
        let in_file = self.password_file.clone().map(Password::InFile);
        in_file.or_else(|| self.url.password().cloned())
    }

    /// Whether the connection is encrypted, and the server must show who it is.
    pub fn is_verified(&self) -> bool {
        match self.tls {
            Some(tls) => tls == Tls::Verify,
            None => !self.url.is_this_host(),
        }
    }

    /// One with the defaults, whose query nobody asks, and with a connection that is as clear as that of Postfix.
    ///
    /// # Errors
    /// Never: it is a query.
    pub fn of_url(url: SqlUrl) -> Result<Self, QueryError> {
        Ok(Self {
            url,
            password_file: None,
            tls: Some(Tls::Off),
            ca: None,
            query: "SELECT :address".parse()?,
            connections: 1,
            timeout: limits::timeout(),
            cache_known: limits::cache_known(),
            cache_unknown: limits::cache_unknown(),
        })
    }

    pub(super) fn times(&self) -> Times {
        Times {
            timeout: self.timeout.into(),
            cache_known: self.cache_known.into(),
            cache_unknown: self.cache_unknown.into(),
        }
    }
}

/// Without `sql` no database can be asked.
///
/// # Errors
/// Always.
#[cfg(not(feature = "sql"))]
pub async fn rows(_: Sql, _: &str, _: limits::WholeList) -> Result<Vec<String>, String> {
    Err("this backstop was built without `sql`".to_owned())
}
