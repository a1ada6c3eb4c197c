//! Deletes rows, some at a time.

use super::{natural, writer::Writer};

/// How many rows are deleted at once, so that others get the writer soon.
const AT_ONCE: i64 = 1_000;

/// Repeats a statement until it has nothing to delete. ?1 is `bound`, ?2 the maximum number of rows at once.
pub(super) async fn delete(
    writer: &Writer,
    statement: &'static str,
    bound: i64,
) -> sqlx::Result<()> {
    loop {
        let deleted = sqlx::query(statement)
            .bind(bound)
            .bind(AT_ONCE)
            .execute(&mut *writer.lock().await?)
            .await?;
        if deleted.rows_affected() < natural(AT_ONCE) {
            return Ok(());
        }
    }
}
