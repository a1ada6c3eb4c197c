//! Opens the store, and opens it again when it was down. Deletes what has expired. Closes it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{
    select,
    sync::{Notify, watch},
    time::{interval, sleep, timeout},
};

use super::{
    Reason, Unavailable,
    batch::{Batch, now},
    health::Journal,
    queue::Queue,
};
use crate::core::proof::today;

/// The pause between two attempts to open a store that is down.
pub(super) const RETRY: Duration = Duration::from_secs(2);
/// How long a store that can't be written to stays open for questions, before it is opened again.
const READ_ONLY: Duration = Duration::from_secs(10);
/// How long closing waits for what is not written yet.
const CLOSE: Duration = Duration::from_secs(10);
/// How often expired rows are deleted.
const PRUNE: Duration = Duration::from_secs(60);

/// A kind of store: how it is opened and written to. How it answers is in its implementations of [`super::questions`].
pub(super) trait Backend: Send + Sync + 'static {
    /// How long the first entry of a batch waits for others. Other processes do not see it meanwhile.
    const GATHER: Duration;

    /// An open connection.
    type Connection: Clone + Send + Sync + 'static;

    /// The error of the database's library.
    type Error: Send;

    /// Its name, without a password.
    fn name(&self) -> &str;

    /// Opens it. Called once at a time.
    fn open(&self) -> impl Future<Output = Result<Opened<Self::Connection>, Unavailable>> + Send;

    /// What was open turned out to be damaged: makes room for a new one, if there can be one, and says what it did.
    fn make_room(&self) -> Option<String> {
        None
    }

    /// Writes a batch. What is written is removed from it; the rest is tried again.
    fn write(
        &self,
        connection: &Self::Connection,
        batch: &mut Batch,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Deletes what has expired at `now`, in seconds since 1970.
    fn prune(
        &self,
        connection: &Self::Connection,
        now: u64,
    ) -> impl Future<Output = Result<(), Unavailable>> + Send;

    /// Closes it.
    fn close(&self, connection: Self::Connection) -> impl Future<Output = ()> + Send;

    /// The error in words that name the store.
    fn failed(&self, error: Self::Error) -> Unavailable;
}

/// A store that was opened.
pub(super) struct Opened<C> {
    pub connection: C,
    /// How many entries of the ledger are gone with the file that was open before.
    pub gone: u64,
}

/// Whether the store can be asked.
enum State<C> {
    /// The first attempt: questions wait for it.
    Opening,
    Open(C),
    Down(Unavailable),
}

/// A backend, and whether it can be asked.
pub(super) struct Supervisor<B: Backend> {
    pub backend: B,
    pub journal: Arc<Journal>,
    state: watch::Sender<State<B::Connection>>,
    /// A write was refused because the connection is read-only.
    read_only: Notify,
    closed: watch::Sender<bool>,
}

impl<B: Backend> Supervisor<B> {
    pub fn new(backend: B, journal: Arc<Journal>) -> Self {
        Self {
            backend,
            journal,
            state: watch::Sender::new(State::Opening),
            read_only: Notify::new(),
            closed: watch::Sender::new(false),
        }
    }

    /// Waits until it is open.
    pub async fn opened(&self) -> Option<B::Connection> {
        let mut state = self.state.subscribe();
        // The sender is ours, so it is there.
        let open = state.wait_for(|state| matches!(state, State::Open(_)));
        match &*open.await.ok()? {
            State::Open(connection) => Some(connection.clone()),
            State::Opening | State::Down(_) => None,
        }
    }

    /// Waits until it is known to be down.
    pub async fn down(&self) {
        let mut state = self.state.subscribe();
        // The sender is ours, so it is there.
        let _ = state
            .wait_for(|state| matches!(state, State::Down(_)))
            .await;
    }

    /// Why it is down, if it is.
    pub fn outage(&self) -> Option<Unavailable> {
        match &*self.state.borrow() {
            State::Down(error) => Some(error.clone()),
            State::Opening | State::Open(_) => None,
        }
    }

    /// Waits for the first attempt to open it, but not long.
    pub async fn tried(&self) {
        let mut state = self.state.subscribe();
        let tried = state.wait_for(|state| !matches!(state, State::Opening));
        let _ = timeout(RETRY, tried).await;
    }

    /// Waits until it is closed for good; false if that takes too long.
    pub async fn is_closed(&self) -> bool {
        let mut closed = self.closed.subscribe();
        timeout(CLOSE, closed.wait_for(|closed| *closed))
            .await
            .is_ok()
    }

    /// Closes it for good. Whoever keeps it open has ended.
    pub async fn close(&self) {
        let text = format!("{} is closed", self.backend.name());
        let closed = State::Down(Unavailable::new(Reason::Down, text));
        if let State::Open(connection) = self.state.send_replace(closed) {
            self.backend.close(connection).await;
        }
        self.closed.send_replace(true);
    }

    /// Notes that the store is down or read-only, if the error means that.
    pub fn failed(&self, error: &Unavailable) {
        if error.reason() == Reason::ReadOnly {
            self.read_only.notify_one();
        }
        if error.is_outage() {
            self.journal.does_not_write();
            self.state.send_if_modified(|state| {
                let was_up = !matches!(state, State::Down(_));
                if was_up {
                    *state = State::Down(error.clone());
                }
                was_up
            });
        }
    }

    /// The connection. Waits for the first attempt to open the store.
    pub async fn connection(&self) -> Result<B::Connection, Unavailable> {
        // Mostly it is open, and nobody waits.
        if let State::Open(connection) = &*self.state.borrow() {
            return Ok(connection.clone());
        }
        let mut state = self.state.subscribe();
        let known = state.wait_for(|state| !matches!(state, State::Opening));
        match known.await.as_deref() {
            Ok(State::Open(connection)) => Ok(connection.clone()),
            Ok(State::Down(error)) => Err(error.clone()),
            Ok(State::Opening) | Err(_) => {
                let text = format!("{} is not open", self.backend.name());
                Err(Unavailable::new(Reason::Down, text))
            }
        }
    }
}

/// Opens the store until that succeeds, then waits until it is down or read-only.
pub(super) async fn keep_open<B: Backend>(supervisor: Arc<Supervisor<B>>, queue: Queue) {
    let mut state = supervisor.state.subscribe();
    loop {
        match supervisor.backend.open().await {
            Ok(Opened { connection, gone }) => {
                supervisor.journal.losses.entries(gone, today(now()));
                let open = State::Open(connection.clone());
                supervisor.state.send_replace(open);
                if queue.waiting() == (0, 0) {
                    supervisor.journal.writes();
                }
                // What the former connection said is over.
                let _ = supervisor.read_only.notified().now_or_never();
                let pause = select! {
                    _ = state.wait_for(|state| !matches!(state, State::Open(_))) => RETRY,
                    // It still answers questions, but stays read-only even when the store no longer is.
                    () = supervisor.read_only.notified() => READ_ONLY,
                    never = prune(&supervisor, &connection, &queue) => match never {},
                };
                sleep(pause).await;
                let mut is_damaged = false;
                supervisor.state.send_modify(|state| {
                    is_damaged =
                        matches!(state, State::Down(error) if error.reason() == Reason::Corrupt);
                    if matches!(state, State::Open(_)) {
                        *state = State::Opening;
                    }
                });
                // What is opened next would share the locks and the memory of what is still open, and be read-only with it.
                let closed = supervisor.backend.close(connection);
                let _ = timeout(RETRY, closed).await;
                if is_damaged && let Some(done) = supervisor.backend.make_room() {
                    log::warn!("store: {done}");
                }
            }
            Err(error) => {
                supervisor.journal.background_failed(&error);
                supervisor.state.send_replace(State::Down(error));
                sleep(RETRY).await;
            }
        }
    }
}

/// Deletes expired rows now and then.
async fn prune<B: Backend>(
    supervisor: &Supervisor<B>,
    connection: &B::Connection,
    queue: &Queue,
) -> Infallible {
    let Supervisor {
        backend, journal, ..
    } = supervisor;
    let mut ticks = interval(PRUNE);
    loop {
        ticks.tick().await;
        match backend.prune(connection, now()).await {
            // What waits was not written lately: then it is not well yet.
            Ok(()) if queue.waiting() == (0, 0) => journal.is_well(),
            Ok(()) => {}
            Err(error) => {
                journal.background_failed(&error);
                supervisor.failed(&error);
            }
        }
    }
}
