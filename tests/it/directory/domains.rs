//! Domains of ours in databases and LDAP directories, fetched whole: the same tests over real PostgreSQL, MariaDB, OpenLDAP
//! and SQLite.

mod shown;

use std::{
    collections::HashSet,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use backstop::{
    config,
    core::local::Domains,
    directory::domains::{DomainEvent, DomainLists, Folders, ListState},
};
use lab::{
    directory::{BASE, BIND_DN, Kind, PASSWORD, Server, Tree, USER},
    mta::PATIENCE,
    process::wait_until,
};
use ldap3::LdapConnAsync;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{KINDS, RUNTIME, lent, trouble::Administrator};

/// What holds domains: one of the servers, or a file.
enum Holder<'a> {
    Server(Kind, &'a mut Server),
    File(PathBuf),
}

impl Holder<'_> {
    /// The entry of `local.domains`, with this password.
    fn entry(&self, password: &str) -> String {
        let query = "SELECT name FROM domain WHERE active = 1";
        match self {
            Self::Server(Kind::Openldap, server) => format!(
                "{{ldap: {{url: 'ldap://127.0.0.1:{}', bind_dn: '{BIND_DN}', password: \"{password}\", base: '{BASE}', \
                 filter: '(&(objectClass=inetOrgPerson)(uid=domain*)(!(l=off)))', attribute: o, timeout: 20s}}}}",
                server.port()
            ),
            Self::Server(kind, server) => {
                let scheme = match kind {
                    Kind::Postgresql => "postgres",
                    _ => "mysql",
                };
                let password = password.replace('/', "%2f").replace(' ', "%20");
                format!(
                    "{{sql: {{url: \"{scheme}://{USER}:{password}@127.0.0.1:{}/mail\", query: {query}, timeout: 20s}}}}",
                    server.port()
                )
            }
            Self::File(file) => {
                format!(
                    "{{sql: {{url: 'sqlite:{}', query: {query}}}}}",
                    file.display()
                )
            }
        }
    }

    /// Has just these domains, and one that is not active.
    fn set(&mut self, domains: &[&str]) {
        if let Self::Server(Kind::Openldap, server) = self {
            return RUNTIME.block_on(set_entries(server.port(), domains));
        }
        let mut rows = vec!["('off.example', 0)".to_owned()];
        rows.extend(domains.iter().map(|domain| format!("('{domain}', 1)")));
        self.run("DROP TABLE IF EXISTS domain");
        self.run("CREATE TABLE domain (name VARCHAR(255), active INT)");
        self.run(&format!("INSERT INTO domain VALUES {}", rows.join(", ")));
        if let Self::Server(Kind::Postgresql, _) = self {
            self.run(&format!("GRANT SELECT ON domain TO {USER}"));
        }
    }

    /// The table, or the entries, are gone.
    fn spoil(&mut self) {
        match self {
            Self::Server(Kind::Openldap, _) => self.set(&[]),
            _ => self.run("DROP TABLE domain"),
        }
    }

    fn run(&mut self, sql: &str) {
        match self {
            Self::Server(kind, server) => Administrator::of(*kind, server).run(sql.to_owned()),
            Self::File(file) => RUNTIME.block_on(async {
                let options = SqliteConnectOptions::new();
                let options = options.filename(file).create_if_missing(true);
                let mut connection = options.connect().await.unwrap();
                let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
                sqlx::query(sql).execute(&mut connection).await.unwrap();
                connection.close().await.unwrap();
            }),
        }
    }

    fn stop(&mut self) {
        match self {
            Self::Server(_, server) => server.stop().unwrap(),
            Self::File(file) => std::fs::rename(&*file, file.with_extension("gone")).unwrap(),
        }
    }

    fn start(&mut self) {
        match self {
            Self::Server(_, server) => server.start_again().unwrap(),
            Self::File(file) => std::fs::rename(file.with_extension("gone"), &*file).unwrap(),
        }
    }
}

async fn set_entries(port: u16, domains: &[&str]) {
    let (driver, mut connection) = LdapConnAsync::new(&format!("ldap://127.0.0.1:{port}"))
        .await
        .unwrap();
    tokio::spawn(async move { driver.drive().await });
    let bound = connection.simple_bind(BIND_DN, PASSWORD).await.unwrap();
    bound.success().unwrap();
    for number in 0..1200 {
        let gone = connection
            .delete(&format!("uid=domain{number},{BASE}"))
            .await;
        if gone.unwrap().rc != 0 {
            break;
        }
    }
    let all = ["off.example"].iter().chain(domains);
    for (number, domain) in all.enumerate() {
        let one = |text: &str| HashSet::from([text.to_owned()]);
        let state = if number == 0 { "off" } else { "on" };
        let uid = format!("domain{number}");
        let attributes = vec![
            ("objectClass".to_owned(), one("inetOrgPerson")),
            ("uid".to_owned(), one(&uid)),
            ("cn".to_owned(), one("x")),
            ("sn".to_owned(), one("x")),
            ("l".to_owned(), one(state)),
            ("o".to_owned(), one(domain)),
        ];
        let added = connection
            .add(&format!("uid={uid},{BASE}"), attributes)
            .await;
        added.unwrap().success().unwrap();
    }
}

fn folders(folder: &Path) -> Folders {
    Folders {
        write: Some(folder.to_owned()),
        read: vec![folder.to_owned()],
    }
}

fn lists(entry: &str, folder: &Path) -> Arc<DomainLists> {
    let yaml = format!("local: {{domains: [{entry}]}}\n");
    let config =
        config::parse(Path::new("/m.yaml"), &yaml).unwrap_or_else(|wrong| panic!("{wrong}"));
    Arc::new(DomainLists::new(&config.domain_lists, folders(folder)))
}

fn ours(lists: &DomainLists) -> Vec<String> {
    let domains = lists.with(&Domains::default());
    domains.iter().map(ToString::to_string).collect()
}

/// Asks now, and gives how it is then.
fn asked(lists: &Arc<DomainLists>) -> ListState {
    let mut answers = RUNTIME.block_on(lists.ask_all());
    let (state, _) = answers.pop().unwrap();
    state
}

fn fails(lists: &Arc<DomainLists>, says: &str) {
    let state = asked(lists);
    let (_, why) = state.failing.unwrap_or_else(|| panic!("{says}"));
    assert!(why.to_lowercase().contains(says), "{why}: {says}");
}

fn each(mut test: impl FnMut(&mut Holder<'_>)) {
    for kind in KINDS {
        let mut server = lent(kind);
        test(&mut Holder::Server(kind, &mut server));
    }
    let folder = tempfile::tempdir().unwrap();
    test(&mut Holder::File(folder.path().join("mail.db")));
}

#[test]
fn a_list_is_followed_and_outlives_all_that_happens_to_its_server() {
    each(|holder| {
        let folder = tempfile::tempdir().unwrap();
        holder.set(&[
            "b.example",
            "A.Example",
            "a.example.",
            ".sub.example",
            "joe@x.example",
        ]);
        let entry = holder.entry(PASSWORD);
        let list = lists(&entry, folder.path());
        assert!(ours(&list).is_empty());
        let state = asked(&list);
        assert_eq!(
            ours(&list),
            ["a.example", "b.example", ".sub.example"],
            "{entry}"
        );
        assert_eq!((state.domains, state.skipped.count), (Some(3), 1));
        let news = list.news();
        assert!(
            matches!(
                &news[..],
                [
                    DomainEvent::Skipped { .. },
                    DomainEvent::Read { domains: 3, .. }
                ]
            ),
            "{news:?}"
        );

        // It grows and shrinks.
        holder.set(&["a.example", "b.example", ".sub.example", "c.example"]);
        assert_eq!(asked(&list).failing, None);
        assert_eq!(
            ours(&list),
            ["a.example", "b.example", "c.example", ".sub.example"]
        );
        holder.set(&["c.example"]);
        asked(&list);
        assert_eq!(ours(&list), ["c.example"]);
        let news = list.news();
        let lost: Vec<_> = news
            .iter()
            .filter_map(|event| match event {
                DomainEvent::Changed { change, .. } => Some(change.lost_most()),
                _ => None,
            })
            .collect();
        assert_eq!(lost, [false, true], "{news:?}");

        // Nothing is no answer, and so is what can't be asked.
        holder.set(&[]);
        fails(&list, "it lists no domain");
        assert_eq!(ours(&list), ["c.example"]);
        holder.spoil();
        let state = asked(&list);
        assert!(state.failing.is_some() && state.domains == Some(1));
        holder.set(&["c.example"]);
        assert_eq!(asked(&list).failing, None);
        assert!(matches!(
            list.news().last(),
            Some(DomainEvent::Back { domains: 1, .. })
        ));

        // Whoever may not log in gets nothing, and what was known stays.
        if let Holder::Server(..) = holder {
            let wrong = lists(&holder.entry("wrong"), folder.path());
            RUNTIME.block_on(wrong.begin(Duration::ZERO, PATIENCE));
            assert_eq!(
                ours(&wrong),
                ["c.example"],
                "of before: the password makes no other list"
            );
            let failing = wrong.states().remove(0).failing;
            let (_, why) = failing.unwrap();
            assert!(!why.contains("wrong") && !why.is_empty(), "{why}");
        }

        // A start while it is down.
        holder.stop();
        let begun = Instant::now();
        assert!(asked(&list).failing.is_some());
        let next = lists(&entry, folder.path());
        RUNTIME.block_on(next.begin(Duration::MAX, Duration::ZERO));
        assert_eq!(ours(&next), ["c.example"]);
        assert!(begun.elapsed() < PATIENCE);
        let state = asked(&next);
        assert!(state.failing.is_some() && state.domains == Some(1));
        assert_eq!(ours(&next), ["c.example"]);
        holder.start();
        holder.set(&["d.example", "c.example"]);
        wait_until(PATIENCE, || Ok(asked(&next).failing.is_none())).unwrap();
        assert_eq!(ours(&next), ["c.example", "d.example"]);

        // Another question is another list.
        let other = match holder {
            Holder::Server(Kind::Openldap, _) => entry.replace("(l=off)", "(l=other)"),
            _ => entry.replace("active = 1", "active >= 0"),
        };
        let other = lists(&other, folder.path());
        RUNTIME.block_on(other.read());
        assert!(ours(&other).is_empty());
        assert_eq!(asked(&other).domains, Some(3));
    });
}

#[test]
fn large_lists_come_whole_or_not_at_all() {
    let name = |number: usize| format!("d{number}.example");
    let names: Vec<String> = (0..1100).map(name).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    each(|holder| {
        let folder = tempfile::tempdir().unwrap();
        holder.set(&names);
        let list = lists(&holder.entry(PASSWORD), folder.path());
        // More than a page of LDAP.
        assert_eq!(asked(&list).domains, Some(1100));
        if let Holder::Server(Kind::Postgresql, _) = holder {
            let many = "SELECT 'd' || n || '.example' FROM generate_series(1, 100001) AS n";
            let query = "SELECT name FROM domain WHERE active = 1";
            let entry = holder
                .entry(PASSWORD)
                .replace(query, &format!("\"{many}\""));
            let list = lists(&entry, folder.path());
            fails(&list, "more than 100000");
            let entry = entry.replace("100001", "100000");
            assert_eq!(asked(&lists(&entry, folder.path())).domains, Some(100_000));
        }
        holder.set(&["a.example"]);
    });
}

#[test]
fn a_server_that_hangs_has_one_question_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for entry in [
        format!(
            "{{sql: {{url: 'postgres://u@127.0.0.1:{port}/mail', query: SELECT 1, timeout: 300ms}}}}"
        ),
        format!(
            "{{sql: {{url: 'mysql://u@127.0.0.1:{port}/mail', query: SELECT 1, timeout: 300ms}}}}"
        ),
        format!(
            "{{ldap: {{url: 'ldap://127.0.0.1:{port}', base: '', filter: (dc=*), attribute: dc, timeout: 300ms}}}}"
        ),
    ] {
        let list = lists(&entry, folder.path());
        let begun = Instant::now();
        RUNTIME.block_on(async {
            list.begin(Duration::MAX, Duration::from_millis(50)).await;
            assert!(
                begun.elapsed() < Duration::from_millis(250),
                "it waits shortly"
            );
            // Others that ask meanwhile ask nothing.
            let more: Vec<_> = (0..5).map(|_| list.ask_all()).collect();
            for one in more {
                one.await;
            }
        });
        wait_until(PATIENCE, || Ok(list.states()[0].failing.is_some())).unwrap();
        let (_, why) = list.states().remove(0).failing.unwrap();
        assert!(why.contains("no answer within 0.3 s"), "{why}");
        silent.set_nonblocking(true).unwrap();
        let connections = std::iter::from_fn(|| silent.accept().ok()).count();
        assert_eq!(connections, 1, "{entry}");
        silent.set_nonblocking(false).unwrap();
    }
}

/// Whose name is in the file tells nothing of who wrote it.
#[test]
fn what_was_kept_by_another_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let kept = |folder: &TempDir| {
        let mut found = std::fs::read_dir(folder.path()).unwrap();
        found.next().unwrap().unwrap().path()
    };
    let mut holder = Holder::File(folder.path().join("mail.db"));
    holder.set(&["a.example"]);
    let state = tempfile::tempdir().unwrap();
    let entry = holder.entry("");
    let list = lists(&entry, state.path());
    asked(&list);
    let file = kept(&state);
    let good = std::fs::read_to_string(&file).unwrap();
    for (text, is_good) in [
        (good.clone(), true),
        (format!("{good}evil.example\n"), false),
        (String::new(), false),
        ("a.example\n".to_owned(), false),
    ] {
        std::fs::write(&file, text).unwrap();
        let next = lists(&entry, state.path());
        RUNTIME.block_on(next.read());
        assert_eq!(!ours(&next).is_empty(), is_good);
    }
    // A folder that can't be written costs a warning, once.
    let nowhere = lists(&entry, &state.path().join("missing"));
    for _ in 0..3 {
        assert_eq!(asked(&nowhere).domains, Some(1));
    }
    let news = nowhere.news();
    let warnings = news
        .iter()
        .filter(|event| matches!(event, DomainEvent::NotKept { .. }));
    assert_eq!(warnings.count(), 1, "{news:?}");
}

/// The time of the last good answer is that of the file, so that whoever asks knows how old it is.
#[test]
fn an_answer_that_stays_the_same_makes_the_kept_one_younger() {
    let folder = tempfile::tempdir().unwrap();
    let mut holder = Holder::File(folder.path().join("mail.db"));
    holder.set(&["a.example"]);
    let state = tempfile::tempdir().unwrap();
    let entry = holder.entry("");
    asked(&lists(&entry, state.path()));
    let path = std::fs::read_dir(state.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let old = SystemTime::now() - Duration::from_secs(5000);
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(old).unwrap();
    let list = lists(&entry, state.path());
    RUNTIME.block_on(list.read());
    let age = |list: &DomainLists| list.states()[0].good.unwrap().elapsed().unwrap();
    assert!(age(&list) >= Duration::from_secs(5000));
    RUNTIME.block_on(list.begin(Duration::from_secs(150), PATIENCE));
    assert!(age(&list) < Duration::from_secs(1000));
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    assert!(modified.elapsed().unwrap() < Duration::from_secs(1000));
}

#[test]
fn files_are_followed_and_their_last_good_copy_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (file, map) = (
        folder.path().join("domains"),
        folder.path().join("vdomains"),
    );
    std::fs::write(&file, "a.example\n.sub.example\n").unwrap();
    std::fs::write(&map, "b.example x\njoe@c.example x\n").unwrap();
    let state = tempfile::tempdir().unwrap();
    let entry = format!(
        "{{file: '{}'}}, {{postfix_map: 'hash:{}, d.example'}}",
        file.display(),
        map.display()
    );
    let list = lists(&entry, state.path());
    RUNTIME.block_on(list.begin(Duration::MAX, Duration::ZERO));
    assert_eq!(ours(&list), ["a.example", ".sub.example", "b.example"]);
    let before = list.version();
    std::fs::write(&file, "").unwrap();
    for _ in 0..3 {
        list.look();
    }
    assert_eq!(list.version(), before);
    assert_eq!(ours(&list).len(), 3);
    std::fs::remove_file(&map).unwrap();
    list.look();
    let failing = list
        .states()
        .into_iter()
        .filter(|state| state.failing.is_some());
    assert_eq!(failing.count(), 2);
    // A restart without the files.
    let next = lists(&entry, state.path());
    RUNTIME.block_on(next.begin(Duration::MAX, Duration::ZERO));
    assert_eq!(ours(&next), ["a.example", ".sub.example", "b.example"]);
    std::fs::write(&file, "a.example\nnew.example\n").unwrap();
    wait_until(PATIENCE, || {
        next.look();
        thread::sleep(Duration::from_millis(5));
        Ok(ours(&next).contains(&"new.example".to_owned()))
    })
    .unwrap();
    assert!(next.version() > 0);
}
