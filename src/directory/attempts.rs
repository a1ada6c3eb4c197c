//! Attempts that came to nothing, so that who waited behind one does not make the same again.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::backend::Failure;

#[derive(Debug, Default)]
pub(super) struct Attempts(AtomicU64);

/// How many had come to nothing when somebody began to wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before(u64);

/// An attempt under way. It counts as failed if it ends without an answer, even by being dropped at its deadline.
pub(super) struct Attempt<'a> {
    vain: &'a AtomicU64,
    deadline: Instant,
}

impl Attempts {
    pub fn before(&self) -> Before {
        Before(self.0.load(Ordering::SeqCst))
    }

    /// Whether none came to nothing meanwhile.
    ///
    /// # Errors
    /// One did.
    pub fn since(&self, before: Before) -> Result<(), Failure> {
        if self.0.load(Ordering::SeqCst) != before.0 {
            let why = "the one who asked before got no answer";
            return Err(Failure::Down(why.to_owned()));
        }
        Ok(())
    }

    /// Begins one, which is to end before the place is given to the next: declare it behind the lock.
    ///
    /// # Errors
    /// The one before it came to nothing.
    pub fn begin(&self, before: Before, deadline: Instant) -> Result<Attempt<'_>, Failure> {
        self.since(before)?;
        Ok(Attempt {
            vain: &self.0,
            deadline,
        })
    }
}

impl Attempt<'_> {
    /// It came to nothing before its time was up.
    pub fn failed(mut self) {
        self.deadline = Instant::now();
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        // One that ends earlier was answered, or no caller waits for it any more.
        if Instant::now() >= self.deadline {
            self.vain.fetch_add(1, Ordering::SeqCst);
        }
    }
}
