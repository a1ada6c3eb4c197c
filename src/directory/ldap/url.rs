//! Where an LDAP server is.

use std::path::PathBuf;

use url::Url;

use crate::server::{Parts, ServerUrl, Target, UrlMistake, absolute, decoded, is_loopback};

/// Where an LDAP server is.
pub type LdapUrl = ServerUrl<Server>;

/// What an [`LdapUrl`] names.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Server {
    /// As ldap3 wants it.
    url: Url,
    reached: Reached,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Reached {
    InClear { host: String },
    ByTls,
    BySocket,
}

impl LdapUrl {
    /// The URL.
    pub(super) fn url(&self) -> &Url {
        &self.target().url
    }

    /// Whether it can be encrypted by `start_tls`.
    pub fn is_clear(&self) -> bool {
        matches!(self.target().reached, Reached::InClear { .. })
    }

    /// Whether it is encrypted from the beginning.
    pub fn is_tls(&self) -> bool {
        self.target().reached == Reached::ByTls
    }

    /// Whether everybody on a network on the way can read what is said, unless `start_tls` is set.
    pub fn is_overheard(&self) -> bool {
        matches!(&self.target().reached, Reached::InClear { host } if !is_loopback(host))
    }
}

impl Target for Server {
    const SCHEMES: &'static [&'static str] = &["ldap", "ldaps", "ldapi"];

    fn expected(mistake: UrlMistake) -> &'static str {
        match mistake {
            UrlMistake::Path => {
                "use e.g. ldapi://%2frun%2fslapd%2fldapi, where each slash of the path is written %2f"
            }
            UrlMistake::Server => "use e.g. ldaps://ldap.example.org:636",
            UrlMistake::Credentials | UrlMistake::Part => {
                "use the server alone, and the keys base, scope, filter, bind_dn and password beside it"
            }
            UrlMistake::Scheme
            | UrlMistake::User
            | UrlMistake::Database
            | UrlMistake::Passwords
            | UrlMistake::Master => {
                "use e.g. ldap://192.0.2.1, ldaps://ldap.example.org or ldapi://%2frun%2fslapd%2fldapi"
            }
        }
    }

    fn file(_: PathBuf) -> Result<Self, UrlMistake> {
        Err(UrlMistake::Scheme)
    }

    fn server(parts: &Parts) -> Result<Self, UrlMistake> {
        let url = parts.url();
        let has_more = !matches!(url.path(), "" | "/")
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        let reached = match parts.scheme() {
            "ldapi" => {
                absolute(&decoded(url.host_str().unwrap_or_default())?)?;
                Reached::BySocket
            }
            _ if has_more => return Err(UrlMistake::Part),
            scheme => {
                let host = parts.host()?;
                match scheme {
                    "ldap" => Reached::InClear { host },
                    _ => Reached::ByTls,
                }
            }
        };
        if has_more || (reached == Reached::BySocket && url.port().is_some()) {
            return Err(UrlMistake::Part);
        }
        Ok(Self {
            url: url.clone(),
            reached,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_and_what_is_none() {
        use UrlMistake::{Credentials, Part, Path, Scheme, Server};
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
            ("ldap:///dc=example", Err(Part)),
            ("ldap:192.0.2.1", Err(Part)),
            ("ldapi:///run/slapd/ldapi", Err(Path)),
            ("ldapi://run%2fldapi", Err(Path)),
            ("ldap://192.0.2.1/dc=example?mail", Err(Part)),
            ("ldap://cn=admin:pw@192.0.2.1", Err(Part)),
            ("ldap://cn=admin:p@w@192.0.2.1", Err(Credentials)),
        ] {
            let url = text.parse::<LdapUrl>();
            let url = url
                .map(|url| url.to_string())
                .map_err(|error| error.mistake);
            assert_eq!(url, shown.map(str::to_owned), "{text}");
        }
        let overheard = |text: &str| text.parse::<LdapUrl>().unwrap().is_overheard();
        assert!(overheard("ldap://192.0.2.1") && !overheard("ldap://127.0.0.1"));
        assert!(!overheard("ldap://[::1]") && !overheard("ldaps://192.0.2.1"));
    }
}
