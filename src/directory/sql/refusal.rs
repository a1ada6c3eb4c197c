//! What the error of a database says of the questions that come after.

use sqlx::{error::DatabaseError, mysql::MySqlDatabaseError};

/// Whether it is the server, or the connection, that can't answer; any other question would fare the same.
pub(super) fn is_the_servers(error: &(dyn DatabaseError + 'static)) -> bool {
    // By class: 08 is the connection; 57 an operator who stops something, and a statement that took too long. 55P03 is
    // a lock that could not be had, 70100 MariaDB's and MySQL's word for a question that was cut off.
    let by_state = error.code().is_some_and(|state| {
        state.starts_with("08") || state.starts_with("57") || ["55P03", "70100"].contains(&&*state)
    });
    // For these MySQL has no state of their own: a lock that could not be had, a question that took too long, and a
    // connection that was idle for too long.
    by_state || matches!(number(error), Some(1205 | 3024 | 4031))
}

fn number(error: &(dyn DatabaseError + 'static)) -> Option<u16> {
    let error = error.try_downcast_ref::<MySqlDatabaseError>()?;
    Some(error.number())
}
