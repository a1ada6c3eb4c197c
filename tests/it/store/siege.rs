//! The records of sieges: nobody overwrites what he has not seen.

use std::{collections::BTreeMap, sync::Arc};

use backstop::store::{
    LONGEST_NAME, LONGEST_RECORD, MAX_RECORDS, Reason, SiegeRecord, Store, Unavailable,
};
use futures_util::future::join_all;
use sqlx::Executor;

use super::place::{Place, now, other_program, until};

on_both! {
    a_record_is_written_over_the_version_that_was_seen
    what_many_write_at_once_is_not_lost
    a_record_made_anew_has_another_version
    records_are_as_they_were_written
    there_are_only_so_many
    what_nobody_writes_is_forgotten
    the_time_is_told
}

impl Place {
    /// Forgets all records, as a server does that has lost what it knew.
    async fn forget(&self) {
        match self {
            Self::Redis(redis) => {
                redis.ask(&["DEL", "backstop:1:sieges"]).unwrap();
            }
            Self::Sqlite(_) => self.execute("DELETE FROM sieges").await,
        }
    }

    /// Makes a record as old as one written 101 days ago.
    async fn make_old(&self, name: &str) {
        let version = (now() - 101 * 86_400) * 1_000_000;
        match self {
            Self::Redis(redis) => {
                let value = format!("{version:020}old");
                redis
                    .ask(&["HSET", "backstop:1:sieges", name, &value])
                    .unwrap();
            }
            Self::Sqlite(_) => {
                let statement =
                    format!("UPDATE sieges SET version = {version} WHERE name = '{name}'");
                self.execute(&statement).await;
            }
        }
    }

    async fn execute(&self, statement: &str) {
        let url = self.url();
        let mut other = other_program(url.file().unwrap()).await;
        other
            .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())))
            .await
            .unwrap();
    }

    /// How many records there really are.
    async fn stored(&self) -> i64 {
        match self {
            Self::Redis(redis) => {
                let length = redis.ask(&["HLEN", "backstop:1:sieges"]).unwrap();
                length.parse().unwrap()
            }
            Self::Sqlite(_) => {
                let url = self.url();
                let mut other = other_program(url.file().unwrap()).await;
                let count = sqlx::query_scalar("SELECT count(*) FROM sieges");
                count.fetch_one(&mut other).await.unwrap()
            }
        }
    }
}

async fn write(
    store: &dyn Store,
    name: &str,
    seen: u64,
    bytes: &[u8],
) -> Result<Option<u64>, Unavailable> {
    store
        .write_siege_record(name.to_owned(), seen, bytes.to_owned())
        .await
}

async fn records(store: &dyn Store) -> Vec<SiegeRecord> {
    store.siege_records().await.unwrap().records
}

async fn a_record_is_written_over_the_version_that_was_seen(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    assert_eq!(records(&*one).await, []);
    assert_eq!(write(&*one, "example.org", 7, b"a").await, Ok(None));
    let first = write(&*one, "example.org", 0, b"a").await.unwrap().unwrap();
    assert_ne!(first, 0);
    assert_eq!(write(&*other, "example.org", 0, b"b").await, Ok(None));
    assert_eq!(
        write(&*other, "example.org", first + 1, b"b").await,
        Ok(None)
    );
    let second = write(&*other, "example.org", first, b"c").await;
    let second = second.unwrap().unwrap();
    assert!(second > first);
    assert_eq!(write(&*one, "example.org", first, b"d").await, Ok(None));
    let is = SiegeRecord {
        name: "example.org".to_owned(),
        version: second,
        bytes: b"c".to_vec(),
    };
    assert_eq!(records(&*one).await, [is]);
    assert_eq!(records(&*one).await, records(&*other).await);
    let health = one.health();
    assert_eq!((health.down, health.failures), (None, 0));
}

const WRITERS: usize = 8;
const TIMES: u8 = 100;

/// Counts up a number of its own in the record that it shares with others.
async fn count_up(store: Arc<dyn Store>, writer: usize) {
    let mut done = 0;
    while done < TIMES {
        // On a busy machine an answer may be late, and it is not known whether that was written.
        let Ok(read) = store.siege_records().await else {
            continue;
        };
        let record = read.records.into_iter().next();
        let (seen, mut numbers) = record.map_or((0, vec![0; WRITERS]), |record| {
            (record.version, record.bytes)
        });
        assert!(
            (done..=done + 1).contains(&numbers[writer]),
            "{writer}: {numbers:?} after {done}"
        );
        done = numbers[writer];
        if done == TIMES {
            break;
        }
        numbers[writer] += 1;
        if let Ok(Some(_)) = write(&*store, "example.org", seen, &numbers).await {
            done += 1;
        }
    }
}

async fn what_many_write_at_once_is_not_lost(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let writers = (0..WRITERS).map(|writer| {
        let store = if writer % 2 == 0 { &one } else { &other };
        tokio::spawn(count_up(Arc::clone(store), writer))
    });
    for writer in join_all(writers).await {
        writer.unwrap();
    }
    assert_eq!(records(&*one).await[0].bytes, [TIMES; WRITERS]);
}

async fn a_record_made_anew_has_another_version(place: Place) {
    let store = place.open().await;
    let first = write(&*store, "example.org", 0, b"a")
        .await
        .unwrap()
        .unwrap();
    let second = write(&*store, "example.org", first, b"b").await;
    let second = second.unwrap().unwrap();
    place.forget().await;
    assert_eq!(records(&*store).await, []);
    let anew = write(&*store, "example.org", 0, b"c")
        .await
        .unwrap()
        .unwrap();
    assert!(anew > second, "{anew} {second}");
    for seen in [first, second] {
        assert_eq!(write(&*store, "example.org", seen, b"d").await, Ok(None));
    }
    assert_eq!(records(&*store).await[0].bytes, b"c");
}

async fn records_are_as_they_were_written(place: Place) {
    let store = place.open().await;
    let longest = "a".repeat(LONGEST_NAME);
    let written = BTreeMap::from([
        (longest.clone(), vec![0xff; LONGEST_RECORD]),
        ("b".to_owned(), vec![]),
        ("\u{e9}' \u{1}".to_owned(), (0..=255).collect()),
    ]);
    for (name, bytes) in &written {
        let version = write(&*store, name, 0, bytes).await.unwrap();
        assert!(version.is_some(), "{name}");
    }
    for (name, length) in [
        ("", 1),
        (&*format!("{longest}a"), 1),
        ("c", LONGEST_RECORD + 1),
    ] {
        let error = write(&*store, name, 0, &vec![0; length]).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Other, "{error}");
    }
    let read = records(&*store).await;
    let read: Vec<_> = read
        .into_iter()
        .map(|record| (record.name, record.bytes))
        .collect();
    assert_eq!(read, Vec::from_iter(written));
    assert_eq!(store.health().down, None);
}

/// A new one takes the place of that which was written longest ago.
async fn there_are_only_so_many(place: Place) {
    let store = place.open().await;
    let name = |number: u64| format!("{number}.example.org");
    let mut versions = Vec::new();
    for number in 0..MAX_RECORDS {
        let written = write(&*store, &name(number), 0, b"a").await;
        versions.push(written.unwrap().unwrap());
    }
    // The first is written again, so the second and the third are the oldest.
    let again = write(&*store, &name(0), versions[0], b"b").await;
    assert!(again.unwrap().is_some());
    for new in ["new.example.org", "newer.example.org"] {
        let written = write(&*store, new, 0, b"c").await.unwrap();
        assert!(written.is_some(), "{new}");
        // That it is full makes no difference to what is there already.
        assert_eq!(write(&*store, new, 0, b"d").await, Ok(None));
    }
    let there = records(&*store).await;
    assert_eq!(there.len() as u64, MAX_RECORDS);
    let is_there = |name: &str| there.iter().any(|record| record.name == name);
    for (name, is) in [
        (&*name(0), true),
        (&*name(1), false),
        (&*name(2), false),
        (&*name(3), true),
        ("new.example.org", true),
        ("newer.example.org", true),
    ] {
        assert_eq!(is_there(name), is, "{name}");
    }
    // Who still knows one that went makes it anew, and nobody writes over what is gone.
    assert_eq!(write(&*store, &name(1), versions[1], b"e").await, Ok(None));
    assert!(write(&*store, &name(1), 0, b"e").await.unwrap().is_some());
    assert_eq!(store.health().down, None);
}

async fn what_nobody_writes_is_forgotten(place: Place) {
    let store = place.open().await;
    for name in ["old.example.org", "example.org"] {
        assert!(write(&*store, name, 0, b"a").await.unwrap().is_some());
    }
    place.make_old("old.example.org").await;
    drop(store);
    // It forgets when it is opened, and each minute.
    let store = place.open().await;
    until("it is forgotten", async || place.stored().await == 1).await;
    assert_eq!(records(&*store).await[0].name, "example.org");
    let anew = write(&*store, "old.example.org", 0, b"a").await;
    assert!(anew.unwrap().is_some());
}

async fn the_time_is_told(place: Place) {
    let store = place.open().await;
    let before = now();
    let told = store.siege_records().await.unwrap().now_millis / 1_000;
    assert!((before..=now()).contains(&told), "{told}");
}
