//! The task that writes what waits in the queue.

use std::sync::Arc;

use tokio::{
    select,
    time::{Duration, sleep},
};

use super::{
    Reason, Unavailable,
    batch::Batch,
    queue::{Queue, Taken},
    supervisor::{Backend, RETRY, Supervisor},
};

/// How long a write may take after the queue is closed.
const LAST_WRITE: Duration = Duration::from_secs(3);

/// Writes what comes out of the queue, until that is closed and empty; then closes the store. A batch that can't be written
/// is tried again, and meanwhile the queue fills. Once the queue is closed, it is not tried again.
pub async fn write<B: Backend>(supervisor: Arc<Supervisor<B>>, queue: Queue) {
    while let Some(mut taken) = queue.take(B::GATHER).await {
        queue.count_losses(&mut taken.batch);
        while taken.batch.len() > 0 && !try_once(&supervisor, &queue, &mut taken).await {
            if queue.is_closed() {
                give_up(&supervisor, &queue, taken);
                taken = Taken::default();
                break;
            }
            select! {
                () = sleep(RETRY) => {}
                () = queue.closed() => {}
            }
        }
        queue.done(taken);
    }
    supervisor.close().await;
}

async fn try_once<B: Backend>(
    supervisor: &Supervisor<B>,
    queue: &Queue,
    taken: &mut Taken,
) -> bool {
    let is_written = written(supervisor, queue, &mut taken.batch).await;
    queue.written(taken);
    if is_written {
        supervisor.journal.writes();
    }
    is_written
}

async fn written<B: Backend>(supervisor: &Supervisor<B>, queue: &Queue, batch: &mut Batch) -> bool {
    let connection = select! {
        biased;
        connection = supervisor.opened() => connection,
        () = given_up(supervisor, queue) => None,
    };
    let Some(connection) = connection else {
        return false;
    };
    let written = select! {
        biased;
        written = supervisor.backend.write(&connection, batch) => written,
        () = too_late(queue) => {
            let text = format!("{} hangs", supervisor.backend.name());
            Err(Unavailable::new(Reason::Slow, text))
        }
    };
    let Err(error) = written else {
        return true;
    };
    supervisor.journal.does_not_write();
    supervisor.journal.background_failed(&error);
    supervisor.failed(&error);
    false
}

/// Waits until nothing more comes, and the store is known to be down or is not open for a while yet.
async fn given_up<B: Backend>(supervisor: &Supervisor<B>, queue: &Queue) {
    queue.closed().await;
    select! {
        () = supervisor.down() => {}
        () = sleep(RETRY) => {}
    }
}

/// Waits until nothing more comes, and for some time after.
async fn too_late(queue: &Queue) {
    queue.closed().await;
    sleep(LAST_WRITE).await;
}

fn give_up<B: Backend>(supervisor: &Supervisor<B>, queue: &Queue, taken: Taken) {
    let (messages, counts) = queue.give_up(taken);
    if messages > 0 || counts > 0 {
        let name = supervisor.backend.name();
        log::warn!(
            "store: {name} is closed: the entries of the last {messages} outgoing messages and {counts} counts are lost"
        );
    }
}
