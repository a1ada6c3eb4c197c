//! The ledger of outgoing mail.

use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use tokio::sync::Mutex;

use super::{Sqlite, integer, natural, prune::delete};
use crate::{
    core::proof::ledger::{Hash, Remembered, Sent},
    store::{
        LedgerStore, StoreAnswer,
        batch::{now, packed, unpacked},
        supervisor::{Handle, PATIENCE, answered},
    },
};

impl LedgerStore for Handle<Sqlite> {
    fn sent(&self, messages: Vec<Hash>) -> StoreAnswer<'_, Option<Remembered>> {
        if let Some(newest) = self.queue.unwritten.sent(&messages) {
            return answered(Ok(Some(newest)));
        }
        self.ask(PATIENCE, async move |sqlite, open| {
            sent(&open.readers, &messages, sqlite.ledger_since(now())).await
        })
    }

    fn last_sent(&self, senders: Vec<Hash>) -> StoreAnswer<'_, Option<u64>> {
        if let Some(latest) = self.queue.unwritten.last_sent(&senders) {
            return answered(Ok(Some(latest)));
        }
        self.ask(PATIENCE, async move |sqlite, open| {
            last_sent(&open.readers, &senders, sqlite.ledger_since(now())).await
        })
    }
}

/// The newest entry of any of these Message-IDs, from that second on.
pub(super) async fn sent(
    readers: &SqlitePool,
    messages: &[Hash],
    since: i64,
) -> sqlx::Result<Option<Remembered>> {
    const SENT: &str = "SELECT sent_at, recipient_count, recipients FROM ledger \
        WHERE message_id = ?1 AND sent_at >= ?2 ORDER BY sent_at DESC LIMIT 1";
    let mut newest: Option<Remembered> = None;
    for hash in messages {
        let row = sqlx::query(SENT)
            .bind(hash.as_bytes().as_slice())
            .bind(since)
            .fetch_optional(readers)
            .await?;
        let found = row.map(|row| remembered(&row)).transpose()?;
        newest = newest.into_iter().chain(found).max_by_key(|entry| entry.at);
    }
    Ok(newest)
}

/// When any of these senders last sent, from that second on.
pub(super) async fn last_sent(
    readers: &SqlitePool,
    senders: &[Hash],
    since: i64,
) -> sqlx::Result<Option<u64>> {
    const LAST_SENT: &str = "SELECT max(sent_at) FROM ledger WHERE sender = ?1 AND sent_at >= ?2";
    let mut last = None;
    for hash in senders {
        let at: Option<i64> = sqlx::query_scalar(LAST_SENT)
            .bind(hash.as_bytes().as_slice())
            .bind(since)
            .fetch_one(readers)
            .await?;
        last = last.max(at.map(natural));
    }
    Ok(last)
}

fn remembered(row: &SqliteRow) -> sqlx::Result<Remembered> {
    let recipients: &[u8] = row.try_get(2)?;
    Ok(Remembered {
        at: natural(row.try_get(0)?),
        recipient_count: u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default(),
        recipients: unpacked(recipients),
    })
}

pub(super) async fn insert(writer: &mut SqliteConnection, entries: &[Sent]) -> sqlx::Result<()> {
    const INSERT: &str = "INSERT INTO ledger (message_id, sender, sent_at, recipient_count, recipients) \
        VALUES (?1, ?2, ?3, ?4, ?5)";
    let octets = |hash: &Option<Hash>| hash.map(|hash| hash.as_bytes().to_vec());
    for sent in entries {
        sqlx::query(INSERT)
            .bind(octets(&sent.message))
            .bind(octets(&sent.sender))
            .bind(integer(sent.at))
            .bind(i64::from(sent.recipient_count))
            .bind(packed(&sent.recipients))
            .execute(&mut *writer)
            .await?;
    }
    Ok(())
}

// Entries come nearly in order of time, so the newest have the highest ids.
const TOO_MANY: &str = "DELETE FROM ledger WHERE id IN \
    (SELECT id FROM ledger WHERE id <= (SELECT max(id) FROM ledger) - ?1 ORDER BY id LIMIT ?2)";

/// Deletes entries from before `since`, and the oldest of more than `max`.
pub(super) async fn prune(
    writer: &Mutex<SqliteConnection>,
    since: i64,
    max: u32,
) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM ledger WHERE id IN \
        (SELECT id FROM ledger WHERE sent_at < ?1 ORDER BY sent_at LIMIT ?2)";
    delete(writer, OVER, since).await?;
    delete(writer, TOO_MANY, i64::from(max)).await
}

/// Deletes the oldest entries if the file has more than `max` octets in use: messages to many recipients have large
/// entries.
pub(super) async fn shrink(writer: &Mutex<SqliteConnection>, max: i64) -> sqlx::Result<()> {
    const USED: &str = "SELECT (page_count - freelist_count) * page_size \
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
    const ENTRIES: &str = "SELECT coalesce(max(id) - min(id) + 1, 0) FROM ledger";
    let ask = async |question| -> sqlx::Result<i64> {
        let mut writer = writer.lock().await;
        sqlx::query_scalar(question).fetch_one(&mut *writer).await
    };
    let used = ask(USED).await?;
    if used <= max {
        return Ok(());
    }
    let entries = i128::from(ask(ENTRIES).await?) * i128::from(max) / i128::from(used);
    let entries = i64::try_from(entries).unwrap_or_default();
    delete(writer, TOO_MANY, entries).await
}
