//! Every way in which the entry of an outgoing message can be late or lost: each is counted, and told once it is known.

use std::{fs, sync::Arc, time::Instant};

use backstop::{
    core::proof::coverage::CoverageCount,
    store::{Lost, Reason, Store, open, open_after},
};
use lab::redis::{Options, Redis};
use sqlx::Executor;
use tokio::time::Duration;

use super::place::{
    KEEP, message, other_program, redis_url, remembers, sqlite_url, today, until, until_open,
    until_refused, until_remembered, until_written, url,
};

/// The maximum number of messages that wait.
const ROOM: u64 = 10_000;

#[derive(Clone, Copy, Debug)]
enum Way {
    /// More messages than the queue has room for, while the server is down; it comes back.
    NoRoom,
    /// The server is down, and comes back.
    Outage,
    /// The server is down while the store is closed.
    Closed,
    /// A reload names another store, and the former can't be written to.
    Reload,
    /// The same, and the other has no room for all.
    ReloadWithoutRoom,
    /// The server hangs, and goes on.
    Hangs,
    /// The server hangs while the store is closed.
    ClosedWhileItHangs,
    /// Another process has a lock on the file, and lets go.
    Locked,
    /// The file is another program's, and is moved away.
    Foreign,
    /// The file is moved away while it is open.
    Moved,
    /// The server is a replica for a while, as in a failover.
    Replica,
    /// The server has no memory left for a while.
    FullServer,
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_or_lost_is_counted_in_messages() {
    use Way::*;
    let lost = |late, messages| Lost {
        messages,
        late,
        counts: 0,
    };
    let table = [
        // What happens, what is counted meanwhile, and in the end.
        (NoRoom, lost(ROOM, 50), lost(0, 50)),
        (Outage, lost(5, 0), lost(0, 0)),
        (Closed, lost(5, 0), lost(0, 5)),
        (Reload, lost(5, 0), lost(0, 0)),
        (ReloadWithoutRoom, lost(ROOM + 5, 0), lost(ROOM, 5)),
        (Hangs, lost(5, 0), lost(0, 0)),
        (ClosedWhileItHangs, lost(5, 0), lost(0, 5)),
        (Locked, lost(5, 0), lost(0, 0)),
        (Foreign, lost(5, 0), lost(0, 0)),
        (Moved, lost(0, 0), lost(0, 0)),
        (Replica, lost(5, 0), lost(0, 0)),
        (FullServer, lost(5, 0), lost(0, 0)),
    ];
    let run = table.map(|(way, meanwhile, end)| async move {
        assert_eq!(what_is_counted(way).await, (meanwhile, end), "{way:?}");
    });
    futures_util::future::join_all(run).await;
}

async fn what_is_counted(way: Way) -> (Lost, Lost) {
    let folder = lab::mta::folder_in_memory().unwrap();
    let file = sqlite_url(&folder);
    let path = file.file().unwrap();
    let down = || Redis::stopped(Options::default()).unwrap();
    match way {
        Way::NoRoom => {
            let mut redis = down();
            let store = open(&redis_url(&redis), KEEP);
            until_refused(&*store, Reason::Down).await;
            let meanwhile = leave(&store, 1..=ROOM + 50).await;
            redis.start_again().unwrap();
            let end = come_back(&store, ROOM).await;
            assert!(!remembers(&*store, ROOM + 1).await);
            // `status` finds it there.
            until("the losses are counted", async || {
                let rows = store.coverage(today() - 1..=today()).await.unwrap();
                let lost = CoverageCount::lost_by_ledger(CoverageCount::NOT_OURS);
                let lost = rows.iter().filter(|row| row.count == lost);
                lost.map(|row| row.times).sum::<u64>() == 50
            })
            .await;
            (meanwhile, end)
        }
        Way::Outage => {
            let mut redis = down();
            let store = open(&redis_url(&redis), KEEP);
            until_refused(&*store, Reason::Down).await;
            let meanwhile = leave(&store, 1..=5).await;
            redis.start_again().unwrap();
            (meanwhile, come_back(&store, 5).await)
        }
        Way::Closed => {
            let store = open(&redis_url(&down()), KEEP);
            until_refused(&*store, Reason::Down).await;
            let meanwhile = leave(&store, 1..=5).await;
            store.close().await;
            (meanwhile, store.health().lost)
        }
        Way::Reload | Way::ReloadWithoutRoom => {
            let former = open(&redis_url(&down()), KEEP);
            until_refused(&*former, Reason::Down).await;
            let mut meanwhile = leave(&former, 1..=5).await;
            let has_room = matches!(way, Way::Reload);
            let new = if has_room {
                file.clone()
            } else {
                redis_url(&down())
            };
            let store = open_after(&new, KEEP, former.losses());
            if !has_room {
                until_refused(&*store, Reason::Down).await;
                meanwhile = leave(&store, 11..=ROOM + 10).await;
            }
            former.hand_over_to(&*store);
            drop(former);
            if has_room {
                return (meanwhile, come_back(&store, 5).await);
            }
            until("it is given up", async || store.health().lost.messages > 0).await;
            until("all of it is", async || store.health().lost.late <= ROOM).await;
            (meanwhile, store.health().lost)
        }
        Way::Hangs | Way::ClosedWhileItHangs => {
            let redis = Redis::start(Options::default()).unwrap();
            let store = open(&redis_url(&redis), KEEP);
            until_open(&*store).await;
            redis.pause().unwrap();
            let meanwhile = leave(&store, 1..=5).await;
            if matches!(way, Way::ClosedWhileItHangs) {
                store.close().await;
                // The server may write them all the same; nobody will know.
                return (meanwhile, store.health().lost);
            }
            redis.resume().unwrap();
            (meanwhile, come_back(&store, 5).await)
        }
        Way::Locked => {
            let store = open(&file, KEEP);
            until_open(&*store).await;
            let mut other = other_program(path).await;
            other.execute("BEGIN IMMEDIATE").await.unwrap();
            let meanwhile = leave(&store, 1..=5).await;
            other.execute("ROLLBACK").await.unwrap();
            (meanwhile, come_back(&store, 5).await)
        }
        Way::Foreign => {
            fs::write(path, "somebody's notes\n".repeat(1_000)).unwrap();
            let store = open(&file, KEEP);
            until_refused(&*store, Reason::Corrupt).await;
            let meanwhile = leave(&store, 1..=5).await;
            fs::rename(path, folder.path().join("notes")).unwrap();
            (meanwhile, come_back(&store, 5).await)
        }
        Way::Moved => {
            let store = open(&file, KEEP);
            until_open(&*store).await;
            for ending in ["", "-wal", "-shm"] {
                let file = folder.path().join(format!("state.db{ending}"));
                let _ = fs::rename(&file, file.with_file_name(format!("moved{ending}")));
            }
            // It is noticed at the next write; and opened again, which takes longer than a message waits.
            store.remember(message(1)).is_kept().await;
            let end = come_back(&store, 1).await;
            (end, end)
        }
        Way::Replica | Way::FullServer => {
            let redis = Redis::start(Options::default()).unwrap();
            let store = open(&redis_url(&redis), KEEP);
            until_open(&*store).await;
            let nobody = lab::process::free_port().unwrap().to_string();
            let (wrong, right): (&[&str], &[&str]) = match way {
                Way::Replica => (
                    &["REPLICAOF", "127.0.0.1", &nobody],
                    &["REPLICAOF", "NO", "ONE"],
                ),
                _ => (
                    &["CONFIG", "SET", "maxmemory", "1"],
                    &["CONFIG", "SET", "maxmemory", "0"],
                ),
            };
            redis.ask(wrong).unwrap();
            let meanwhile = leave(&store, 1..=5).await;
            redis.ask(right).unwrap();
            (meanwhile, come_back(&store, 5).await)
        }
    }
}

/// Messages leave, and none can be kept: all together wait little longer than a second. What was lost then.
async fn leave(store: &Arc<dyn Store>, numbers: std::ops::RangeInclusive<u64>) -> Lost {
    let begun = Instant::now();
    for number in numbers {
        let is_kept = store.remember(message(number)).is_kept().await;
        assert!(!is_kept, "{number}");
    }
    // One of them waits, and no other. The rest is for a busy machine.
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    store.health().lost
}

/// Waits until the last message is written: what was lost in the end.
async fn come_back(store: &Arc<dyn Store>, last: u64) -> Lost {
    until_remembered(&**store, last).await;
    until_written(&**store).await;
    store.health().lost
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_kept_can_be_read_by_others() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let (one, other) = (
        open(&sqlite_url(&folder), KEEP),
        open(&sqlite_url(&folder), KEEP),
    );
    // One that is not open yet keeps no message waiting.
    until_open(&*one).await;
    until_open(&*other).await;
    for number in 1..=50 {
        assert!(one.remember(message(number)).is_kept().await);
        assert!(remembers(&*other, number).await);
    }
    assert_eq!(one.health().lost, Lost::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_file_is_a_whole_copy() {
    let folder = lab::mta::folder_in_memory().unwrap();
    let store = open(&sqlite_url(&folder), KEEP);
    for number in 1..=2_500 {
        store.remember(message(number));
    }
    // Whatever waits is written first.
    store.close().await;
    let files = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["state.db"]);
    assert!(!store.remember(message(2_501)).is_kept().await);
    assert_eq!(store.health().lost.messages, 1);

    let copy = lab::mta::folder_in_memory().unwrap();
    fs::copy(folder.path().join("state.db"), copy.path().join("state.db")).unwrap();
    let store = open(
        &url(&format!("sqlite:{}/state.db", copy.path().display())),
        KEEP,
    );
    until_open(&*store).await;
    for number in 1..=2_500 {
        assert!(remembers(&*store, number).await, "{number}");
    }
}
