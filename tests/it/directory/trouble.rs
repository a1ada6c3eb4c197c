//! Databases that are there, but slow, busy, or at odds with one question.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use backstop::core::{address::Mailbox, recipients::Known};
use futures_util::future::join_all;
use lab::{
    directory::{Kind, Server},
    mta::PATIENCE,
    process::wait_until,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Executor, MySqlConnection, PgConnection, Row, SqlSafeStr,
    mysql::MySqlConnectOptions, postgres::PgConnectOptions,
};

use super::{LOCAL, RUNTIME, ask, directory, is_listed, is_unavailable, known, lent};

const DATABASES: [Kind; 2] = [Kind::Postgresql, Kind::Mariadb];

/// Whoever may do everything.
pub enum Administrator {
    Postgresql(PgConnection),
    Mariadb(MySqlConnection),
}

impl Administrator {
    pub fn of(kind: Kind, server: &Server) -> Self {
        Self::in_database(kind, server, "mail")
    }

    pub fn in_database(kind: Kind, server: &Server, database: &str) -> Self {
        let connected = async {
            match kind {
                Kind::Postgresql => Self::Postgresql(
                    PgConnectOptions::new_without_pgpass()
                        .host("127.0.0.1")
                        .port(server.port())
                        .username("postgres")
                        .password("nobody knows")
                        .database(database)
                        .connect()
                        .await
                        .unwrap(),
                ),
                _ => Self::Mariadb(
                    MySqlConnectOptions::new()
                        .socket(server.folder().join("mysqld.sock"))
                        .username("root")
                        .database(database)
                        .connect()
                        .await
                        .unwrap(),
                ),
            }
        };
        RUNTIME.block_on(connected)
    }

    /// The numbers in the first column of what is found.
    fn numbers(&mut self, sql: String) -> Vec<i64> {
        let sql = AssertSqlSafe(sql).into_sql_str();
        RUNTIME.block_on(async {
            match self {
                Self::Postgresql(connection) => {
                    let rows = connection.fetch_all(sql).await.unwrap();
                    rows.iter().map(|row| row.get(0)).collect()
                }
                Self::Mariadb(connection) => {
                    let rows = connection.fetch_all(sql).await.unwrap();
                    rows.iter().map(|row| row.get(0)).collect()
                }
            }
        })
    }

    pub fn run(&mut self, sql: String) {
        self.numbers(sql);
    }

    /// Runs statements, however many.
    pub fn script(&mut self, sql: &str) {
        let script = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        RUNTIME.block_on(async {
            match self {
                Self::Postgresql(connection) => script.execute(connection).await.map(drop),
                Self::Mariadb(connection) => script.execute(connection).await.map(drop),
            }
            .unwrap();
        });
    }

    fn lock(&mut self) {
        match self {
            Self::Postgresql(_) => {
                self.run("BEGIN".to_owned());
                self.run("LOCK TABLE mailbox IN ACCESS EXCLUSIVE MODE".to_owned());
            }
            Self::Mariadb(_) => self.run("LOCK TABLES mailbox WRITE".to_owned()),
        }
    }

    fn unlock(&mut self) {
        match self {
            Self::Postgresql(_) => self.run("COMMIT".to_owned()),
            Self::Mariadb(_) => self.run("UNLOCK TABLES".to_owned()),
        }
    }

    /// What works for us on the server.
    fn backends(&mut self) -> Vec<i64> {
        self.numbers(
            match self {
                Self::Postgresql(_) => {
                    "SELECT pid::bigint FROM pg_stat_activity WHERE usename = 'backstop'"
                }
                Self::Mariadb(_) => {
                    "SELECT CAST(id AS SIGNED) FROM information_schema.processlist WHERE user = 'backstop'"
                }
            }
            .to_owned(),
        )
    }

    fn cut_off(&mut self, backend: i64) {
        self.run(match self {
            Self::Postgresql(_) => format!("SELECT pg_cancel_backend({backend})::int::bigint"),
            Self::Mariadb(_) => format!("KILL QUERY {backend}"),
        });
    }

    /// Waits until none works for us any more.
    #[track_caller]
    fn alone(&mut self, patience: Duration) {
        wait_until(patience, || Ok(self.backends().is_empty())).unwrap();
    }
}

#[test]
fn no_more_processes_work_for_us_than_connections() {
    for kind in DATABASES {
        let server = lent(kind);
        let mut administrator = Administrator::of(kind, &server);
        // Another, for PostgreSQL looks at its processes once in a transaction.
        let mut holder = Administrator::of(kind, &server);
        // Those of a test before this one may end late.
        administrator.alone(PATIENCE);
        let more = ", timeout: 1s, connections: 2, cache_known: 1ms, cache_unknown: 1ms";
        let directory = directory(&known(kind, server.port(), more));
        // A second may be too short for the first answer, where many tests run.
        wait_until(Duration::from_secs(120), || {
            Ok(!is_unavailable(&directory, "joe@example.org"))
        })
        .unwrap();
        holder.lock();
        let before = server.connections();
        let (mut most, mut number) = (0, 0);
        // The first questions, and those that try it after pauses of 1 s and 2 s.
        let tried = wait_until(Duration::from_secs(30), || {
            thread::scope(|scope| {
                for _ in 0..3 {
                    number += 1;
                    let address = format!("new{number}@example.org");
                    let directory = &directory;
                    scope.spawn(move || assert!(is_unavailable(directory, &address), "{kind:?}"));
                }
            });
            most = most.max(administrator.backends().len());
            Ok(server.connections() >= before + 3)
        });
        assert!(tried.is_ok(), "{kind:?}: {}", server.connections());
        // Two that are just being given up, and the next.
        assert!(most <= 3, "{kind:?}: {most}");
        // And those end, though nobody gives them what they wait for.
        administrator.alone(Duration::from_secs(10));
        holder.unlock();
        // Its pauses have grown to ten seconds, and where many tests run, one more question may be late.
        wait_until(Duration::from_secs(60), || {
            Ok(!is_unavailable(&directory, "new@example.org"))
        })
        .unwrap();
    }
}

/// It is not the one address whose question took too long.
#[test]
fn what_the_server_cuts_off_is_not_tried_again_at_once() {
    for kind in DATABASES {
        let server = lent(kind);
        let mut administrator = Administrator::of(kind, &server);
        // Another, for PostgreSQL looks at its processes once in a transaction.
        let mut holder = Administrator::of(kind, &server);
        // Those of a test before this one may end late.
        administrator.alone(PATIENCE);
        let directory = directory(&known(kind, server.port(), ", timeout: 10s"));
        holder.lock();
        let was_cut_off = AtomicBool::new(false);
        thread::scope(|scope| {
            let asked = scope.spawn(|| {
                let begun = Instant::now();
                let first = is_unavailable(&directory, "first@example.org");
                was_cut_off.store(true, Ordering::SeqCst);
                let cut_off = Instant::now();
                let second = is_unavailable(&directory, "second@example.org");
                (first, second, cut_off - begun, cut_off.elapsed())
            });
            // Once it has connected, and until it is cut off in what it came for.
            while !was_cut_off.load(Ordering::SeqCst) && !asked.is_finished() {
                for backend in administrator.backends() {
                    administrator.cut_off(backend);
                }
                thread::sleep(Duration::from_millis(200));
            }
            let (first, second, first_took, second_took) = asked.join().unwrap();
            assert!(first && second, "{kind:?}");
            let limits = [Duration::from_secs(9), Duration::from_secs(4)];
            assert!(first_took < limits[0], "{kind:?}: {first_took:?}");
            assert!(second_took < limits[1], "{kind:?}: {second_took:?}");
        });
        holder.unlock();
    }
}

/// A stranger may have chosen what the server stumbles over.
#[test]
fn a_refused_question_closes_no_connection() {
    for kind in DATABASES {
        let server = lent(kind);
        let more = ", cache_known: 1ms, cache_unknown: 1ms";
        // More than one row where there may be one.
        let entry = known(kind, server.port(), more).replace(
            "address = :address",
            "address = :address OR address = (SELECT m.address FROM mailbox m WHERE :local = 'broken')",
        );
        let directory = directory(&entry);
        let before = server.connections();
        for _ in 0..3 {
            assert!(is_listed(&directory, "joe@example.org"), "{kind:?}");
            assert!(is_unavailable(&directory, "broken@example.org"), "{kind:?}");
            assert!(!is_listed(&directory, "nobody@example.org"), "{kind:?}");
        }
        assert_eq!(server.connections() - before, 1, "{kind:?}");
    }
}

/// A statement that the server prepared before a change of the table may be one that it refuses ever after.
#[test]
fn a_table_that_was_changed_is_asked_anew() {
    for kind in DATABASES {
        let server = lent(kind);
        let more = ", cache_known: 1ms, cache_unknown: 1ms";
        let entry =
            known(kind, server.port(), more).replace("SELECT address FROM", "SELECT * FROM");
        let directory = directory(&entry);
        assert!(is_listed(&directory, "joe@example.org"), "{kind:?}");
        let mut administrator = Administrator::of(kind, &server);
        for change in ["ADD COLUMN name varchar(9)", "DROP COLUMN name"] {
            administrator.run(format!("ALTER TABLE mailbox {change}"));
            assert!(is_listed(&directory, "joe@example.org"), "{kind:?}");
        }
        assert_eq!(directory.refresh(), [], "{kind:?}");
    }
}

/// Who waits for one of our own connections learns nothing of the server.
#[test]
fn a_queue_of_our_own_is_no_outage() {
    let server = lent(Kind::Postgresql);
    let more = ", timeout: 5s, connections: 1";
    let entry = known(Kind::Postgresql, server.port(), more).replace(
        "address = :address",
        "address = :address OR :local LIKE 'slow%' AND (SELECT 1 FROM pg_sleep(3.5)) = 5",
    );
    let directory = directory(&entry);
    let addresses: Vec<_> = (0..4)
        .map(|number| format!("slow{number}@example.org"))
        .map(|address| Mailbox::from_bytes(address.as_bytes()))
        .collect();
    let questions = addresses.iter().map(|one| directory.known(0, one, &LOCAL));
    let answers = RUNTIME.block_on(join_all(questions));
    let answered = answers.iter().filter(|one| **one == Known::NotListed);
    let busy = answers.iter().filter(
        |one| matches!(one, Known::Unanswered(one) if one.why.contains("all connections are busy")),
    );
    assert_eq!((answered.count(), busy.count()), (1, 3), "{answers:?}");
    assert_eq!(ask(&directory, "nobody@example.org"), Known::NotListed);
}
