//! The file: a full disk, another in its place, and how it is read.

use std::fs;

use sqlx::Row;

use super::*;

#[tokio::test]
async fn a_full_disk_keeps_the_batch_for_later() {
    let (_folder, store) = opened().await;
    store.write(&mut batch([sent(1, NOW)])).await.unwrap();
    // No more pages than it has: SQLite then answers as on a full disk.
    store.on_writer("PRAGMA max_page_count = 1").await;
    let mut many = batch((0..199).map(|number| sent(number, NOW)));
    many.counts.learned.insert(accepted(1, today(now())));
    let full = store.write(&mut many).await.unwrap_err();
    assert_eq!(full.reason(), Reason::Full, "{full}");
    assert!(full.to_string().contains("make room"), "{full}");
    assert_eq!(many.len(), 200);
    // The last page may have room for a few.
    let mut record = Ok(Vec::new());
    for number in 0..20 {
        let name = format!("{number}.example.org");
        let mut writer = store.open.writer.lock().await.unwrap();
        let write = SiegeWrite {
            name,
            bytes: vec![1; 16_384],
            ..SiegeWrite::default()
        };
        record = siege::write(&mut writer, &[write], NOW * 1_000_000).await;
    }
    let full = store.sqlite.failed(record.unwrap_err());
    assert_eq!(full.reason(), Reason::Full);
    assert!(store.number("SELECT count(*) FROM domain_sieges").await < 20);
    assert_eq!(store.number("SELECT count(*) FROM ledger").await, 1);
    assert!(store.has(1, NOW).await);

    store.on_writer("PRAGMA max_page_count = 1000000").await;
    store.write(&mut many).await.unwrap();
    assert_eq!(many.len(), 0);
    // One of them was there already.
    assert_eq!(store.number("SELECT count(*) FROM ledger").await, 199);
    assert_eq!(store.learned(1, today(now())).await, Some(1));
}

#[tokio::test]
async fn the_clock_may_go_back() {
    let (_folder, store) = opened().await;
    let open = &store.open;
    let mut writer = open.writer.lock().await.unwrap();
    for (seen, now, version) in [
        (0, 1_000, 1_000),
        (1_000, 900, 1_001),
        (1_001, 2_000, 2_000),
    ] {
        let write = SiegeWrite {
            name: "example.org".to_owned(),
            seen,
            bytes: b"a".to_vec(),
            ..SiegeWrite::default()
        };
        let written = siege::write(&mut writer, &[write], now).await;
        assert_eq!(written.unwrap(), [Written::Version(version)]);
    }
}

#[tokio::test]
async fn a_file_that_is_opened_again_is_as_it_was() {
    let (_folder, store) = opened().await;
    let version = "PRAGMA user_version";
    assert_eq!(store.number(version).await, schema::VERSION);
    store.write(&mut batch([sent(1, NOW)])).await.unwrap();
    let again = store.sqlite.open().await.unwrap().connection;
    let store = Opened {
        open: again,
        ..store
    };
    assert!(store.has(1, NOW).await);
    assert_eq!(store.number(version).await, schema::VERSION);
}

#[tokio::test]
async fn each_question_has_an_index() {
    let (_folder, store) = opened().await;
    let open = &store.open;
    for (query, index) in [
        (
            "EXPLAIN QUERY PLAN SELECT last_sent FROM senders WHERE sender = ?1 AND last_sent >= ?2",
            "PRIMARY KEY (sender=?)",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT message_id FROM ledger WHERE segment = ?1 ORDER BY message_id LIMIT ?2",
            "PRIMARY KEY (segment=?)",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT count(*) FROM attack WHERE hour = ?1 AND kind = ?2",
            "PRIMARY KEY (hour=? AND kind=?)",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT count(*) FROM samples WHERE network = ?2 AND came_at BETWEEN ?4 AND ?5",
            "samples_by_network",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT sample FROM samples WHERE came_at BETWEEN ?1 AND ?2 ORDER BY came_at DESC, id DESC LIMIT ?3",
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
            "EXPLAIN QUERY PLAN UPDATE domain_sieges SET record = ?3 WHERE name = ?1 AND version = ?4",
            "domain_sieges_by_version",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT record FROM domain_sieges WHERE version > ?1 ORDER BY version LIMIT 5",
            "domain_sieges_by_version",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT name FROM domain_sieges WHERE is_invented ORDER BY version LIMIT 1",
            "domain_sieges_invented",
        ),
        (
            "EXPLAIN QUERY PLAN SELECT max(version) FROM domain_sieges",
            "domain_sieges_by_version",
        ),
    ] {
        let mut reader = open.readers.lend().await.unwrap();
        let plan = sqlx::query(query).fetch_all(reader.connection().unwrap());
        let plan = plan.await.unwrap();
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
    let open = store.sqlite.open().await.unwrap().connection;
    let store = Opened { open, ..store };
    store.prune(NOW).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM ledger").await, 0);
}

#[tokio::test]
async fn numbers_beyond_sqlites_are_no_error() {
    let (_folder, store) = opened().await;
    store.write(&mut batch([sent(1, u64::MAX)])).await.unwrap();
    let since = store.sqlite.ledger_since(u64::MAX);
    let found = ledger::sent(&store.open.readers, &[hash(1)], since).await;
    assert_eq!(found.unwrap().unwrap().at, i64::MAX.unsigned_abs());
    assert_eq!(store.use_proof(1, 0, u64::MAX).await, FIRST);
    store.prune(u64::MAX).await.unwrap();
}

/// Each looks whose file it is while others make it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_who_make_a_file_at_once_find_it_their_own() {
    for _ in 0..20 {
        let folder = lab::mta::folder_in_memory().unwrap();
        let url: StoreUrl = format!("sqlite:{}/state.db", folder.path().display())
            .parse()
            .unwrap();
        let all = (0..8).map(|_| {
            let url = url.clone();
            tokio::spawn(async move {
                let sqlite = Sqlite::new(&url, url.file().unwrap(), RETENTION);
                sqlite.open().await.map(drop)
            })
        });
        for opened in futures_util::future::join_all(all).await {
            opened.unwrap().unwrap();
        }
    }
}
