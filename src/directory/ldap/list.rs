//! Domains of ours in an LDAP directory, which is asked for all of them at once.

use std::{
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserialize;

use super::{Filter, FilterError, Ldap, LdapUrl, Scope, limits};
use crate::{
    core::{duration::Duration, serde_text::deserialize_from_str},
    server::Password,
};

/// `ldap:` in an entry of `local.domains`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapList {
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
    /// Which entries have domains of ours.
    pub filter: ListFilter,
    /// The attribute whose values are the domains.
    pub attribute: Attribute,
    /// How long the answer may take, connecting included.
    #[serde(default = "limits::list_timeout")]
    pub timeout: Duration,
}

impl LdapList {
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
    /// As for [`Ldap::of_url`].
    pub fn server(&self) -> Result<Ldap, FilterError> {
        Ok(Ldap {
            start_tls: self.start_tls,
            ca: self.ca.clone(),
            bind_dn: self.bind_dn.clone(),
            password: self.password.clone(),
            password_file: self.password_file.clone(),
            base: self.base.clone(),
            scope: self.scope,
            timeout: self.timeout,
            ..Ldap::of_url(self.url.clone())?
        })
    }
}

/// The name of an attribute, in small letters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute(String);

/// A text that is no name of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of an attribute; expected one, such as domainName")]
pub struct NoAttribute(String);

impl Attribute {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Attribute {
    type Err = NoAttribute;

    /// RFC 4512 section 2.5: a name or a number with dots, perhaps with options.
    fn from_str(text: &str) -> Result<Self, NoAttribute> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-.;_".contains(c);
        if text.is_empty() || !text.chars().all(is_part) {
            return Err(NoAttribute(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

deserialize_from_str!(Attribute);

/// A filter for all domains, without a placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListFilter(String);

/// Why a text is no such filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListFilterError {
    /// It asks for one domain.
    #[error(
        "a part of an address stands in it, but the list is fetched whole, once a minute; expected a filter for all \
         domains, e.g. (objectClass=mailDomain)"
    )]
    Placeholder,
    /// Brackets, mostly.
    #[error("it is not a filter as RFC 4515 defines them; expected e.g. (objectClass=mailDomain)")]
    Syntax,
}

impl ListFilter {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ListFilter {
    type Err = ListFilterError;

    fn from_str(text: &str) -> Result<Self, ListFilterError> {
        // Whatever names a part of an address reads as a filter for addresses, or says why it is none.
        match text.parse::<Filter>() {
            Err(FilterError::NoPlaceholder) => {}
            Err(FilterError::Syntax) => return Err(ListFilterError::Syntax),
            Ok(_) | Err(_) => return Err(ListFilterError::Placeholder),
        }
        #[cfg(feature = "ldap")]
        ldap3::parse_filter(text).map_err(|()| ListFilterError::Syntax)?;
        Ok(Self(text.to_owned()))
    }
}

deserialize_from_str!(ListFilter);

#[cfg(all(test, feature = "ldap"))]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_asked_for_whole() {
        use ListFilterError::{Placeholder, Syntax};
        for (text, expected) in [
            ("(objectClass=mailDomain)", Ok(())),
            (
                "(&(objectClass=mailDomain)(accountStatus=active)(enabledService=mail))",
                Ok(()),
            ),
            ("(ou:dn:=domains)", Ok(())),
            ("(domainName=:domain)", Err(Placeholder)),
            ("(domainName=:name)", Err(Placeholder)),
            ("(domainName=%s)", Err(Placeholder)),
            ("(:domain=x)", Err(Placeholder)),
            // Servers get it with brackets.
            ("objectClass=mailDomain", Ok(())),
            ("(objectClass=mailDomain", Err(Syntax)),
            ("", Err(Syntax)),
        ] {
            let read = text.parse::<ListFilter>();
            assert_eq!(read.map(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn an_attribute_has_a_name() {
        for (text, is_one) in [
            ("domainName", true),
            ("2.5.4.3", true),
            ("dc;lang-en", true),
            ("", false),
            ("a b", false),
            ("mail=x", false),
            ("*", false),
        ] {
            assert_eq!(text.parse::<Attribute>().is_ok(), is_one, "{text}");
        }
    }
}
