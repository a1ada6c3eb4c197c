//! The tables, and how an older file comes to have them.

use std::{
    fs::OpenOptions,
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::Path,
};

use sqlx::{Connection, Executor, SqliteConnection};

use super::failure::{foreign, newer, unavailable};
use crate::store::Unavailable;

/// `application_id` of the file, by which it is known to be ours: "BkSt".
const APPLICATION: i64 = 0x426b_5374;

/// What each version of the schema adds to the one before; `user_version` of the file tells how many it has.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE sent (
        id INTEGER PRIMARY KEY,
        message BLOB,
        sender BLOB,
        at INTEGER NOT NULL,
        recipient_count INTEGER NOT NULL,
        recipients BLOB NOT NULL
    ) STRICT;
    CREATE INDEX sent_by_message ON sent (message, at);
    CREATE INDEX sent_by_sender ON sent (sender, at);
    CREATE INDEX sent_by_time ON sent (at);
    CREATE TABLE proof_uses (
        message BLOB PRIMARY KEY,
        uses INTEGER NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX proof_uses_by_time ON proof_uses (until);
    CREATE TABLE coverage (
        day INTEGER NOT NULL,
        kind TEXT NOT NULL,
        first TEXT NOT NULL,
        second TEXT NOT NULL,
        times INTEGER NOT NULL,
        PRIMARY KEY (day, kind, first, second)
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = 0x426b5374;
    PRAGMA user_version = 1;
",
    "
    CREATE TABLE learned (
        address BLOB PRIMARY KEY,
        days INTEGER NOT NULL,
        accepted INTEGER NOT NULL,
        sent INTEGER NOT NULL,
        is_proven INTEGER NOT NULL AS (days > 1 OR sent > 0),
        last_day INTEGER NOT NULL AS (max(accepted, sent))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX learned_by_worth ON learned (is_proven, last_day);
    CREATE TABLE sieges (
        name TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;
    PRAGMA user_version = 2;
",
    super::attack::MIGRATION,
    super::uses::MIGRATION,
];

/// Makes the file if it isn't there, 0600: SQLite gives its other files the same permissions.
///
/// Opening one that is there would be wrong: closing it again would drop the locks that this process has on it.
pub(super) fn make_file(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    // `backstop check`, run by root before the daemon ever was: the daemon owns the folder and must own the file. Who is
    // not root is the owner already.
    let owner = path.parent().unwrap_or(path).metadata()?;
    let _ = chown(path, Some(owner.uid()), Some(owner.gid()));
    Ok(())
}

/// The device and the number of a file: another one in its place has others.
pub(super) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = path.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes sure that the file is ours and has all tables. A file that isn't ours, or is newer, is not written to.
pub(super) async fn prepare(writer: &mut SqliteConnection, name: &str) -> Result<(), Unavailable> {
    let failed = |error| unavailable(name, &error);
    if known(writer, name).await? == MIGRATIONS.len() {
        return Ok(());
    }
    // The mode stays with the file, and can't be changed within a transaction.
    writer
        .execute("PRAGMA journal_mode = WAL")
        .await
        .map_err(failed)?;
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // Another process may have done it meanwhile.
    let version = known(&mut transaction, name).await?;
    for &migration in MIGRATIONS.iter().skip(version) {
        transaction.execute(migration).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// The version of the file; 0 for an empty one.
async fn known(connection: &mut SqliteConnection, name: &str) -> Result<usize, Unavailable> {
    let failed = |error| unavailable(name, &error);
    let application = integer(connection, "PRAGMA application_id").await;
    let version = integer(connection, "PRAGMA user_version").await;
    let tables = integer(connection, "SELECT count(*) FROM sqlite_schema").await;
    let version = version.map_err(failed)?;
    match (application.map_err(failed)?, tables.map_err(failed)?) {
        (APPLICATION, _) => usize::try_from(version)
            .ok()
            .filter(|&version| version <= MIGRATIONS.len())
            .ok_or_else(|| newer(name, version)),
        (0, 0) if version == 0 => Ok(0),
        _ => Err(foreign(name, "it is the database of another program")),
    }
}

async fn integer(connection: &mut SqliteConnection, query: &'static str) -> sqlx::Result<i64> {
    sqlx::query_scalar(query).fetch_one(connection).await
}
