//! Where a database is.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Url;

use crate::{
    core::serde_text::deserialize_from_str,
    server::{Password, absolute, decoded, host, parsed, without_password},
};

/// Where a database is, and who asks. It is shown without its password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SqlUrl {
    /// What is shown.
    shown: String,
    place: Place,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// An absolute path.
    Sqlite(PathBuf),
    Server(Box<Server>),
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Server {
    pub kind: Kind,
    pub host: String,
    pub port: u16,
    /// PostgreSQL: the folder with its socket; MariaDB: the socket itself.
    pub socket: Option<PathBuf>,
    pub user: String,
    pub password: Option<Password>,
    pub database: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Postgres,
    Mysql,
}

/// Why a text names no database. It shows no part of a URL that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SqlUrlError {
    /// No database that we know.
    #[error(
        "this is no database; right would be e.g. sqlite:/var/lib/mail/mail.db, \
         postgres://backstop@192.0.2.1/mail or mysql://backstop@192.0.2.1/mail"
    )]
    Scheme,
    /// A file without its folder.
    #[error("the path must be absolute; right would be e.g. sqlite:/var/lib/mail/mail.db")]
    Relative,
    /// No host.
    #[error(
        "the server is missing or is none; right would be e.g. postgres://backstop@192.0.2.1/mail; in a password \
         @ : / ? # and % are written %40 %3a %2f %3f %23 and %25"
    )]
    Server,
    /// Who asks?
    #[error("the user is missing; right would be e.g. postgres://backstop@192.0.2.1/mail")]
    User,
    /// Of which database?
    #[error(
        "the name of the database is missing; right would be e.g. postgres://backstop@192.0.2.1/mail"
    )]
    Database,
    /// An option that there isn't.
    #[error(
        "the URL has an option that it can't have; right would be none but socket=PATH, as in \
         postgres://backstop@localhost/mail?socket=/run/postgresql; TLS is said by the keys tls and ca beside the URL"
    )]
    Option,
}

impl SqlUrl {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The password that stands in it.
    pub fn password(&self) -> Option<&Password> {
        match &self.place {
            Place::Sqlite(_) => None,
            Place::Server(server) => server.password.as_ref(),
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::Sqlite(file) => Some(file),
            Place::Server(_) => None,
        }
    }

    /// Whether it is PostgreSQL, where `?` is an operator.
    pub fn is_postgres(&self) -> bool {
        matches!(&self.place, Place::Server(server) if server.kind == Kind::Postgres)
    }

    /// Whether nothing leaves this host.
    pub fn is_this_host(&self) -> bool {
        match &self.place {
            Place::Sqlite(_) => true,
            Place::Server(server) => server.socket.is_some() || is_loopback(&server.host),
        }
    }

    /// Whether it is reached by a socket of the file system, which needs no TLS.
    pub fn has_socket(&self) -> bool {
        matches!(&self.place, Place::Server(server) if server.socket.is_some())
    }
}

/// Whether a host is this one.
pub(in crate::directory) fn is_loopback(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

impl FromStr for SqlUrl {
    type Err = SqlUrlError;

    fn from_str(text: &str) -> Result<Self, SqlUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(SqlUrlError::Scheme)?;
        let kind = match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let file = absolute(path).ok_or(SqlUrlError::Relative)?;
                return Ok(Self {
                    shown: format!("sqlite:{path}"),
                    place: Place::Sqlite(file),
                });
            }
            "postgres" | "postgresql" => Kind::Postgres,
            "mysql" | "mariadb" => Kind::Mysql,
            _ => return Err(SqlUrlError::Scheme),
        };
        let url = parsed(text).ok_or(SqlUrlError::Server)?;
        let server = server(kind, &url)?;
        Ok(Self {
            shown: without_password(url),
            place: Place::Server(Box::new(server)),
        })
    }
}

fn server(kind: Kind, url: &Url) -> Result<Server, SqlUrlError> {
    let part = |part: &str| decoded(part).ok_or(SqlUrlError::Server);
    let host = host(url).ok_or(SqlUrlError::Server)?;
    if url.fragment().is_some() {
        return Err(SqlUrlError::Option);
    }
    let mut socket = None;
    for (name, value) in url.query_pairs() {
        // The host says nothing then, so it must not say something else.
        if name != "socket" || !is_loopback(&host) {
            return Err(SqlUrlError::Option);
        }
        socket = Some(absolute(&value).ok_or(SqlUrlError::Option)?);
    }
    let user = part(url.username())?;
    if user.is_empty() {
        return Err(SqlUrlError::User);
    }
    let database = part(url.path().trim_start_matches('/'))?;
    if database.is_empty() || database.contains('/') {
        return Err(SqlUrlError::Database);
    }
    let password = match url.password() {
        None => None,
        Some(written) => Some(Password::Written(part(written)?)),
    };
    let port = match kind {
        Kind::Postgres => 5432,
        Kind::Mysql => 3306,
    };
    Ok(Server {
        kind,
        host,
        port: url.port().unwrap_or(port),
        socket,
        user,
        password,
        database,
    })
}

impl fmt::Display for SqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for SqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

deserialize_from_str!(SqlUrl);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server(text: &str) -> Server {
        match text.parse::<SqlUrl>() {
            Ok(SqlUrl {
                place: Place::Server(server),
                ..
            }) => *server,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_server_has_a_host_a_user_and_a_database() {
        let full = server("postgres://us%40er:p%2fw@[2001:db8::1]:7000/mail");
        assert_eq!((full.host.as_str(), full.port), ("2001:db8::1", 7000));
        assert_eq!(
            (full.user.as_str(), full.database.as_str()),
            ("us@er", "mail")
        );
        assert!(full.password == Some(Password::Written("p/w".to_owned())));
        let plain = server("mysql://backstop@db.example.org/mail");
        assert_eq!((plain.port, plain.kind), (3306, Kind::Mysql));
        let unix = server("postgresql://backstop@localhost/mail?socket=/run/postgresql");
        assert_eq!(unix.socket, Some("/run/postgresql".into()));
    }

    #[test]
    fn what_is_no_database_is_told_what_would_be() {
        use SqlUrlError::{Database, Option, Relative, Scheme, Server, User};
        for (text, error) in [
            ("", Scheme),
            ("/var/lib/mail.db", Scheme),
            ("redis://192.0.2.1/0", Scheme),
            ("sqlite:mail.db", Relative),
            ("sqlite:", Relative),
            ("postgres:", Server),
            ("postgres:///mail", Server),
            ("mysql://u@h:99999/mail", Server),
            ("mysql://u:@h/word@h", Server),
            ("mysql://u:p@ss@h/mail", Server),
            ("mysql://u:1/word@h", Server),
            ("mysql://192.0.2.1/mail", User),
            ("mysql://u@192.0.2.1", Database),
            ("mysql://u@192.0.2.1/a/b", Database),
            ("postgres://u@h/mail?sslmode=disable", Option),
            ("postgres://u@h/mail?socket=/run/postgresql", Option),
            ("postgres://u@localhost/mail?socket=postgresql", Option),
            ("postgres://u@h/mail#x", Option),
        ] {
            assert_eq!(text.parse::<SqlUrl>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_shows_its_password(secret in "[A-Z]{12}", more in "\\PC{0,5}", rest in "\\PC*") {
            for text in [
                format!("postgres://user:{secret}{more}@host{rest}"),
                format!("mysql://user:{more}{secret}@{rest}"),
            ] {
                let said = match text.parse::<SqlUrl>() {
                    Ok(url) => format!("{url} {url:?}"),
                    Err(error) => format!("{error} {error:?}"),
                };
                prop_assert!(!said.contains(&secret), "{}", said);
            }
        }
    }
}
