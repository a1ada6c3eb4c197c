//! How often proofs were used. A use counts at once, over what a connection that reads finds; it is written with the next
//! batch, so no bounce waits for the disk.
//!
//! Two processes with the same file learn of each other's uses when they are written. What both count meanwhile is added up
//! then: so a few more may count than may, and none that is the first is refused. A crash loses the uses that were not
//! written, which does the same.

use std::collections::{BTreeMap, VecDeque};

use sqlx::{QueryBuilder, Row, Sqlite as Database, SqliteConnection, sqlite::SqliteRow};

use super::{
    Sqlite, integer, natural, prune::delete, readers::Readers, rows::in_rows, writer::Writer,
};
use crate::{
    core::proof::{
        ledger::Hash,
        uses::{Attempt, KeptUses, Use, Uses},
    },
    store::{
        ProofUseStore, StoreAnswer,
        batch::ProofUse,
        handle::{Handle, PATIENCE, answered},
    },
};

impl ProofUseStore for Handle<Sqlite> {
    fn use_proof(&self, message: Hash, attempt: Attempt, until: u64) -> StoreAnswer<'_, Use> {
        let proof = ProofUse {
            message,
            attempt,
            until,
        };
        let mut version = match self.queue.use_proof(&proof, None) {
            Ok(used) => return answered(Ok(used)),
            Err(version) => version,
        };
        self.ask(PATIENCE, async move |_, open| {
            loop {
                let kept = kept(&open.readers, message).await?;
                match self.queue.use_proof(&proof, Some((version, kept))) {
                    Ok(used) => return Ok(used),
                    // Some were written meanwhile, and may have been of this message.
                    Err(newer) => version = newer,
                }
            }
        })
    }
}

/// The uses of a message, also those that are over; none if it has no row.
pub(super) async fn kept(readers: &Readers, message: Hash) -> sqlx::Result<KeptUses> {
    const KEPT: &str = "SELECT uses, kept_until FROM proof_uses WHERE message = ?1";
    let mut reader = readers.lend().await?;
    let row = sqlx::query(KEPT)
        .bind(message.as_bytes().as_slice())
        .fetch_optional(reader.connection()?)
        .await?;
    reader.done();
    let kept = row.map(|row| read(&row)).transpose()?;
    Ok(kept.unwrap_or_default())
}

/// What can't be read begins anew.
fn read(row: &SqliteRow) -> sqlx::Result<KeptUses> {
    Ok(KeptUses {
        uses: Uses::from_bytes(row.try_get("uses")?).unwrap_or_default(),
        until: natural(row.try_get("kept_until")?),
    })
}

/// Adds uses to what is written already, by whatever process; all of a message in one row.
pub(super) async fn insert(
    writer: &mut SqliteConnection,
    proofs: &VecDeque<ProofUse>,
) -> sqlx::Result<()> {
    const KEPT: &str = "SELECT message, uses, kept_until FROM proof_uses WHERE message IN (";
    const ALL: &str =
        " ON CONFLICT DO UPDATE SET uses = excluded.uses, kept_until = excluded.kept_until";
    let mut messages: BTreeMap<Hash, KeptUses> = BTreeMap::new();
    for proof in proofs {
        messages.entry(proof.message).or_default();
    }
    let hashes: Vec<Hash> = messages.keys().copied().collect();
    for rows in in_rows(&hashes) {
        let mut select = QueryBuilder::<Database>::new(KEPT);
        let mut list = select.separated(", ");
        for hash in rows {
            list.push_bind(hash.as_bytes().to_vec());
        }
        select.push(")");
        for row in select.build().fetch_all(&mut *writer).await? {
            if let Ok(bytes) = <[u8; 16]>::try_from(row.try_get::<&[u8], _>("message")?) {
                messages.insert(Hash::from_bytes(bytes), read(&row)?);
            }
        }
    }
    for proof in proofs {
        if let Some(kept) = messages.get_mut(&proof.message) {
            let _ = kept.take(&proof.attempt, proof.until);
        }
    }
    let messages: Vec<(Hash, KeptUses)> = messages.into_iter().collect();
    for rows in in_rows(&messages) {
        let mut insert = QueryBuilder::<Database>::new("INSERT INTO proof_uses ");
        insert.push_values(rows, |mut row, (hash, kept)| {
            row.push_bind(hash.as_bytes().to_vec())
                .push_bind(kept.uses.to_bytes())
                .push_bind(integer(kept.until));
        });
        insert.push(ALL).build().execute(&mut *writer).await?;
    }
    Ok(())
}

/// Deletes expired ones.
pub(super) async fn prune(writer: &Writer, now: u64) -> sqlx::Result<()> {
    const OVER: &str = "DELETE FROM proof_uses WHERE message IN \
        (SELECT message FROM proof_uses WHERE kept_until <= ?1 ORDER BY kept_until LIMIT ?2)";
    delete(writer, OVER, integer(now)).await
}
