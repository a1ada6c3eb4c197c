//! `store` of `milter.yaml`: which store, and where.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Url;

use crate::{
    core::serde_text::deserialize_from_str,
    server::{self, Password},
};

const REDIS_PORT: u16 = 6379;

/// Where the store is. It is shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    /// What is shown.
    shown: String,
    place: Place,
}

/// What a [`StoreUrl`] names.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// An absolute path.
    Sqlite(PathBuf),
    Redis(Server),
}

/// A Redis or Valkey server, and how to log in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub address: Address,
    pub user: Option<String>,
    pub password: Option<Password>,
    pub database: i64,
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
        Self {
            shown: format!("sqlite:{FILE}"),
            place: Place::Sqlite(PathBuf::from(FILE)),
        }
    }
}

impl StoreUrl {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// The password, where there is one.
    pub fn password(&self) -> Option<&Password> {
        match &self.place {
            Place::Sqlite(_) => None,
            Place::Redis(server) => server.password.as_ref(),
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.place {
            Place::Sqlite(path) => Some(path),
            Place::Redis(_) => None,
        }
    }
}

/// Why a text is no store. It shows no part of a URL that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    /// Neither SQLite nor Redis.
    #[error(
        "this is no store; right would be e.g. sqlite:/var/lib/backstop/state.db, redis://192.0.2.1:6379/0, \
         rediss://user@redis.example.org?password_file=/etc/backstop/redis.password or redis+unix:///run/redis/redis.sock"
    )]
    Scheme,
    /// A file without its folder.
    #[error("the path of the store must be absolute, as in sqlite:/var/lib/backstop/state.db")]
    Relative,
    /// No server.
    #[error(
        "the store's server is missing or is none; right would be e.g. redis://192.0.2.1:6379/0; in a password \
         @ : / ? # and % are written %40 %3a %2f %3f %23 and %25"
    )]
    Server,
    /// What follows the server is no number.
    #[error("the store's database is a number, as in redis://192.0.2.1/0")]
    Database,
    /// An unknown option, or one that makes no sense there.
    #[error(
        "the store's URL has an option that it can't have; behind `?` may stand password_file=PATH, for rediss: ca=PATH, \
         for redis+unix: user=NAME and db=NUMBER"
    )]
    Option,
    /// Two passwords.
    #[error("the store's password stands in the URL and in a file; right would be one of them")]
    TwoPasswords,
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        let (scheme, rest) = text.split_once(':').ok_or(StoreUrlError::Scheme)?;
        match scheme {
            "sqlite" => {
                let path = rest.strip_prefix("//").unwrap_or(rest);
                let place = Place::Sqlite(absolute(path)?);
                let shown = format!("sqlite:{path}");
                Ok(Self { shown, place })
            }
            "redis" | "rediss" | "redis+unix" => {
                let url = server::parsed(text).ok_or(StoreUrlError::Server)?;
                let server = redis_server(&url)?;
                Ok(Self {
                    shown: server::without_password(url),
                    place: Place::Redis(server),
                })
            }
            _ => Err(StoreUrlError::Scheme),
        }
    }
}

fn redis_server(url: &Url) -> Result<Server, StoreUrlError> {
    if url.fragment().is_some() {
        return Err(StoreUrlError::Option);
    }
    let mut ca = None;
    let mut user = decoded(url.username())?;
    let mut password = match url.password() {
        Some(written) => decoded(written)?.map(Password::Written),
        None => None,
    };
    let unix = url.scheme() == "redis+unix";
    let mut database = if unix {
        ""
    } else {
        url.path().trim_start_matches('/')
    }
    .to_owned();
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "password_file" if password.is_some() => return Err(StoreUrlError::TwoPasswords),
            "password_file" => password = Some(Password::InFile(absolute(&value)?)),
            "ca" if url.scheme() == "rediss" => ca = Some(absolute(&value)?),
            "user" if unix => user = Some(value.into_owned()),
            "db" if unix => database = value.into_owned(),
            _ => return Err(StoreUrlError::Option),
        }
    }
    let database = match database.as_str() {
        "" => 0,
        number => number
            .parse::<u16>()
            .map_err(|_| StoreUrlError::Database)?
            .into(),
    };
    let port = url.port().unwrap_or(REDIS_PORT);
    let host = || server::host(url).ok_or(StoreUrlError::Server);
    let address = match url.scheme() {
        "redis" => Address::Tcp(host()?, port),
        "rediss" => Address::Tls(host()?, port, ca),
        _ if url.has_host() => return Err(StoreUrlError::Server),
        _ => Address::Unix(absolute(&decoded(url.path())?.unwrap_or_default())?),
    };
    Ok(Server {
        address,
        user,
        password,
        database,
    })
}

fn absolute(path: &str) -> Result<PathBuf, StoreUrlError> {
    server::absolute(path).ok_or(StoreUrlError::Relative)
}

/// `None` where it is empty.
fn decoded(part: &str) -> Result<Option<String>, StoreUrlError> {
    let text = server::decoded(part).ok_or(StoreUrlError::Server)?;
    Ok(Some(text).filter(|text| !text.is_empty()))
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

deserialize_from_str!(StoreUrl);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn server(text: &str) -> Server {
        match text.parse::<StoreUrl>() {
            Ok(StoreUrl {
                place: Place::Redis(server),
                ..
            }) => server,
            other => panic!("{text}: {other:?}"),
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
            assert_eq!(
                text.parse::<StoreUrl>(),
                Err(StoreUrlError::Relative),
                "{text}"
            );
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
    fn what_is_no_store_is_told_what_would_be() {
        use StoreUrlError::{Database, Option, Relative, Scheme, Server, TwoPasswords};
        for (text, error) in [
            ("", Scheme),
            ("/var/lib/backstop/state.db", Scheme),
            ("postgres://192.0.2.1/", Scheme),
            ("redis://", Server),
            ("redis:///0", Server),
            ("redis://192.0.2.1:99999", Server),
            ("redis+unix://host/run/redis.sock", Server),
            ("redis+unix:", Relative),
            ("redis+unix:///", Relative),
            ("redis://192.0.2.1/zero", Database),
            ("redis://192.0.2.1/-1", Database),
            ("redis://192.0.2.1/0/1", Database),
            ("redis://:pass#word@192.0.2.1", Server),
            ("redis://user:@192.0.2.1/0@192.0.2.1", Server),
            ("redis://user:1/word@192.0.2.1", Server),
            ("redis://192.0.2.1/0#1", Option),
            ("redis://192.0.2.1?ca=/etc/ca.pem", Option),
            ("rediss://192.0.2.1?insecure=1", Option),
            ("rediss://192.0.2.1?ca=ca.pem", Relative),
            ("redis://:pw@192.0.2.1?password_file=/etc/pw", TwoPasswords),
        ] {
            assert_eq!(text.parse::<StoreUrl>(), Err(error), "{text}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for text in [
            "redis://user:s3cr%65t@192.0.2.1/0",
            "rediss://:s3cr%65t@redis.example.org",
            "redis://s3cr%65t:s3cr%65t@[::1]",
        ] {
            let url: StoreUrl = text.parse().unwrap();
            let shown = format!("{url} {url:?} {:#?}", Some(&url));
            assert!(!shown.contains(":s3cr"), "{shown}");
            assert!(shown.contains(":***@"), "{shown}");
        }
        for wrong in [
            "redis://user:s3cret@:1",
            "redis://user:s3cret@h/x",
            "x:s3cret",
        ] {
            let error = wrong.parse::<StoreUrl>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(sqlite|rediss?|redis\\+unix):/{0,3}\\PC*") {
            let _ = text.parse::<StoreUrl>();
        }

        #[test]
        fn no_text_shows_its_password(
            user in "[a-z]{0,3}",
            secret in "[A-Z]{12}",
            more in "\\PC{0,5}",
            rest in "\\PC*",
        ) {
            for text in [
                format!("redis://{user}:{secret}{more}@host{rest}"),
                format!("rediss://{user}:{more}{secret}@{rest}"),
            ] {
                let said = match text.parse::<StoreUrl>() {
                    Ok(url) => format!("{url} {url:?}"),
                    Err(error) => format!("{error} {error:?}"),
                };
                prop_assert!(!said.contains(&secret), "{}", said);
            }
        }
    }

    #[test]
    fn the_file_writes_it_as_text() {
        let url: StoreUrl = serde_yaml::from_str("sqlite:/var/lib/backstop/state.db").unwrap();
        assert!(url.file().is_some());
        assert!(serde_yaml::from_str::<StoreUrl>("redis").is_err());
    }
}
