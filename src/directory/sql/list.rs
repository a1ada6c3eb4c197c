//! Domains of ours in a database, which is asked for all of them at once.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserialize;

use super::{Query, QueryError, Sql, SqlUrl, Tls, limits};
use crate::core::{duration::Duration, serde_text::deserialize_from_str};

/// `sql:` in an entry of `local.domains`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlList {
    /// Where the database is.
    pub url: SqlUrl,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Whether the server must have a certificate; left out, it must unless it is this host.
    pub tls: Option<Tls>,
    /// The certificates that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// What is asked: the first column of each row is a domain.
    pub query: ListQuery,
    /// How long the answer may take, connecting included.
    #[serde(default = "limits::list_timeout")]
    pub timeout: Duration,
}

impl SqlList {
    /// The same with files relative to this folder.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        self.password_file = self.password_file.map(|file| folder.join(file));
        self.ca = self.ca.map(|file| folder.join(file));
        self
    }

    /// The server as one that is asked for recipients.
    ///
    /// # Errors
    /// As for [`Sql::of_url`].
    pub fn server(&self) -> Result<Sql, QueryError> {
        Ok(Sql {
            password_file: self.password_file.clone(),
            tls: self.tls,
            ca: self.ca.clone(),
            timeout: self.timeout,
            ..Sql::of_url(self.url.clone())?
        })
    }
}

/// A question for all domains: it reads, and has no placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListQuery {
    text: String,
    has_question_mark: bool,
}

/// Why a text is no such question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListQueryError {
    /// It changes something, or does something else.
    #[error(
        "it must begin with SELECT or WITH; expected e.g. SELECT domain FROM domain WHERE active"
    )]
    NoSelect,
    /// It asks for one domain.
    #[error(
        "`{0}` stands for a part of an address, but the list is fetched whole, once a minute; expected a query for all \
         domains, e.g. SELECT domain FROM domain WHERE active"
    )]
    Placeholder(String),
    /// It can't be read.
    #[error(transparent)]
    Unread(QueryError),
}

impl ListQuery {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a `?` stands in it, which is a parameter but for PostgreSQL.
    pub fn has_question_mark(&self) -> bool {
        self.has_question_mark
    }
}

impl FromStr for ListQuery {
    type Err = ListQueryError;

    fn from_str(text: &str) -> Result<Self, ListQueryError> {
        use ListQueryError::{NoSelect, Placeholder, Unread};
        let of_postfix = ["'%s'", "'%u'", "'%d'"];
        if let Some(word) = of_postfix.iter().find(|word| text.contains(*word)) {
            return Err(Placeholder((*word).to_owned()));
        }
        match Query::read(text) {
            Ok(query) => match query.parameters().next() {
                None => Ok(Self {
                    text: text.to_owned(),
                    has_question_mark: query.has_question_mark(),
                }),
                Some(placeholder) => Err(Placeholder(placeholder.to_string())),
            },
            Err(QueryError::NoSelect) => Err(NoSelect),
            Err(QueryError::Quoted(word) | QueryError::Unknown(word)) => {
                Err(Placeholder(format!(":{word}")))
            }
            Err(QueryError::Dollar(digit)) => Err(Placeholder(format!("${digit}"))),
            Err(other) => Err(Unread(other)),
        }
    }
}

deserialize_from_str!(ListQuery);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_asked_for_whole() {
        let placeholder = |word: &str| Err(ListQueryError::Placeholder(word.to_owned()));
        for (text, expected) in [
            ("SELECT domain FROM domain WHERE active", Ok(())),
            (
                "SELECT domain FROM domain WHERE active = '1' AND domain LIKE '%demo'",
                Ok(()),
            ),
            (
                "SELECT domain FROM domain UNION SELECT alias_domain FROM alias_domain -- :both",
                Ok(()),
            ),
            (
                "WITH d AS (SELECT domain::text AS n FROM domain) SELECT n FROM d",
                Ok(()),
            ),
            (
                "SELECT 1 FROM domain WHERE domain = :domain",
                placeholder(":domain"),
            ),
            (
                "SELECT 1 FROM domain WHERE domain = ':domain'",
                placeholder(":domain"),
            ),
            (
                "SELECT 1 FROM domain WHERE domain = :name",
                placeholder(":name"),
            ),
            ("SELECT 1 FROM domain WHERE domain = $1", placeholder("$1")),
            (
                "SELECT 1 FROM domain WHERE domain='%s'",
                placeholder("'%s'"),
            ),
            ("DELETE FROM domain", Err(ListQueryError::NoSelect)),
            ("", Err(ListQueryError::NoSelect)),
            (
                "SELECT domain FROM domain WHERE a = 'b",
                Err(ListQueryError::Unread(QueryError::Open("'"))),
            ),
        ] {
            let read = text.parse::<ListQuery>();
            assert_eq!(read.map(|_| ()), expected, "{text}");
        }
    }
}
