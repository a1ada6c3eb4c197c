//! How often proofs were used.

use sqlx::SqliteConnection;

use super::integer;
use crate::core::proof::{
    ledger::Hash,
    uses::{Attempt, Use, Uses},
};

/// The counts of former versions were numbers: they begin anew.
pub(super) const MIGRATION: &str = "
    DROP TABLE proof_uses;
    CREATE TABLE proof_uses (
        message BLOB PRIMARY KEY,
        uses BLOB NOT NULL,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX proof_uses_by_time ON proof_uses (until);
    PRAGMA user_version = 4;
";

/// Reads the uses of a message and writes them with this one, unless another process did so meanwhile; then again. What is
/// over begins anew. A statement each, so that dropping it half-way leaves nothing half done.
pub(super) async fn take(
    writer: &mut SqliteConnection,
    message: Hash,
    attempt: &Attempt,
    until: i64,
) -> sqlx::Result<Use> {
    const USES: &str = "SELECT uses FROM proof_uses WHERE message = ?1 AND until > ?2";
    const WRITE: &str = "INSERT INTO proof_uses (message, uses, until) VALUES (?1, ?2, ?3) \
        ON CONFLICT DO UPDATE SET uses = excluded.uses, until = max(until, excluded.until) \
        WHERE until <= ?4 OR uses = ?5";
    let now = integer(attempt.now);
    loop {
        let before: Option<Vec<u8>> = sqlx::query_scalar(USES)
            .bind(message.as_bytes().as_slice())
            .bind(now)
            .fetch_optional(&mut *writer)
            .await?;
        let mut uses = before
            .as_deref()
            .and_then(Uses::from_bytes)
            .unwrap_or_default();
        let used = uses.take(attempt);
        let after = uses.to_bytes();
        if before.as_ref() == Some(&after) {
            return Ok(used);
        }
        let written = sqlx::query(WRITE)
            .bind(message.as_bytes().as_slice())
            .bind(after)
            .bind(until)
            .bind(now)
            .bind(before)
            .execute(&mut *writer)
            .await?;
        if written.rows_affected() > 0 {
            return Ok(used);
        }
    }
}
