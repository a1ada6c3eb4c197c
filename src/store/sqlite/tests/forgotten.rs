//! What is deleted, and what stays.

use super::*;
use crate::core::attack::{AttackCount, AttackKind, Fate};

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
        let write = SiegeWrite {
            name: name.to_owned(),
            bytes: b"a".to_vec(),
            ..SiegeWrite::default()
        };
        let written = siege::write(&mut writer, &[write], micros).await;
        assert_eq!(written.unwrap(), [Written::Version(micros)]);
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
    assert_eq!(store.number("SELECT count(*) FROM domain_sieges").await, 1);
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
    let mut reader = open.readers.lend().await.unwrap();
    let kept: String = sqlx::query_scalar(kept)
        .fetch_one(reader.connection().unwrap())
        .await
        .unwrap();
    assert_eq!(kept, "01,02,C1,C2,C3,C4,C5,C6,C7,C8");
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
