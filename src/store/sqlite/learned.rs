//! What is learned of addresses. A day that is 0 never was.

use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};
use tokio::sync::Mutex;

use super::{integer, natural, write::delete};
use crate::core::{
    learned::{Learn, Learned},
    proof::ledger::Hash,
};

/// Writes nothing where nothing is new. An address that was last seen before the day `since` begins anew.
pub(super) async fn learn(
    writer: &mut SqliteConnection,
    learn: &Learn,
    since: i64,
) -> sqlx::Result<()> {
    const LEARN: &str = "INSERT INTO learned (address, days, accepted, sent) VALUES (?1, ?2, ?3, ?4) \
        ON CONFLICT DO UPDATE SET \
        days = days * (last_day >= ?5) + (excluded.accepted > accepted), \
        accepted = max(accepted * (last_day >= ?5), excluded.accepted), \
        sent = max(sent * (last_day >= ?5), excluded.sent) \
        WHERE excluded.accepted > accepted OR excluded.sent > sent";
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

/// What is known of an address since a day.
pub(super) async fn learned(
    readers: &SqlitePool,
    address: Hash,
    since: i64,
) -> sqlx::Result<Option<Learned>> {
    const LEARNED: &str =
        "SELECT days, accepted, sent FROM learned WHERE address = ?1 AND last_day >= ?2";
    let row = sqlx::query(LEARNED)
        .bind(address.as_bytes().as_slice())
        .bind(since)
        .fetch_optional(readers)
        .await?;
    row.map(|row| read(&row)).transpose()
}

fn read(row: &SqliteRow) -> sqlx::Result<Learned> {
    let day = |day: i64| (day > 0).then(|| natural(day));
    Ok(Learned {
        days: u32::try_from(row.try_get::<i64, _>(0)?).unwrap_or(u32::MAX),
        last_accepted: day(row.try_get(1)?),
        last_sent: day(row.try_get(2)?),
    })
}

/// Forgets addresses of which nothing was learned since a day, and of more than `most` those with the least known of them.
pub(super) async fn prune(
    writer: &Mutex<SqliteConnection>,
    since: i64,
    most: i64,
) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM learned WHERE address IN \
        (SELECT address FROM learned WHERE is_proven IN (0, 1) AND last_day < ?1 LIMIT ?2)";
    const TOO_MANY: &str = "DELETE FROM learned WHERE address IN \
        (SELECT address FROM learned ORDER BY is_proven, last_day \
        LIMIT max(0, min(?2, (SELECT count(*) FROM learned) - ?1)))";
    delete(writer, OVER, since).await?;
    delete(writer, TOO_MANY, most).await
}
