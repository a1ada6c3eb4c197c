//! The end of the daemon: no new connections, and messages in progress are told to come again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time,
};

use serde::Deserialize;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use crate::core::duration::Duration;

/// `drain:` of `milter.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DrainSettings {
    /// How long messages in progress are waited for, in seconds up to [`MAX_LIMIT`](Self::MAX_LIMIT).
    pub limit: Duration,
}

impl DrainSettings {
    /// An answer that is under way takes up to 27 s, whatever the limit, and systemd waits for 45 s.
    pub const MAX_LIMIT: Duration = Duration::from_secs(30);
}

impl Default for DrainSettings {
    fn default() -> Self {
        // Short, because new clients get no answer meanwhile.
        Self {
            limit: Duration::from_secs(5),
        }
    }
}

/// A handle that is cloned to the listener, to every session, and to whoever ends the daemon.
#[derive(Clone, Debug)]
pub struct Drain(Arc<Channels>);

#[derive(Debug)]
struct Channels {
    /// In milliseconds.
    limit: AtomicU64,
    begun: watch::Sender<bool>,
    messages: AtomicUsize,
    /// The last message ended.
    ended: Notify,
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Drain {
    /// Not draining, and no message in progress.
    pub fn new() -> Self {
        let drain = Self(Arc::new(Channels {
            limit: AtomicU64::new(0),
            begun: watch::Sender::new(false),
            messages: AtomicUsize::new(0),
            ended: Notify::new(),
        }));
        drain.apply(DrainSettings::default());
        drain
    }

    /// Takes the settings of a file that was read.
    pub fn apply(&self, settings: DrainSettings) {
        let limit = time::Duration::from(settings.limit).as_millis();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        self.0.limit.store(limit, Ordering::Relaxed);
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

    /// Whether [`begin`](Self::begin) was called.
    pub fn has_begun(&self) -> bool {
        *self.0.begun.borrow()
    }

    /// Counts a message as in progress for as long as the guard lives. None once draining has begun: such a message gets no
    /// other answer than that it is to come again, and nobody waits for it.
    pub fn message(&self) -> Option<MessageGuard> {
        if self.has_begun() {
            return None;
        }
        self.0.messages.fetch_add(1, Ordering::SeqCst);
        Some(MessageGuard(Arc::clone(&self.0)))
    }

    /// Messages in progress.
    pub fn messages(&self) -> usize {
        self.0.messages.load(Ordering::SeqCst)
    }

    /// How long messages in progress are waited for.
    pub fn limit(&self) -> time::Duration {
        time::Duration::from_millis(self.0.limit.load(Ordering::Relaxed))
    }

    /// Waits until no message is in progress, but no longer than the limit; whether none is.
    pub async fn idle_in_time(&self) -> bool {
        timeout(self.limit(), self.idle()).await.is_ok()
    }

    fn idle(&self) -> impl Future<Output = ()> + Send + 'static {
        let channels = Arc::clone(&self.0);
        async move {
            loop {
                // Before the count is read, so that no end is missed.
                let ended = channels.ended.notified();
                if channels.messages.load(Ordering::SeqCst) == 0 {
                    return;
                }
                ended.await;
            }
        }
    }
}

/// One message in progress, until it is dropped.
#[derive(Debug)]
pub struct MessageGuard(Arc<Channels>);

impl Drop for MessageGuard {
    fn drop(&mut self) {
        if self.0.messages.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.ended.notify_waiters();
        }
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

    #[tokio::test(start_paused = true)]
    async fn waits_no_longer_than_the_limit() {
        let drain = Drain::new();
        let begun = tokio::time::Instant::now();
        assert!(drain.idle_in_time().await);
        let _message = drain.message();
        assert!(!drain.idle_in_time().await);
        assert_eq!(begun.elapsed().as_secs(), 5);
        let limit = Duration::from_secs(7);
        drain.apply(DrainSettings { limit });
        assert!(!drain.idle_in_time().await);
        assert_eq!(begun.elapsed().as_secs(), 5 + 7);
    }

    #[tokio::test]
    async fn begins_once_for_all() {
        let drain = Drain::new();
        assert!(drain.begun().now_or_never().is_none() && !drain.has_begun());
        let begun = tokio::spawn(drain.begun());
        drain.begin();
        begun.await.unwrap();
        assert!(drain.begun().now_or_never().is_some() && drain.has_begun());
        assert!(drain.message().is_none());
        assert!(drain.idle().now_or_never().is_some());
    }
}
