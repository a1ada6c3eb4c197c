//! The queue of entries to write, and the task that writes them, so that no mail waits for it.

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

/// The maximum number of entries that wait; further ones are dropped. 40 MB if each has the maximum of recipients.
const ROOM: usize = 10_000;
/// The maximum number of entries that are written at once.
const LARGEST_BATCH: usize = 1_000;
/// How long [`Queue::flush`] waits.
const FLUSH: Duration = Duration::from_secs(3);

/// Something to write.
pub enum Entry {
    /// An outgoing message.
    Sent(Sent),
    /// Something that happened on a day.
    Count(u64, CoverageCount),
    /// Something that was learned about an address.
    Learn(Learn),
    /// What was counted of a bounce in an hour.
    Attack(u64, Vec<AttackCount>),
    /// A sample of a refused bounce.
    Sample(Box<Waiting>),
    /// A batch that another store could not write.
    Left(Box<Batch>),
}

enum Queued {
    Entry(Entry),
    /// To be told when everything before this is written.
    Flush(oneshot::Sender<()>),
}

/// The end of the queue where entries go in.
#[derive(Clone)]
pub struct Queue {
    entries: mpsc::Sender<Queued>,
    pub unwritten: Arc<Unwritten>,
    successor: Arc<OnceLock<Queue>>,
}

/// The end where they come out.
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
    /// Queues an entry, if there is room for it.
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

    /// Queues an entry, if half of the queue is free: that half is for our own mail, however many bounces strangers send.
    pub fn push_if_spare(&self, entry: Entry) -> bool {
        self.entries.capacity() > ROOM / 2 && self.push(entry)
    }

    /// Another store takes this one's place, and gets what this one can't write. Only the first call counts.
    pub fn hand_over_to(&self, successor: &Self) {
        let _ = self.successor.set(successor.clone());
    }

    /// Queues what another store could not write, if there is room for it.
    fn take_over(&self, left: Batch) -> bool {
        let mut last = self;
        while let Some(successor) = last.successor.get() {
            last = successor;
        }
        last.push(Entry::Left(Box::new(left)))
    }

    /// Waits until the queue is written, for [`FLUSH`] at most.
    pub async fn flush(&self) {
        let (done, is_done) = oneshot::channel();
        // The time ran out, or the writer gave up: either way there is nothing more to wait for.
        let _ = timeout(FLUSH, async {
            self.entries.send(Queued::Flush(done)).await.ok()?;
            is_done.await.ok()
        })
        .await;
    }
}

/// Writes what comes out of the queue, until the queue is closed and empty. A batch that can't be written is tried again,
/// and meanwhile the queue fills.
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
        // The caller may no longer wait.
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
    /// Gives what is left to the successor, if there is one. Returns how much is lost.
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

    /// The next entries, how many they are, and who waits for them; `None` when the queue is closed and empty.
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
