//! What can only be tested from within: a full disk, and what is deleted.

use std::fs;

use sqlx::{Executor, Row};
use tempfile::TempDir;

use super::*;
use crate::{
    core::{
        attack::{AttackCount, AttackKind, Fate},
        learned::Learn,
        proof::{
            coverage::CoverageCount,
            ledger::{Hash, Sent},
            uses::{Attempt, Counter, Use},
        },
    },
    store::Reason,
};

const RETENTION: Retention = Retention {
    ledger_days: 30,
    learned_days: 10,
    max_learned: 100,
};
/// Some day in 2024.
const NOW: u64 = 19_800 * DAY;

/// An open store without its background tasks.
struct Opened {
    sqlite: Sqlite,
    open: Arc<Connections>,
}

async fn opened() -> (TempDir, Opened) {
    let folder = tempfile::tempdir().unwrap();
    let url: StoreUrl = format!("sqlite:{}/state.db", folder.path().display())
        .parse()
        .unwrap();
    let sqlite = Sqlite::new(&url, url.file().unwrap(), RETENTION);
    let open = sqlite.open().await.unwrap();
    (folder, Opened { sqlite, open })
}

impl Opened {
    async fn write(&self, batch: &mut Batch) -> Result<(), Unavailable> {
        self.sqlite.write(&self.open, batch).await
    }

    async fn prune(&self, now: u64) -> Result<(), Unavailable> {
        self.sqlite.prune(&self.open, now).await
    }

    /// Adds entries at `now`.
    async fn insert(&self, entries: &[Sent], now: u64) {
        let mut writer = self.open.writer.lock().await.unwrap();
        let since = self.sqlite.ledger_since(now);
        let inserted = ledger::insert(&mut writer, entries, since, integer(now)).await;
        inserted.unwrap();
    }

    /// Whether a message is known at `now`.
    async fn has(&self, message: u8, now: u64) -> bool {
        let since = self.sqlite.ledger_since(now);
        let found = ledger::sent(&self.open.readers, &[hash(message)], since).await;
        found.unwrap().is_some()
    }

    /// How many days are known of an address.
    async fn learned(&self, address: u8, today: u64) -> Option<u32> {
        let since = self.sqlite.learned_since(today);
        let found = learned::learned(&self.open.readers, &[hash(address)], since).await;
        found.unwrap().map(|learned| learned.days)
    }

    async fn use_proof(&self, message: u8, now: u64, until: u64) -> Use {
        let attempt = Attempt {
            counter: Counter::Failure,
            limit: 5,
            notification: None,
            now,
        };
        let mut writer = self.open.writer.lock().await.unwrap();
        let used = uses::take(&mut writer, hash(message), &attempt, until).await;
        used.unwrap()
    }

    async fn number(&self, query: &'static str) -> i64 {
        let number = sqlx::query_scalar(query).fetch_one(&self.open.readers);
        number.await.unwrap()
    }

    async fn on_writer(&self, statement: &'static str) {
        let mut writer = self.open.writer.lock().await.unwrap();
        writer.execute(statement).await.unwrap();
    }
}

/// The result of the first use.
const FIRST: Use = Use::Counted { times: 1, limit: 5 };

fn hash(number: u8) -> Hash {
    Hash::from_bytes([number; 16])
}

fn sent(number: u8, at: u64) -> Sent {
    sent_as(hash(number), at)
}

/// Any other hash of this kind.
fn another(kind: u8, number: u64) -> Hash {
    let mut bytes = [kind; 16];
    bytes[..8].copy_from_slice(
        &(number + 1)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .to_be_bytes(),
    );
    Hash::from_bytes(bytes)
}

fn sent_as(message: Hash, at: u64) -> Sent {
    Sent {
        message: Some(message),
        sender: Some(message),
        recipients: vec![hash(0); 100],
        recipient_count: 100,
        at,
        domain: None,
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
    let mut record = Ok(None);
    for number in 0..20 {
        let name = format!("{number}.example.org");
        let mut writer = store.open.writer.lock().await.unwrap();
        record = siege::write(&mut writer, &name, 0, &[1; 16_384], NOW * 1_000_000).await;
    }
    let full = store.sqlite.failed(record.unwrap_err());
    assert_eq!(full.reason(), Reason::Full);
    assert!(store.number("SELECT count(*) FROM sieges").await < 20);
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
async fn what_is_over_is_forgotten() {
    let (_folder, store) = opened().await;
    let keep = RETENTION.ledger_days * DAY;
    let batches = [
        (
            NOW - keep - 5 * DAY,
            (0..2_500).map(|number| another(1, number)).collect(),
        ),
        (NOW - keep, vec![hash(2)]),
    ];
    for (at, messages) in batches {
        let entries: Vec<Sent> = messages
            .into_iter()
            .map(|message| sent_as(message, at))
            .collect();
        store.insert(&entries, at).await;
    }
    for (message, until) in [(3, NOW), (4, NOW + 1)] {
        store.use_proof(message, NOW - 10, until).await;
    }
    let bounce = |day| {
        let outcome = "batv".to_owned();
        ((day, CoverageCount::Bounce { outcome }), 1)
    };
    let today = NOW / DAY;
    let mut counts = Batch::default();
    counts
        .counts
        .coverage
        .extend([today - 90, today - 89, today].map(bounce));
    store.write(&mut counts).await.unwrap();
    let open = &store.open;
    for day in [today - 11, today - 10, today] {
        let learn = accepted(u8::try_from(today - day).unwrap(), day);
        let mut writer = open.writer.lock().await.unwrap();
        learned::learn(&mut writer, &learn, 0).await.unwrap();
    }
    for (name, days) in [("old", 101), ("kept", 99)] {
        let micros = (NOW - days * DAY) * 1_000_000;
        let mut writer = open.writer.lock().await.unwrap();
        let written = siege::write(&mut writer, name, 0, b"a", micros).await;
        assert_eq!(written.unwrap(), Some(micros));
    }

    store.prune(NOW).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM ledger").await, 1);
    assert_eq!(store.number("SELECT count(*) FROM segments").await, 1);
    assert_eq!(store.number("SELECT count(*) FROM senders").await, 1);
    assert!(store.has(2, NOW).await);
    assert_eq!(store.number("SELECT count(*) FROM proof_uses").await, 1);
    let rows = coverage::rows(&store.open.readers, 0..=u64::MAX).await;
    let days: Vec<u64> = rows.unwrap().into_iter().map(|row| row.day).collect();
    assert_eq!(days, [today - 89, today]);
    assert_eq!(store.number("SELECT count(*) FROM learned").await, 2);
    assert_eq!(store.learned(11, today).await, None);
    assert_eq!(store.number("SELECT count(*) FROM sieges").await, 1);
}

/// As many segments as days; the last entry of each has the day's number.
async fn of_many_days(days: u8) -> (TempDir, Opened) {
    let (folder, store) = opened().await;
    for day in 0..days {
        let at = NOW + u64::from(day) * 4 * DAY;
        let entries: Vec<Sent> = (0..99)
            .map(|number| sent_as(another(day, number), at))
            .collect();
        store.insert(&entries, at).await;
        store.insert(&[sent(day, at)], at).await;
    }
    assert_eq!(
        store.number("SELECT count(*) FROM segments").await,
        i64::from(days)
    );
    (folder, store)
}

#[tokio::test]
async fn of_too_many_entries_the_oldest_go() {
    let (_folder, store) = of_many_days(6).await;
    let writer = &store.open.writer;
    ledger::prune(writer, 0, 600).await.unwrap();
    assert!(store.has(0, NOW).await);
    ledger::prune(writer, 0, 450).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM ledger").await, 400);
    assert!(!store.has(1, NOW).await && store.has(2, NOW).await);
    // What is written to is never deleted for that.
    ledger::prune(writer, 0, 0).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM ledger").await, 100);
    assert!(store.has(5, NOW).await);
}

#[tokio::test]
async fn of_too_large_a_file_the_oldest_entries_go() {
    let (_folder, store) = of_many_days(6).await;
    let open = &store.open;
    ledger::shrink(&open.writer, 1 << 30).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM ledger").await, 600);
    // Each segment has some 450 KB.
    ledger::shrink(&open.writer, 1_500_000).await.unwrap();
    let left = store.number("SELECT count(*) FROM ledger").await;
    assert!((200..=400).contains(&left), "{left}");
    assert!(store.has(5, NOW).await && !store.has(0, NOW).await);
    ledger::shrink(&open.writer, 0).await.unwrap();
    assert_eq!(store.number("SELECT count(*) FROM segments").await, 1);
}

#[tokio::test]
async fn what_is_being_deleted_gets_no_new_entries() {
    let (_folder, store) = opened().await;
    store.insert(&[sent(1, NOW)], NOW).await;
    store.on_writer("UPDATE segments SET begun_at = -1").await;
    store.insert(&[sent(2, NOW)], NOW).await;
    assert_eq!(store.number("SELECT count(*) FROM segments").await, 2);
    assert!(store.has(1, NOW).await && store.has(2, NOW).await);
}

#[tokio::test]
async fn of_too_many_addresses_those_seen_once_go() {
    let (_folder, store) = opened().await;
    let open = &store.open;
    let learn = async |learn: Learn| {
        let mut writer = open.writer.lock().await.unwrap();
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
    let open = &store.open;
    let mut writer = open.writer.lock().await.unwrap();
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
async fn a_file_that_is_opened_again_is_as_it_was() {
    let (_folder, store) = opened().await;
    let version = "PRAGMA user_version";
    assert_eq!(store.number(version).await, schema::VERSION);
    store.write(&mut batch([sent(1, NOW)])).await.unwrap();
    let again = store.sqlite.open().await.unwrap();
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
            "EXPLAIN QUERY PLAN UPDATE sieges SET record = ?3 WHERE name = ?1 AND version = ?4",
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
    let open = store.sqlite.open().await.unwrap();
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
            batch.counts.attack.insert((hour, count), 1);
        }
    }
    store.write(&mut batch).await.unwrap();
    store.prune(NOW).await.unwrap();
    let rows = attack::rows(&store.open.readers, 0..=u64::MAX).await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), 3_000);
    assert!(rows.iter().all(|row| row.hour != hours[2]));
}
