//! What is learned of addresses, and how much of it is kept.

use std::ops::Range;

use backstop::{
    core::learned::{Learn, Learned},
    store::{Retention, Store},
};

use super::place::{KEEP, Place, spread, today, until, until_written};

on_both! {
    each_day_counts_once
    who_sends_is_known_at_once
    two_hosts_learn_the_same
    the_hashes_of_two_keys_are_one_address
    addresses_are_kept_for_their_time
    of_too_many_those_seen_once_go
}

fn accepted(number: u64, day: u64) -> Learn {
    Learn {
        address: spread(number),
        day,
        sent: false,
    }
}

fn sent(number: u64, day: u64) -> Learn {
    Learn {
        sent: true,
        ..accepted(number, day)
    }
}

async fn learned(store: &dyn Store, number: u64) -> Option<Learned> {
    store.learned(vec![spread(number)]).await.unwrap()
}

fn known(days: u32, last_accepted: Option<u64>, last_sent: Option<u64>) -> Option<Learned> {
    Some(Learned {
        days,
        last_accepted,
        last_sent,
    })
}

async fn each_day_counts_once(place: Place) {
    let store = place.open().await;
    let today = today();
    assert_eq!(learned(&*store, 1).await, None);
    for _ in 0..3 {
        store.learn(accepted(1, today - 2));
    }
    until_written(&*store).await;
    assert_eq!(learned(&*store, 1).await, known(1, Some(today - 2), None));
    store.learn(accepted(1, today - 2));
    store.learn(accepted(1, today));
    until_written(&*store).await;
    assert_eq!(learned(&*store, 1).await, known(2, Some(today), None));
    // What comes late may have been counted.
    store.learn(accepted(1, today - 1));
    store.learn(accepted(1, today));
    until_written(&*store).await;
    assert_eq!(learned(&*store, 1).await, known(2, Some(today), None));
    assert_eq!(learned(&*store, 2).await, None);
    assert_eq!(store.learned(vec![]).await, Ok(None));
}

async fn who_sends_is_known_at_once(place: Place) {
    let store = place.open().await;
    let today = today();
    for day in [today - 1, today - 1, today - 3] {
        store.learn(sent(1, day));
    }
    until_written(&*store).await;
    assert_eq!(learned(&*store, 1).await, known(0, None, Some(today - 1)));
    // The one does not keep the other from counting.
    store.learn(accepted(1, today - 2));
    until_written(&*store).await;
    let both = known(1, Some(today - 2), Some(today - 1));
    assert_eq!(learned(&*store, 1).await, both);
    store.learn(sent(1, today));
    until_written(&*store).await;
    let both = known(1, Some(today - 2), Some(today));
    assert_eq!(learned(&*store, 1).await, both);
}

async fn two_hosts_learn_the_same(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let today = today();
    for number in 1..=200 {
        for store in [&one, &other] {
            store.learn(accepted(number, today - 1));
        }
        one.learn(sent(number, today));
    }
    until_written(&*one).await;
    until_written(&*other).await;
    for number in 1..=200 {
        let both = known(1, Some(today - 1), Some(today));
        assert_eq!(learned(&*one, number).await, both, "{number}");
        assert_eq!(learned(&*other, number).await, both, "{number}");
    }
}

async fn the_hashes_of_two_keys_are_one_address(place: Place) {
    let store = place.open().await;
    let today = today();
    for day in today - 5..=today - 3 {
        store.learn(accepted(1, day));
    }
    for day in today - 2..=today - 1 {
        store.learn(accepted(2, day));
    }
    store.learn(sent(1, today - 4));
    until_written(&*store).await;
    let all = store.learned(vec![spread(3), spread(2), spread(1)]).await;
    assert_eq!(all, Ok(known(5, Some(today - 1), Some(today - 4))));
}

async fn addresses_are_kept_for_their_time(place: Place) {
    let store = place.open().await;
    let (today, keep) = (today(), KEEP.learned_days);
    // So that a day which ends meanwhile changes nothing.
    store.learn(accepted(1, today - keep - 1));
    store.learn(sent(2, today - keep - 1));
    store.learn(accepted(3, today - keep + 1));
    store.learn(sent(4, today - keep + 1));
    until_written(&*store).await;
    for number in [1, 2] {
        assert_eq!(learned(&*store, number).await, None, "{number}");
    }
    let day = Some(today - keep + 1);
    assert_eq!(learned(&*store, 3).await, known(1, day, None));
    assert_eq!(learned(&*store, 4).await, known(0, None, day));
    // Who keeps less finds less, of what others wrote too.
    let less = Retention {
        learned_days: keep - 3,
        ..KEEP
    };
    let short = place.open_to_keep(less).await;
    assert_eq!(learned(&*short, 3).await, None);
    // And begins anew.
    short.learn(accepted(3, today));
    until_written(&*short).await;
    let days = learned(&*short, 3).await.unwrap().days;
    assert_eq!(days, 1);
}

async fn learn_all(store: &dyn Store, entries: impl IntoIterator<Item = Learn>) {
    for (count, entry) in entries.into_iter().enumerate() {
        store.learn(entry);
        // The queue has room for five thousand that strangers make.
        if count % 4_000 == 3_999 {
            until_written(store).await;
        }
    }
    until_written(store).await;
    assert_eq!(store.health().lost.counts, 0);
}

async fn of_too_many_those_seen_once_go(place: Place) {
    const MOST: usize = 4_096;
    let keep = Retention {
        max_learned: MOST as u64,
        ..KEEP
    };
    let store = place.open_to_keep(keep).await;
    let today = today();
    let residents =
        (0..500).flat_map(|number| [accepted(number, today - 9), accepted(number, today - 8)]);
    let senders = (500..1_000).map(|number| sent(number, today - 9));
    learn_all(&*store, residents.chain(senders)).await;
    learn_all(
        &*store,
        (1_000..2_000).map(|number| accepted(number, today - 7)),
    )
    .await;
    // A stranger who writes to ever new addresses.
    learn_all(
        &*store,
        (10_000..20_000).map(|number| accepted(number, today)),
    )
    .await;
    // SQLite forgets when it is opened, and each minute.
    drop(store);
    let store = place.open_to_keep(keep).await;

    // Of those seen once, there are as many as they have days together.
    let seen_once = async |numbers: Range<u64>| {
        let mut count = 0;
        for some in Vec::from_iter(numbers).chunks(500) {
            let some = some.iter().copied().map(spread).collect();
            let learned = store.learned(some).await.unwrap();
            count += learned.unwrap_or_default().days as usize;
        }
        count
    };
    let mut proven = 0;
    for number in 0..1_000 {
        proven += usize::from(learned(&*store, number).await.is_some());
    }
    let mut counts = (0, 0);
    until("there are no more than may be", async || {
        counts = (
            seen_once(1_000..2_000).await,
            seen_once(10_000..20_000).await,
        );
        let more = match place {
            Place::Sqlite(_) => 0,
            Place::Redis(_) => MOST / 2,
        };
        proven + counts.0 + counts.1 <= MOST + more
    })
    .await;
    let (once, strangers) = counts;
    let all = proven + once + strangers;
    match place {
        Place::Sqlite(_) => assert_eq!((all, proven, once), (MOST, 1_000, 0)),
        // Each key has its own share, and somewhat more.
        Place::Redis(_) => assert_eq!((all >= MOST, proven, once), (true, 1_000, 0), "{all}"),
    }
}

/// Redis does not know how many there are together.
#[tokio::test(flavor = "multi_thread")]
async fn redis_keeps_about_as_many_as_it_may() {
    let place = Place::redis();
    let today = today();
    for (most, numbers, kept) in [(5, 0..20, 4..=5), (3_000, 100..3_100, 2_990..=3_000)] {
        let keep = Retention {
            max_learned: most,
            ..KEEP
        };
        let store = place.open_to_keep(keep).await;
        let residents = numbers.clone().map(|number| accepted(number, today));
        learn_all(&*store, residents).await;
        let mut count = 0;
        for number in numbers {
            count += u64::from(learned(&*store, number).await.is_some());
        }
        assert!(kept.contains(&count), "{most}: {count}");
        if most == 5 {
            continue;
        }
        // What was learned when fewer or more could be kept is still known.
        let store = place.open().await;
        assert!(learned(&*store, 100).await.is_some());
        assert!(learned(&*store, 19).await.is_some());
    }
}
