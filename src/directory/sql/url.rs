//! Where a database is.

use std::path::{Path, PathBuf};

use crate::server::{Parts, ServerUrl, Target, UrlMistake, absolute, is_loopback};

/// Where a database is, and the user that asks it.
pub type SqlUrl = ServerUrl<Place>;

/// What a [`SqlUrl`] names.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Place {
    /// An absolute path.
    Sqlite(PathBuf),
    /// A server.
    Server(Box<Server>),
}

/// A server, and the database and the user on it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Server {
    pub(super) kind: Kind,
    pub(super) host: String,
    pub(super) port: u16,
    /// PostgreSQL: the folder with its socket; MariaDB: the socket itself.
    pub(super) socket: Option<PathBuf>,
    pub(super) user: String,
    pub(super) database: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Postgres,
    Mysql,
}

impl SqlUrl {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self.target() {
            Place::Sqlite(file) => Some(file),
            Place::Server(_) => None,
        }
    }

    /// Whether it is PostgreSQL, where `?` is an operator.
    pub fn is_postgres(&self) -> bool {
        matches!(self.target(), Place::Server(server) if server.kind == Kind::Postgres)
    }

    /// Whether nothing leaves this host.
    pub fn is_this_host(&self) -> bool {
        match self.target() {
            Place::Sqlite(_) => true,
            Place::Server(server) => server.socket.is_some() || is_loopback(&server.host),
        }
    }

    /// Whether it is reached by a socket of the file system, which needs no TLS.
    pub fn has_socket(&self) -> bool {
        matches!(self.target(), Place::Server(server) if server.socket.is_some())
    }
}

impl Target for Place {
    const SCHEMES: &'static [&'static str] =
        &["sqlite", "postgres", "postgresql", "mysql", "mariadb"];

    fn expected(mistake: UrlMistake) -> &'static str {
        match mistake {
            UrlMistake::Path => "use e.g. sqlite:/var/lib/mail/mail.db",
            UrlMistake::Server
            | UrlMistake::Credentials
            | UrlMistake::User
            | UrlMistake::Database => "use e.g. postgres://backstop@192.0.2.1/mail",
            UrlMistake::Part => {
                "use no options but socket=PATH, as in postgres://backstop@localhost/mail?socket=/run/postgresql; \
                 the keys tls and ca beside the URL are for TLS"
            }
            UrlMistake::Scheme | UrlMistake::Passwords | UrlMistake::Master => {
                "use e.g. sqlite:/var/lib/mail/mail.db, postgres://backstop@192.0.2.1/mail or \
                 mysql://backstop@192.0.2.1/mail"
            }
        }
    }

    fn file(path: PathBuf) -> Result<Self, UrlMistake> {
        Ok(Self::Sqlite(path))
    }

    fn server(url: &Parts) -> Result<Self, UrlMistake> {
        let (kind, port) = match url.scheme() {
            "mysql" | "mariadb" => (Kind::Mysql, 3306),
            _ => (Kind::Postgres, 5432),
        };
        let host = url.host()?;
        let mut socket = None;
        for (name, value) in url.options()? {
            // The host says nothing then, so it must not say something else.
            if name != "socket" || !is_loopback(&host) {
                return Err(UrlMistake::Part);
            }
            socket = Some(absolute(&value).map_err(|_| UrlMistake::Part)?);
        }
        let user = url.user()?.ok_or(UrlMistake::User)?;
        let path = url.path()?;
        let database = path.strip_prefix('/').unwrap_or_default();
        if database.is_empty() || database.contains('/') {
            return Err(UrlMistake::Database);
        }
        Ok(Self::Server(Box::new(Server {
            kind,
            host,
            port: url.port().unwrap_or(port),
            socket,
            user,
            database: database.to_owned(),
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> Server {
        match text.parse::<SqlUrl>().unwrap().target() {
            Place::Server(server) => (**server).clone(),
            Place::Sqlite(file) => panic!("{text}: {file:?}"),
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
        let plain = server("mysql://backstop@db.example.org/mail");
        assert_eq!((plain.port, plain.kind), (3306, Kind::Mysql));
        let unix = server("postgresql://backstop@localhost/mail?socket=/run/postgresql");
        assert_eq!(unix.socket, Some("/run/postgresql".into()));
    }

    #[test]
    fn mistakes_are_told_apart() {
        use UrlMistake::{Credentials, Database, Part, Path, Scheme, Server, User};
        for (text, error) in [
            ("", Scheme),
            ("/var/lib/mail.db", Scheme),
            ("redis://192.0.2.1/0", Scheme),
            ("sqlite:mail.db", Path),
            ("sqlite:", Path),
            ("postgres:", Server),
            ("postgres:///mail", Server),
            ("mysql://h:99999/mail", Server),
            ("mysql://u@h:99999/mail", Credentials),
            ("mysql://u:@h/word@h", Credentials),
            ("mysql://u:p@ss@h/mail", Credentials),
            ("mysql://u:1/word@h", Credentials),
            ("mysql://192.0.2.1/mail", User),
            ("mysql://u@192.0.2.1", Database),
            ("mysql://u@192.0.2.1/a/b", Database),
            ("mysql://u@192.0.2.1/%2fa", Database),
            ("postgres://u@h/mail?sslmode=disable", Part),
            ("postgres://u@h/mail?socket=/run/postgresql", Part),
            ("postgres://u@localhost/mail?socket=postgresql", Part),
            ("postgres://u@h/mail#x", Part),
        ] {
            let found = text.parse::<SqlUrl>().unwrap_err();
            assert_eq!(found.mistake, error, "{text}");
        }
    }
}
