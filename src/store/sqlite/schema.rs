//! The tables, and whether the file is ours.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, chown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sqlx::{Connection, Executor, SqliteConnection};
use tokio::time::sleep;

use super::failure::{foreign, newer, unavailable};
use crate::store::{Reason, Unavailable};

/// `application_id` of our files: "BkSt".
const APPLICATION: i64 = 0x426b_5374;
/// `user_version` of our files. A change of [`TABLES`] after the first release counts it up, and adds here what older files
/// lack.
pub(super) const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE segments (
        id INTEGER PRIMARY KEY,
        begun_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        entries INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE ledger (
        segment INTEGER NOT NULL,
        message_id BLOB NOT NULL,
        sent_at INTEGER NOT NULL,
        recipient_count INTEGER NOT NULL,
        hashes BLOB NOT NULL,
        PRIMARY KEY (segment, message_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE senders (
        sender BLOB PRIMARY KEY,
        last_sent INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE proof_uses (
        message BLOB PRIMARY KEY,
        uses BLOB NOT NULL,
        kept_until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX proof_uses_by_time ON proof_uses (kept_until);

    CREATE TABLE coverage (
        day INTEGER NOT NULL,
        kind TEXT NOT NULL,
        first TEXT NOT NULL,
        second TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (day, kind, first, second)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE learned (
        address BLOB PRIMARY KEY,
        days INTEGER NOT NULL,
        last_accepted INTEGER NOT NULL,
        last_sent INTEGER NOT NULL,
        is_proven INTEGER NOT NULL AS (days > 1 OR last_sent > 0),
        last_day INTEGER NOT NULL AS (max(last_accepted, last_sent))
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX learned_by_worth ON learned (is_proven, last_day);

    CREATE TABLE attack (
        hour INTEGER NOT NULL,
        kind TEXT NOT NULL,
        domain TEXT NOT NULL,
        fate TEXT NOT NULL,
        text TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, kind, domain, fate, text)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE samples (
        id INTEGER PRIMARY KEY,
        came_at INTEGER NOT NULL,
        network TEXT NOT NULL,
        sample TEXT NOT NULL
    ) STRICT;
    CREATE INDEX samples_by_time ON samples (came_at);
    CREATE INDEX samples_by_network ON samples (network, came_at);

    PRAGMA application_id = 0x426b5374;
    PRAGMA user_version = 1;
";

/// Tables that files of the same version may lack. An older Backstop ignores them, so they need no new version, and a step
/// back to it loses nothing else.
pub(super) const LATER_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS would (
        day INTEGER NOT NULL,
        reason TEXT NOT NULL,
        what TEXT NOT NULL,
        count INTEGER NOT NULL,
        example TEXT,
        PRIMARY KEY (day, reason, what)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS attack_days (
        day INTEGER NOT NULL,
        domain TEXT NOT NULL,
        fate TEXT NOT NULL,
        why TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (day, domain, fate, why)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS siege_events (
        at INTEGER NOT NULL,
        name TEXT NOT NULL,
        begins INTEGER NOT NULL,
        PRIMARY KEY (at, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS domain_sieges (
        name TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        record BLOB NOT NULL,
        is_invented INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS domain_sieges_by_version ON domain_sieges (version);
    CREATE INDEX IF NOT EXISTS domain_sieges_invented ON domain_sieges (version) WHERE is_invented;

    CREATE TABLE IF NOT EXISTS forged (
        message BLOB PRIMARY KEY,
        seen_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS forged_by_time ON forged (seen_at);

    CREATE TABLE IF NOT EXISTS accepted_senders (
        day INTEGER NOT NULL,
        sender TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (day, sender)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE IF NOT EXISTS dmarc_reports (
        day INTEGER NOT NULL,
        reporter TEXT NOT NULL,
        domain TEXT NOT NULL,
        report_id TEXT NOT NULL,
        begun_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL,
        report BLOB NOT NULL,
        PRIMARY KEY (day, reporter, domain, report_id, begun_at, ended_at)
    ) STRICT;
";

/// Makes the file if it isn't there, 0600: SQLite gives its other files the same permissions.
///
/// An existing file must not be opened here: closing it would drop the locks that this process has on it.
pub(super) fn make_file(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            same_modes(path);
            return Ok(());
        }
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    // `backstop check` may run as root before the daemon ever did: the daemon owns the folder, and must own the file. Any
    // other user is the owner already.
    let folder = path.parent().unwrap_or(path);
    let owner = folder.metadata()?;
    let _ = chown(path, Some(owner.uid()), Some(owner.gid()));
    // So that the file is still there after a crash of the machine; SQLite does this only for files that it makes itself.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Gives the files beside it the mode of an existing file, as SQLite does when it makes them: those that were made while the
/// file could only be read would keep it so.
fn same_modes(path: &Path) {
    let Ok(mode) = path.metadata().map(|file| file.permissions()) else {
        return;
    };
    for ending in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(ending);
        let differs = fs::metadata(&beside).is_ok_and(|file| file.permissions() != mode);
        if differs {
            // Another user's file stays as it is, and SQLite says what it can't do with it.
            let _ = fs::set_permissions(&beside, mode.clone());
        }
    }
}

/// The device and inode of a file, and when it was made, where the file system knows: another file in its place differs in
/// one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity(u64, u64, Option<SystemTime>);

/// That of the file at a path.
pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    let metadata = path.metadata()?;
    let made = metadata.created().ok();
    Ok(Identity(metadata.dev(), metadata.ino(), made))
}

/// Moves a file away with those beside it, and gives its new name; not if there is one already.
pub(super) fn move_away(path: &Path) -> io::Result<PathBuf> {
    let named = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let moved = named(".damaged");
    if moved.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    // The file itself last: until then, all of it is done again after a crash.
    for ending in ["-wal", "-shm"] {
        match fs::rename(named(ending), named(&format!(".damaged{ending}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, &moved)?;
    Ok(moved)
}

/// How often and how long a file is waited for that another process makes at the same time.
const PAUSES: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// Makes the tables in an empty file. A file of another program, or of a newer version, is not written to.
pub(super) async fn prepare(writer: &mut SqliteConnection, name: &str) -> Result<(), Unavailable> {
    let failed = |error| unavailable(name, &error);
    if has_tables(writer, name).await? {
        // Where this can't be written now, it is tried again with the first row.
        let _ = writer.execute(LATER_TABLES).await;
        return Ok(());
    }
    // The file keeps this mode. It can't be changed within a transaction, nor while another process looks into the file; SQLite
    // does not wait for that by itself.
    let mut pauses = PAUSES;
    while let Err(error) = writer.execute("PRAGMA journal_mode = WAL").await {
        let error = failed(error);
        if error.reason() != Reason::Busy || pauses == 0 {
            return Err(error);
        }
        pauses -= 1;
        sleep(PAUSE).await;
    }
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    // Another process may have made them meanwhile.
    if !has_tables(&mut transaction, name).await? {
        transaction.execute(TABLES).await.map_err(failed)?;
        transaction.execute(LATER_TABLES).await.map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// What tells whose file it is, in one statement: between two, another process can make the tables.
const MARKS: &str = "
    SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),
        (SELECT count(*) FROM sqlite_schema)
";

/// Whether the file has our tables; else it is empty.
async fn has_tables(connection: &mut SqliteConnection, name: &str) -> Result<bool, Unavailable> {
    let marks = sqlx::query_as(MARKS).fetch_one(connection).await;
    match marks.map_err(|error| unavailable(name, &error))? {
        (APPLICATION, VERSION, _) => Ok(true),
        (APPLICATION, newer_version, _) if newer_version > VERSION => {
            Err(newer(name, newer_version))
        }
        (0, 0, 0) => Ok(false),
        _ => Err(foreign(name, "it is the database of another program")),
    }
}
