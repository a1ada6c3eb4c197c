//! The store as the rest of Backstop sees it: limits how long a question takes, and answers at once while the store is
//! known to be down.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use tokio::{sync::Semaphore, task::AbortHandle, time::timeout};

use super::{
    Health, Questions, Reason, Store, StoreAnswer, Unavailable,
    batch::Waiting,
    health::Journal,
    losses::Losses,
    queue::Queue,
    receipt::Receipt,
    supervisor::{Backend, Supervisor, keep_open},
    writer::write,
};
use crate::core::{
    attack::{AttackCount, Sample},
    learned::Learn,
    proof::{
        coverage::CoverageCount,
        ledger::{Hash, MAX_RECIPIENTS, Sent},
    },
    siege::SiegeEvent,
    would::Would,
};

/// How long a question may take.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    time: Duration,
    /// What it means that the time is over.
    late: Reason,
}

/// While mail waits for the answer.
pub(super) const PATIENCE: Limit = Limit {
    time: Duration::from_secs(1),
    late: Reason::Slow,
};
/// The same by a connection that only writes: that it has to wait says nothing of those that read.
pub(super) const PATIENCE_TO_WRITE: Limit = Limit {
    late: Reason::Busy,
    ..PATIENCE
};
/// For many entries at once, while the daemon writes, too.
pub(super) const IMPORT: Limit = Limit {
    time: Duration::from_secs(60),
    late: Reason::Busy,
};
/// For a report.
pub(super) const REPORT: Limit = Limit {
    time: Duration::from_secs(10),
    ..PATIENCE
};
/// The maximum number of samples that wait to be written, 3 MB at most; further ones are not kept.
const MAX_WAITING: usize = 100;

/// Opens the store in the background, and again when it was down.
pub(super) fn start<B: Backend>(backend: B, losses: Arc<Losses>) -> Arc<dyn Store>
where
    Handle<B>: Questions,
{
    let journal = Arc::new(Journal::new(backend.name(), losses));
    let queue = Queue::new(Arc::clone(&journal));
    let supervisor = Arc::new(Supervisor::new(backend, journal));
    tokio::spawn(write(Arc::clone(&supervisor), queue.clone()));
    let opener = keep_open(Arc::clone(&supervisor), queue.clone());
    let keep_open = tokio::spawn(opener).abort_handle();
    Arc::new(Handle {
        supervisor,
        queue,
        keep_open,
        places: Arc::new(Semaphore::new(MAX_WAITING)),
    })
}

/// A store that is kept open.
pub(super) struct Handle<B: Backend> {
    supervisor: Arc<Supervisor<B>>,
    pub queue: Queue,
    keep_open: AbortHandle,
    /// The places for samples that wait to be written.
    places: Arc<Semaphore>,
}

impl<B: Backend> Handle<B> {
    /// Asks the store, and waits until the limit is over at most.
    pub fn ask<'a, T, F>(
        &'a self,
        limit: Limit,
        question: impl FnOnce(&'a B, B::Connection) -> F + Send + 'a,
    ) -> StoreAnswer<'a, T>
    where
        T: Send + 'a,
        F: Future<Output = Result<T, B::Error>> + Send,
    {
        let supervisor = &*self.supervisor;
        let backend = &supervisor.backend;
        async move {
            let answer = timeout(limit.time, async {
                let connection = supervisor.connection().await?;
                let answer = question(backend, connection).await;
                answer.map_err(|error| backend.failed(error))
            });
            let answer = answer.await.unwrap_or_else(|_| {
                let name = backend.name();
                let text = format!("{name} did not answer within {} s", limit.time.as_secs());
                Err(Unavailable::new(limit.late, text))
            });
            if let Err(error) = &answer {
                supervisor.journal.question_failed(error);
                supervisor.failed(error);
            }
            answer
        }
        .boxed()
    }
}

/// An answer that is known without the backend.
pub(super) fn answered<'a, T: Send + 'a>(answer: Result<T, Unavailable>) -> StoreAnswer<'a, T> {
    ready(answer).boxed()
}

impl<B: Backend> Store for Handle<B>
where
    Self: Questions,
{
    fn remember(&self, mut sent: Sent) -> Receipt {
        sent.recipients.truncate(MAX_RECIPIENTS);
        self.queue.remember(sent)
    }

    fn count(&self, day: u64, count: CoverageCount) {
        if count.fits() {
            let ours = matches!(count, CoverageCount::Outgoing { .. });
            self.queue.count(day, count, ours);
        }
    }

    fn learn(&self, learn: Learn) -> bool {
        self.queue.learn(learn)
    }

    fn count_attack(&self, hour: u64, counts: Vec<AttackCount>) {
        self.queue.count_attack(hour, counts);
    }

    fn keep_sample(&self, sample: Sample) {
        // A flood brings more than enough of them: those without a place are no loss.
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.queue.keep_sample(Waiting {
                sample,
                _place: place,
            });
        }
    }

    fn keep_forged(&self, at: u64, forged: Vec<Hash>) {
        self.queue.keep_forged(at, forged);
    }

    fn count_would(&self, day: u64, would: Vec<Would>, accepted_sender: Option<String>) {
        self.queue.count_would(day, would, accepted_sender);
    }

    fn note_siege(&self, event: SiegeEvent) {
        self.queue.note_siege(event);
    }

    fn queue(&self) -> Option<&Queue> {
        Some(&self.queue)
    }

    fn losses(&self) -> Arc<Losses> {
        Arc::clone(&self.supervisor.journal.losses)
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        self.queue.flush().boxed()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let supervisor = &*self.supervisor;
        async move {
            supervisor.tried().await;
            self.keep_open.abort();
            self.queue.close();
            if !supervisor.is_closed().await {
                let name = supervisor.backend.name();
                let (messages, counts) = self.queue.waiting();
                log::warn!(
                    "store: {name} hangs and is not closed: the entries of the last {messages} outgoing messages and \
                     {counts} counts are lost"
                );
            }
        }
        .boxed()
    }

    fn health(&self) -> Health {
        let (messages, counts) = self.queue.waiting();
        let waiting = u64::try_from(messages + counts).unwrap_or(u64::MAX);
        let down = self.supervisor.outage();
        self.supervisor.journal.health(down, waiting)
    }
}

impl<B: Backend> fmt::Debug for Handle<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.supervisor.backend.name())
    }
}

impl<B: Backend> Drop for Handle<B> {
    fn drop(&mut self) {
        // The writer ends by itself, when the queue is empty.
        self.keep_open.abort();
        self.queue.close();
    }
}
