//! The connections that read, until they are closed.
//!
//! Not sqlx's pool: whenever a connection comes back, that one asks it whether it is still alive before the next may have
//! it. To SQLite's thread and back that is as long a way as the question itself. Here only those are asked that somebody
//! did not wait for, for they can still be busy.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sqlx::{Connection, SqliteConnection};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// The connections that read.
#[derive(Clone)]
pub(super) struct Readers(Arc<Shared>);

struct Shared {
    /// Those that nobody has.
    idle: Mutex<Vec<SqliteConnection>>,
    /// One for each of them.
    permits: Arc<Semaphore>,
    count: u32,
}

/// One of them, for who asks.
pub(super) struct Reader {
    /// None once it was given back.
    lent: Option<Lent>,
    readers: Readers,
}

/// A connection, and the permit to have it.
type Lent = (SqliteConnection, OwnedSemaphorePermit);

impl Readers {
    pub fn new(connections: Vec<SqliteConnection>) -> Self {
        let count = connections.len();
        Self(Arc::new(Shared {
            idle: Mutex::new(connections),
            permits: Arc::new(Semaphore::new(count)),
            count: u32::try_from(count).unwrap_or(u32::MAX),
        }))
    }

    /// Waits until there is one that nobody has.
    pub async fn lend(&self) -> sqlx::Result<Reader> {
        let permit = Arc::clone(&self.0.permits).acquire_owned().await;
        let permit = permit.map_err(|_closed| sqlx::Error::PoolClosed)?;
        let connection = self.idle().pop().ok_or(sqlx::Error::PoolClosed)?;
        Ok(Reader {
            lent: Some((connection, permit)),
            readers: self.clone(),
        })
    }

    /// Waits until nobody has one, and closes them. Whoever still waits for one gets none.
    pub async fn close(&self) {
        let Shared { permits, count, .. } = &*self.0;
        let _all = permits.acquire_many(*count).await;
        permits.close();
        let connections = mem::take(&mut *self.idle());
        for connection in connections {
            let _ = connection.close().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_back(&self, (connection, permit): Lent) {
        self.idle().push(connection);
        drop(permit);
    }
}

impl Reader {
    pub fn connection(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        let lent = self.lent.as_mut().map(|(connection, _)| connection);
        lent.ok_or(sqlx::Error::PoolClosed)
    }

    /// Gives it back: it has answered all that it was asked.
    pub fn done(mut self) {
        if let Some(lent) = self.lent.take() {
            self.readers.take_back(lent);
        }
    }
}

impl Drop for Reader {
    /// Without [`Reader::done`] it may still be at work for someone who has stopped waiting: then it is not for the next.
    fn drop(&mut self) {
        let (Some(mut lent), Ok(runtime)) = (self.lent.take(), Handle::try_current()) else {
            return;
        };
        let readers = self.readers.clone();
        runtime.spawn(async move {
            // One that has broken down says so to whoever asks it next.
            let _ = lent.0.ping().await;
            readers.take_back(lent);
        });
    }
}
