//! Whose fault it is that a database did not answer.

use sqlx::{Error, error::DatabaseError, mysql::MySqlDatabaseError, sqlite::SqliteError};

/// What can't be used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The question, with what a stranger put into it.
    Question,
    /// What was prepared or opened before, perhaps: the table has changed since, or the file.
    Statement,
    /// The server or the connection: any other question would fare the same.
    Server,
}

impl Fault {
    pub fn of(error: &Error) -> Self {
        let Error::Database(error) = error else {
            return Self::Server;
        };
        // A file costs nothing to open again, and another may have taken its place.
        if error.try_downcast_ref::<SqliteError>().is_some() {
            return Self::Statement;
        }
        let state = error.code().unwrap_or_default();
        match (&*state, number(&**error)) {
            // Cached plans, and statements that are not there; MySQL has no states for those.
            ("0A000" | "26000", _) | (_, Some(1243 | 1615)) => Self::Statement,
            // A lock that could not be had; what MariaDB and MySQL cut off.
            ("55P03" | "70100", _) => Self::Server,
            // For MySQL the same, by number: a lock, a question that took too long, a connection that was idle too long.
            (_, Some(1205 | 3024 | 4031)) => Self::Server,
            // By class: the connection; an operator who stops something, and a statement that took too long.
            (state, _) if state.starts_with("08") || state.starts_with("57") => Self::Server,
            _ => Self::Question,
        }
    }
}

fn number(error: &(dyn DatabaseError + 'static)) -> Option<u16> {
    let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}
