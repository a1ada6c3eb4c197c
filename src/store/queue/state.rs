//! What waits in the queue, and what the writer takes of it.

use std::{collections::VecDeque, time::Instant};

use tokio::sync::oneshot;

use crate::{
    core::proof::ledger::{Hash, Sent},
    store::{
        batch::{Batch, Counts},
        receipt::Ticket,
    },
};

/// The maximum number of messages, and of each kind of count, that are written at once.
const LARGEST_BATCH: usize = 1_000;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct State {
    pub messages: VecDeque<(Sent, Ticket)>,
    pub counts: Counts,
    /// Since when the first of the counts waits.
    pub since: Option<Instant>,
    pub flushes: Vec<oneshot::Sender<()>>,
    pub messages_in_hand: usize,
    pub counts_in_hand: usize,
}

/// What the writer has in hand.
#[derive(Debug, Default)]
pub struct Taken {
    pub batch: Batch,
    /// The tickets of the messages in the batch, and the hashes that they are known by meanwhile.
    pub(super) tickets: Vec<Ticket>,
    pub(super) keys: Vec<(Option<Hash>, Option<Hash>)>,
    /// The messages whose proofs are used in the batch.
    pub(super) used: Vec<Hash>,
    /// To be told when this is written.
    pub(super) flushes: Vec<oneshot::Sender<()>>,
}

impl State {
    pub fn messages(&self) -> usize {
        self.messages.len() + self.messages_in_hand
    }

    pub fn counts(&self) -> usize {
        self.counts.len() + self.counts_in_hand
    }

    /// The next batch; with counts, if they are `due`. `None` if there is nothing to do.
    pub fn take(&mut self, due: bool) -> Option<Taken> {
        if self.messages.is_empty() && !due {
            return None;
        }
        let counts = match due {
            true => self.counts.take(LARGEST_BATCH),
            false => Counts::default(),
        };
        if self.counts.len() == 0 {
            self.since = None;
        }
        let messages = self.messages.len().min(LARGEST_BATCH);
        let (sent, tickets): (Vec<_>, Vec<_>) = self.messages.drain(..messages).unzip();
        let is_all = self.messages.is_empty() && self.counts.len() == 0;
        let flushes = match is_all {
            true => std::mem::take(&mut self.flushes),
            false => Vec::new(),
        };
        (self.messages_in_hand, self.counts_in_hand) = (sent.len(), counts.len());
        let taken = Taken {
            keys: sent
                .iter()
                .map(|sent| (sent.message, sent.sender))
                .collect(),
            used: counts.uses.iter().map(|proof| proof.message).collect(),
            batch: Batch { sent, counts },
            tickets,
            flushes,
        };
        let has_work = taken.batch.len() > 0 || !taken.flushes.is_empty();
        has_work.then_some(taken)
    }
}
