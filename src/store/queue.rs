//! What waits to be written. Its room is counted in messages for outgoing mail, and in different things for what is counted
//! and learned: so neither takes the other's place, and what is counted often takes one.

mod room;
mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    sync::{Notify, oneshot, watch},
    time::{timeout, timeout_at},
};

pub use self::state::Taken;
use self::{
    room::{COUNTS, Room, more},
    state::State,
};
use super::{
    batch::{Batch, Counts, ProofUse, Waiting, WouldTally},
    health::Journal,
    losses::Owner,
    receipt::{Receipt, Ticket},
    unwritten::{Unwritten, Version},
};
use crate::core::{
    attack::AttackCount,
    learned::Learn,
    proof::{
        coverage::CoverageCount,
        ledger::{Hash, Sent},
        uses::{KeptUses, Use},
    },
    siege::SiegeEvent,
    would::Would,
};

/// The maximum number of outgoing messages that wait: 40 MB if each has the maximum of recipients.
const MESSAGES: usize = 10_000;
/// How long [`Queue::flush`] waits.
const FLUSH: Duration = Duration::from_secs(3);

/// What waits to be written.
#[derive(Clone, Debug)]
pub struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
    closed: watch::Sender<bool>,
    unwritten: Unwritten,
    journal: Arc<Journal>,
    successor: OnceLock<Queue>,
}

impl Queue {
    pub(super) fn new(journal: Arc<Journal>) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Notify::new(),
            closed: watch::Sender::new(false),
            unwritten: Unwritten::default(),
            journal,
            successor: OnceLock::new(),
        }))
    }

    /// The entries of the ledger that are not written yet, and the uses of proofs.
    pub fn unwritten(&self) -> &Unwritten {
        &self.0.unwritten
    }

    /// Queues the entry of a message.
    pub fn remember(&self, sent: Sent) -> Receipt {
        let (ticket, receipt) = Ticket::new(Owner::of(&sent), Arc::clone(&self.0.journal));
        self.push(sent, ticket);
        receipt
    }

    /// Counts something that our own mail, or a stranger, caused.
    pub fn count(&self, day: u64, count: CoverageCount, ours: bool) {
        self.add(1, |counts, room| {
            more(counts.coverage.entry((day, count)), 1, room.is_for(ours))
        });
    }

    /// Counts what a stranger did.
    pub fn count_attack(&self, hour: u64, attacks: Vec<AttackCount>) {
        for attack in attacks {
            self.add(1, |counts, room| {
                more(counts.attack.entry((hour, attack)), 1, room.is_for(false))
            });
        }
    }

    /// Counts what was accepted only because of monitoring, and the sender of what was accepted otherwise.
    pub fn count_would(&self, day: u64, would: Vec<Would>, accepted_sender: Option<String>) {
        for Would { group, example } in would {
            let once = WouldTally {
                times: 1,
                newest: Some(example),
            };
            self.add(1, |counts, room| {
                once.add_to(counts.would.entry((day, group)), room.is_for(false))
            });
        }
        if let Some(sender) = accepted_sender {
            self.add(1, |counts, room| {
                more(counts.senders.entry((day, sender)), 1, room.is_for(false))
            });
        }
    }

    /// Keeps a hash of a Message-ID that a stranger's bounce brought.
    pub fn keep_forged(&self, at: u64, forged: Vec<Hash>) {
        for hash in forged {
            self.add(1, |counts, room| {
                let has_place = counts.forged.contains_key(&hash) || room.is_for(false);
                if has_place {
                    counts.forged.insert(hash, at);
                }
                has_place
            });
        }
    }

    /// Notes that a siege began or ended.
    pub fn note_siege(&self, event: SiegeEvent) {
        self.add(1, |counts, room| {
            let has_place = room.is_for(true);
            if has_place {
                counts.sieges.insert(event);
            }
            has_place
        });
    }

    /// Learns something; `false` if there is no room for it.
    pub fn learn(&self, learn: Learn) -> bool {
        self.add(1, |counts, room| {
            let has_place = counts.learned.contains(&learn) || room.is_for(learn.sent);
            if has_place {
                counts.learned.insert(learn);
            }
            has_place
        })
    }

    /// Counts a use of a proof, over those that wait or else over what was read: `read` has that, and the version that was
    /// asked for it. It must be read, again, where the version is given.
    ///
    /// Where there is no room, it counts and is forgotten: a few more then count than may, and none is refused.
    pub fn use_proof(
        &self,
        proof: &ProofUse,
        read: Option<(Version, KeptUses)>,
    ) -> Result<Use, Version> {
        let unwritten = &self.0.unwritten;
        let mut answer = Err(unwritten.version());
        self.add(1, |counts, room| {
            // Under the lock of the state, so that none comes between.
            let version = unwritten.version();
            let read = read.filter(|(then, _)| *then == version);
            let kept = unwritten.uses(proof.message);
            let Some(mut kept) = kept.or(read.map(|(_, kept)| kept)) else {
                answer = Err(version);
                return true;
            };
            let used = kept.take(&proof.attempt, proof.until);
            answer = Ok(used);
            let has_place = !used.counts() || room.is_for(true);
            if used.counts() && has_place {
                counts.uses.push_back(*proof);
                unwritten.add_use(proof.message, kept);
            }
            has_place
        });
        answer
    }

    /// Keeps a sample, if there is room for it. A flood brings more than enough of them, so none is a loss.
    pub fn keep_sample(&self, sample: Waiting) {
        self.add(0, |counts, room| {
            let has_place = room.is_for(false);
            if has_place {
                counts.samples.push(sample);
            }
            has_place
        });
    }

    /// Waits until everything queued before is written, for [`FLUSH`] at most.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        self.lock().flushes.push(done);
        self.0.changed.notify_one();
        // The time ran out, or the writer gave up: either way there is nothing more to wait for.
        let _ = timeout(FLUSH, is_done).await;
    }

    /// How many messages, and how many other things, are not written yet.
    pub fn waiting(&self) -> (usize, usize) {
        let state = self.lock();
        (state.messages(), state.counts())
    }

    /// Another store takes this one's place, and gets what this one can't write. Only the first call counts.
    pub fn hand_over_to(&self, successor: &Self) {
        let _ = self.0.successor.set(successor.clone());
    }

    /// Nothing more comes: what waits is written, or given up.
    pub fn close(&self) {
        self.0.closed.send_replace(true);
        self.0.changed.notify_one();
    }

    pub fn is_closed(&self) -> bool {
        *self.0.closed.borrow()
    }

    /// Waits until nothing more comes.
    pub async fn closed(&self) {
        let mut closed = self.0.closed.subscribe();
        // The sender is ours, so it is there.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    /// What is to be written next; `None` when the queue is closed and empty. Messages are taken at once, and whatever
    /// comes while they are written goes together next. Counts wait for others, for `gather`.
    pub async fn take(&self, gather: Duration) -> Option<Taken> {
        loop {
            let due = {
                let mut state = self.lock();
                let is_closed = self.is_closed();
                let is_due = state.since.is_some_and(|since| since.elapsed() >= gather);
                let all = is_due || is_closed || !state.flushes.is_empty();
                if let Some(taken) = state.take(all) {
                    return Some(taken);
                }
                if is_closed {
                    return None;
                }
                state.since.map(|since| since + gather)
            };
            let changed = self.0.changed.notified();
            match due {
                None => changed.await,
                Some(due) => {
                    let _ = timeout_at(due.into(), changed).await;
                }
            }
        }
    }

    /// What was lost, so that the store counts it: with the next batch.
    pub fn count_losses(&self, batch: &mut Batch) {
        for (count, times) in self.0.journal.losses.uncounted() {
            let sum = batch.counts.coverage.entry(count).or_default();
            *sum = sum.saturating_add(times);
        }
    }

    /// After an attempt to write it: tells the messages whose entries are written, and counts what failed for good.
    pub fn written(&self, taken: &mut Taken) {
        let lost = std::mem::take(&mut taken.batch.counts.lost);
        self.0.journal.losses.counts(lost);
        if taken.batch.sent.is_empty() {
            for (message, sender) in taken.keys.drain(..) {
                self.0.unwritten.remove(message, sender);
            }
            taken.tickets.drain(..).for_each(Ticket::written);
        }
        if taken.batch.counts.uses.is_empty() {
            self.0
                .unwritten
                .remove_uses(&std::mem::take(&mut taken.used));
        }
    }

    /// All of it is written.
    pub fn done(&self, taken: Taken) {
        let is_empty = {
            let mut state = self.lock();
            (state.messages_in_hand, state.counts_in_hand) = (0, 0);
            state.messages() + state.counts() == 0
        };
        for done in taken.flushes {
            // The caller may no longer wait.
            let _ = done.send(());
        }
        if is_empty {
            self.0.journal.is_well();
        }
    }

    /// Gives up what is in hand and all that waits: it goes to the successor, as far as there is one with room. Gives how
    /// many messages are lost, and how many counts.
    pub fn give_up(&self, taken: Taken) -> (u64, u64) {
        let waiting = std::mem::take(&mut *self.lock());
        let losses = &self.0.journal.losses;
        let before = losses.lost();
        let mut successor = self.0.successor.get();
        while let Some(next) = successor.and_then(|queue| queue.0.successor.get()) {
            successor = Some(next);
        }
        let in_hand = taken.batch.sent.into_iter().zip(taken.tickets);
        for (sent, ticket) in in_hand.chain(waiting.messages) {
            // A ticket that is dropped counts its message as lost.
            if let Some(successor) = successor {
                successor.push(sent, ticket);
            }
        }
        for counts in [taken.batch.counts, waiting.counts] {
            match successor {
                Some(successor) => successor.take_over(counts),
                None => losses.counts(counts.times()),
            }
        }
        let after = losses.lost();
        (
            after.messages.saturating_sub(before.messages),
            after.counts.saturating_sub(before.counts),
        )
    }

    fn push(&self, sent: Sent, ticket: Ticket) {
        let mut state = self.lock();
        if state.messages() >= MESSAGES || self.is_closed() {
            drop(state);
            drop(ticket);
            self.0.journal.tell(Instant::now());
            return;
        }
        self.0.unwritten.add(&sent);
        state.messages.push_back((sent, ticket));
        drop(state);
        self.0.changed.notify_one();
    }

    /// Adds something to the counts, which is `worth` so much; `false` if there was no room.
    fn add(&self, worth: u64, add: impl FnOnce(&mut Counts, Room) -> bool) -> bool {
        let mut state = self.lock();
        // What the writer has in hand takes no room: what is counted often and is in hand needs another place.
        let room = Room {
            taken: if self.is_closed() {
                COUNTS
            } else {
                state.counts.len()
            },
        };
        let has_place = add(&mut state.counts, room);
        let is_first = state.since.is_none() && state.counts.len() > 0;
        if is_first {
            state.since = Some(Instant::now());
        }
        drop(state);
        if is_first {
            self.0.changed.notify_one();
        }
        if !has_place && worth > 0 {
            self.0.journal.losses.counts(worth);
            self.0.journal.tell(Instant::now());
        }
        has_place
    }

    /// Takes what another store could not write.
    fn take_over(&self, left: Counts) {
        for ((day, count), times) in left.coverage {
            self.add(times, |counts, room| {
                more(
                    counts.coverage.entry((day, count)),
                    times,
                    room.is_for(true),
                )
            });
        }
        for ((hour, attack), times) in left.attack {
            self.add(times, |counts, room| {
                more(
                    counts.attack.entry((hour, attack)),
                    times,
                    room.is_for(false),
                )
            });
        }
        for (group, tally) in left.would {
            self.add(tally.times, |counts, room| {
                tally.add_to(counts.would.entry(group), room.is_for(false))
            });
        }
        for (sender, times) in left.senders {
            self.add(times, |counts, room| {
                more(counts.senders.entry(sender), times, room.is_for(false))
            });
        }
        for (hash, at) in left.forged {
            self.keep_forged(at, vec![hash]);
        }
        for event in left.sieges {
            self.note_siege(event);
        }
        for learn in left.learned {
            self.learn(learn);
        }
        for proof in left.uses {
            // Nobody has read what this store has of it: a few more may count meanwhile.
            let read = (self.0.unwritten.version(), KeptUses::default());
            let _ = self.use_proof(&proof, Some(read));
        }
        left.samples
            .into_iter()
            .for_each(|sample| self.keep_sample(sample));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
