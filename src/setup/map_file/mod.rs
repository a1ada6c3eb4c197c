//! The files of Postfix's SQL and LDAP tables (mysql_table(5), pgsql_table(5), sqlite_table(5), ldap_table(5)).

mod ldap;

use std::{collections::BTreeMap, fmt};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    lines::{assignment, logical_lines, words},
    sql_query::{Dialect, Key, translated},
    table::Kind,
};

/// What stands for itself in a URL (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// Where Debian's MariaDB and PostgreSQL have their sockets.
const MYSQL_SOCKET: &str = "/run/mysqld/mysqld.sock";
const POSTGRES_FOLDER: &str = "/run/postgresql";

/// The parameters of a table.
#[derive(Clone, Default)]
pub struct MapFile(BTreeMap<String, String>);

/// Without its password.
impl fmt::Debug for MapFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A secret of a table. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What can be asked in place of Postfix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// `sql` of `milter.yaml`.
    Sql {
        /// Without a password.
        url: String,
        /// In our words.
        query: String,
        /// Whether the connection leaves this host in clear, as it does for Postfix.
        tls_off: bool,
    },
    /// `ldap` of `milter.yaml`.
    Ldap {
        /// The server.
        url: String,
        /// Whether the connection is encrypted after it was made.
        start_tls: bool,
        /// The trusted certificates.
        ca: Option<String>,
        /// Who asks.
        bind_dn: Option<String>,
        /// Below which entry; `%d` stands for the domain.
        base: String,
        /// How far below it.
        scope: String,
        /// In our words.
        filter: String,
    },
}

impl MapFile {
    /// Reads one.
    pub fn of(text: &str) -> Self {
        let lines = logical_lines(text);
        let pairs = lines.iter().filter_map(|line| assignment(&line.text));
        Self(
            pairs
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The file of an SQLite database.
    pub fn database_file(&self) -> Option<&str> {
        self.get("dbpath")
    }

    /// Whether the table answers for this domain: `domain = ` lists those that it has.
    pub fn answers_for(&self, domain: &str) -> bool {
        let list = words(self.get("domain").unwrap_or_default());
        let is_listed =
            |word: &String| word.eq_ignore_ascii_case(domain) || word.contains([':', '/', '$']);
        list.is_empty() || list.iter().any(is_listed)
    }

    /// The password, if one is needed.
    pub fn secret(&self, kind: Kind) -> Option<Secret> {
        let name = match kind {
            Kind::Mysql | Kind::Postgres => "password",
            Kind::Ldap if self.binds() => "bind_pw",
            _ => return None,
        };
        self.get(name).map(|secret| Secret(secret.to_owned()))
    }

    fn binds(&self) -> bool {
        let bind = self.get("bind").unwrap_or("yes");
        self.get("bind_dn").is_some() && !matches!(bind, "no" | "none")
    }

    /// The query as it stands there, from `query` or from the parts of Postfix 2.1.
    pub fn query(&self) -> Option<String> {
        if let Some(query) = self.get("query") {
            return Some(query.to_owned());
        }
        let (field, table, key) = (
            self.get("select_field")?,
            self.get("table")?,
            self.get("where_field")?,
        );
        let more = self.get("additional_conditions").unwrap_or_default();
        Some(
            format!("SELECT {field} FROM {table} WHERE {key} = '%s' {more}")
                .trim_end()
                .to_owned(),
        )
    }

    /// Where the database is, without a password.
    ///
    /// # Errors
    /// Why that can't be told.
    pub fn database(&self, kind: Kind) -> Result<String, String> {
        if kind == Kind::Sqlite {
            let path = self.get("dbpath").ok_or("it has no dbpath")?;
            return Ok(format!("sqlite:{path}"));
        }
        let scheme = if kind == Kind::Mysql {
            "mysql"
        } else {
            "postgres"
        };
        let user = self.get("user").ok_or("it has no user")?;
        let name = self.get("dbname").ok_or("it has no dbname")?;
        if name.contains("://") {
            return Err("its dbname is a URI".to_owned());
        }
        let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
        let (user, name) = (encoded(user), encoded(name));
        let hosts = words(self.get("hosts").unwrap_or_default());
        let host = hosts.first().map_or("", String::as_str);
        let host = host.strip_prefix("inet:").unwrap_or(host);
        // mysql_table(5): `localhost` is the socket; pgsql_table(5): so is no host at all.
        let socket = match (host.strip_prefix("unix:"), kind) {
            (Some(path), Kind::Postgres) if path.contains("/.s.PGSQL") => {
                Some(path.rsplit_once('/').map_or(path, |(folder, _)| folder))
            }
            (Some(path), _) => Some(path),
            (None, Kind::Mysql) if host.is_empty() || host == "localhost" => Some(MYSQL_SOCKET),
            (None, Kind::Postgres) if host.is_empty() => Some(POSTGRES_FOLDER),
            _ => None,
        };
        Ok(match socket {
            Some(path) => format!("{scheme}://{user}@localhost/{name}?socket={path}"),
            None => format!("{scheme}://{user}@{host}/{name}"),
        })
    }

    /// The table as an entry of `known`.
    ///
    /// # Errors
    /// Why it can't be one.
    pub fn asked(&self, kind: Kind, key: Key) -> Result<Asked, String> {
        if kind == Kind::Ldap {
            return self.ldap(key);
        }
        let dialect = match kind {
            Kind::Mysql => Dialect::Mysql,
            _ => Dialect::Standard,
        };
        let url = self.database(kind)?;
        let query = self.query().ok_or("it has no query")?;
        let is_here = ["sqlite:", "@localhost", "@127.0.0.1", "@[::1]"];
        let encrypts = self.get("tls_CAfile").is_some() || self.get("tls_CApath").is_some();
        Ok(Asked::Sql {
            query: translated(&query, key, dialect)?,
            tls_off: !encrypts && !is_here.iter().any(|part| url.contains(part)),
            url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::sql::SqlUrl;

    #[test]
    fn databases_are_found_where_postfix_finds_them() {
        let of = |kind, hosts: &str| {
            let text = format!(
                "user = us@er\npassword = s3cret\ndbname = mail\n{hosts}\nquery = SELECT 1 FROM a WHERE b = '%s'\n"
            );
            let file = MapFile::of(&text);
            assert!(!format!("{file:?} {:?}", file.secret(kind)).contains("s3cret"));
            let url = file.database(kind).unwrap();
            url.parse::<SqlUrl>().unwrap();
            url
        };
        for (kind, hosts, url) in [
            (
                Kind::Mysql,
                "hosts = localhost",
                "mysql://us%40er@localhost/mail?socket=/run/mysqld/mysqld.sock",
            ),
            (
                Kind::Mysql,
                "",
                "mysql://us%40er@localhost/mail?socket=/run/mysqld/mysqld.sock",
            ),
            (
                Kind::Mysql,
                "hosts = inet:127.0.0.1:3307 10.0.0.1",
                "mysql://us%40er@127.0.0.1:3307/mail",
            ),
            (
                Kind::Mysql,
                "hosts = unix:/var/run/mysqld/mysqld.sock",
                "mysql://us%40er@localhost/mail?socket=/var/run/mysqld/mysqld.sock",
            ),
            (
                Kind::Postgres,
                "hosts = localhost",
                "postgres://us%40er@localhost/mail",
            ),
            (
                Kind::Postgres,
                "hosts = unix:/run/postgresql/.s.PGSQL.5432",
                "postgres://us%40er@localhost/mail?socket=/run/postgresql",
            ),
            (
                Kind::Postgres,
                "",
                "postgres://us%40er@localhost/mail?socket=/run/postgresql",
            ),
        ] {
            assert_eq!(of(kind, hosts), url);
        }
        let sqlite = MapFile::of("dbpath=/home/user-data/mail/users.sqlite\nquery = x\n");
        assert_eq!(
            sqlite.database(Kind::Sqlite).unwrap(),
            "sqlite:/home/user-data/mail/users.sqlite"
        );
        assert_eq!(sqlite.secret(Kind::Sqlite), None);
        assert!(MapFile::of("user = x\n").database(Kind::Mysql).is_err());
    }

    #[test]
    fn queries_of_parts_are_queries() {
        let old = MapFile::of(
            "table = virtual\nselect_field = goto\nwhere_field = address\nadditional_conditions = and active = '1'\n",
        );
        assert_eq!(
            old.query().unwrap(),
            "SELECT goto FROM virtual WHERE address = '%s' and active = '1'"
        );
        let folded = MapFile::of("query = SELECT a\n  FROM b\n  WHERE c = '%s'\n");
        assert_eq!(folded.query().unwrap(), "SELECT a FROM b WHERE c = '%s'");
    }
}
