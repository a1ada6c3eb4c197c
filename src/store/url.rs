//! `store` of `milter.yaml`: which store, and where.

use std::path::{Path, PathBuf};

use crate::server::{Parts, Password, ServerUrl, Target, UrlMistake, absolute};

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26_379;

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
    /// With TLS.
    Tls(String, u16, Tls),
    Unix(PathBuf),
    /// Where its sentinels say.
    BySentinels(Sentinels),
}

/// The sentinels that know which server is the master, and how to log in to them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Sentinels {
    /// Hosts and ports.
    pub hosts: Vec<(String, u16)>,
    /// The name that they know the master by.
    pub master: String,
    pub user: Option<String>,
    pub password: Option<Password>,
    /// TLS, to them and to the server.
    pub tls: Option<Tls>,
}

/// TLS.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Tls {
    /// The certificates that are believed instead of the system's, in a file.
    pub ca: Option<PathBuf>,
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
    const SCHEMES: &'static [&'static str] = &[
        "sqlite",
        "redis",
        "rediss",
        "redis+unix",
        "redis+sentinel",
        "rediss+sentinel",
    ];

    const OF_SEVERAL: &'static [&'static str] = &["redis+sentinel", "rediss+sentinel"];

    fn expected(mistake: UrlMistake) -> &'static str {
        match mistake {
            UrlMistake::Path => "use e.g. sqlite:/var/lib/backstop/state.db",
            UrlMistake::Server | UrlMistake::Credentials => "use e.g. redis://192.0.2.1:6379/0",
            UrlMistake::Database => "use a number, as in redis://192.0.2.1/0",
            UrlMistake::Part => {
                "use no options but password_file=PATH, for rediss: ca=PATH, for redis+unix: user=NAME and db=NUMBER, for \
                 sentinels: sentinel_user=NAME and sentinel_password_file=PATH"
            }
            UrlMistake::Passwords => "use one of them",
            UrlMistake::Master => {
                "use the name that your sentinels know it by, as in redis+sentinel://192.0.2.1:26379/NAME/0"
            }
            UrlMistake::Scheme | UrlMistake::User => {
                "use e.g. sqlite:/var/lib/backstop/state.db, redis://192.0.2.1:6379/0, \
                 rediss://user@redis.example.org?password_file=/etc/backstop/redis.password, \
                 redis+unix:///run/redis/redis.sock or redis+sentinel://192.0.2.1:26379,192.0.2.2:26379/NAME/0"
            }
        }
    }

    fn file(path: PathBuf) -> Result<Self, UrlMistake> {
        Ok(Self::Sqlite(path))
    }

    fn server(url: &Parts) -> Result<Self, UrlMistake> {
        let is_unix = url.scheme() == "redis+unix";
        let is_tls = url.scheme().starts_with("rediss");
        let has_sentinels = Self::OF_SEVERAL.contains(&url.scheme());
        let path = url.path()?;
        let mut ca = None;
        let mut user = url.user()?;
        let mut password = url.password()?;
        let (mut sentinel_user, mut sentinel_password) = (None, None);
        let below = path.strip_prefix('/').unwrap_or_default();
        let (master, database) = match (is_unix, has_sentinels) {
            (true, _) => ("", ""),
            (_, true) => below.split_once('/').unwrap_or((below, "")),
            (_, false) => ("", below),
        };
        let mut database = database.to_owned();
        for (name, value) in url.options()? {
            match name.as_ref() {
                "password_file" if password.is_some() => return Err(UrlMistake::Passwords),
                "password_file" => password = Some(Password::InFile(absolute(&value)?)),
                "ca" if is_tls => ca = Some(absolute(&value)?),
                "user" if is_unix => user = Some(value.into_owned()),
                "db" if is_unix => database = value.into_owned(),
                "sentinel_user" if has_sentinels => sentinel_user = Some(value.into_owned()),
                "sentinel_password_file" if has_sentinels => {
                    sentinel_password = Some(Password::InFile(absolute(&value)?));
                }
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
        let tls = is_tls.then_some(Tls { ca });
        let address = match (is_unix, tls) {
            (false, tls) if has_sentinels => Address::BySentinels(Sentinels {
                hosts: sentinels(url)?,
                master: named(master)?,
                user: sentinel_user,
                password: sentinel_password,
                tls,
            }),
            (false, None) => Address::Tcp(url.host()?, port),
            (false, Some(tls)) => Address::Tls(url.host()?, port, tls),
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

fn sentinels(url: &Parts) -> Result<Vec<(String, u16)>, UrlMistake> {
    let hosts = url.hosts()?.into_iter();
    let hosts = hosts.map(|(host, port)| (host, port.unwrap_or(SENTINEL_PORT)));
    Ok(hosts.collect())
}

/// The name of a master.
fn named(master: &str) -> Result<String, UrlMistake> {
    let is_name = !master.is_empty() && !master.contains(char::is_whitespace);
    is_name.then(|| master.to_owned()).ok_or(UrlMistake::Master)
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
        assert!(tls.address == Address::Tls("192.0.2.1".to_owned(), 6379, Tls { ca }));
        assert!(tls.user.is_none());

        let unix =
            server("redis+unix:///run/redis@mx/my%20redis.sock?db=2&user=me&password_file=/etc/pw");
        assert!(unix.address == Address::Unix("/run/redis@mx/my redis.sock".into()));
        assert!(unix.password == Some(Password::InFile("/etc/pw".into())));
        assert_eq!((unix.user.as_deref(), unix.database), (Some("me"), 2));
    }

    /// The servers that sentinels know, and what is shown of the URL.
    fn by_sentinels(text: &str) -> (RedisServer, Sentinels, String) {
        let server = server(text);
        let Address::BySentinels(sentinels) = server.address.clone() else {
            panic!("{text}");
        };
        let shown = text.parse::<StoreUrl>().unwrap().to_string();
        (server, sentinels, shown)
    }

    #[test]
    fn sentinels_are_several_hosts_with_one_name() {
        for (text, hosts, database) in [
            (
                "redis+sentinel://a.example/main",
                &[("a.example", 26_379)][..],
                0,
            ),
            (
                "redis+sentinel://192.0.2.1:7000,b.example,[2001:db8::1]:7001/main/3",
                &[
                    ("192.0.2.1", 7000),
                    ("b.example", 26_379),
                    ("2001:db8::1", 7001),
                ],
                3,
            ),
            (
                "redis+sentinel://[2001:db8::1],[2001:db8::2]/main/",
                &[("2001:db8::1", 26_379), ("2001:db8::2", 26_379)],
                0,
            ),
        ] {
            let (server, sentinels, shown) = by_sentinels(text);
            let hosts = hosts.iter().map(|(host, port)| ((*host).to_owned(), *port));
            assert_eq!(sentinels.hosts, hosts.collect::<Vec<_>>(), "{text}");
            assert_eq!((&*sentinels.master, server.database), ("main", database));
            assert!(sentinels.tls.is_none() && sentinels.password.is_none());
            assert_eq!(shown, text.trim_end_matches('/'));
        }
        let (server, sentinels, shown) = by_sentinels(
            "rediss+sentinel://us,er:p,w@a:1,b:2/main/1?ca=/etc/ca.pem&sentinel_user=s&sentinel_password_file=/etc/s",
        );
        assert_eq!(server.user.as_deref(), Some("us,er"));
        assert!(server.password == Some(Password::Written("p,w".to_owned())));
        assert_eq!(sentinels.hosts, [("a".to_owned(), 1), ("b".to_owned(), 2)]);
        let ca = Some(PathBuf::from("/etc/ca.pem"));
        assert!(sentinels.tls == Some(Tls { ca }));
        assert_eq!(sentinels.user.as_deref(), Some("s"));
        assert!(sentinels.password == Some(Password::InFile("/etc/s".into())));
        assert!(
            shown.starts_with("rediss+sentinel://us,er:***@a:1,b:2/main/1?"),
            "{shown}"
        );
    }

    #[test]
    fn mistakes_are_told_apart() {
        use UrlMistake::{Credentials, Database, Master, Part, Passwords, Path, Scheme, Server};
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
            ("redis://192.0.2.1:6379,192.0.2.2:6379/0", Server),
            ("redis+sentinel://192.0.2.1:26379", Master),
            ("redis+sentinel://192.0.2.1/", Master),
            ("redis+sentinel://192.0.2.1//0", Master),
            ("redis+sentinel://192.0.2.1/a%20b/0", Master),
            ("redis+sentinel://192.0.2.1/main/zero", Database),
            ("redis+sentinel://192.0.2.1/main/0/1", Database),
            ("redis+sentinel://192.0.2.1,/main", Server),
            ("redis+sentinel://,192.0.2.1/main", Server),
            ("redis+sentinel://192.0.2.1,192.0.2.2:99999/main", Server),
            ("redis+sentinel:///main", Server),
            ("redis+sentinel://192.0.2.1/main?db=1", Part),
            (
                "redis+sentinel://192.0.2.1/main?sentinel_password_file=pw",
                Path,
            ),
            ("redis+sentinel://192.0.2.1/main?ca=/etc/ca.pem", Part),
        ] {
            let found = text.parse::<StoreUrl>().unwrap_err();
            assert_eq!(found.mistake, error, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(sqlite|rediss?|rediss?\\+sentinel|redis\\+unix):/{0,3}\\PC*") {
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
