//! A clock that a test moves: pauses and limits of a minute pass at once, while the servers are real.

use std::time::Duration;

use backstop::{
    core::{address::Mailbox, recipients::Known},
    directory::Directory,
};
use tokio::{
    runtime::{Builder, Runtime},
    time,
};

/// A runtime with the clock. Its time is the real one, and what was added to it.
pub struct Clock(Runtime);

impl Clock {
    pub fn new() -> Self {
        Self(Builder::new_current_thread().enable_all().build().unwrap())
    }

    /// Time goes by, with nobody asking meanwhile.
    pub fn pass(&self, span: Duration) {
        self.0.block_on(async {
            time::pause();
            time::advance(span).await;
            time::resume();
        });
    }

    /// Runs something in a time that jumps to the next deadline whenever nothing else is to be done.
    pub fn run_through<T>(&self, task: impl Future<Output = T>) -> T {
        self.0.block_on(async {
            time::pause();
            let result = task.await;
            time::resume();
            result
        })
    }

    pub fn ask(&self, directory: &Directory, address: &str) -> Known {
        let mailbox = Mailbox::from_bytes(address.as_bytes());
        self.0.block_on(directory.known(0, &mailbox, &super::LOCAL))
    }

    pub fn is_listed(&self, directory: &Directory, address: &str) -> bool {
        match self.ask(directory, address) {
            Known::Listed(_) => true,
            Known::NotListed => false,
            Known::Unanswered(why) => panic!("{address}: {why}"),
        }
    }

    pub fn is_unavailable(&self, directory: &Directory, address: &str) -> bool {
        matches!(self.ask(directory, address), Known::Unanswered(_))
    }
}
