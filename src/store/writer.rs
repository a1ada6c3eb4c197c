//! The queue of what is to be written, and the one task that writes it, off the path of the mail.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    batch::{Batch, Waiting},
    supervisor::{Backend, RETRY, Supervisor},
    unwritten::Unwritten,
};
use crate::core::{
    attack::AttackCount,
    learned::Learn,
    proof::{coverage::CoverageCount, ledger::Sent},
};

/// How many entries wait to be written; further ones are dropped. 40 MB if each has all the recipients it may have.
const ROOM: usize = 10_000;
/// The most that is written at once.
const LARGEST_BATCH: usize = 1_000;
/// How long [`Queue::flush`] waits.
const FLUSH: Duration = Duration::from_secs(3);

/// What is to be written.
pub enum Entry {
    /// An outgoing message.
    Sent(Sent),
    /// Something that happened on a day.
    Count(u64, CoverageCount),
    /// Something that is learned of an address.
    Learn(Learn),
    /// What is counted of a bounce in an hour.
    Attack(u64, Vec<AttackCount>),
    /// A sample of a refused bounce.
    Sample(Box<Waiting>),
    /// What another store was to write, and could not.
    Left(Box<Batch>),
}

enum Queued {
    Entry(Entry),
    /// Who waits for all before this.
    Flush(oneshot::Sender<()>),
}

/// Where entries go.
#[derive(Clone)]
pub struct Queue {
    entries: mpsc::Sender<Queued>,
    pub unwritten: Arc<Unwritten>,
    successor: Arc<OnceLock<Queue>>,
}

/// Where they come out.
pub struct Entries {
    queue: mpsc::Receiver<Queued>,
    unwritten: Arc<Unwritten>,
    successor: Arc<OnceLock<Queue>>,
}

pub fn queue() -> (Queue, Entries) {
    let (entries, queue) = mpsc::channel(ROOM);
    let unwritten = Arc::<Unwritten>::default();
    let successor = Arc::<OnceLock<Queue>>::default();
    let entries = Queue {
        entries,
        unwritten: Arc::clone(&unwritten),
        successor: Arc::clone(&successor),
    };
    let queue = Entries {
        queue,
        unwritten,
        successor,
    };
    (entries, queue)
}

impl Queue {
    /// Whether there was room for it.
    pub fn push(&self, entry: Entry) -> bool {
        let Ok(room) = self.entries.try_reserve() else {
            return false;
        };
        self.unwritten.queued();
        match &entry {
            Entry::Sent(sent) => self.unwritten.add(sent),
            Entry::Left(left) => left.sent.iter().for_each(|sent| self.unwritten.add(sent)),
            _ => {}
        }
        room.send(Queued::Entry(entry));
        true
    }

    /// Whether there was room to spare for it: half of the queue is kept for what is missed more. However many bounces
    /// strangers send, what is remembered of our own mail has a place.
    pub fn push_if_spare(&self, entry: Entry) -> bool {
        self.entries.capacity() > ROOM / 2 && self.push(entry)
    }

    /// Another store takes this one's place: what this one can't write, it is given. Only the first one is.
    pub fn hand_over_to(&self, successor: &Self) {
        let _ = self.successor.set(successor.clone());
    }

    /// Takes what another store could not write; whether there was room for it.
    fn take_over(&self, left: Batch) -> bool {
        let mut last = self;
        while let Some(successor) = last.successor.get() {
            last = successor;
        }
        last.push(Entry::Left(Box::new(left)))
    }

    /// Waits until all that is in the queue is written, but not for long.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        // Whether the time ran out or the writer gave up: there is nothing more to wait for.
        let _ = timeout(FLUSH, async {
            self.entries.send(Queued::Flush(done)).await.ok()?;
            is_done.await.ok()
        })
        .await;
    }
}

/// Writes what comes out of the queue, until that is closed and empty. What can't be written is tried again: meanwhile
/// the queue fills.
pub async fn write<B: Backend>(supervisor: Arc<Supervisor<B>>, mut entries: Entries) {
    while let Some((mut batch, taken, waiting)) = entries.batch(B::GATHER).await {
        let sent: Vec<_> = batch.sent.iter().map(|s| (s.message, s.sender)).collect();
        while batch.len() > 0 {
            let written = written(&supervisor, &mut batch, &entries).await;
            if !written && entries.queue.is_closed() {
                let lost = entries.hand_over(batch).await;
                if lost > 0 {
                    let name = supervisor.backend.name();
                    log::warn!("store: {name}: the last {lost} entries are lost");
                }
                return;
            }
            if !written {
                sleep(RETRY).await;
            }
        }
        for (message, sender) in sent {
            entries.unwritten.remove(message, sender);
        }
        entries.unwritten.done(taken);
        // Whoever waited may have gone.
        for done in waiting {
            let _ = done.send(());
        }
    }
}

async fn written<B: Backend>(
    supervisor: &Supervisor<B>,
    batch: &mut Batch,
    entries: &Entries,
) -> bool {
    let connection = loop {
        match timeout(RETRY, supervisor.opened()).await {
            Ok(Some(connection)) => break connection,
            _ if entries.queue.is_closed() => return false,
            _ => {}
        }
    };
    let Err(error) = supervisor.backend.write(&connection, batch).await else {
        return true;
    };
    supervisor.journal.background_failed(&error);
    supervisor.failed(&error);
    false
}

impl Entries {
    /// Gives the successor, if there is one, what is left; how much of it is lost.
    async fn hand_over(&mut self, batch: Batch) -> usize {
        let successor = self.successor.get().cloned();
        let mut lost = 0;
        let mut left = Some(batch);
        while let Some(batch) = left {
            let count = batch.len();
            let taken = successor.as_ref().is_some_and(|to| to.take_over(batch));
            lost += if taken { 0 } else { count };
            left = self.batch(Duration::ZERO).await.map(|(batch, ..)| batch);
        }
        lost
    }

    /// The next entries, how many they are, and who waits for them; `None` when there is nothing more to come.
    async fn batch(&mut self, gather: Duration) -> Option<(Batch, u64, Vec<oneshot::Sender<()>>)> {
        let mut batch = Batch::default();
        let mut taken = 0;
        let mut waiting = Vec::new();
        let mut next = Some(self.queue.recv().await?);
        let end = Instant::now() + gather;
        while let Some(queued) = next.take() {
            taken += u64::from(matches!(queued, Queued::Entry(_)));
            match queued {
                Queued::Entry(Entry::Sent(sent)) => batch.sent.push(sent),
                Queued::Entry(Entry::Count(day, count)) => {
                    let times = batch.counts.entry((day, count)).or_default();
                    *times = times.saturating_add(1);
                }
                Queued::Entry(Entry::Learn(learn)) => {
                    batch.learned.insert(learn);
                }
                Queued::Entry(Entry::Attack(hour, counts)) => {
                    for count in counts {
                        let times = batch.attack.entry((hour, count)).or_default();
                        *times = times.saturating_add(1);
                    }
                }
                Queued::Entry(Entry::Sample(waiting)) => batch.samples.push(*waiting),
                Queued::Entry(Entry::Left(left)) => batch.add(*left),
                Queued::Flush(done) => {
                    waiting.push(done);
                    break;
                }
            }
            if batch.len() < LARGEST_BATCH {
                next = timeout_at(end, self.queue.recv()).await.ok().flatten();
            }
        }
        Some((batch, taken, waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_leaves_room_for_our_own_mail() {
        let (queue, _entries) = queue();
        let attack = || Entry::Attack(7, Vec::new());
        let pushed = (0..ROOM).filter(|_| queue.push_if_spare(attack())).count();
        assert_eq!(pushed, ROOM / 2);
        let outcome = "batv".to_owned();
        assert!(queue.push(Entry::Count(7, CoverageCount::Bounce { outcome })));
        assert!(!queue.push_if_spare(attack()));
    }
}
