//! `store` of `milter.yaml`: which store, and where.

use std::path::{Path, PathBuf};

use crate::server::{Parts, Password, ServerUrl, Target, UrlMistake, absolute};

const REDIS_PORT: u16 = 6379;

/// Where the store is.
pub type StoreUrl = ServerUrl<Place>;

/// What a [`StoreUrl`] names.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// An absolute path.
    Sqlite(PathBuf),
    /// A Redis or Valkey server.
    Redis(RedisServer),
}

/// A Redis or Valkey server, and how to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisServer {
    pub(super) address: Address,
    pub(super) user: Option<String>,
    pub(super) password: Option<Password>,
    pub(super) database: i64,
}

/// Where a server listens.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(String, u16),
    /// With TLS; the file has the certificates that are believed instead of the system's.
    Tls(String, u16, Option<PathBuf>),
    Unix(PathBuf),
}

impl Default for StoreUrl {
    /// The file that systemd's `StateDirectory=backstop` has room for.
    fn default() -> Self {
        const FILE: &str = "/var/lib/backstop/state.db";
        Self::of_file(FILE, Place::Sqlite(PathBuf::from(FILE)))
    }
}

impl StoreUrl {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self.target() {
            Place::Sqlite(path) => Some(path),
            Place::Redis(_) => None,
        }
    }
}

impl Target for Place {
    const SCHEMES: &'static [&'static str] = &["sqlite", "redis", "rediss", "redis+unix"];

    fn expected(mistake: UrlMistake) -> &'static str {
        match mistake {
            UrlMistake::Path => "use e.g. sqlite:/var/lib/backstop/state.db",
            UrlMistake::Server | UrlMistake::Credentials => "use e.g. redis://192.0.2.1:6379/0",
            UrlMistake::Database => "use a number, as in redis://192.0.2.1/0",
            UrlMistake::Part => {
                "use no options but password_file=PATH, for rediss: ca=PATH, for redis+unix: user=NAME and db=NUMBER"
            }
            UrlMistake::Passwords => "use one of them",
            UrlMistake::Scheme | UrlMistake::User => {
                "use e.g. sqlite:/var/lib/backstop/state.db, redis://192.0.2.1:6379/0, \
                 rediss://user@redis.example.org?password_file=/etc/backstop/redis.password or \
                 redis+unix:///run/redis/redis.sock"
            }
        }
    }

    fn file(path: PathBuf) -> Result<Self, UrlMistake> {
        Ok(Self::Sqlite(path))
    }

    fn server(url: &Parts) -> Result<Self, UrlMistake> {
        let (is_unix, is_tls) = (url.scheme() == "redis+unix", url.scheme() == "rediss");
        let path = url.path()?;
        let mut ca = None;
        let mut user = url.user()?;
        let mut password = url.password()?;
        let mut database = match is_unix {
            true => String::new(),
            false => path.strip_prefix('/').unwrap_or_default().to_owned(),
        };
        for (name, value) in url.options()? {
            match name.as_ref() {
                "password_file" if password.is_some() => return Err(UrlMistake::Passwords),
                "password_file" => password = Some(Password::InFile(absolute(&value)?)),
                "ca" if is_tls => ca = Some(absolute(&value)?),
                "user" if is_unix => user = Some(value.into_owned()),
                "db" if is_unix => database = value.into_owned(),
                _ => return Err(UrlMistake::Part),
            }
        }
        let database = match database.as_str() {
            "" => 0,
            number => number
                .parse::<u16>()
                .map_err(|_| UrlMistake::Database)?
                .into(),
        };
        let port = url.port().unwrap_or(REDIS_PORT);
        let address = match (is_unix, is_tls) {
            (false, false) => Address::Tcp(url.host()?, port),
            (false, true) => Address::Tls(url.host()?, port, ca),
            (true, _) if url.has_host() => return Err(UrlMistake::Server),
            (true, _) => Address::Unix(absolute(&path)?),
        };
        Ok(Self::Redis(RedisServer {
            address,
            user,
            password,
            database,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server(text: &str) -> RedisServer {
        match text.parse::<StoreUrl>().unwrap().target() {
            Place::Redis(server) => server.clone(),
            Place::Sqlite(file) => panic!("{text}: {file:?}"),
        }
    }

    #[test]
    fn a_file_has_an_absolute_path() {
        for text in [
            "sqlite:/var/lib/backstop/state.db",
            "sqlite:///var/lib/backstop/state.db",
        ] {
            let url: StoreUrl = text.parse().unwrap();
            assert_eq!(url.file(), Some(Path::new("/var/lib/backstop/state.db")));
            assert_eq!(url.to_string(), "sqlite:/var/lib/backstop/state.db");
        }
        for text in [
            "sqlite:state.db",
            "sqlite:",
            "sqlite:/",
            "sqlite://state.db",
        ] {
            let found = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(found.mistake, UrlMistake::Path, "{text}");
        }
    }

    #[test]
    fn a_server_has_an_address_a_user_and_a_database() {
        let plain = server("redis://redis.example.org");
        assert!(plain.address == Address::Tcp("redis.example.org".to_owned(), 6379));
        assert!(plain.user.is_none() && plain.password.is_none() && plain.database == 0);

        let full = server("redis://us%40er:p%2fw@[2001:db8::1]:7000/3");
        assert!(full.address == Address::Tcp("2001:db8::1".to_owned(), 7000));
        assert_eq!(full.user.as_deref(), Some("us@er"));
        assert!(full.password == Some(Password::Written("p/w".to_owned())));
        assert_eq!(full.database, 3);

        let tls = server("rediss://:pw@192.0.2.1?ca=/etc/ca.pem");
        let ca = Some(PathBuf::from("/etc/ca.pem"));
        assert!(tls.address == Address::Tls("192.0.2.1".to_owned(), 6379, ca));
        assert!(tls.user.is_none());

        let unix =
            server("redis+unix:///run/redis@mx/my%20redis.sock?db=2&user=me&password_file=/etc/pw");
        assert!(unix.address == Address::Unix("/run/redis@mx/my redis.sock".into()));
        assert!(unix.password == Some(Password::InFile("/etc/pw".into())));
        assert_eq!((unix.user.as_deref(), unix.database), (Some("me"), 2));
    }

    #[test]
    fn mistakes_are_told_apart() {
        use UrlMistake::{Credentials, Database, Part, Passwords, Path, Scheme, Server};
        for (text, error) in [
            ("", Scheme),
            ("/var/lib/backstop/state.db", Scheme),
            ("postgres://192.0.2.1/", Scheme),
            ("redis://", Server),
            ("redis:///0", Server),
            ("redis://192.0.2.1:99999", Server),
            ("redis+unix://host/run/redis.sock", Server),
            ("redis+unix:", Path),
            ("redis+unix:///", Path),
            ("redis://192.0.2.1/zero", Database),
            ("redis://192.0.2.1/-1", Database),
            ("redis://192.0.2.1/0/1", Database),
            ("redis://:pass#word@192.0.2.1", Credentials),
            ("redis://user:@192.0.2.1/0@192.0.2.1", Credentials),
            ("redis://user:1/word@192.0.2.1", Credentials),
            ("redis://192.0.2.1/0#1", Part),
            ("redis://192.0.2.1?ca=/etc/ca.pem", Part),
            ("rediss://192.0.2.1?insecure=1", Part),
            ("rediss://192.0.2.1?ca=ca.pem", Path),
            ("redis://:pw@192.0.2.1?password_file=/etc/pw", Passwords),
        ] {
            let found = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(found.mistake, error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(sqlite|rediss?|redis\\+unix):/{0,3}\\PC*") {
            let _ = text.parse::<StoreUrl>();
        }
    }

    #[test]
    fn the_file_writes_it_as_text() {
        let url: StoreUrl = serde_yaml::from_str("sqlite:/var/lib/backstop/state.db").unwrap();
        assert!(url.file().is_some());
        assert!(serde_yaml::from_str::<StoreUrl>("redis").is_err());
    }
}
