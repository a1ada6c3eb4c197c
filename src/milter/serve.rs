//! Runs the milter crate with our listeners and callbacks.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::sleep};

use super::{Counters, Listener, Opened, Place, SelfCheck, callbacks::callbacks, listener::Handle};
use crate::engine::Shared;

/// Serves until `end` completes, then lets running callbacks finish. `limit` is the listener's own limit of
/// connections.
///
/// # Errors
/// The listener can't accept any more; ours never says so.
pub async fn serve(
    listener: Listener,
    shared: &Arc<Shared>,
    limit: usize,
    end: impl Future<Output = ()>,
) -> io::Result<()> {
    // More than our own limit: at its maximum the milter crate stops accepting, and clients hang in the backlog. One is
    // for who is closed at once, one for ourselves.
    let config = milter::Config {
        max_connections: limit + 2,
        ..milter::Config::default()
    };
    milter::run(listener, callbacks(shared), config, end).await
}

/// A listener that is served, in a task of its own.
#[derive(Debug)]
pub struct Serving {
    handle: Handle,
    end: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

impl Serving {
    /// Serves this socket. It closes when the daemon drains.
    pub fn begin(
        opened: Opened,
        limit: usize,
        shared: &Arc<Shared>,
        counters: &Arc<Counters>,
    ) -> Self {
        let (listener, handle) = Listener::of(opened, limit, &shared.drain, Arc::clone(counters));
        let end = watch::Sender::new(false);
        let mut ended = end.subscribe();
        let shared = Arc::clone(shared);
        let task = tokio::spawn(async move {
            let end = async {
                // If the sender is gone, so is who would wait for us.
                let _ = ended.wait_for(|ended| *ended).await;
            };
            serve(listener, &shared, limit, end).await
        });
        Self { handle, end, task }
    }

    /// Where it listens.
    pub fn place(&self) -> &Place {
        self.handle.place()
    }

    /// What looks whether it serves.
    pub fn self_check(&self) -> SelfCheck {
        self.handle.self_check()
    }

    /// Closes it to new connections, and serves those that it has for `patience` at most, or until `end`, after which they
    /// are closed; whether all of them had ended by then.
    pub async fn retire(mut self, patience: Duration, end: impl Future<Output = ()>) -> bool {
        self.handle.close();
        let is_idle = tokio::select! {
            () = self.handle.idle() => true,
            () = sleep(patience) => false,
            () = end => true,
        };
        let _ = self.end().await;
        is_idle
    }

    /// Ends it, and lets running callbacks finish.
    ///
    /// # Errors
    /// It had ended before, and why.
    pub async fn end(self) -> io::Result<()> {
        self.end.send_replace(true);
        self.task.await.map_err(io::Error::other)?
    }

    /// Waits until it ends by itself, which it does by a bug only.
    pub async fn failed(&mut self) -> io::Error {
        match (&mut self.task).await {
            Ok(Ok(())) => io::Error::other("the listener has ended"),
            Ok(Err(error)) => error,
            Err(panicked) => io::Error::other(panicked),
        }
    }
}
