//! The connection that writes, until it is closed.

use sqlx::{Connection, Executor, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

/// The connection that writes.
pub(super) struct Writer(Mutex<Option<SqliteConnection>>);

/// Ends what `BEGIN IMMEDIATE` began: commits what was written, or takes it back. It must not be dropped in between, for then
/// it never ends; what may be given up runs by itself.
///
/// Not by sqlx's transaction: where SQLite has ended it already, as on a full disk, that one takes it for open for ever.
pub(super) async fn ended<T>(
    writer: &mut SqliteConnection,
    mut written: sqlx::Result<T>,
) -> sqlx::Result<T> {
    if written.is_ok()
        && let Err(error) = writer.execute("COMMIT").await
    {
        written = Err(error);
    }
    if written.is_err() {
        let _ = writer.execute("ROLLBACK").await;
    }
    written
}

impl Writer {
    pub fn new(connection: SqliteConnection) -> Self {
        Self(Mutex::new(Some(connection)))
    }

    /// Waits until nobody else has it.
    pub async fn lock(&self) -> sqlx::Result<MappedMutexGuard<'_, SqliteConnection>> {
        let connection = MutexGuard::try_map(self.0.lock().await, Option::as_mut);
        connection.map_err(|_closed| sqlx::Error::PoolClosed)
    }

    /// Puts the WAL into the file, so that the file alone is a whole copy, and closes the connection. If it is the last one,
    /// SQLite removes the WAL. Others are not disturbed: what another process still reads in the WAL stays there.
    pub async fn close(&self) {
        if let Some(mut connection) = self.0.lock().await.take() {
            let _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").await;
            let _ = connection.close().await;
        }
    }
}
