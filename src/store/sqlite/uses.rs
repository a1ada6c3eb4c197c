//! How often proofs were used.

use sqlx::SqliteConnection;

use super::{Sqlite, integer, prune::delete, writer::Writer};
use crate::{
    core::proof::{
        ledger::Hash,
        uses::{Attempt, Use, Uses},
    },
    store::{
        ProofUseStore, StoreAnswer,
        supervisor::{Handle, PATIENCE},
    },
};

impl ProofUseStore for Handle<Sqlite> {
    fn use_proof(&self, message: Hash, attempt: Attempt, until: u64) -> StoreAnswer<'_, Use> {
        self.ask(PATIENCE, async move |_, open| {
            let mut writer = open.writer.lock().await?;
            take(&mut writer, message, &attempt, until).await
        })
    }
}

/// Adds a use to those of a message: reads them, and writes them unless another process did so meanwhile; then again.
/// Expired ones start again. Each step is one statement, so that a dropped future leaves nothing half done.
pub(super) async fn take(
    writer: &mut SqliteConnection,
    message: Hash,
    attempt: &Attempt,
    until: u64,
) -> sqlx::Result<Use> {
    const USES: &str = "SELECT uses FROM proof_uses WHERE message = ?1 AND kept_until > ?2";
    const WRITE: &str = "INSERT INTO proof_uses (message, uses, kept_until) VALUES (?1, ?2, ?3) \
        ON CONFLICT DO UPDATE SET uses = excluded.uses, kept_until = max(kept_until, excluded.kept_until) \
        WHERE kept_until <= ?4 OR uses = ?5";
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
            .bind(integer(until))
            .bind(now)
            .bind(before)
            .execute(&mut *writer)
            .await?;
        if written.rows_affected() > 0 {
            return Ok(used);
        }
    }
}

/// Deletes expired ones.
pub(super) async fn prune(writer: &Writer, now: u64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM proof_uses WHERE message IN \
        (SELECT message FROM proof_uses WHERE kept_until <= ?1 ORDER BY kept_until LIMIT ?2)";
    delete(writer, OVER, integer(now)).await
}
