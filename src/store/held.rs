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

    /// Holds this from now on.
    pub fn hold(&self, connection: T) {
        *self.lock() = Some(connection);
    }

    /// Lets go of what is held.
    pub fn release(&self) {
        *self.lock() = None;
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
