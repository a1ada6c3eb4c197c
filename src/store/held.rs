//! What a backend is connected by, while it is.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Reason, Unavailable};

/// What a backend is connected by, or nothing before it is open and after that failed.
pub(super) struct Held<T>(Mutex<Option<T>>);

impl<T: Clone> Held<T> {
    /// Nothing yet.
    pub fn nothing() -> Self {
        Self(Mutex::new(None))
    }

    /// Holds this from now on, in place of what was held; nothing where it could not be opened.
    ///
    /// # Errors
    /// Why it could not.
    pub fn hold(&self, opened: Result<T, Unavailable>) -> Result<(), Unavailable> {
        let (connection, outcome) = match opened {
            Ok(connection) => (Some(connection), Ok(())),
            Err(error) => (None, Err(error)),
        };
        *self.lock() = connection;
        outcome
    }

    /// What is held of the store with this name.
    ///
    /// # Errors
    /// Nothing is.
    pub fn held(&self, name: &str) -> Result<T, Unavailable> {
        let connection = self.lock().clone();
        connection.ok_or_else(|| Unavailable::new(Reason::Down, format!("{name} is not open")))
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
