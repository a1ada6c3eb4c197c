//! The places where rows stand, each filled and changed by its own means.

use std::{fmt::Write, fs, path::PathBuf, sync::MutexGuard};

use backstop::directory::tenants::Tenants;
use lab::directory::{BASE, BIND_DN, COLUMNS, KEEPER, Kind, PASSWORD, READER, Server};
use ldap3::{LdapConnAsync, Mod};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, SqlSafeStr,
    mysql::MySqlConnectOptions,
    postgres::{PgConnectOptions, PgSslMode},
    sqlite::SqliteConnectOptions,
};
use tempfile::TempDir;

use super::{super::lent, RUNTIME, tenants};

/// All nine.
pub(super) const ALL: &str = "mode, catch_all, unknown, never_send, unproven, unproven_replies, siege.unproven, \
                              siege.catch_all, exempt.recipients";
/// The attributes of a schema that every server has, which stand in for some of one's own.
const ATTRIBUTES: [(&str, &str); 9] = [
    ("mode", "title"),
    ("catch_all", "description"),
    ("unknown", "employeeType"),
    ("never_send", "carLicense"),
    ("unproven", "l"),
    ("unproven_replies", "st"),
    ("siege.unproven", "street"),
    ("siege.catch_all", "businessCategory"),
    ("exempt.recipients", "departmentNumber"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Yaml,
    Csv,
    Sqlite,
    Server(Kind),
}

impl Place {
    pub const ALL: [Self; 6] = [
        Self::Yaml,
        Self::Csv,
        Self::Sqlite,
        Self::Server(Kind::Postgresql),
        Self::Server(Kind::Mariadb),
        Self::Server(Kind::Openldap),
    ];

    /// Those that are asked a query.
    pub const SQL: [Self; 3] = [
        Self::Sqlite,
        Self::Server(Kind::Postgresql),
        Self::Server(Kind::Mariadb),
    ];

    pub fn is_file(self) -> bool {
        matches!(self, Self::Yaml | Self::Csv)
    }

    pub fn is_ldap(self) -> bool {
        self == Self::Server(Kind::Openldap)
    }

    /// The name that this place has for a key.
    pub fn column(self, key: &str) -> String {
        match self {
            Self::Yaml | Self::Csv => key.to_owned(),
            Self::Sqlite | Self::Server(Kind::Postgresql | Kind::Mariadb) => key.replace('.', "_"),
            Self::Server(Kind::Openldap) => attribute(key).to_ascii_lowercase(),
        }
    }
}

fn attribute(key: &str) -> &'static str {
    ATTRIBUTES.iter().find(|(of, _)| *of == key).unwrap().1
}

/// One row: a domain, and the value of each key that it has.
pub(super) type Row<'a> = (&'a str, &'a [(&'a str, &'a str)]);

/// A place with rows.
pub(super) struct Source {
    pub place: Place,
    folder: TempDir,
    pub server: Option<MutexGuard<'static, Server>>,
}

impl Source {
    pub fn of(place: Place) -> Self {
        let server = match place {
            Place::Server(kind) => Some(lent(kind)),
            _ => None,
        };
        let source = Self {
            place,
            folder: tempfile::tempdir().unwrap(),
            server,
        };
        if place == Place::Sqlite {
            source.sql(&format!(
                "CREATE TABLE client ({} TEXT)",
                COLUMNS.join(" TEXT, ")
            ));
            source.sql("CREATE VIEW answers AS SELECT * FROM client");
        }
        source
    }

    pub fn file(&self) -> PathBuf {
        let name = match self.place {
            Place::Yaml => "tenants.yaml",
            Place::Csv => "tenants.csv",
            _ => "panel.db",
        };
        self.folder.path().join(name)
    }

    fn port(&self) -> u16 {
        self.server.as_ref().unwrap().port()
    }

    /// What asks it, with these keys allowed, answers counting for a millisecond.
    pub fn tenants(&self, allow: &str) -> Tenants {
        let keys: Vec<&str> = ALL.split(", ").filter(|key| allow.contains(key)).collect();
        let columns: Vec<_> = keys.iter().map(|key| key.replace('.', "_")).collect();
        self.asking(allow, &columns.join(", "), "cache: 1ms")
    }

    /// The same with a query for these columns, and other keys of the server.
    pub fn asking(&self, allow: &str, columns: &str, more: &str) -> Tenants {
        let query = format!("SELECT {columns} FROM answers WHERE domain = :domain");
        let query = query.replace('"', "\\\"");
        let file = self.file();
        let file = file.display();
        let below = match self.place {
            Place::Yaml | Place::Csv => format!("file: {file}"),
            Place::Sqlite => format!("sql: {{url: \"sqlite:{file}\", query: \"{query}\", {more}}}"),
            Place::Server(kind) => {
                let port = self.port();
                let password = "p%2fw's%201";
                match kind {
                    Kind::Postgresql => format!(
                        "sql: {{url: \"postgres://{READER}:{password}@127.0.0.1:{port}/mail\", query: \"{query}\", {more}}}"
                    ),
                    Kind::Mariadb => format!(
                        "sql: {{url: \"mysql://{READER}:{password}@127.0.0.1:{port}/mail\", query: \"{query}\", {more}}}"
                    ),
                    Kind::Openldap => {
                        let named = ATTRIBUTES.iter().filter(|(key, _)| allow.contains(key));
                        let named: Vec<_> = named.map(|(key, at)| format!("{key}: {at}")).collect();
                        format!(
                            "ldap: {{url: \"ldap://127.0.0.1:{port}\", bind_dn: \"{BIND_DN}\", password: \"{PASSWORD}\", \
                             base: \"{BASE}\", filter: \"(&(objectClass=inetOrgPerson)(uid=:domain))\", \
                             attributes: {{{}}}, {more}}}",
                            named.join(", ")
                        )
                    }
                }
            }
        };
        tenants(&format!("{{allow: [{allow}], {below}}}"))
    }

    /// Puts these rows in the place of all that were there.
    pub fn write(&self, rows: &[Row<'_>]) {
        match self.place {
            Place::Yaml => {
                let mut text = "{}\n".to_owned();
                for (number, (domain, cells)) in rows.iter().enumerate() {
                    if number == 0 {
                        text.clear();
                    }
                    let _ = writeln!(text, "{domain}:");
                    for (key, value) in *cells {
                        let _ = writeln!(text, "  {key}: {value}");
                    }
                }
                fs::write(self.file(), text).unwrap();
            }
            Place::Csv => {
                let keys: Vec<&str> = ALL.split(", ").collect();
                let mut text = format!("domain,{}\n", keys.join(","));
                for (domain, cells) in rows {
                    text += domain;
                    for key in &keys {
                        let value = cells.iter().find(|(of, _)| of == key);
                        let value = value.map_or("", |(_, value)| value).replace('"', "\"\"");
                        let _ = write!(text, ",\"{value}\"");
                    }
                    text += "\n";
                }
                fs::write(self.file(), text).unwrap();
            }
            Place::Server(Kind::Openldap) => RUNTIME.block_on(self.entries(rows)),
            Place::Sqlite | Place::Server(_) => {
                self.sql("DELETE FROM client");
                for (domain, cells) in rows {
                    let names: Vec<_> =
                        cells.iter().map(|(key, _)| key.replace('.', "_")).collect();
                    let quoted = |text: &&str| {
                        let text = text.replace('\'', "''");
                        match self.place {
                            Place::Server(Kind::Mariadb) => {
                                format!("'{}'", text.replace('\\', "\\\\"))
                            }
                            _ => format!("'{text}'"),
                        }
                    };
                    let columns: Vec<_> = ["domain"]
                        .into_iter()
                        .chain(names.iter().map(String::as_str))
                        .collect();
                    let values: Vec<_> = [*domain]
                        .iter()
                        .chain(cells.iter().map(|(_, value)| value))
                        .map(quoted)
                        .collect();
                    self.sql(&format!(
                        "INSERT INTO client ({}) VALUES ({})",
                        columns.join(", "),
                        values.join(", ")
                    ));
                }
            }
        }
    }

    /// As who keeps the table.
    pub fn sql(&self, text: &str) {
        let statement = || AssertSqlSafe(text.to_owned()).into_sql_str();
        RUNTIME.block_on(async {
            match self.place {
                Place::Server(Kind::Postgresql) => {
                    let options = PgConnectOptions::new_without_pgpass()
                        .host("127.0.0.1")
                        .port(self.port())
                        .username(KEEPER)
                        .password(PASSWORD)
                        .database("mail")
                        .ssl_mode(PgSslMode::Disable);
                    let mut connection = options.connect().await.unwrap();
                    connection.execute(statement()).await.unwrap();
                    connection.close().await.unwrap();
                }
                Place::Server(_) => {
                    let options = MySqlConnectOptions::new()
                        .host("127.0.0.1")
                        .port(self.port())
                        .username(KEEPER)
                        .password(PASSWORD)
                        .database("mail");
                    let mut connection = options.connect().await.unwrap();
                    connection.execute(statement()).await.unwrap();
                    connection.close().await.unwrap();
                }
                _ => {
                    let options = SqliteConnectOptions::new()
                        .filename(self.file())
                        .create_if_missing(true);
                    let mut connection = options.connect().await.unwrap();
                    connection.execute(statement()).await.unwrap();
                    connection.close().await.unwrap();
                }
            }
        });
    }

    async fn entries(&self, rows: &[Row<'_>]) {
        let (driver, mut ldap) = LdapConnAsync::new(&format!("ldap://127.0.0.1:{}", self.port()))
            .await
            .unwrap();
        tokio::spawn(driver.drive());
        ldap.simple_bind(BIND_DN, PASSWORD)
            .await
            .unwrap()
            .success()
            .unwrap();
        let found = ldap
            .search(BASE, ldap3::Scope::OneLevel, "(sn=client)", ["1.1"])
            .await
            .unwrap();
        for entry in found.success().unwrap().0 {
            let dn = ldap3::SearchEntry::construct(entry).dn;
            ldap.delete(&dn).await.unwrap().success().unwrap();
        }
        for (number, (domain, cells)) in rows.iter().enumerate() {
            let set = |text: &str| std::collections::HashSet::from([text.to_owned()]);
            let mut attributes = vec![
                ("objectClass".to_owned(), set("inetOrgPerson")),
                ("cn".to_owned(), set(&format!("client{number}"))),
                ("sn".to_owned(), set("client")),
                ("uid".to_owned(), set(domain)),
            ];
            for (key, value) in cells.iter().filter(|(_, value)| !value.is_empty()) {
                attributes.push((attribute(key).to_owned(), set(value)));
            }
            let dn = format!("cn=client{number},{BASE}");
            ldap.add(&dn, attributes).await.unwrap().success().unwrap();
        }
        ldap.unbind().await.unwrap();
    }

    /// Adds values to an attribute of the entry with this number.
    pub fn add_values(&self, number: usize, key: &str, values: &[&str]) {
        RUNTIME.block_on(async {
            let (driver, mut ldap) =
                LdapConnAsync::new(&format!("ldap://127.0.0.1:{}", self.port()))
                    .await
                    .unwrap();
            tokio::spawn(driver.drive());
            ldap.simple_bind(BIND_DN, PASSWORD)
                .await
                .unwrap()
                .success()
                .unwrap();
            let values = values.iter().copied().collect();
            let dn = format!("cn=client{number},{BASE}");
            let changed = ldap.modify(&dn, vec![Mod::Add(attribute(key), values)]);
            changed.await.unwrap().success().unwrap();
        });
    }
}
