//! The end of the daemon: no new connections, but the messages in progress are finished.

use std::sync::Arc;

use tokio::sync::watch;

/// A handle that is cloned to the listener, to every session, and to whoever ends the daemon.
#[derive(Clone, Debug)]
pub struct Drain(Arc<Channels>);

#[derive(Debug)]
struct Channels {
    begun: watch::Sender<bool>,
    messages: watch::Sender<usize>,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// Not draining, and no message in progress.
    pub fn new() -> Self {
        Self(Arc::new(Channels {
            begun: watch::Sender::new(false),
            messages: watch::Sender::new(0),
        }))
    }

    /// Makes the listener close its socket: new clients are refused at once, and the next instance may bind.
    pub fn begin(&self) {
        self.0.begun.send_replace(true);
    }

    /// Resolves once [`begin`](Self::begin) was called.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        let channels = Arc::clone(&self.0);
        async move {
            // An error would mean that the channel is gone, which we hold.
            let _ = channels.begun.subscribe().wait_for(|begun| *begun).await;
        }
    }

    /// Counts a message as in progress for as long as the guard lives.
    pub fn message(&self) -> MessageGuard {
        self.0.messages.send_modify(|messages| *messages += 1);
        MessageGuard(Arc::clone(&self.0))
    }

    /// Messages in progress.
    pub fn messages(&self) -> usize {
        *self.0.messages.borrow()
    }

    /// Resolves when no message is in progress. The caller bounds the wait.
    pub fn idle(&self) -> impl Future<Output = ()> + Send + 'static {
        let channels = Arc::clone(&self.0);
        async move {
            let mut messages = channels.messages.subscribe();
            let _ = messages.wait_for(|messages| *messages == 0).await;
        }
    }
}

/// One message in progress, until it is dropped.
#[derive(Debug)]
pub struct MessageGuard(Arc<Channels>);

impl Drop for MessageGuard {
    fn drop(&mut self) {
        self.0.messages.send_modify(|messages| *messages -= 1);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn waits_for_messages_in_progress() {
        let drain = Drain::new();
        assert!(drain.idle().now_or_never().is_some());
        let first = drain.message();
        let second = drain.clone().message();
        assert_eq!(drain.messages(), 2);
        drop(first);
        assert!(drain.idle().now_or_never().is_none());
        let idle = tokio::spawn(drain.idle());
        drop(second);
        idle.await.unwrap();
    }

    #[tokio::test]
    async fn begins_once_for_all() {
        let drain = Drain::new();
        assert!(drain.begun().now_or_never().is_none());
        let begun = tokio::spawn(drain.begun());
        drain.begin();
        begun.await.unwrap();
        assert!(drain.begun().now_or_never().is_some());
    }
}
