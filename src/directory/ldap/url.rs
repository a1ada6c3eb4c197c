//! Where an LDAP server is.

use std::{fmt, path::PathBuf, str::FromStr};

use url::Url;

use crate::{
    core::serde_text::deserialize_from_str,
    directory::sql::is_loopback,
    server::{absolute, decoded, host},
};

/// Where an LDAP server is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LdapUrl {
    /// As ldap3 wants it.
    url: Url,
    place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Clear(String),
    Tls,
    Socket(PathBuf),
}

/// Why a text names no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LdapUrlError {
    /// Another protocol.
    #[error(
        "this is no LDAP server; right would be e.g. ldap://192.0.2.1, ldaps://ldap.example.org or \
         ldapi://%2frun%2fslapd%2fldapi"
    )]
    Scheme,
    /// No host.
    #[error("the server is missing or is none; right would be e.g. ldaps://ldap.example.org:636")]
    Server,
    /// No socket.
    #[error(
        "the socket must be an absolute path, its slashes written %2f; right would be e.g. ldapi://%2frun%2fslapd%2fldapi"
    )]
    Socket,
    /// What an LDAP URL may have and ours don't.
    #[error(
        "only the server stands in the URL; right would be the keys base, scope, filter and bind_dn beside it"
    )]
    More,
}

impl LdapUrl {
    /// The URL.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it can be encrypted by `start_tls`.
    pub fn is_clear(&self) -> bool {
        matches!(self.place, Place::Clear(_))
    }

    /// Whether it is encrypted from the beginning.
    pub fn is_tls(&self) -> bool {
        self.place == Place::Tls
    }

    /// Whether what is said crosses a network for everybody to read, unless `start_tls` is set.
    pub fn is_overheard(&self) -> bool {
        matches!(&self.place, Place::Clear(host) if !is_loopback(host))
    }
}

impl FromStr for LdapUrl {
    type Err = LdapUrlError;

    fn from_str(text: &str) -> Result<Self, LdapUrlError> {
        let scheme = text.split(':').next().unwrap_or_default();
        if !["ldap", "ldaps", "ldapi"].contains(&scheme) {
            return Err(LdapUrlError::Scheme);
        }
        let url = Url::parse(text).map_err(|_| LdapUrlError::Server)?;
        let more = !matches!(url.path(), "" | "/")
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        let place = match scheme {
            "ldapi" => {
                let path = decoded(url.host_str().unwrap_or_default());
                let path = path.as_deref().and_then(absolute);
                Place::Socket(path.ok_or(LdapUrlError::Socket)?)
            }
            _ if more => return Err(LdapUrlError::More),
            "ldap" => Place::Clear(host(&url).ok_or(LdapUrlError::Server)?),
            _ => {
                host(&url).ok_or(LdapUrlError::Server)?;
                Place::Tls
            }
        };
        if more || (scheme == "ldapi" && url.port().is_some()) {
            return Err(LdapUrlError::More);
        }
        Ok(Self { url, place })
    }
}

impl fmt::Display for LdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for LdapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

deserialize_from_str!(LdapUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_what_is_none() {
        use LdapUrlError::{More, Scheme, Server, Socket};
        for (text, shown) in [
            ("ldap://192.0.2.1", Ok("ldap://192.0.2.1")),
            (
                "ldap://ldap.example.org:389/",
                Ok("ldap://ldap.example.org:389"),
            ),
            ("ldaps://[2001:db8::1]", Ok("ldaps://[2001:db8::1]")),
            (
                "ldapi://%2frun%2fslapd%2fldapi",
                Ok("ldapi://%2frun%2fslapd%2fldapi"),
            ),
            ("", Err(Scheme)),
            ("ldap.example.org", Err(Scheme)),
            ("http://192.0.2.1", Err(Scheme)),
            ("ldap://", Err(Server)),
            ("ldap:///dc=example", Err(More)),
            ("ldap:192.0.2.1", Err(More)),
            ("ldapi:///run/slapd/ldapi", Err(Socket)),
            ("ldapi://run%2fldapi", Err(Socket)),
            ("ldap://192.0.2.1/dc=example?mail", Err(More)),
            ("ldap://cn=admin:pw@192.0.2.1", Err(More)),
        ] {
            let url = text.parse::<LdapUrl>();
            let url = url.map(|url| url.to_string());
            assert_eq!(url, shown.map(str::to_owned), "{text}");
        }
        let overheard = |text: &str| text.parse::<LdapUrl>().unwrap().is_overheard();
        assert!(overheard("ldap://192.0.2.1") && !overheard("ldap://127.0.0.1"));
        assert!(!overheard("ldap://[::1]") && !overheard("ldaps://192.0.2.1"));
    }
}
