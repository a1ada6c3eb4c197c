//! The learned addresses. Day 0 stands for none.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{Sqlite, integer, natural, prune::delete, readers::Readers, writer::Writer};
use crate::{
    core::{
        learned::{Learn, Learned},
        proof::{ledger::Hash, today},
    },
    store::{
        LearnedStore, StoreAnswer,
        batch::now,
        handle::{Handle, PATIENCE},
    },
};

impl LearnedStore for Handle<Sqlite> {
    fn learned(&self, addresses: Vec<Hash>) -> StoreAnswer<'_, Option<Learned>> {
        self.ask(PATIENCE, async move |sqlite, open| {
            let since = sqlite.learned_since(today(now()));
            learned(&open.readers, &addresses, since).await
        })
    }
}

/// Writes nothing if nothing is new. An address that was last seen before the day `since` starts again.
pub(super) async fn learn(
    writer: &mut SqliteConnection,
    learn: &Learn,
    since: i64,
) -> sqlx::Result<()> {
    const LEARN: &str = "INSERT INTO learned (address, days, last_accepted, last_sent) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT DO UPDATE SET \
        days = days * (last_day >= ?5) + (excluded.last_accepted > last_accepted), \
        last_accepted = max(last_accepted * (last_day >= ?5), excluded.last_accepted), \
        last_sent = max(last_sent * (last_day >= ?5), excluded.last_sent) \
        WHERE excluded.last_accepted > last_accepted OR excluded.last_sent > last_sent";
    let day = integer(learn.day);
    if day < since {
        return Ok(());
    }
    let (days, accepted, sent) = if learn.sent { (0, 0, day) } else { (1, day, 0) };
    sqlx::query(LEARN)
        .bind(learn.address.as_bytes().as_slice())
        .bind(days)
        .bind(accepted)
        .bind(sent)
        .bind(since)
        .execute(writer)
        .await?;
    Ok(())
}

/// What is known about an address by all of its hashes, if it was seen since that day.
pub(super) async fn learned(
    readers: &Readers,
    hashes: &[Hash],
    since: i64,
) -> sqlx::Result<Option<Learned>> {
    const LEARNED: &str =
        "SELECT days, last_accepted, last_sent FROM learned WHERE address = ?1 AND last_day >= ?2";
    let mut reader = readers.lend().await?;
    let mut all: Option<Learned> = None;
    for hash in hashes {
        let row = sqlx::query(LEARNED)
            .bind(hash.as_bytes().as_slice())
            .bind(since)
            .fetch_optional(reader.connection()?)
            .await?;
        let learned = row.map(|row| read(&row)).transpose()?;
        all = all.into_iter().chain(learned).reduce(Learned::and);
    }
    reader.done();
    Ok(all)
}

fn read(row: &SqliteRow) -> sqlx::Result<Learned> {
    let day = |day: i64| (day > 0).then(|| natural(day));
    Ok(Learned {
        days: u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX),
        last_accepted: day(row.try_get(1)?),
        last_sent: day(row.try_get(2)?),
    })
}

/// Deletes addresses that were not seen since a day, and of more than `max` those with mail on one day only, then others;
/// the oldest first.
pub(super) async fn prune(writer: &Writer, since: i64, max: i64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM learned WHERE address IN \
        (SELECT address FROM learned WHERE is_proven IN (0, 1) AND last_day < ?1 LIMIT ?2)";
    const TOO_MANY: &str = "DELETE FROM learned WHERE address IN \
        (SELECT address FROM learned ORDER BY is_proven, last_day \
        LIMIT max(0, min(?2, (SELECT count(*) FROM learned) - ?1)))";
    delete(writer, OVER, since).await?;
    delete(writer, TOO_MANY, max).await
}
