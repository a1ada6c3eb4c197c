//! The entry of an outgoing message on its way into the store: the message has the receipt, the queue the ticket. Whichever
//! is dropped, the message is counted.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, time::timeout};

use super::{health::Journal, losses::Owner};

/// How long a message waits for its entry.
const PATIENCE: Duration = Duration::from_secs(1);

/// What an outgoing message waits for.
#[derive(Debug)]
pub struct Receipt(State);

#[derive(Debug)]
enum State {
    Settled(bool),
    Waits {
        kept: oneshot::Receiver<bool>,
        journal: Arc<Journal>,
    },
}

impl Receipt {
    /// Whether the entry is in the store for good. Waits a second at most, and not at all while nothing can be written. A
    /// message that goes without its entry is counted.
    pub async fn is_kept(mut self) -> bool {
        if let State::Waits { kept, journal } = &mut self.0
            && journal.is_writing()
        {
            if let Ok(answer) = timeout(PATIENCE, &mut *kept).await {
                let kept = answer.unwrap_or_default();
                self.0 = State::Settled(kept);
            } else {
                journal.does_not_write();
            }
        }
        self.settle()
    }

    fn settle(&mut self) -> bool {
        if let State::Waits { kept, journal } = &mut self.0 {
            kept.close();
            let answer = kept.try_recv();
            if answer.is_err() {
                journal.losses.late();
                journal.tell(Instant::now());
            }
            self.0 = State::Settled(answer.unwrap_or_default());
        }
        matches!(self.0, State::Settled(true))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.settle();
    }
}

/// What the queue has of the message.
#[derive(Debug)]
pub(super) struct Ticket {
    kept: Option<oneshot::Sender<bool>>,
    owner: Owner,
    journal: Arc<Journal>,
}

impl Ticket {
    /// A ticket and its receipt.
    pub fn new(owner: Owner, journal: Arc<Journal>) -> (Self, Receipt) {
        let (sender, kept) = oneshot::channel();
        let waits = State::Waits {
            kept,
            journal: Arc::clone(&journal),
        };
        let ticket = Self {
            kept: Some(sender),
            owner,
            journal,
        };
        (ticket, Receipt(waits))
    }

    /// The entry is in the store for good.
    pub fn written(mut self) {
        self.answer(true);
    }

    fn answer(&mut self, is_kept: bool) {
        let Some(kept) = self.kept.take() else {
            return;
        };
        let losses = &self.journal.losses;
        if kept.send(is_kept).is_err() {
            losses.late_no_longer();
        }
        if !is_kept {
            losses.message(&self.owner);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Whoever gave up the entry, and why ever.
        self.answer(false);
    }
}
