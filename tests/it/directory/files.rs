//! SQLite: a file of somebody else's, which is read and neither made nor changed.

use std::{fs, path::Path};

use backstop::core::recipients::Known;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use super::{RUNTIME, ask, ask_bytes, directory, is_listed};

fn entry(file: &Path) -> String {
    format!(
        "{{sql: {{url: \"sqlite:{}\", query: \"SELECT 1 FROM mailbox WHERE local = :local AND domain = :domain\", \
         cache_known: 1ms, cache_unknown: 1ms}}}}",
        file.display()
    )
}

fn change(file: &Path, sql: &'static str) {
    RUNTIME.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
}

#[test]
fn a_file_is_read_as_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    change(&file, "CREATE TABLE mailbox (local TEXT, domain TEXT)");
    let directory = directory(&entry(&file));
    assert!(!is_listed(&directory, "joe@example.org"));
    change(&file, "INSERT INTO mailbox VALUES ('joe', 'example.org')");
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(is_listed(&directory, "joe@example.org"));
    assert!(is_listed(&directory, "joe+x@example.org"));
    for hostile in [
        "' OR '1'='1@example.org",
        "%@example.org",
        "j\0@example.org",
    ] {
        assert_eq!(ask_bytes(&directory, hostile.as_bytes()), Known::NotListed);
    }
}

#[test]
fn a_file_that_is_missing_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    let directory = directory(&entry(&file));
    assert!(matches!(
        ask(&directory, "joe@example.org"),
        Known::Unavailable(_)
    ));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    change(
        &file,
        "CREATE TABLE mailbox AS SELECT 'joe' AS local, 'example.org' AS domain",
    );
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(is_listed(&directory, "joe@example.org"));
}

#[test]
fn nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    change(&file, "CREATE TABLE mailbox (address TEXT)");
    let writes = format!(
        "{{sql: {{url: \"sqlite:{}\", query: \"WITH x AS (SELECT 1) INSERT INTO mailbox VALUES (:address) RETURNING 1\"}}}}",
        file.display()
    );
    let answer = ask(&directory(&writes), "joe@example.org");
    assert!(
        matches!(&answer, Known::Unavailable(why) if why.contains("readonly")),
        "{answer:?}"
    );
}
