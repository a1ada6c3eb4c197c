//! The kinds of servers that are asked, as this program was built.

use tokio::time::Instant;

#[cfg(feature = "ldap")]
use super::ldap;
#[cfg(feature = "sql")]
use super::sql;
use super::{Source, cells::Cells, remote::Times, template::Asked};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The next question would get no answer either.
    Down(String),
    /// It is this question that the server refused. A stranger may have caused that, so others are asked all the same.
    Question(String),
}

/// A server that is asked.
pub(super) enum Backend {
    #[cfg(feature = "sql")]
    Sql(sql::Client),
    #[cfg(feature = "ldap")]
    Ldap(ldap::Client),
    /// One that needs another build of this program; `config` refuses it.
    None,
}

impl Backend {
    /// The server of a source that is one.
    pub fn of(source: &Source) -> Self {
        match source {
            #[cfg(feature = "sql")]
            Source::Sql(settings) => Self::Sql(sql::Client::new((**settings).clone())),
            #[cfg(feature = "ldap")]
            Source::Ldap(settings) => Self::Ldap(ldap::Client::new((**settings).clone())),
            _ => Self::None,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            #[cfg(feature = "sql")]
            Self::Sql(client) => client.name(),
            #[cfg(feature = "ldap")]
            Self::Ldap(client) => client.name(),
            Self::None => "a directory",
        }
    }

    pub fn times(&self) -> Times {
        match self {
            #[cfg(feature = "sql")]
            Self::Sql(client) => client.times(),
            #[cfg(feature = "ldap")]
            Self::Ldap(client) => client.times(),
            Self::None => Times::default(),
        }
    }

    /// Whether an address is listed. Takes as long as it takes; nothing new is begun when others failed meanwhile, who
    /// gave up at their deadlines as the caller does at this one.
    pub async fn lists(&self, asked: &Asked, deadline: Instant) -> Result<bool, Failure> {
        match self {
            #[cfg(feature = "sql")]
            Self::Sql(client) => client.lists(asked, deadline).await,
            #[cfg(feature = "ldap")]
            Self::Ldap(client) => client.lists(asked, deadline).await,
            Self::None => Err(Self::not_built_in(asked)),
        }
    }

    /// The rows for a domain, or the entries with these attributes, up to the second. The rest is as above.
    pub async fn rows(
        &self,
        asked: &Asked,
        attributes: &[String],
        deadline: Instant,
    ) -> Result<Vec<Cells>, Failure> {
        match self {
            #[cfg(feature = "sql")]
            Self::Sql(client) => client.rows_for(asked, deadline).await,
            #[cfg(feature = "ldap")]
            Self::Ldap(client) => client.entries(asked, attributes, deadline).await,
            Self::None => Err(Self::not_built_in(asked)),
        }
    }

    /// The columns of the rows, without a row; none where nobody can know them so.
    pub async fn columns(&self) -> Option<Result<Vec<String>, String>> {
        match self {
            #[cfg(feature = "sql")]
            Self::Sql(client) => Some(client.columns().await),
            _ => None,
        }
    }

    fn not_built_in(asked: &Asked) -> Failure {
        let address = asked.address();
        let why = format!("this program was built without what could ask for {address}");
        Failure::Down(why)
    }

    /// Closes the connections that are idle.
    pub fn disconnect(&self) {
        match self {
            #[cfg(feature = "sql")]
            Self::Sql(client) => client.disconnect(),
            #[cfg(feature = "ldap")]
            Self::Ldap(client) => client.disconnect(),
            Self::None => {}
        }
    }
}
