//! What is written of the ledger, of proofs and of counts, and how things are forgotten.

use sqlx::{Executor, SqliteConnection};
use tokio::sync::Mutex;

use super::{attack, integer, learned, natural};
use crate::{
    core::proof::{coverage, today},
    store::backend::{Batch, packed},
};

/// How many rows are deleted at once, so that nobody waits long for the writer.
const PRUNED_AT_ONCE: i64 = 1_000;

/// All of it or nothing.
///
/// Not sqlx's transaction: SQLite ends one by itself when the disk is full, and sqlx would go on believing in it.
pub(super) async fn batch(
    writer: &mut SqliteConnection,
    batch: &Batch,
    learned_since: i64,
) -> sqlx::Result<()> {
    writer.execute("BEGIN IMMEDIATE").await?;
    let mut written = insert(writer, batch, learned_since).await;
    if written.is_ok() {
        written = writer.execute("COMMIT").await.map(drop);
    }
    if written.is_err() {
        // Where SQLite has ended it there is nothing to end.
        let _ = writer.execute("ROLLBACK").await;
    }
    written
}

async fn insert(
    writer: &mut SqliteConnection,
    batch: &Batch,
    learned_since: i64,
) -> sqlx::Result<()> {
    const SENT: &str = "INSERT INTO sent (message, sender, at, recipient_count, recipients) VALUES (?1, ?2, ?3, ?4, ?5)";
    const COUNT: &str = "INSERT INTO coverage (day, kind, first, second, times) \
        SELECT ?1, ?2, ?3, ?4, ?5 \
        WHERE EXISTS (SELECT 1 FROM coverage WHERE day = ?1 AND kind = ?2 AND first = ?3 AND second = ?4) \
        OR (SELECT count(*) FROM coverage WHERE day = ?1 AND kind = ?2) < ?6 \
        ON CONFLICT DO UPDATE SET times = times + excluded.times";
    for sent in &batch.sent {
        sqlx::query(SENT)
            .bind(sent.message.as_ref().map(|hash| hash.as_bytes().as_slice()))
            .bind(sent.sender.as_ref().map(|hash| hash.as_bytes().as_slice()))
            .bind(integer(sent.at))
            .bind(i64::from(sent.recipient_count))
            .bind(packed(&sent.recipients))
            .execute(&mut *writer)
            .await?;
    }
    for ((day, count), &times) in &batch.counts {
        let (first, second) = count.texts();
        sqlx::query(COUNT)
            .bind(integer(*day))
            .bind(count.kind())
            .bind(first)
            .bind(second)
            .bind(integer(times))
            .bind(integer(count.max_per_day()))
            .execute(&mut *writer)
            .await?;
    }
    for learn in &batch.learned {
        learned::learn(writer, learn, learned_since).await?;
    }
    attack::insert(writer, batch).await
}

// Entries come in order of time, nearly, so that the newest have the highest ids.
const TOO_MANY: &str = "DELETE FROM sent WHERE id IN \
    (SELECT id FROM sent WHERE id <= (SELECT max(id) FROM sent) - ?1 ORDER BY id LIMIT ?2)";

/// Deletes the oldest entries of the ledger where the file has more than `most` octets in use: a message to many has an
/// entry that is larger than others.
pub(super) async fn shrink(writer: &Mutex<SqliteConnection>, most: i64) -> sqlx::Result<()> {
    const USED: &str = "SELECT (page_count - freelist_count) * page_size \
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    const ENTRIES: &str = "SELECT coalesce(max(id) - min(id) + 1, 0) FROM sent";
    let ask = async |question| -> sqlx::Result<i64> {
        let mut writer = writer.lock().await;
        sqlx::query_scalar(question).fetch_one(&mut *writer).await
    };
    let used = ask(USED).await?;
    if used <= most {
        return Ok(());
    }
    let entries = i128::from(ask(ENTRIES).await?) * i128::from(most) / i128::from(used);
    let entries = i64::try_from(entries).unwrap_or_default();
    delete(writer, TOO_MANY, entries).await
}

/// Deletes what is over: entries of the ledger from before `since`, and the oldest of more than `most_sent`.
pub(super) async fn prune(
    writer: &Mutex<SqliteConnection>,
    now: u64,
    since: i64,
    most_sent: u32,
) -> sqlx::Result<()> {
    const SENT: &str =
        "DELETE FROM sent WHERE id IN (SELECT id FROM sent WHERE at < ?1 ORDER BY at LIMIT ?2)";
    const USES: &str = "DELETE FROM proof_uses WHERE message IN \
        (SELECT message FROM proof_uses WHERE until <= ?1 ORDER BY until LIMIT ?2)";
    const COVERAGE: &str = "DELETE FROM coverage WHERE (day, kind, first, second) IN \
        (SELECT day, kind, first, second FROM coverage WHERE day <= ?1 ORDER BY day LIMIT ?2)";
    let last_day = integer(today(now).saturating_sub(coverage::KEEP_DAYS));
    let over = [
        (SENT, since),
        (TOO_MANY, i64::from(most_sent)),
        (USES, integer(now)),
        (COVERAGE, last_day),
    ];
    for (statement, bound) in over.into_iter().chain(attack::over(now)) {
        delete(writer, statement, bound).await?;
    }
    Ok(())
}

/// Repeats a statement until nothing is left to delete. ?1 is `bound`; ?2 is how many rows it may delete at once.
pub(super) async fn delete(
    writer: &Mutex<SqliteConnection>,
    statement: &'static str,
    bound: i64,
) -> sqlx::Result<()> {
    loop {
        let deleted = sqlx::query(statement)
            .bind(bound)
            .bind(PRUNED_AT_ONCE)
            .execute(&mut *writer.lock().await)
            .await?;
        if deleted.rows_affected() < natural(PRUNED_AT_ONCE) {
            return Ok(());
        }
    }
}
