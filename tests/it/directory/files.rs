//! SQLite: a file of somebody else's, which is read and neither made nor changed.

use std::{fs, path::Path, process::Command};

use backstop::core::recipients::Known;
use lab::{mta::PATIENCE, process::wait_until};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use super::{RUNTIME, ask, ask_bytes, directory, is_listed, is_unavailable};

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
    // When the former answer is forgotten.
    wait_until(PATIENCE, || Ok(is_listed(&directory, "joe@example.org"))).unwrap();
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
        Known::Unanswered(_)
    ));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    change(
        &file,
        "CREATE TABLE mailbox AS SELECT 'joe' AS local, 'example.org' AS domain",
    );
    // It is tried again after a pause.
    wait_until(PATIENCE, || {
        Ok(!is_unavailable(&directory, "joe@example.org"))
    })
    .unwrap();
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
        matches!(&answer, Known::Unanswered(one) if one.why.contains("readonly")),
        "{answer:?}"
    );
}

#[test]
fn explain_names_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    change(
        &file,
        "CREATE TABLE mailbox AS SELECT 'joe' AS local, 'example.org' AS domain",
    );
    let config = folder.path().join("milter.yaml");
    let yaml = format!(
        "mode: enforce\nlocal: {{domains: [example.org]}}\n{}",
        super::recipients(&entry(&file))
    );
    fs::write(&config, yaml).unwrap();
    let explain = |rcpt: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["explain", "--no-dns", "--client-ip", "192.0.2.1"])
            .args(["--helo", "client.example", "--mail-from", "a@pass.example"])
            .args(["--rcpt", rcpt, "--config"])
            .arg(&config)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let said = explain("joe@example.org");
    let named = format!("known, in sqlite:{}", file.display());
    assert!(said.contains(&named), "{said}");
    let said = explain("nobody@example.org");
    assert!(said.contains("550 5.1.1"), "{said}");
    fs::write(&file, "no database at all, but long enough to look at it").unwrap();
    let said = explain("joe@example.org");
    assert!(
        said.contains("451 4.3.0") && said.contains("not a database"),
        "{said}"
    );
}
