//! Keeps a store open, answers questions of it within a second, and at once while it is known to be down.

use std::{fmt, ops::RangeInclusive, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    select,
    sync::{Semaphore, watch},
    task::AbortHandle,
    time::{interval, sleep, timeout},
};

use super::{
    Health, Reason, SiegeRecords, Store, Unavailable,
    backend::{Backend, Waiting, now},
    health::Journal,
    siege,
    writer::{Entry, Queue, queue, write},
};
use crate::core::{
    attack::{AttackCount, AttackRow, Sample},
    learned::{Learn, Learned},
    proof::{
        coverage::{CoverageCount, CoverageRow},
        ledger::{Hash, MAX_RECIPIENTS, Remembered, Sent},
        today,
        uses::{Attempt, Use},
    },
};

/// How long a question waits for its answer: mail waits with it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a report waits for what it is made of.
const REPORT: Duration = Duration::from_secs(10);
/// How long a store that is down is left alone between two attempts.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// How long one that can't be written to is left so.
const READ_ONLY: Duration = Duration::from_secs(10);
/// How many samples wait to be written; further ones are not kept. 3 MB if each is as large as it may be.
const MOST_WAITING: usize = 100;
/// How often what is over is forgotten.
const PRUNE: Duration = Duration::from_secs(60);

/// Opens it in the background, and again whenever it was down.
pub(super) fn start<B: Backend>(backend: B) -> Arc<dyn Store> {
    let (state, _) = watch::channel(State::Opening);
    let kept = Arc::new(Kept {
        backend,
        state,
        journal: Journal::default(),
    });
    let (queue, entries) = queue();
    tokio::spawn(write(Arc::clone(&kept), entries));
    let keeper = tokio::spawn(keep(Arc::clone(&kept))).abort_handle();
    Arc::new(Keeper {
        kept,
        queue,
        keeper,
        places: Arc::new(Semaphore::new(MOST_WAITING)),
    })
}

/// Whether it can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// The first attempt: it is worth the wait.
    Opening,
    Open,
    Down(Unavailable),
}

/// A store, and what is known of it.
pub(super) struct Kept<B> {
    pub backend: B,
    pub journal: Journal,
    state: watch::Sender<State>,
}

impl<B: Backend> Kept<B> {
    /// Waits until it is open.
    pub async fn opened(&self) {
        // The sender is ours, so it is there.
        let _ = self
            .state
            .subscribe()
            .wait_for(|state| *state == State::Open)
            .await;
    }

    /// Notes that it is down, if that is what an error means.
    pub fn failed(&self, error: &Unavailable) {
        if error.is_outage() {
            self.state.send_if_modified(|state| {
                let was_up = !matches!(state, State::Down(_));
                if was_up {
                    *state = State::Down(error.clone());
                }
                was_up
            });
        }
    }

    async fn ask<T>(
        &self,
        limit: Duration,
        question: impl Future<Output = Result<T, Unavailable>>,
    ) -> Result<T, Unavailable> {
        let answer = timeout(limit, async {
            self.known().await?;
            question.await
        });
        let answer = answer.await.unwrap_or_else(|_| {
            let name = self.backend.name();
            let text = format!("{name} did not answer within {} s", limit.as_secs());
            Err(Unavailable::new(Reason::Slow, text))
        });
        if let Err(error) = &answer {
            self.journal.question_failed(error);
            self.failed(error);
        }
        answer
    }

    /// Waits until it is known whether it can be asked.
    async fn known(&self) -> Result<(), Unavailable> {
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| *state != State::Opening).await;
        match known.as_deref() {
            Ok(State::Down(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

/// Opens the store until that succeeds, then waits until it is down.
async fn keep<B: Backend>(kept: Arc<Kept<B>>) {
    let mut state = kept.state.subscribe();
    loop {
        let pause = match kept.backend.open().await {
            Ok(()) => {
                kept.state.send_replace(State::Open);
                select! {
                    _ = state.wait_for(|state| *state != State::Open) => RETRY,
                    () = prune(&kept) => READ_ONLY,
                }
            }
            Err(error) => {
                kept.journal.background_failed(&error);
                kept.state.send_replace(State::Down(error));
                RETRY
            }
        };
        sleep(pause).await;
    }
}

/// Ends where nothing can be written: a connection that was made to a file or a server that is read-only stays so, whatever
/// becomes of that, while it still answers questions.
async fn prune<B: Backend>(kept: &Kept<B>) {
    let mut ticks = interval(PRUNE);
    loop {
        ticks.tick().await;
        match kept.backend.prune(now()).await {
            Ok(()) => kept.journal.is_back(kept.backend.name()),
            Err(error) => {
                kept.journal.background_failed(&error);
                kept.failed(&error);
                if error.reason() == Reason::ReadOnly {
                    return;
                }
            }
        }
    }
}

/// The store as the rest of Backstop sees it.
struct Keeper<B> {
    kept: Arc<Kept<B>>,
    queue: Queue,
    keeper: AbortHandle,
    /// For samples that wait to be written.
    places: Arc<Semaphore>,
}

impl<B: Backend> Keeper<B> {
    /// `ours`: something that mail of our own made. What strangers make may fill half of the queue at most.
    fn enqueue(&self, entry: Entry, ours: bool) -> bool {
        let has_place = if ours {
            self.queue.push(entry)
        } else {
            self.queue.push_if_spare(entry)
        };
        if !has_place {
            self.kept.journal.dropped(self.kept.backend.name());
        }
        has_place
    }
}

impl<B: Backend> Store for Keeper<B> {
    fn remember(&self, mut sent: Sent) {
        sent.recipients.truncate(MAX_RECIPIENTS);
        self.enqueue(Entry::Sent(sent), true);
    }

    fn count(&self, day: u64, count: CoverageCount) {
        if count.fits() {
            let ours = matches!(count, CoverageCount::Outgoing { .. });
            self.enqueue(Entry::Count(day, count), ours);
        }
    }

    fn learn(&self, learn: Learn) -> bool {
        let ours = learn.sent;
        self.enqueue(Entry::Learn(learn), ours)
    }

    fn count_attack(&self, hour: u64, counts: Vec<AttackCount>) {
        if !counts.is_empty() {
            self.enqueue(Entry::Attack(hour, counts), false);
        }
    }

    fn keep_sample(&self, sample: Sample) {
        // In a flood there are more than enough of them: those that find no place are nobody's loss.
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let waiting = Waiting {
                sample,
                _place: place,
            };
            self.queue.push_if_spare(Entry::Sample(Box::new(waiting)));
        }
    }

    fn sent(&self, message: Vec<Hash>) -> BoxFuture<'_, Result<Option<Remembered>, Unavailable>> {
        let kept = &self.kept;
        async move {
            match self.queue.unwritten.sent(&message) {
                Some(newest) => Ok(Some(newest)),
                None => kept.ask(PATIENCE, kept.backend.sent(&message, now())).await,
            }
        }
        .boxed()
    }

    fn last_sent(&self, senders: Vec<Hash>) -> BoxFuture<'_, Result<Option<u64>, Unavailable>> {
        let kept = &self.kept;
        async move {
            match self.queue.unwritten.last_sent(&senders) {
                Some(latest) => Ok(Some(latest)),
                None => {
                    let question = kept.backend.last_sent(&senders, now());
                    kept.ask(PATIENCE, question).await
                }
            }
        }
        .boxed()
    }

    fn use_proof(
        &self,
        message: Hash,
        attempt: Attempt,
        until: u64,
    ) -> BoxFuture<'_, Result<Use, Unavailable>> {
        let kept = &self.kept;
        async move {
            let used = kept.backend.use_proof(message, &attempt, until);
            kept.ask(PATIENCE, used).await
        }
        .boxed()
    }

    fn coverage(
        &self,
        days: RangeInclusive<u64>,
    ) -> BoxFuture<'_, Result<Vec<CoverageRow>, Unavailable>> {
        async move {
            let mut rows = self
                .kept
                .ask(REPORT, self.kept.backend.coverage(days))
                .await?;
            rows.sort_unstable();
            Ok(rows)
        }
        .boxed()
    }

    fn learned(&self, addresses: Vec<Hash>) -> BoxFuture<'_, Result<Option<Learned>, Unavailable>> {
        let kept = &self.kept;
        async move {
            let learned = kept.backend.learned(&addresses, today(now()));
            kept.ask(PATIENCE, learned).await
        }
        .boxed()
    }

    fn siege_records(&self) -> BoxFuture<'_, Result<SiegeRecords, Unavailable>> {
        async move {
            let records = self.kept.backend.siege_records();
            let mut records = self.kept.ask(PATIENCE, records).await?;
            records
                .records
                .sort_unstable_by(|one, other| one.name.cmp(&other.name));
            Ok(records)
        }
        .boxed()
    }

    fn write_siege_record(
        &self,
        name: String,
        seen: u64,
        bytes: Vec<u8>,
    ) -> BoxFuture<'_, Result<Option<u64>, Unavailable>> {
        async move {
            siege::check(&name, &bytes)?;
            let written = self.kept.backend.write_siege_record(&name, seen, &bytes);
            self.kept.ask(PATIENCE, written).await
        }
        .boxed()
    }

    fn attack(
        &self,
        hours: RangeInclusive<u64>,
    ) -> BoxFuture<'_, Result<Vec<AttackRow>, Unavailable>> {
        async move {
            let asked = self.kept.ask(REPORT, self.kept.backend.attack(hours));
            let mut rows = asked.await?;
            rows.sort_unstable();
            Ok(rows)
        }
        .boxed()
    }

    fn samples(
        &self,
        time: RangeInclusive<u64>,
    ) -> BoxFuture<'_, Result<Vec<Sample>, Unavailable>> {
        async move {
            let asked = self.kept.ask(REPORT, self.kept.backend.samples(time));
            let mut samples = asked.await?;
            samples.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
            Ok(samples)
        }
        .boxed()
    }

    fn queue(&self) -> Option<&Queue> {
        Some(&self.queue)
    }

    fn flush(&self) -> BoxFuture<'_, ()> {
        self.queue.flush().boxed()
    }

    fn health(&self) -> Health {
        let state = self.kept.state.borrow().clone();
        let down = match state {
            State::Down(error) => Some(error),
            State::Opening | State::Open => None,
        };
        self.kept.journal.health(down, self.queue.unwritten.count())
    }
}

impl<B: Backend> fmt::Debug for Keeper<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.kept.backend.name())
    }
}

impl<B> Drop for Keeper<B> {
    fn drop(&mut self) {
        // The writer ends by itself, when the queue is written.
        self.keeper.abort();
    }
}
