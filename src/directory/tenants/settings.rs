//! `tenants:` of `milter.yaml`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Deserializer, de};

use super::{TenantKey, key::words};
use crate::{
    core::{duration::Duration, serde_text::deserialize_from_str},
    directory::{
        Source,
        ldap::{Attribute, Filter, FilterError, Ldap, LdapUrl, Scope},
        limits,
        sql::{Query, QueryError, Sql, SqlUrl, Tls},
        template::Placeholder,
    },
    server::Password,
};

/// Where tenants' answers stand, and which they may give. There is no default for `allow`: each key is a power over mail
/// that an administrator gives away knowingly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantSettings {
    /// The keys that tenants may set.
    pub allow: Vec<TenantKey>,
    /// A file with a row for each domain, YAML or CSV by its name.
    pub file: Option<PathBuf>,
    /// A database.
    pub sql: Option<Box<TenantSql>>,
    /// An LDAP directory.
    pub ldap: Option<Box<TenantLdap>>,
}

impl TenantSettings {
    /// Whether there are answers of tenants at all.
    pub fn is_on(&self) -> bool {
        self.file.is_some() || self.sql.is_some() || self.ldap.is_some()
    }

    /// The server as one that is asked for recipients.
    pub fn server(&self) -> Option<Source> {
        let sql = self.sql.as_ref();
        let sql = sql.map(|sql| Source::Sql(Box::new(sql.server())));
        let ldap = || Some(Source::Ldap(Box::new(self.ldap.as_ref()?.server())));
        sql.or_else(ldap)
    }

    /// The same with files relative to this folder.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        let beside = |file: Option<PathBuf>| file.map(|file| folder.join(file));
        self.file = beside(self.file);
        if let Some(sql) = &mut self.sql {
            sql.password_file = beside(sql.password_file.take());
            sql.ca = beside(sql.ca.take());
        }
        if let Some(ldap) = &mut self.ldap {
            ldap.password_file = beside(ldap.password_file.take());
            ldap.ca = beside(ldap.ca.take());
        }
        self
    }
}

/// `tenants.sql`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSql {
    /// Where the database is.
    pub url: SqlUrl,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Whether the server must have a certificate; left out, it must unless it is this host.
    pub tls: Option<Tls>,
    /// The certificates that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// What is asked: the columns of the row are named as the keys.
    pub query: RowQuery,
    /// The maximum number of connections, 1 to [`limits::MAX_CONNECTIONS`].
    #[serde(default = "limits::connections")]
    pub connections: u32,
    /// How long a question may take, connecting included.
    #[serde(default = "limits::timeout")]
    pub timeout: Duration,
    /// How long an answer counts without asking again.
    #[serde(default = "limits::cache_rows")]
    pub cache: Duration,
}

impl TenantSql {
    /// The server as one that is asked for recipients.
    pub fn server(&self) -> Sql {
        Sql {
            url: self.url.clone(),
            password_file: self.password_file.clone(),
            tls: self.tls,
            ca: self.ca.clone(),
            query: self.query.0.clone(),
            connections: self.connections,
            timeout: self.timeout,
            cache_known: self.cache,
            cache_unknown: self.cache,
        }
    }
}

/// `tenants.ldap`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantLdap {
    /// Where the server is.
    pub url: LdapUrl,
    /// Whether an ldap: connection is encrypted after it was made.
    #[serde(default)]
    pub start_tls: bool,
    /// The certificates that are trusted instead of the system's.
    pub ca: Option<PathBuf>,
    /// The name to bind as; anonymous if unset.
    pub bind_dn: Option<String>,
    /// The password for that name.
    pub password: Option<Password>,
    /// A file whose first line is the password.
    pub password_file: Option<PathBuf>,
    /// Below which entry is looked.
    pub base: String,
    /// How far below it.
    #[serde(default)]
    pub scope: Scope,
    /// What is looked for: the entry with a domain's answers.
    pub filter: RowFilter,
    /// The attribute of each key.
    #[serde(deserialize_with = "attributes")]
    pub attributes: BTreeMap<TenantKey, Attribute>,
    /// How long a question may take, connecting included.
    #[serde(default = "limits::timeout")]
    pub timeout: Duration,
    /// How long an answer counts without asking again.
    #[serde(default = "limits::cache_rows")]
    pub cache: Duration,
}

/// As a map of keys, with what is none told by its name.
fn attributes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<TenantKey, Attribute>, D::Error> {
    let named = BTreeMap::<String, Attribute>::deserialize(deserializer)?;
    let keyed = named.into_iter().map(|(name, attribute)| {
        let key = TenantKey::named(&name).ok_or_else(|| {
            let keys = words(&TenantKey::ALL);
            de::Error::custom(format!("`{name}` is no key; expected some of {keys}"))
        });
        Ok((key?, attribute))
    });
    keyed.collect()
}

impl TenantLdap {
    /// The server as one that is asked for recipients.
    pub fn server(&self) -> Ldap {
        Ldap {
            url: self.url.clone(),
            start_tls: self.start_tls,
            ca: self.ca.clone(),
            bind_dn: self.bind_dn.clone(),
            password: self.password.clone(),
            password_file: self.password_file.clone(),
            base: self.base.clone(),
            scope: self.scope,
            filter: self.filter.0.clone(),
            timeout: self.timeout,
            cache_known: self.cache,
            cache_unknown: self.cache,
        }
    }
}

/// A question for the row of a domain: it reads, and its only placeholder is `:domain`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowQuery(Query);

/// Why a text is no such question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowQueryError {
    /// It changes something, or does something else.
    #[error(
        "it must begin with SELECT or WITH; expected e.g. SELECT mode, unproven FROM answers WHERE domain = :domain"
    )]
    NoSelect,
    /// It is the same for every domain.
    #[error(
        "no domain stands in it; expected e.g. SELECT mode, unproven FROM answers WHERE domain = :domain"
    )]
    NoDomain,
    /// As in Postfix's tables.
    #[error("no domain stands in it; use :domain for Postfix's '%s' and '%d', without quotes")]
    Postfix,
    /// A placeholder that there isn't here.
    #[error("there is no `{0}`, for it is a domain that is asked for; expected :domain")]
    NoPart(String),
    /// The rest is as for recipients.
    #[error(transparent)]
    Unread(QueryError),
}

impl std::str::FromStr for RowQuery {
    type Err = RowQueryError;

    fn from_str(text: &str) -> Result<Self, RowQueryError> {
        let query: Query = text.parse().map_err(|error| match error {
            QueryError::NoSelect => RowQueryError::NoSelect,
            QueryError::NoPlaceholder => RowQueryError::NoDomain,
            QueryError::Postfix => RowQueryError::Postfix,
            QueryError::Unknown(word) => RowQueryError::NoPart(format!(":{word}")),
            QueryError::Dollar(digit) => RowQueryError::NoPart(format!("${digit}")),
            other => RowQueryError::Unread(other),
        })?;
        let other = query.parameters().find_map(no_domain);
        match other {
            Some(part) => Err(RowQueryError::NoPart(part.to_owned())),
            None => Ok(Self(query)),
        }
    }
}

deserialize_from_str!(RowQuery);

/// A filter for the entry of a domain: its only placeholder is `:domain`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RowFilter(Filter);

/// Why a text is no such filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFilterError {
    /// It is the same for every domain.
    #[error("no domain stands in it; expected e.g. (&(objectClass=mailDomain)(dc=:domain))")]
    NoDomain,
    /// As in Postfix's tables.
    #[error("no domain stands in it; use :domain for Postfix's %s and %d")]
    Postfix,
    /// A placeholder that there isn't here.
    #[error("there is no `{0}`, for it is a domain that is asked for; expected :domain")]
    NoPart(String),
    /// Where a stranger would choose what is compared.
    #[error("`:{0}` does not stand behind a `=`; expected a value, as in (dc=:domain)")]
    NoValue(String),
    /// Brackets, mostly.
    #[error(
        "it is not a filter as RFC 4515 defines them; expected e.g. (&(objectClass=mailDomain)(dc=:domain))"
    )]
    Syntax,
}

impl std::str::FromStr for RowFilter {
    type Err = RowFilterError;

    fn from_str(text: &str) -> Result<Self, RowFilterError> {
        let filter: Filter = text.parse().map_err(|error| match error {
            FilterError::NoPlaceholder => RowFilterError::NoDomain,
            FilterError::Postfix => RowFilterError::Postfix,
            FilterError::Unknown(word) => RowFilterError::NoPart(format!(":{word}")),
            FilterError::NoValue(word) => RowFilterError::NoValue(word),
            FilterError::Syntax => RowFilterError::Syntax,
        })?;
        let other = filter.placeholders().find_map(no_domain);
        match other {
            Some(part) => Err(RowFilterError::NoPart(part.to_owned())),
            None => Ok(Self(filter)),
        }
    }
}

deserialize_from_str!(RowFilter);

/// The name of a part that a domain does not have.
fn no_domain(placeholder: Placeholder) -> Option<&'static str> {
    match placeholder {
        Placeholder::Domain => None,
        Placeholder::Address => Some(":address"),
        Placeholder::Local => Some(":local"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_domain_can_be_asked_for() {
        use RowQueryError::{NoDomain, NoPart, NoSelect, Postfix, Unread};
        let part = |word: &str| Err(NoPart(word.to_owned()));
        for (text, expected) in [
            ("SELECT mode FROM answers WHERE domain = :domain", Ok(())),
            (
                "SELECT mode FROM answers WHERE domain = :address",
                part(":address"),
            ),
            (
                "SELECT mode FROM answers WHERE x = :local || '@' || :domain",
                part(":local"),
            ),
            (
                "SELECT mode FROM answers WHERE domain = :name",
                part(":name"),
            ),
            ("SELECT mode FROM answers WHERE domain = $1", part("$1")),
            ("SELECT mode FROM answers", Err(NoDomain)),
            ("SELECT mode FROM answers WHERE domain = '%d'", Err(Postfix)),
            ("UPDATE answers SET mode = :domain", Err(NoSelect)),
            (
                "SELECT mode FROM answers WHERE domain = ':domain'",
                Err(Unread(QueryError::Quoted("domain".to_owned()))),
            ),
        ] {
            assert_eq!(text.parse::<RowQuery>().map(|_| ()), expected, "{text}");
        }
        use RowFilterError as F;
        for (text, expected) in [
            ("(&(objectClass=mailDomain)(dc=:domain))", Ok(())),
            ("(mail=:address)", Err(F::NoPart(":address".to_owned()))),
            ("(uid=:local)", Err(F::NoPart(":local".to_owned()))),
            ("(dc=:name)", Err(F::NoPart(":name".to_owned()))),
            ("(dc=x)", Err(F::NoDomain)),
            ("(dc=%d)", Err(F::Postfix)),
            ("(:domain=x)", Err(F::NoValue("domain".to_owned()))),
        ] {
            assert_eq!(text.parse::<RowFilter>().map(|_| ()), expected, "{text}");
        }
        #[cfg(feature = "ldap")]
        assert_eq!("(dc=:domain".parse::<RowFilter>(), Err(F::Syntax));
    }
}
