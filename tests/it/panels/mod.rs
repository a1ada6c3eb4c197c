//! What packaging/doc/hosting.md says of panels. Each query stands there, and is asked here through the program's own code, of
//! the server that it is for, with the rights that the page gives.

mod day;
mod page;
mod table;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use backstop::{
    config::{self, Config},
    core::{address::Mailbox, envelope::Recipient, local::Local, recipients::Known, verdict::Mode},
    directory::{
        self, Directory, Source,
        domains::{DomainLists, Folders},
        limits::FOR_SET_UP,
        tenants::Tenants,
    },
};
use lab::directory::{Kind, PASSWORD, Server, Tree};
use serde_yaml::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use self::page::{Place, Section, for_login, replaced, sql_file};
use crate::{
    directory::{RUNTIME, lent, trouble::Administrator},
    package,
};

/// Where the page makes the table of clients' answers.
const ANSWERS: &str = "answers of tenants, and of their alias domains";

/// Programs that manage domains and mailboxes, as their databases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panel {
    Postfixadmin,
    Mailinabox,
    Iredmail,
    IredmailLdap,
    Mailcow,
}

fn fixture(name: &str) -> String {
    package::text(&format!("tests/fixtures/panels/{name}"))
}

/// What the page's file names.
struct Site {
    /// The server, as its entry of `recipients` has it.
    server: Source,
    tenants: Tenants,
    local: Local,
}

impl Site {
    /// The mode that a client's row sets.
    fn mode(&self, domain: &str) -> Option<Mode> {
        let domain = domain.parse().unwrap();
        let answers = RUNTIME.block_on(self.tenants.of(&domain, &self.local));
        answers.unwrap_or_else(|why| panic!("{why}")).mode
    }

    /// A client in enforce, one without a row, and no table of ours for others.
    fn has_answers_of_clients(&self, alias: Option<Mode>) {
        assert_eq!(self.mode("example.org"), Some(Mode::Enforce));
        assert_eq!(self.mode("alias.example"), alias);
        assert_eq!(self.mode("example.net"), None);
    }
}

/// The page's file: which domains it makes ours, and whom it knows there.
fn knows_whom_it_should(panel: Panel, file: &Value) -> Site {
    let yaml = serde_yaml::to_string(file).unwrap();
    let mut config = config::parse(Path::new("/m.yaml"), &yaml)
        .unwrap_or_else(|wrong| panic!("{panel:?}: {wrong}\n{yaml}"));
    let lists = DomainLists::new(&config.domain_lists, Folders::default());
    let lists = Arc::new(lists);
    RUNTIME.block_on(lists.ask_all());
    assert!(config.know(Arc::clone(&lists)), "{:?}", lists.states());
    let Config {
        policy,
        directories,
        tenants,
        ..
    } = config;
    let ours = policy.local.domains.iter().map(ToString::to_string);
    let mut ours: Vec<String> = ours.collect();
    ours.sort();
    assert_eq!(ours, panel.domains(), "{panel:?}: {:?}", lists.states());
    let server = directories[0].sources[0].clone();
    let directory = Directory::new(directories);
    for (address, panels) in table::KNOWN {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        let known = RUNTIME.block_on(directory.known(0, &mailbox, &policy.local));
        let found = match known {
            Known::Listed(_) => true,
            Known::NotListed => false,
            Known::Unanswered(why) => panic!("{panel:?}: {address}: {why}"),
        };
        assert_eq!(found, panels.contains(&panel), "{panel:?}: {address}");
        // The entry is for each domain that is ours, and for no other.
        let domain = mailbox.domain().unwrap().as_str();
        let is_ours = panel.domains().contains(&domain);
        let recipient = Recipient {
            mailbox,
            refused: None,
        };
        let entry = policy.recipients_of(&recipient).map(|(entry, _)| entry);
        assert_eq!(entry, is_ours.then_some(0), "{panel:?}: {address}");
    }
    Site {
        server,
        tenants: Tenants::new(&tenants),
        local: policy.local,
    }
}

/// The password for a server, as the page has it.
struct PasswordFile(tempfile::TempDir);

impl PasswordFile {
    fn new() -> Self {
        let file = Self(tempfile::tempdir().unwrap());
        fs::write(file.path(), format!("{PASSWORD}\n")).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("panel.password")
    }
}

/// The first column of what a query finds, with the rights of the page's login.
fn rows(server: &Source, query: &str) -> Result<Vec<String>, String> {
    let Source::Sql(sql) = server else {
        panic!("{server:?}");
    };
    let rows = directory::sql::rows((**sql).clone(), query, FOR_SET_UP);
    let mut rows = RUNTIME.block_on(rows)?;
    rows.sort();
    Ok(rows)
}

/// Runs scripts in a database, with all rights.
fn administer(server: &Server, database: &str, scripts: &[String]) {
    let mut administrator = Administrator::in_database(server.kind(), server, database);
    for script in scripts {
        administrator.script(script);
    }
}

/// A panel on a database server that runs for all tests.
fn on_server(panel: Panel, heading: &'static str, fixture_name: &str, database: &str, kind: Kind) {
    let database_server: &Server = &lent(kind);
    let section = Section::of(heading);
    let login = format!("backstop_{database}");
    let common = Section::of("The file");
    let (dialect, user, instead) = match kind {
        Kind::Mariadb => ("mariadb", common.statement("MariaDB"), Vec::new()),
        _ => (
            "postgresql",
            common.statement("PostgreSQL"),
            common.instead(),
        ),
    };
    let quoted = PASSWORD.replace('\'', "''");
    let rights = replaced(section.statement("rights"), &instead);
    let right = replaced(common.statement("right to read them"), &instead);
    administer(
        database_server,
        "mail",
        &[format!("CREATE DATABASE {database}")],
    );
    administer(
        database_server,
        database,
        &[
            fixture(&format!("{fixture_name}.{dialect}.sql")),
            fixture(&format!("{fixture_name}.rows.sql")),
            for_login(user, &login, &quoted),
            for_login(&rights, &login, ""),
            replaced(common.statement(ANSWERS), &instead),
            for_login(&right, &login, ""),
            Section::of("A host's day")
                .statement("to enforce")
                .to_owned(),
        ],
    );

    let (here, port) = (database_server.folder().display(), database_server.port());
    let url = match kind {
        Kind::Mariadb => format!("mysql://{login}@localhost/{database}?socket={here}/mysqld.sock"),
        _ => format!("postgres://{login}@localhost:{port}/{database}?socket={here}"),
    };
    let password_file = PasswordFile::new();
    let place = Place {
        url: &url,
        bind_dn: "",
        password_file: Some(&password_file.path()),
    };
    let file = sql_file(&section, &instead, &place);
    let site = knows_whom_it_should(panel, &file);
    site.has_answers_of_clients(Some(Mode::Enforce));
    let catch_alls = section.statement("domains with a catch-all");
    let found = rows(&site.server, catch_alls).unwrap();
    assert_eq!(found, ["example.net"], "{panel:?}");

    // What the login may not.
    for statement in [
        "SELECT password FROM mailbox",
        "SELECT * FROM mailbox",
        "DELETE FROM alias_domain",
        "UPDATE domain SET domain = 'x'",
        "CREATE TABLE mine (x INT)",
        "SELECT mode FROM backstop_answers",
        "UPDATE backstop_answers SET mode = 'monitor'",
    ] {
        let why = rows(&site.server, statement).unwrap_err().to_lowercase();
        assert!(
            why.contains("denied"),
            "{panel:?}, {kind:?}: {statement}: {why}"
        );
    }
}

#[test]
fn postfixadmin() {
    for kind in [Kind::Mariadb, Kind::Postgresql] {
        let panel = Panel::Postfixadmin;
        on_server(panel, "PostfixAdmin", "postfixadmin", "postfixadmin", kind);
    }
}

#[test]
fn iredmail() {
    for kind in [Kind::Mariadb, Kind::Postgresql] {
        let panel = Panel::Iredmail;
        on_server(panel, "iRedMail, SQL", "iredmail", "vmail", kind);
    }
}

#[test]
fn mailcow() {
    let panel = Panel::Mailcow;
    on_server(panel, "mailcow", "mailcow", "mailcow", Kind::Mariadb);
}

/// Does something to a database in a file.
fn change(file: &Path, script: &str) {
    RUNTIME.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        let script = sqlx::raw_sql(AssertSqlSafe(script.to_owned()));
        script.execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn mailinabox() {
    let panel = Panel::Mailinabox;
    let section = Section::of("Mail-in-a-Box");
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("users.sqlite");
    change(&database, &fixture("mailinabox.sqlite.sql"));
    change(&database, &fixture("mailinabox.rows.sql"));
    // It has no table of alias domains.
    let common = Section::of("The file");
    let (answers, _) = common.statement(ANSWERS).split_once("UNION ALL").unwrap();
    change(&database, answers);
    change(
        &database,
        Section::of("A host's day").statement("to enforce"),
    );
    let url = format!("sqlite:{}", database.display());
    let place = Place {
        url: &url,
        bind_dn: "",
        password_file: None,
    };
    let file = sql_file(&section, &[], &place);
    let site = knows_whom_it_should(panel, &file);
    site.has_answers_of_clients(None);
    let catch_alls = section.statement("domains with a catch-all");
    assert_eq!(rows(&site.server, catch_alls).unwrap(), ["example.net"]);
    let why = rows(&site.server, "DELETE FROM users").unwrap_err();
    assert!(why.contains("readonly"), "{why}");
}

#[test]
fn iredmail_in_ldap() {
    const READER: &str = "cn=reader,dc=example,dc=org";
    let panel = Panel::IredmailLdap;
    let section = Section::of("iRedMail, LDAP");
    // The lab's servers believe `cn=backstop` everything.
    let login = for_login(section.block("ldif"), "reader", PASSWORD);
    let access = for_login(section.block("conf"), "reader", "");
    let slapd = Server::with_tree(&Tree {
        schema: &fixture("iredmail.schema"),
        access: &format!("{access}access to attrs=userPassword by anonymous auth by * none\n"),
        entries: &format!("{}\n{login}", fixture("iredmail.ldif")),
    })
    .unwrap();
    let password_file = PasswordFile::new();
    let file = section.file(&Place {
        url: &format!("ldap://127.0.0.1:{}", slapd.port()),
        bind_dn: READER,
        password_file: Some(&password_file.path()),
    });
    let server = knows_whom_it_should(panel, &file).server;
    let found = |filter: &str, attribute: &str| values(&server, filter, attribute);
    assert_eq!(found(&section.filter(), "mail"), ["@example.net"]);
    // What the login may not.
    assert!(found("(userPassword=*)", "mail").is_empty());
    assert!(found("(mail=joe@example.org)", "userPassword").is_empty());
    assert_eq!(found("(mail=joe@example.org)", "mail"), ["joe@example.org"]);
}

/// The values of an attribute in what a filter finds.
fn values(server: &Source, filter: &str, attribute: &str) -> Vec<String> {
    let Source::Ldap(ldap) = server else {
        panic!("{server:?}");
    };
    let attributes = vec![attribute.to_owned()];
    let entries = directory::ldap::entries((**ldap).clone(), filter, attributes, FOR_SET_UP);
    let entries = RUNTIME.block_on(entries).unwrap();
    let mut values: Vec<String> = entries
        .into_iter()
        .flat_map(|mut entry| {
            entry
                .remove(&attribute.to_ascii_lowercase())
                .unwrap_or_default()
        })
        .collect();
    values.sort();
    values
}
