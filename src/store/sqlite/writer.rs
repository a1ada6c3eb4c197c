//! The connection that writes, until it is closed.

use sqlx::{Connection, Executor, SqliteConnection};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

/// The connection that writes.
pub(super) struct Writer(Mutex<Option<SqliteConnection>>);

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
