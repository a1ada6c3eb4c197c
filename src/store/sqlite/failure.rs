//! What SQLite's errors mean, and what to do about them.

use std::{io, path::Path};

use super::super::{Reason, Unavailable};

/// An error in words that name the file.
pub(super) fn unavailable(name: &str, error: &sqlx::Error) -> Unavailable {
    let reason = reason(error);
    let error = error
        .as_database_error()
        .map_or_else(|| error.to_string(), |error| error.message().to_owned());
    let advice = match reason {
        Reason::Corrupt => return foreign(name, &error),
        Reason::Full => "; make room on its file system",
        Reason::ReadOnly => {
            "; the user that Backstop runs as must be able to write the file, those beside it that end in -wal and \
             -shm, and their folder"
        }
        Reason::Busy => "; another process holds a lock on it",
        _ => "",
    };
    Unavailable::new(reason, format!("{name}: {error}{advice}"))
}

/// The file is damaged, or another program's.
pub(super) fn foreign(name: &str, what: &str) -> Unavailable {
    let text = format!(
        "{name} is damaged or not Backstop's: {what}; restore a copy, or move it away with the files beside it that end in \
         -wal and -shm, and Backstop makes a new one"
    );
    Unavailable::new(Reason::Corrupt, text)
}

/// The file was ours, is damaged, and has been moved.
pub(super) fn moved_away(name: &str, moved: &Path) -> String {
    format!(
        "{name} is damaged: it is now {}, and a new one is made; look at the disk. sqlite3's .recover may save some of it. \
         Remove it then: while it is there, the next one that is damaged stays in its place, and nothing is remembered",
        moved.display()
    )
}

/// A newer version wrote the file. It is never written to.
pub(super) fn newer(name: &str, version: i64) -> Unavailable {
    let text = format!(
        "{name} has schema {version} of a newer Backstop: run that version, or move the file away"
    );
    Unavailable::new(Reason::Newer, text)
}

/// Another file is at the path, or none.
pub(super) fn moved(name: &str) -> Unavailable {
    let text = format!("{name} was moved away or replaced; it is opened again");
    Unavailable::new(Reason::Down, text)
}

/// The file does not exist, and can't be made.
pub(super) fn no_file(name: &str, path: &Path, error: &io::Error) -> Unavailable {
    let folder = path.parent().unwrap_or(path).display();
    let (reason, advice) = match error.kind() {
        io::ErrorKind::NotFound => (Reason::Down, format!("make the folder {folder}")),
        // EMFILE, ENFILE
        _ if matches!(error.raw_os_error(), Some(23 | 24)) => (
            Reason::Down,
            "raise the limit of open files (LimitNOFILE)".to_owned(),
        ),
        io::ErrorKind::StorageFull => (Reason::Full, "make room on its file system".to_owned()),
        _ => (
            Reason::ReadOnly,
            format!("the user that Backstop runs as must be able to write in {folder}"),
        ),
    };
    Unavailable::new(reason, format!("{name} can't be made: {error}; {advice}"))
}

/// <https://www.sqlite.org/rescode.html>: the low octet is the primary code.
fn reason(error: &sqlx::Error) -> Reason {
    let code = error
        .as_database_error()
        .and_then(|error| error.code()?.parse::<i32>().ok());
    match (code.map(|code| code & 0xff), error) {
        // SQLITE_BUSY, SQLITE_LOCKED
        (Some(5 | 6), _) => Reason::Busy,
        // SQLITE_READONLY
        (Some(8), _) => Reason::ReadOnly,
        // SQLITE_IOERR, SQLITE_CANTOPEN
        (Some(10 | 14), _) | (_, sqlx::Error::WorkerCrashed | sqlx::Error::Io(_)) => Reason::Down,
        // SQLITE_CORRUPT, SQLITE_NOTADB
        (Some(11 | 26), _) => Reason::Corrupt,
        (_, sqlx::Error::PoolTimedOut) => Reason::Slow,
        // SQLITE_FULL
        (Some(13), _) => Reason::Full,
        _ => Reason::Other,
    }
}
