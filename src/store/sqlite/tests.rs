//! What can only be seen from within: a full disk, and what is forgotten.

use std::fs;

use sqlx::{Connection, Executor};
use tempfile::TempDir;

use super::*;
use crate::{
    core::{
        attack::{AttackCount, AttackKind, Fate},
        learned::Learn,
        proof::{ledger::Sent, uses::Counter},
    },
    store::Reason,
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

/// A failure that nothing knows again.
fn failure(now: u64) -> Attempt {
    Attempt {
        counter: Counter::Failure,
        limit: 5,
        notification: None,
        now,
    }
}

/// What the first one finds.
const FIRST: Use = Use::Counted { times: 1, limit: 5 };

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

/// That an address got mail on a day.
fn accepted(number: u8, day: u64) -> Learn {
    Learn {
        address: hash(number),
        day,
        sent: false,
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
    let mut many = batch((0..199).map(|number| sent(number, NOW)));
    many.learned.insert(accepted(1, today(now())));
    let full = store.write(&mut many).await.unwrap_err();
    assert_eq!(full.reason(), Reason::Full, "{full}");
    assert!(full.to_string().contains("make room"), "{full}");
    assert_eq!(many.len(), 200);
    // What is left of the pages may have room for a few.
    let mut record = Ok(None);
    for number in 0..20 {
        let name = format!("{number}.example.org");
        record = store.write_siege_record(&name, 0, &[1; 16_384]).await;
    }
    assert_eq!(record.unwrap_err().reason(), Reason::Full);
    let records = store.siege_records().await.unwrap().records;
    assert!(records.len() < 20);
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 1);
    assert!(store.sent(&[hash(1)], NOW).await.unwrap().is_some());

    on_writer(&store, "PRAGMA max_page_count = 1000000").await;
    store.write(&mut many).await.unwrap();
    assert_eq!(many.len(), 0);
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 200);
    let learned = store.learned(&[hash(1)], today(now())).await.unwrap();
    assert_eq!(learned.unwrap().days, 1);
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
            .use_proof(hash(message), &failure(NOW - 10), until)
            .await
            .unwrap();
    }
    let bounce = |day| {
        let outcome = "batv".to_owned();
        ((day, CoverageCount::Bounce { outcome }), 1)
    };
    let today = NOW / DAY;
    let mut counts = Batch::default();
    counts
        .counts
        .extend([today - 90, today - 89, today].map(bounce));
    store.write(&mut counts).await.unwrap();
    let open = store.connections().unwrap();
    for day in [today - 11, today - 10, today] {
        let learn = accepted(u8::try_from(today - day).unwrap(), day);
        let mut writer = open.writer.lock().await;
        learned::learn(&mut writer, &learn, 0).await.unwrap();
    }
    for (name, days) in [("old", 101), ("kept", 99)] {
        let micros = (NOW - days * DAY) * 1_000_000;
        let mut writer = open.writer.lock().await;
        let written = siege::write(&mut writer, name, 0, b"a", micros).await;
        assert_eq!(written.unwrap(), Some(micros));
    }

    store.prune(NOW).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 1);
    assert!(store.sent(&[hash(2)], NOW).await.unwrap().is_some());
    assert_eq!(number(&store, "SELECT count(*) FROM proof_uses").await, 1);
    let days = store.coverage(0..=u64::MAX).await.unwrap();
    let days: Vec<u64> = days.into_iter().map(|row| row.day).collect();
    assert_eq!(days, [today - 89, today]);
    assert_eq!(number(&store, "SELECT count(*) FROM learned").await, 2);
    assert_eq!(store.learned(&[hash(11)], today).await, Ok(None));
    assert_eq!(number(&store, "SELECT count(*) FROM sieges").await, 1);
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
async fn of_too_large_a_file_the_oldest_entries_go() {
    let (_folder, store) = opened().await;
    let entries = (0..200).map(|number| Sent {
        recipients: vec![hash(number); 100],
        ..sent(number, NOW + u64::from(number))
    });
    store.write(&mut batch(entries)).await.unwrap();
    let open = store.connections().unwrap();
    write::shrink(&open.writer, 1 << 30).await.unwrap();
    assert_eq!(number(&store, "SELECT count(*) FROM sent").await, 200);
    for most in [300_000, 200_000] {
        write::shrink(&open.writer, most).await.unwrap();
        // All else that the file has takes some of it.
        let left = number(&store, "SELECT count(*) FROM sent").await;
        assert!((most / 4_000..most / 1_600).contains(&left), "{left}");
        assert!(store.sent(&[hash(199)], NOW).await.unwrap().is_some());
        assert_eq!(store.sent(&[hash(0)], NOW).await, Ok(None));
    }
}

#[tokio::test]
async fn of_too_many_addresses_those_seen_once_go() {
    let (_folder, store) = opened().await;
    let open = store.connections().unwrap();
    let learn = async |learn: Learn| {
        let mut writer = open.writer.lock().await;
        learned::learn(&mut writer, &learn, 0).await.unwrap();
    };
    learn(accepted(1, 100)).await;
    learn(accepted(1, 101)).await;
    learn(Learn {
        sent: true,
        ..accepted(2, 100)
    })
    .await;
    for number in 3..=200 {
        learn(accepted(number, 100 + u64::from(number))).await;
    }
    learned::prune(&open.writer, 0, 10).await.unwrap();
    let kept = "SELECT group_concat(hex(substr(address, 1, 1))) FROM \
        (SELECT address FROM learned ORDER BY address)";
    let kept: String = sqlx::query_scalar(kept)
        .fetch_one(&open.readers)
        .await
        .unwrap();
    assert_eq!(kept, "01,02,C1,C2,C3,C4,C5,C6,C7,C8");
}

#[tokio::test]
async fn the_clock_may_go_back() {
    let (_folder, store) = opened().await;
    let open = store.connections().unwrap();
    let mut writer = open.writer.lock().await;
    for (seen, now, version) in [
        (0, 1_000, 1_000),
        (1_000, 900, 1_001),
        (1_001, 2_000, 2_000),
    ] {
        let written = siege::write(&mut writer, "example.org", seen, b"a", now).await;
        assert_eq!(written.unwrap(), Some(version));
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    // As version 1 left it.
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .create_if_missing(true);
    let mut first = options.connect().await.unwrap();
    first.execute("PRAGMA journal_mode = WAL").await.unwrap();
    first.execute(schema::MIGRATIONS[0]).await.unwrap();
    first
        .execute(
            "INSERT INTO sent VALUES (1, x'01010101010101010101010101010101', x'02020202020202020202020202020202', \
             1710720000, 7, x'03030303030303030303030303030303');
             INSERT INTO proof_uses VALUES (x'01010101010101010101010101010101', 5, 1710720600);
             INSERT INTO coverage VALUES (19800, 'bounce', 'batv', '', 3);",
        )
        .await
        .unwrap();
    first.close().await.unwrap();

    let url: StoreUrl = format!("sqlite:{}", path.display()).parse().unwrap();
    let store = Sqlite::new(&url, &path, KEEP);
    store.open().await.unwrap();
    let found = store.sent(&[hash(1)], NOW).await.unwrap().unwrap();
    assert_eq!(
        (found.at, found.recipient_count, found.recipients),
        (NOW, 7, vec![hash(3)])
    );
    assert_eq!(store.last_sent(&[hash(2)], NOW).await, Ok(Some(NOW)));
    // A former version's numbers are not read.
    let used = store.use_proof(hash(1), &failure(NOW), NOW + 600).await;
    assert_eq!(used, Ok(FIRST));
    let counted = store.coverage(0..=u64::MAX).await.unwrap();
    assert_eq!((counted[0].day, counted[0].times), (NOW / DAY, 3));

    let mut more = batch([sent(4, NOW)]);
    more.learned.insert(accepted(1, today(now())));
    store.write(&mut more).await.unwrap();
    assert!(store.sent(&[hash(4)], NOW).await.unwrap().is_some());
    let learned = store.learned(&[hash(1)], today(now())).await.unwrap();
    assert_eq!(learned.unwrap().days, 1);
    let written = store.write_siege_record("example.org", 0, b"a").await;
    assert!(written.unwrap().is_some());
    // Opened again it is as it was.
    store.open().await.unwrap();
    assert_eq!(store.siege_records().await.unwrap().records.len(), 1);
    let all = i64::try_from(schema::MIGRATIONS.len()).unwrap();
    assert_eq!(number(&store, "PRAGMA user_version").await, all);
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
        (
            "EXPLAIN QUERY PLAN SELECT days FROM learned WHERE address = ?1 AND last_day >= ?2",
            "PRIMARY KEY",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT address FROM learned WHERE is_proven IN (0, 1) AND last_day < ?1 LIMIT ?2",
            "learned_by_worth (is_proven=? AND last_day<?)",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT address FROM learned ORDER BY is_proven, last_day LIMIT ?1",
            "learned_by_worth",
        ),
        (
            "EXPLAIN QUERY PLAN UPDATE sieges SET bytes = ?3 WHERE name = ?1 AND version = ?4",
            "sqlite_autoindex_sieges_1",
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
    let used = store.use_proof(hash(1), &failure(0), u64::MAX).await;
    assert_eq!(used, Ok(FIRST));
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
            kind: AttackKind::Host,
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
                kind: AttackKind::Host,
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
