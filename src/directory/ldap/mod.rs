//! Recipients in an LDAP directory.

#[cfg(feature = "ldap")]
mod client;
#[cfg(feature = "ldap")]
mod entries;
mod filter;
mod list;
mod url;

use std::path::{Path, PathBuf};

use serde::Deserialize;

#[cfg(feature = "ldap")]
pub(super) use self::client::Client;
#[cfg(feature = "ldap")]
pub use self::entries::entries;
pub use self::{
    filter::{Filter, FilterError},
    list::{Attribute, LdapList, ListFilter, ListFilterError, NoAttribute},
    url::LdapUrl,
};
use super::{limits, remote::Times};
use crate::{core::duration::Duration, server::Password};

/// `ldap:` in an entry of `known`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ldap {
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
    /// What is looked for: any entry means that the address exists.
    pub filter: Filter,
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

/// The words for `scope` (RFC 4511 section 4.5.1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The entry alone.
    Base,
    /// Those right below it.
    One,
    /// It and all below it.
    #[default]
    Sub,
}

impl Ldap {
    /// The same with files relative to this folder.
    #[must_use]
    pub fn relative_to(mut self, folder: &Path) -> Self {
        self.password_file = self.password_file.map(|file| folder.join(file));
        self.ca = self.ca.map(|file| folder.join(file));
        self
    }

    /// What proves that it is us, where something must.
    pub fn secret(&self) -> Option<Password> {
        let in_file = self.password_file.clone().map(Password::InFile);
        in_file.or_else(|| self.password.clone())
    }

    /// One with the defaults, whose filter nobody asks.
    ///
    /// # Errors
    /// Never: it is the filter that the manual has.
    pub fn of_url(url: LdapUrl) -> Result<Self, FilterError> {
        Ok(Self {
            url,
            start_tls: false,
            ca: None,
            bind_dn: None,
            password: None,
            password_file: None,
            base: String::new(),
            scope: Scope::default(),
            filter: "(mail=:address)".parse()?,
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

/// Without `ldap` no directory can be asked.
///
/// # Errors
/// Always.
#[cfg(not(feature = "ldap"))]
pub async fn entries(
    _: Ldap,
    _: &str,
    _: Vec<String>,
    _: limits::WholeList,
) -> Result<Vec<std::collections::HashMap<String, Vec<String>>>, String> {
    Err("this backstop was built without `ldap`".to_owned())
}
