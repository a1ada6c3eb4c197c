//! The ledger of outgoing mail, in segments: the entries of some days, or of [`LARGEST_SEGMENT`] messages, in order of their
//! hashes. So what is written at a time lies within a few megabytes, however large the ledger is, and what is over is deleted
//! in one piece.

use std::collections::{BTreeMap, HashMap};

use sqlx::{QueryBuilder, Row, Sqlite as Database, SqliteConnection, sqlite::SqliteRow};

use super::{
    Sqlite, integer, natural, prune::delete, readers::Readers, rows::in_rows, writer::Writer,
};
use crate::{
    core::proof::ledger::{Hash, Remembered, Sent},
    store::{
        LedgerStore, StoreAnswer,
        batch::{Batch, newest_of_each, now, packed, unpacked},
        handle::{Handle, IMPORT, PATIENCE, answered},
    },
};

/// The maximum number of entries in a segment: some 30 MB, which one WAL holds.
const LARGEST_SEGMENT: i64 = 320_000;
/// How many segments the time is divided into for which entries are kept.
const SEGMENTS: i64 = 8;

impl LedgerStore for Handle<Sqlite> {
    fn sent(&self, messages: Vec<Hash>) -> StoreAnswer<'_, Option<Remembered>> {
        if let Some(newest) = self.queue.unwritten().sent(&messages) {
            return answered(Ok(Some(newest)));
        }
        self.ask(PATIENCE, async move |sqlite, open| {
            sent(&open.readers, &messages, sqlite.ledger_since(now())).await
        })
    }

    fn last_sent(&self, senders: Vec<Hash>) -> StoreAnswer<'_, Option<u64>> {
        if let Some(latest) = self.queue.unwritten().last_sent(&senders) {
            return answered(Ok(Some(latest)));
        }
        self.ask(PATIENCE, async move |sqlite, open| {
            last_sent(&open.readers, &senders, sqlite.ledger_since(now())).await
        })
    }

    fn import(&self, sent: Vec<Sent>) -> StoreAnswer<'_, u64> {
        self.ask(IMPORT, async move |sqlite, open| {
            let mut writer = open.writer.lock().await?;
            let since = natural(sqlite.ledger_since(now()));
            let sent = without_known(&mut writer, sent, since).await?;
            let new = sent.iter().filter(|entry| entry.message.is_some()).count();
            let batch = Batch {
                sent,
                ..Batch::default()
            };
            sqlite.write_all(&mut writer, &batch).await?;
            let new = u64::try_from(new).unwrap_or(u64::MAX);
            sqlite.last().entries += new;
            Ok(new)
        })
    }
}

/// The newest entry of any of these Message-IDs, from that second on.
pub(super) async fn sent(
    readers: &Readers,
    messages: &[Hash],
    since: i64,
) -> sqlx::Result<Option<Remembered>> {
    const SENT: &str = "SELECT sent_at, recipient_count, hashes FROM segments \
        CROSS JOIN ledger ON segment = id AND message_id = ?1 \
        WHERE last_at >= ?2 AND sent_at >= ?2 ORDER BY id DESC LIMIT 1";
    let mut reader = readers.lend().await?;
    let mut newest: Option<Remembered> = None;
    for hash in messages {
        let row = sqlx::query(SENT)
            .bind(hash.as_bytes().as_slice())
            .bind(since)
            .fetch_optional(reader.connection()?)
            .await?;
        let found = row.map(|row| remembered(&row)).transpose()?;
        newest = newest.into_iter().chain(found).max_by_key(|entry| entry.at);
    }
    reader.done();
    Ok(newest)
}

/// When any of these senders last sent, from that second on.
pub(super) async fn last_sent(
    readers: &Readers,
    senders: &[Hash],
    since: i64,
) -> sqlx::Result<Option<u64>> {
    const LAST_SENT: &str = "SELECT last_sent FROM senders WHERE sender = ?1 AND last_sent >= ?2";
    let mut reader = readers.lend().await?;
    let mut last = None;
    for hash in senders {
        let at: Option<i64> = sqlx::query_scalar(LAST_SENT)
            .bind(hash.as_bytes().as_slice())
            .bind(since)
            .fetch_optional(reader.connection()?)
            .await?;
        last = last.max(at.map(natural));
    }
    reader.done();
    Ok(last)
}

fn remembered(row: &SqliteRow) -> sqlx::Result<Remembered> {
    let hashes: &[u8] = row.try_get(2)?;
    let count = u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
    Ok(unpacked(natural(row.try_get(0)?), count, hashes))
}

/// The entries from `since` on whose Message-IDs no segment has, or has from an earlier time only.
async fn without_known(
    writer: &mut SqliteConnection,
    entries: Vec<Sent>,
    since: u64,
) -> sqlx::Result<Vec<Sent>> {
    let mut entries = newest_of_each(entries, since);
    let hashes: Vec<Hash> = entries.iter().filter_map(|entry| entry.message).collect();
    let mut known = HashMap::new();
    for hashes in in_rows(&hashes) {
        let mut select = QueryBuilder::<Database>::new(
            "SELECT message_id, sent_at FROM segments CROSS JOIN ledger ON segment = id AND message_id IN (",
        );
        let mut list = select.separated(", ");
        for hash in hashes {
            list.push_bind(hash.as_bytes().as_slice());
        }
        select.push(")");
        for row in select.build().fetch_all(&mut *writer).await? {
            let (hash, at): (&[u8], i64) = (row.try_get(0)?, row.try_get(1)?);
            let latest = known.entry(hash.to_vec()).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    entries.retain(|entry| {
        let hash = entry.message.map(|hash| hash.as_bytes().to_vec());
        let at = hash.and_then(|hash| known.get(&hash));
        at.is_none_or(|at| *at < integer(entry.at))
    });
    Ok(entries)
}

/// Adds entries, from each Message-ID the newest. `since` is the first second that is kept `now`.
pub(super) async fn insert(
    writer: &mut SqliteConnection,
    entries: &[Sent],
    since: i64,
    now: i64,
) -> sqlx::Result<()> {
    const NEWER: &str = " ON CONFLICT DO UPDATE SET sent_at = excluded.sent_at, \
        recipient_count = excluded.recipient_count, hashes = excluded.hashes \
        WHERE excluded.sent_at >= sent_at";
    const LATER: &str = " ON CONFLICT DO UPDATE SET last_sent = excluded.last_sent WHERE excluded.last_sent > last_sent";
    let (mut messages, mut senders) = (BTreeMap::<Hash, &Sent>::new(), BTreeMap::new());
    for sent in entries {
        if let Some(hash) = sent.message {
            let newest = messages.entry(hash).or_insert(sent);
            if sent.at >= newest.at {
                *newest = sent;
            }
        }
        if let Some(hash) = sent.sender {
            let latest = senders.entry(hash).or_insert(sent.at);
            *latest = sent.at.max(*latest);
        }
    }
    let messages: Vec<_> = messages.into_iter().collect();
    if !messages.is_empty() {
        let times = messages.iter().map(|(_, sent)| integer(sent.at));
        let last = times.max().unwrap_or(now);
        let segment = segment(writer, messages.len(), last, since, now).await?;
        for rows in in_rows(&messages) {
            let mut insert = QueryBuilder::<Database>::new("INSERT INTO ledger ");
            insert.push_values(rows, |mut row, (hash, sent)| {
                row.push_bind(segment)
                    .push_bind(hash.as_bytes().to_vec())
                    .push_bind(integer(sent.at))
                    .push_bind(i64::from(sent.recipient_count))
                    .push_bind(packed(sent));
            });
            insert.push(NEWER).build().execute(&mut *writer).await?;
        }
    }
    let senders: Vec<_> = senders.into_iter().collect();
    for rows in in_rows(&senders) {
        let mut insert = QueryBuilder::<Database>::new("INSERT INTO senders ");
        insert.push_values(rows, |mut row, (hash, at)| {
            row.push_bind(hash.as_bytes().to_vec())
                .push_bind(integer(*at));
        });
        insert.push(LATER).build().execute(&mut *writer).await?;
    }
    Ok(())
}

/// The segment that so many more entries go into, the newest of them of the time `last`: the last segment, unless that is
/// full, old, or about to be deleted.
async fn segment(
    writer: &mut SqliteConnection,
    more: usize,
    last: i64,
    since: i64,
    now: i64,
) -> sqlx::Result<i64> {
    const MORE: &str = "UPDATE segments SET last_at = max(last_at, ?2), entries = entries + ?1 \
        WHERE id = (SELECT max(id) FROM segments) AND entries < ?3 AND begun_at >= ?4 RETURNING id";
    const NEW: &str =
        "INSERT INTO segments (entries, last_at, begun_at) VALUES (?1, ?2, ?3) RETURNING id";
    let more = i64::try_from(more).unwrap_or(i64::MAX);
    let oldest = now.saturating_sub(now.saturating_sub(since) / SEGMENTS);
    let found: Option<i64> = sqlx::query_scalar(MORE)
        .bind(more)
        .bind(last)
        .bind(LARGEST_SEGMENT)
        .bind(oldest)
        .fetch_optional(&mut *writer)
        .await?;
    if let Some(segment) = found {
        return Ok(segment);
    }
    let new = sqlx::query_scalar(NEW).bind(more).bind(last).bind(now);
    new.fetch_one(&mut *writer).await
}

/// How many entries there are.
pub(super) async fn entries(writer: &mut SqliteConnection) -> sqlx::Result<u64> {
    const ENTRIES: &str = "SELECT coalesce(sum(entries), 0) FROM segments";
    let entries = sqlx::query_scalar(ENTRIES).fetch_one(writer).await;
    entries.map(natural)
}

/// Deletes the segments whose entries are all from before `since`, and the oldest of those that have more than `max` entries
/// together.
pub(super) async fn prune(writer: &Writer, since: i64, max: i64) -> sqlx::Result<()> {
    const OVER: &str = "UPDATE segments SET begun_at = -1 \
        WHERE id = (SELECT id FROM segments WHERE last_at < ?1 LIMIT 1) RETURNING id";
    const TOO_MANY: &str = "UPDATE segments SET begun_at = -1 WHERE id = (SELECT min(id) FROM segments \
        HAVING sum(entries) > ?1 AND count(*) > 1) RETURNING id";
    let mut is_any = false;
    for (segment, bound) in [(OVER, since), (TOO_MANY, max)] {
        is_any |= forget(writer, segment, bound).await?;
    }
    if is_any {
        forget_senders(writer, since).await?;
    }
    Ok(())
}

/// Deletes the oldest segments while the file has more than `max` octets in use: messages to many recipients have large
/// entries.
pub(super) async fn shrink(writer: &Writer, max: i64) -> sqlx::Result<()> {
    const TOO_LARGE: &str = "UPDATE segments SET begun_at = -1 WHERE id = (SELECT min(id) FROM segments \
        HAVING count(*) > 1 AND ?1 < (SELECT (page_count - freelist_count) * page_size \
        FROM pragma_page_count, pragma_freelist_count, pragma_page_size)) RETURNING id";
    forget(writer, TOO_LARGE, max).await.map(drop)
}

/// Deletes the segments that a statement chooses, one after the other. It marks each, so that no new entry goes into it. Its
/// entries go first, so that a crash leaves none that nobody knows. Gives whether there was any.
async fn forget(writer: &Writer, choose: &'static str, bound: i64) -> sqlx::Result<bool> {
    const ENTRIES: &str = "DELETE FROM ledger WHERE segment = ?1 AND message_id IN \
        (SELECT message_id FROM ledger WHERE segment = ?1 ORDER BY message_id LIMIT ?2)";
    const SEGMENT: &str = "DELETE FROM segments WHERE id IN (SELECT ?1 LIMIT ?2)";
    let mut is_any = false;
    loop {
        let chosen = sqlx::query_scalar(choose).bind(bound);
        let chosen = chosen.fetch_optional(&mut *writer.lock().await?).await?;
        let Some(segment) = chosen else {
            return Ok(is_any);
        };
        delete(writer, ENTRIES, segment).await?;
        delete(writer, SEGMENT, segment).await?;
        is_any = true;
    }
}

/// Deletes the senders who last sent before `since`, a part of them at a time: no index finds them, for it would have to be
/// written with each message.
async fn forget_senders(writer: &Writer, since: i64) -> sqlx::Result<()> {
    const OVER: &str =
        "DELETE FROM senders WHERE sender >= ?1 AND (sender < ?2 OR ?2 IS NULL) AND last_sent < ?3";
    for first in 0..=u8::MAX {
        sqlx::query(OVER)
            .bind(vec![first])
            .bind(first.checked_add(1).map(|next| vec![next]))
            .bind(since)
            .execute(&mut *writer.lock().await?)
            .await?;
    }
    Ok(())
}
