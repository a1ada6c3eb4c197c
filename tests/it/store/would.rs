//! What a store keeps of mail that was accepted only because of monitoring, whichever it is.

use std::collections::HashMap;

use backstop::{
    core::{
        proof::today,
        verdict::Action,
        would::{
            KEEP_DAYS, MAX_OF_REASON, MAX_PER_DAY, MAX_SENDERS, Spare, Would, WouldExample,
            WouldGroup, WouldRow,
        },
    },
    store::Store,
};

use super::place::{Place, now, until, until_written};

on_both! {
    groups_add_up_by_day
    a_flood_leaves_room_for_others
    a_day_has_room_for_so_many
    senders_are_counted_and_bounded
    what_is_over_is_gone
}

pub fn would(reason: &str, sender: &str, client: &str, at: u64) -> Would {
    Would {
        group: WouldGroup {
            action: Action::Reject,
            reason: reason.to_owned(),
            by: String::new(),
            sender: sender.to_owned(),
            client: client.to_owned(),
            spare: client.parse().ok().map(Spare::Forwarder),
        },
        example: WouldExample {
            at,
            id: format!("{at:x}"),
            queue_id: Some("4dYxQ11FZ7z9w".to_owned()),
            recipient: "joe@example.org".to_owned(),
            spf: Some("fail".to_owned()),
            spf_helo: None,
        },
    }
}

fn row(day: u64, would: Would, times: u64) -> WouldRow {
    WouldRow {
        day,
        group: would.group,
        times,
        example: Some(would.example),
    }
}

/// How many came of each group; of those that found no room, by their reason.
async fn counted(store: &dyn Store, day: u64) -> HashMap<String, u64> {
    let rows = store.would(day..=day).await.unwrap();
    let name = |row: &WouldRow| match row.group.is_others() {
        true => format!("others of {}", row.group.reason),
        false => format!(
            "{} {} {}",
            row.group.reason, row.group.sender, row.group.client
        ),
    };
    rows.iter().map(|row| (name(row), row.times)).collect()
}

async fn groups_add_up_by_day(place: Place) {
    let store = place.open().await;
    let day = today(now());
    let of = |at| would("spf_fail", "a.example", "192.0.2.1", at);
    store.count_would(day, vec![of(10), of(11)], None);
    until_written(&*store).await;
    store.count_would(day, vec![of(12)], Some("a.example".to_owned()));
    store.count_would(day, vec![would("spf_fail", "<>", "192.0.2.1", 5)], None);
    store.count_would(day - 1, vec![of(9)], Some("<> 192.0.2.1".to_owned()));
    until_written(&*store).await;
    let rows = store.would(0..=u64::MAX).await.unwrap();
    assert_eq!(
        rows,
        [
            row(day - 1, of(9), 1),
            row(day, would("spf_fail", "<>", "192.0.2.1", 5), 1),
            // The newest example stays.
            row(day, of(12), 3),
        ]
    );
    assert_eq!(store.would(day + 1..=u64::MAX).await, Ok(vec![]));
    let senders = vec![
        "a.example".to_owned(),
        "<> 192.0.2.1".to_owned(),
        "b.example".to_owned(),
    ];
    let accepted = store
        .accepted_of(day - 1..=day, senders.clone())
        .await
        .unwrap();
    let expected = [("a.example".to_owned(), 1), ("<> 192.0.2.1".to_owned(), 1)];
    assert_eq!(accepted, expected.into());
    let accepted = store.accepted_of(day..=day, senders).await.unwrap();
    assert_eq!(accepted, [("a.example".to_owned(), 1)].into());
    drop(store);
    assert_eq!(place.open().await.would(0..=u64::MAX).await.unwrap(), rows);
}

async fn a_flood_leaves_room_for_others(place: Place) {
    let store = place.open().await;
    let day = today(now());
    let half = MAX_OF_REASON / 2;
    // In steps, so that no writer's batch and no room in the queue is in question.
    let flood = async |from: u64, to: u64| {
        for number in from..to {
            let sender = format!("{number}.example");
            store.count_would(
                day,
                vec![would("spf_fail", &sender, "192.0.2.1", number)],
                None,
            );
        }
        until_written(&*store).await;
    };
    flood(0, half + 30).await;
    // A sender of which other mail was accepted still has room, and other reasons do.
    store.count_would(day, vec![], Some("friend.example".to_owned()));
    until_written(&*store).await;
    store.count_would(
        day,
        vec![
            would("spf_fail", "friend.example", "192.0.2.2", 1),
            would("dnsbl", "x.example", "192.0.2.3", 1),
            // What is there counts on.
            would("spf_fail", "0.example", "192.0.2.1", 1),
        ],
        None,
    );
    until_written(&*store).await;
    let counted = counted(&*store, day).await;
    assert_eq!(counted["others of spf_fail"], 30);
    assert_eq!(counted["spf_fail friend.example 192.0.2.2"], 1);
    assert_eq!(counted["dnsbl x.example 192.0.2.3"], 1);
    assert_eq!(counted["spf_fail 0.example 192.0.2.1"], 2);
    assert_eq!(counted.len() as u64, half + 3);
}

async fn a_day_has_room_for_so_many(place: Place) {
    let store = place.open().await;
    let day = today(now());
    let (reasons, each) = (9, MAX_OF_REASON / 2);
    for reason in 0..reasons {
        for number in 0..each {
            let sender = format!("{number}.example");
            let one = would(&format!("reason_{reason}"), &sender, "192.0.2.1", number);
            store.count_would(day, vec![one], None);
        }
        until_written(&*store).await;
    }
    let counted = counted(&*store, day).await;
    let named = counted.values().filter(|times| **times > 0).count() as u64;
    assert!(
        reasons * each > MAX_PER_DAY && named <= MAX_PER_DAY + reasons,
        "{named}"
    );
    assert_eq!(
        counted.values().sum::<u64>(),
        reasons * each,
        "none is forgotten"
    );
    assert_eq!(counted["others of reason_8"], each);
}

async fn senders_are_counted_and_bounded(place: Place) {
    let store = place.open().await;
    let day = today(now());
    let name = |number: u64| format!("{number}.example");
    for step in 0..6 {
        for number in step * 1_000..(step + 1) * 1_000 {
            store.count_would(day, vec![], Some(name(number)));
        }
        until_written(&*store).await;
    }
    let all: Vec<_> = (0..6_000).map(name).collect();
    let accepted = store.accepted_of(day..=day, all).await.unwrap();
    assert_eq!(accepted.len() as u64, MAX_SENDERS);
}

async fn what_is_over_is_gone(place: Place) {
    let store = place.open().await;
    let today = today(now());
    let of = |at| would("spf_fail", "a.example", "192.0.2.1", at);
    for day in [today - KEEP_DAYS, today - KEEP_DAYS + 1] {
        store.count_would(day, vec![of(1)], Some("a.example".to_owned()));
    }
    until_written(&*store).await;
    drop(store);
    // What is opened is pruned.
    let store = place.open().await;
    until("the old day is deleted", async || {
        let rows = store.would(0..=u64::MAX).await.unwrap();
        let days: Vec<_> = rows.iter().map(|row| row.day).collect();
        let kept = store
            .accepted_of(0..=u64::MAX, vec!["a.example".to_owned()])
            .await
            .unwrap();
        days == [today - KEEP_DAYS + 1] && kept.get("a.example") == Some(&1)
    })
    .await;
}
