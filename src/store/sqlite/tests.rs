//! What can only be seen from within: a full disk, and what is forgotten.

use std::fs;

use sqlx::{Connection, Executor};
use tempfile::TempDir;

use super::*;
use crate::core::{
    attack::{Count as AttackCount, Fate, Kind},
    proof::ledger::Sent,
};

const KEEP: Keep = Keep {
    ledger_days: 30,
    learned_days: 10,
    most_learned: 100,
};
/// Some day in 2024.
const NOW: u64 = 19_800 * DAY;

async fn opened() -> (TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    let url: StoreUrl = format!("sqlite:{}/state.db", folder.path().display())
        .parse()
        .unwrap();
    let store = Sqlite::new(&url, url.file().unwrap(), KEEP);
    store.open().await.unwrap();
    (folder, store)
}

fn hash(number: u8) -> Hash {
    Hash::from_bytes([number; 16])
}

fn sent(number: u8, at: u64) -> Sent {
    Sent {
        message: Some(hash(number)),
        sender: None,
        recipients: vec![hash(0); 100],
        recipient_count: 100,
        at,
    }
}

fn batch(sent: impl IntoIterator<Item = Sent>) -> Batch {
    Batch {
        sent: sent.into_iter().collect(),
        ..Batch::default()
    }
}

async fn number(store: &Sqlite, query: &'static str) -> i64 {
    let open = store.connections().unwrap();
    let number = sqlx::query_scalar(query).fetch_one(&open.readers).await;
    number.unwrap()
}

async fn on_writer(store: &Sqlite, statement: &'static str) {
    let open = store.connections().unwrap();
    open.writer.lock().await.execute(statement).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_keeps_the_batch_for_later() {
    let (_folder, store) = opened().await;
    store.write(&mut batch([sent(1, NOW)])).await.unwrap();
    // The pages that it has, and no more: SQLite says what it says of a full disk.
    on_writer(&store, "PRAGMA max_page_count = 1").await;
    let mut many = batch((0..200).map(|number| sent(number, NOW)));
    let full = store.write(&mut many).await.unwrap_err();
    assert_eq!(full.reason(), Reason::Full, "{full}");
    assert!(full.to_string().contains("make room"), "{full}");
    assert_eq!(many.len(), 200);
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 1);
    assert!(store.sent(&[hash(1)], NOW).await.unwrap().is_some());

    on_writer(&store, "PRAGMA max_page_count = 1000000").await;
    store.write(&mut many).await.unwrap();
    assert_eq!(many.len(), 0);
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 201);
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    let (_folder, store) = opened().await;
    let keep = KEEP.ledger_days * DAY;
    let old = (0..2_500).map(|_| sent(1, NOW - keep - 1));
    store
        .write(&mut batch(old.chain([sent(2, NOW - keep)])))
        .await
        .unwrap();
    for (message, until) in [(3, NOW), (4, NOW + 1)] {
        store
            .use_proof(hash(message), NOW - 10, until)
            .await
            .unwrap();
    }
    let bounce = |day| {
        let outcome = "batv".to_owned();
        ((day, Count::Bounce { outcome }), 1)
    };
    let today = NOW / DAY;
    let mut counts = Batch::default();
    counts
        .counts
        .extend([today - 90, today - 89, today].map(bounce));
    store.write(&mut counts).await.unwrap();

    store.prune(NOW).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 1);
    assert!(store.sent(&[hash(2)], NOW).await.unwrap().is_some());
    assert_eq!(number(&store, "SELECT count(*) FROM proof_uses").await, 1);
    let days = store.coverage(0..=u64::MAX).await.unwrap();
    let days: Vec<u64> = days.into_iter().map(|row| row.day).collect();
    assert_eq!(days, [today - 89, today]);
}

#[tokio::test]
async fn of_too_many_entries_the_oldest_go() {
    let (_folder, store) = opened().await;
    let entries = (0..200).map(|number| sent(number, NOW + u64::from(number)));
    store.write(&mut batch(entries)).await.unwrap();
    let open = store.connections().unwrap();
    write::prune(&open.writer, NOW, 0, 50).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 50);
    assert_eq!(store.sent(&[hash(149)], NOW).await, Ok(None));
    assert!(store.sent(&[hash(150)], NOW).await.unwrap().is_some());
}

#[tokio::test]
async fn each_question_has_an_index() {
    let (_folder, store) = opened().await;
    let open = store.connections().unwrap();
    for (query, index) in [
        (
            "EXPLAIN QUERY PLAN SELECT at FROM sent WHERE message = ?1 AND at >= ?2 ORDER BY at DESC LIMIT 1",
            "sent_by_message",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT max(at) FROM sent WHERE sender = ?1 AND at >= ?2",
            "sent_by_sender",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT id FROM sent WHERE at < ?1 ORDER BY at LIMIT ?2",
            "sent_by_time",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT count(*) FROM attack WHERE hour = ?1 AND kind = ?2",
            "PRIMARY KEY (hour=? AND kind=?)",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT count(*) FROM samples WHERE network = ?2 AND at BETWEEN ?4 AND ?5",
            "samples_by_network",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT sample FROM samples WHERE at BETWEEN ?1 AND ?2 ORDER BY at DESC, id DESC LIMIT ?3",
            "samples_by_time",
        ),
    ] {
        let plan = sqlx::query(query).fetch_all(&open.readers).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.get(3)).collect();
        assert!(steps.len() == 1 && steps[0].contains(index), "{steps:?}");
    }
}

#[tokio::test]
async fn a_file_that_was_replaced_is_opened_anew() {
    let (folder, store) = opened().await;
    store.write(&mut batch([sent(1, NOW)])).await.unwrap();
    store.prune(NOW).await.unwrap();
    let path = folder.path().join("state.db");
    fs::rename(&path, folder.path().join("moved")).unwrap();
    for state in ["it is gone", "another is in its place"] {
        let moved = store.prune(NOW).await.unwrap_err();
        assert!(moved.is_outage(), "{state}");
        assert!(moved.to_string().contains("moved away"), "{moved}");
        fs::write(&path, "").unwrap();
    }
    for ending in ["-wal", "-shm"] {
        fs::remove_file(folder.path().join(format!("state.db{ending}"))).unwrap();
    }
    store.open().await.unwrap();
    store.prune(NOW).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 0);
}

#[tokio::test]
async fn numbers_beyond_sqlites_are_no_error() {
    let (_folder, store) = opened().await;
    store.write(&mut batch([sent(1, u64::MAX)])).await.unwrap();
    let found = store.sent(&[hash(1)], u64::MAX).await.unwrap().unwrap();
    assert_eq!(found.at, i64::MAX.unsigned_abs());
    assert_eq!(store.use_proof(hash(1), 0, u64::MAX).await, Ok(1));
    store.prune(u64::MAX).await.unwrap();
}

#[tokio::test]
async fn a_file_of_each_older_version_gets_what_it_lacks() {
    for version in 0..=schema::MIGRATIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true);
        let mut older = options.connect().await.unwrap();
        for &migration in schema::MIGRATIONS.iter().take(version) {
            older.execute(migration).await.unwrap();
        }
        older.close().await.unwrap();
        let url: StoreUrl = format!("sqlite:{}", path.display()).parse().unwrap();
        let store = Sqlite::new(&url, &path, KEEP);
        store.open().await.unwrap();
        let written = number(&store, "PRAGMA user_version").await;
        assert_eq!(
            usize::try_from(written),
            Ok(schema::MIGRATIONS.len()),
            "{version}"
        );
        let mut batch = batch([sent(1, NOW)]);
        let count = AttackCount {
            kind: Kind::Host,
            domain: "example.org".to_owned(),
            fate: Fate::Refused,
            text: "192.0.2.7".to_owned(),
        };
        batch.attack.insert((7, count), 3);
        store.write(&mut batch).await.unwrap();
        assert_eq!(store.attack(7..=7).await.unwrap().len(), 1, "{version}");
    }
}

#[tokio::test]
async fn counts_of_an_attack_are_forgotten() {
    let (_folder, store) = opened().await;
    let mut batch = Batch::default();
    let hours = [NOW / 3600, NOW / 3600 - 90 * 24, NOW / 3600 - 90 * 24 - 1];
    for hour in hours {
        for number in 0..1_500 {
            let count = AttackCount {
                kind: Kind::Host,
                domain: format!("{number}.example.org"),
                fate: Fate::Refused,
                text: String::new(),
            };
            batch.attack.insert((hour, count), 1);
        }
    }
    store.write(&mut batch).await.unwrap();
    store.prune(NOW).await.unwrap();
    let rows = store.attack(0..=u64::MAX).await.unwrap();
    assert_eq!(rows.len(), 3_000);
    assert!(rows.iter().all(|row| row.hour != hours[2]));
}
