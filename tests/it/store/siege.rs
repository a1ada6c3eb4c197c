//! The records of sieges: nobody overwrites what he has not seen.

use std::{collections::BTreeMap, sync::Arc};

use backstop::{
    core::siege::{Answer, Cursor, Question, Stored, Written},
    store::{
        LONGEST_NAME, LONGEST_RECORD, MAX_INVENTED, MAX_RECORDS, Reason, SiegeWrite, Store,
        siege_record,
    },
};
use futures_util::future::join_all;

use super::place::{Place, now, other_program, until, write_record as write};

on_both! {
    a_record_is_written_over_the_version_that_was_seen
    what_many_write_at_once_is_not_lost
    a_record_made_anew_has_another_version
    records_are_as_they_were_written
    what_was_written_since_is_read_and_no_more
    nothing_is_missed_that_others_write
    a_store_that_went_back_says_so
    of_invented_names_there_are_only_so_many
    a_full_store_keeps_whom_it_has
    what_nobody_writes_is_forgotten
    the_time_is_told
}

/// Those of Redis.
const KEYS: [&str; 3] = [
    "backstop:1:sieges:records",
    "backstop:1:sieges:versions",
    "backstop:1:sieges:invented",
];

impl Place {
    /// Forgets all records, as a server does that has lost what it knew.
    async fn forget(&self) {
        match self {
            Self::Redis(redis) => {
                for key in KEYS {
                    redis.ask(&["DEL", key]).unwrap();
                }
            }
            Self::Sqlite(_) => self.execute("DELETE FROM domain_sieges").await,
        }
    }

    /// Makes a record as old as one written 101 days ago.
    async fn make_old(&self, name: &str) {
        let version = (now() - 101 * 86_400) * 1_000_000;
        match self {
            Self::Redis(redis) => {
                let version = version.to_string();
                redis.ask(&["ZADD", KEYS[1], &version, name]).unwrap();
            }
            Self::Sqlite(_) => {
                let statement =
                    format!("UPDATE domain_sieges SET version = {version} WHERE name = '{name}'");
                self.execute(&statement).await;
            }
        }
    }

    /// Adds records that nobody of us wrote, a little old.
    async fn fill(&self, count: u64) {
        let first = (now() - 3_600) * 1_000_000;
        match self {
            Self::Redis(redis) => {
                let script = "for i = 1, ARGV[2] do
                    redis.call('HSET', KEYS[1], 'n' .. i, 'a')
                    redis.call('ZADD', KEYS[2], string.format('%.0f', ARGV[1] + i), 'n' .. i)
                end";
                let (first, count) = (first.to_string(), count.to_string());
                redis
                    .ask(&["EVAL", script, "2", KEYS[0], KEYS[1], &first, &count])
                    .unwrap();
            }
            Self::Sqlite(_) => {
                let statement = format!(
                    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}) \
                     INSERT INTO domain_sieges SELECT 'n' || n, {first} + n, x'61', 0 FROM numbers"
                );
                self.execute(&statement).await;
            }
        }
    }

    /// How many records there really are.
    async fn stored(&self) -> i64 {
        match self {
            Self::Redis(redis) => {
                let [records, versions] = [["HLEN", KEYS[0]], ["ZCARD", KEYS[1]]]
                    .map(|question| redis.ask(&question).unwrap());
                assert_eq!(records, versions);
                records.parse().unwrap()
            }
            Self::Sqlite(_) => {
                let url = self.url();
                let mut other = other_program(url.file().unwrap()).await;
                let count = sqlx::query_scalar("SELECT count(*) FROM domain_sieges");
                count.fetch_one(&mut other).await.unwrap()
            }
        }
    }
}

/// What was written since, at most so many.
async fn since(store: &dyn Store, after: &Cursor, most: usize) -> Answer {
    let question = Question {
        after: after.clone(),
        ..Question::default()
    };
    store.siege_changes(question, most).await.unwrap()
}

fn cursor((name, stored): &(String, Stored)) -> Cursor {
    Cursor {
        version: stored.version,
        name: name.clone(),
    }
}

/// All records, in the order in which they were written.
async fn records(store: &dyn Store) -> Vec<(String, Stored)> {
    let mut all = Vec::new();
    let mut after = Cursor::default();
    loop {
        let answer = since(store, &after, 1_000).await;
        after = answer.changes.last().map_or(after, cursor);
        all.extend(answer.changes);
        if !answer.has_more {
            return all;
        }
    }
}

/// Writes new ones.
async fn add(
    store: &dyn Store,
    names: impl Iterator<Item = String>,
    is_invented: bool,
) -> Vec<Written> {
    let new = names.map(|name| SiegeWrite {
        name,
        bytes: b"a".to_vec(),
        is_invented,
        ..SiegeWrite::default()
    });
    store.write_siege_records(new.collect()).await.unwrap()
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
    let is = Stored {
        version: second,
        bytes: b"c".to_vec(),
    };
    assert_eq!(records(&*one).await, [("example.org".to_owned(), is)]);
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
        let Ok((record, _)) = siege_record(&*store, "example.org").await else {
            continue;
        };
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
    assert_eq!(records(&*one).await[0].1.bytes, [TIMES; WRITERS]);
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
    assert_eq!(records(&*store).await[0].1.bytes, b"c");
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
    let read = read.into_iter().map(|(name, stored)| (name, stored.bytes));
    assert_eq!(BTreeMap::from_iter(read), written);
    for (name, bytes) in &written {
        let (found, _) = siege_record(&*store, name).await.unwrap();
        assert_eq!(&found.unwrap().bytes, bytes, "{name}");
    }
    assert_eq!(store.health().down, None);
}

/// In the order in which it was written, in pieces, and what is asked for by name beside it.
async fn what_was_written_since_is_read_and_no_more(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let name = |number: usize| format!("d{number}.example");
    add(&*one, (0..5).map(name), false).await;
    let first = since(&*other, &Cursor::default(), 3).await;
    let names =
        |answer: &Answer| Vec::from_iter(answer.changes.iter().map(|(name, _)| name.clone()));
    assert_eq!(
        (names(&first), first.has_more),
        ((0..3).map(name).collect(), true)
    );
    let after = cursor(first.changes.last().unwrap());
    let rest = since(&*other, &after, 3).await;
    assert_eq!(
        (names(&rest), rest.has_more),
        ((3..5).map(name).collect(), false)
    );
    let after = cursor(rest.changes.last().unwrap());
    // What is written again comes again, and nothing else.
    let again = first.changes[1].1.version;
    write(&*one, &name(1), again, b"b").await.unwrap().unwrap();
    let question = Question {
        after: after.clone(),
        names: [4, 9].map(name).to_vec(),
    };
    let answer = other.siege_changes(question, 3).await.unwrap();
    assert_eq!((names(&answer), answer.has_more), (vec![name(1)], false));
    assert_eq!(answer.named, [rest.changes[1].clone()]);
    let after = cursor(&answer.changes[0]);
    assert_eq!(since(&*other, &after, 3).await.changes, []);
}

/// Several processes write at the same time, and one reads what was written since, again and again: in the end it knows each
/// record as it was written last.
async fn nothing_is_missed_that_others_write(place: Place) {
    let stores = [place.open().await, place.open().await, place.open().await];
    let writers = stores.iter().zip(0..).map(|(store, writer)| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut seen = [0; 4];
            for round in 0..40_u8 {
                let writes = seen.iter().zip(0..).map(|(seen, number)| SiegeWrite {
                    name: format!("w{writer}n{number}.example"),
                    seen: *seen,
                    bytes: vec![round],
                    is_invented: false,
                });
                let Ok(written) = store.write_siege_records(writes.collect()).await else {
                    continue;
                };
                for (seen, written) in seen.iter_mut().zip(written) {
                    if let Written::Version(version) = written {
                        assert!(version > *seen);
                        *seen = version;
                    }
                }
            }
        })
    });
    let writers = join_all(writers);
    let reader = place.open().await;
    let (mut known, mut after) = (BTreeMap::new(), Cursor::default());
    let mut read = async || {
        let answer = since(&*reader, &after, 5).await;
        assert!(!answer.is_behind);
        for record in answer.changes {
            assert!(record.1.version > after.version);
            after = cursor(&record);
            known.insert(record.0, record.1);
        }
        answer.has_more.then_some(()).ok_or_else(|| known.clone())
    };
    tokio::pin!(writers);
    loop {
        tokio::select! {
            biased;
            done = &mut writers => {
                done.into_iter().for_each(|writer| writer.unwrap());
                break;
            }
            _ = read() => {}
        }
    }
    let known = loop {
        if let Err(known) = read().await {
            break known;
        }
    };
    let there = records(&*reader).await;
    assert_eq!(known, BTreeMap::from_iter(there));
    assert_eq!(known.len(), 12);
}

/// A server that lost what it knew, or has an old copy of it, and got new records since.
async fn a_store_that_went_back_says_so(place: Place) {
    let store = place.open().await;
    add(
        &*store,
        ["a.example", "b.example"].map(str::to_owned).into_iter(),
        false,
    )
    .await;
    let all = records(&*store).await;
    let after = cursor(&all[1]);
    assert!(!since(&*store, &after, 9).await.is_behind);
    place.make_old("b.example").await;
    add(&*store, ["c.example".to_owned()].into_iter(), false).await;
    assert!(since(&*store, &after, 9).await.is_behind);
    place.forget().await;
    add(&*store, ["c.example".to_owned()].into_iter(), false).await;
    let answer = since(&*store, &after, 9).await;
    assert!(answer.is_behind && answer.changes.is_empty());
    assert_eq!(since(&*store, &Cursor::default(), 9).await.changes.len(), 1);
}

/// A new one takes the place of that which was written longest ago. Names of the file keep theirs.
async fn of_invented_names_there_are_only_so_many(place: Place) {
    let store = place.open().await;
    add(&*store, ["named.example".to_owned()].into_iter(), false).await;
    let name = |number: u64| format!("{number}.example.org");
    let mut versions = Vec::new();
    for from in (0..MAX_INVENTED).step_by(200) {
        let written = add(&*store, (from..from + 200).map(name), true).await;
        versions.extend(written.into_iter().map(|written| match written {
            Written::Version(version) => version,
            other => panic!("{other:?}"),
        }));
    }
    // The first is written again, so the second and the third are the oldest.
    let again = SiegeWrite {
        name: name(0),
        seen: versions[0],
        bytes: b"b".to_vec(),
        is_invented: true,
    };
    store.write_siege_records(vec![again]).await.unwrap();
    for new in ["new.example.org", "newer.example.org"] {
        for is_there in [false, true] {
            let written = add(&*store, [new.to_owned()].into_iter(), true).await;
            // That it is full makes no difference to what is there already.
            assert_eq!(written == [Written::Raced], is_there, "{new} {written:?}");
        }
    }
    // What the file names is no stranger's, and has its place.
    add(&*store, (5_000..5_010).map(name), false).await;
    let there = records(&*store).await;
    assert_eq!(there.len() as u64, MAX_INVENTED + 1 + 10);
    assert_eq!(place.stored().await, there.len() as i64);
    let is_there = |name: &str| there.iter().any(|(there, _)| there == name);
    for (name, is) in [
        (&*name(0), true),
        (&*name(1), false),
        (&*name(2), false),
        (&*name(3), true),
        ("new.example.org", true),
        ("newer.example.org", true),
        ("named.example", true),
    ] {
        assert_eq!(is_there(name), is, "{name}");
    }
    // Who still knows one that went makes it anew, and nobody writes over what is gone.
    assert_eq!(write(&*store, &name(1), versions[1], b"e").await, Ok(None));
    let anew = add(&*store, [name(1)].into_iter(), true).await;
    assert!(matches!(anew[..], [Written::Version(_)]));
    assert_eq!(store.health().down, None);
}

/// It has more than any file names; then a new one finds no place.
async fn a_full_store_keeps_whom_it_has(place: Place) {
    let store = place.open().await;
    let written = add(&*store, ["a.example".to_owned()].into_iter(), false).await;
    place.fill(MAX_RECORDS - 1).await;
    let new = ["b.example", "c.example"].map(str::to_owned).into_iter();
    assert_eq!(add(&*store, new, false).await, [Written::Full; 2]);
    let [Written::Version(seen)] = written[..] else {
        panic!("{written:?}");
    };
    assert!(
        write(&*store, "a.example", seen, b"b")
            .await
            .unwrap()
            .is_some()
    );
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
    assert_eq!(records(&*store).await[0].0, "example.org");
    let anew = write(&*store, "old.example.org", 0, b"a").await;
    assert!(anew.unwrap().is_some());
}

async fn the_time_is_told(place: Place) {
    let store = place.open().await;
    let before = now();
    let (_, told) = siege_record(&*store, "example.org").await.unwrap();
    assert!((before..=now()).contains(&told), "{told}");
}
