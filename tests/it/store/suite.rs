//! What a store does, whichever it is.

use std::{collections::BTreeSet, sync::Arc};

use backstop::{
    core::proof::{
        DAY,
        coverage::{CoverageCount, CoverageRow},
        ledger::Sent,
        uses::{Attempt, Counter, Use},
    },
    store::Lost,
};
use futures_util::future::join_all;

use super::place::{
    KEEP, Place, hash, message, now, remembers, today, until, until_written, use_proof,
};

on_both! {
    what_was_sent_is_found
    what_is_not_written_yet_is_found
    the_newest_entry_counts
    what_was_sent_before_is_imported
    many_entries_are_imported_once
    entries_without_a_message_id_or_sender
    entries_are_kept_for_their_time
    each_use_of_a_proof_has_its_own_number
    uses_of_two_add_up
    a_notification_is_known_again_by_all
    uses_are_forgotten_in_the_end
    counts_add_up
    a_day_has_only_so_many_rows
    it_outlives_whoever_opened_it
    two_may_have_it_open
    a_thousand_messages_are_written_in_batches
}

async fn what_was_sent_is_found(place: Place) {
    let store = place.open().await;
    let sent = Sent {
        recipients: (0..101).map(hash).collect(),
        hosts: vec![hash(7), hash(8)],
        recipient_count: 7_000_000,
        ..message(1)
    };
    store.remember(sent.clone());
    until_written(&*store).await;
    let found = store.sent(vec![hash(9), hash(1)]).await.unwrap().unwrap();
    assert_eq!(found.at, sent.at);
    assert_eq!(found.recipient_count, 7_000_000);
    assert_eq!(found.recipients, sent.recipients[..100]);
    assert_eq!((found.sender, found.hosts), (sent.sender, sent.hosts));
    assert_eq!(store.last_sent(vec![hash(0)]).await, Ok(Some(sent.at)));

    assert_eq!(store.sent(vec![hash(2)]).await, Ok(None));
    assert_eq!(
        store.sent(vec![hash(0)]).await,
        Ok(None),
        "a sender is no message"
    );
    assert_eq!(
        store.last_sent(vec![hash(1)]).await,
        Ok(None),
        "nor the reverse"
    );
    assert_eq!(store.sent(vec![]).await, Ok(None));
    assert_eq!(store.last_sent(vec![]).await, Ok(None));
    let health = store.health();
    assert_eq!(
        (health.down, health.lost, health.failures),
        (None, Lost::default(), 0)
    );
}

/// A bounce may be here before the ledger is written: the MTA next door refuses within milliseconds.
async fn what_is_not_written_yet_is_found(place: Place) {
    let store = place.open().await;
    for number in 1..=1_500 {
        store.remember(message(number));
        let found = store.sent(vec![hash(number)]).await.unwrap().unwrap();
        assert_eq!(found.recipients, message(number).recipients);
        assert!(store.last_sent(vec![hash(0)]).await.unwrap().is_some());
    }
    until_written(&*store).await;
    for number in [1, 1_000, 1_500] {
        assert!(remembers(&*store, number).await, "{number}");
    }
}

async fn the_newest_entry_counts(place: Place) {
    let store = place.open().await;
    let at = now() - 100;
    for (number, age, recipient_count) in [(1, 50, 1), (1, 10, 2), (1, 90, 3), (2, 30, 4)] {
        store.remember(Sent {
            at: at - age,
            recipient_count,
            ..message(number)
        });
    }
    until_written(&*store).await;
    let found = store.sent(vec![hash(2), hash(1)]).await.unwrap().unwrap();
    assert_eq!((found.at, found.recipient_count), (at - 10, 2));
    let found = store.sent(vec![hash(2)]).await.unwrap().unwrap();
    assert_eq!(found.recipient_count, 4);
    let last = store.last_sent(vec![hash(8), hash(0), hash(9)]).await;
    assert_eq!(last, Ok(Some(at - 10)));
}

async fn what_was_sent_before_is_imported(place: Place) {
    let store = place.open().await;
    let (now, day) = (now(), DAY);
    store.remember(message(1));
    until_written(&*store).await;
    let sent = |number, at| Sent {
        at,
        recipients: (0..101).map(hash).collect(),
        ..message(number)
    };
    let unnamed = Sent {
        message: None,
        sender: Some(hash(7)),
        at: now - 3 * day,
        ..message(0)
    };
    let all = vec![
        sent(1, now - day),
        sent(2, now - 20 * day),
        sent(2, now - 2 * day),
        sent(2, now - 9 * day),
        sent(3, now - 31 * day),
        unnamed.clone(),
    ];
    assert_eq!(store.import(all.clone()).await, Ok(1));
    let at = async |number| {
        let found = store.sent(vec![hash(number)]).await.unwrap();
        found.map(|found| (found.at, found.recipients.len()))
    };
    let first = at(1).await;
    assert!(first.is_some_and(|(at, recipients)| at >= now && recipients == 2));
    assert_eq!(at(2).await, Some((now - 2 * day, 100)));
    assert_eq!(at(3).await, None);
    assert_eq!(
        store.last_sent(vec![hash(7)]).await,
        Ok(Some(now - 3 * day))
    );
    let latest = store.last_sent(vec![hash(0)]).await.unwrap();
    assert!(latest >= Some(now));
    // Again, and with something that came later.
    assert_eq!(store.import(all).await, Ok(0));
    assert_eq!(store.import(vec![unnamed]).await, Ok(0));
    assert_eq!(store.import(vec![sent(2, now - day)]).await, Ok(1));
    assert_eq!(at(2).await, Some((now - day, 100)));
    assert_eq!(store.import(vec![]).await, Ok(0));
    assert_eq!(store.health().lost, Lost::default());
}

async fn many_entries_are_imported_once(place: Place) {
    let store = place.open().await;
    let all: Vec<Sent> = (1..=5_000).map(message).collect();
    assert_eq!(store.import(all.clone()).await, Ok(5_000));
    let other = place.open().await;
    assert_eq!(other.import(all).await, Ok(0));
    for number in [1, 64, 2_500, 5_000] {
        assert!(
            other.sent(vec![hash(number)]).await.unwrap().is_some(),
            "{number}"
        );
    }
}

async fn entries_without_a_message_id_or_sender(place: Place) {
    let store = place.open().await;
    let bare = Sent {
        message: None,
        sender: None,
        recipients: vec![],
        hosts: vec![],
        recipient_count: 0,
        at: now(),
        domain: None,
    };
    store.remember(bare.clone());
    store.remember(Sent {
        sender: Some(hash(5)),
        ..bare.clone()
    });
    store.remember(Sent {
        message: Some(hash(6)),
        ..bare
    });
    until_written(&*store).await;
    assert!(store.last_sent(vec![hash(5)]).await.unwrap().is_some());
    let found = store.sent(vec![hash(6)]).await.unwrap().unwrap();
    assert_eq!((found.recipient_count, found.recipients), (0, vec![]));
}

async fn entries_are_kept_for_their_time(place: Place) {
    let store = place.open().await;
    let keep = KEEP.ledger_days * DAY;
    let entry = |number, at| Sent {
        sender: Some(hash(number + 10)),
        at,
        ..message(number)
    };
    store.remember(entry(1, now() - keep - 1));
    store.remember(entry(2, now() - keep + 2));
    store.remember(entry(3, now() - keep + 3600));
    until_written(&*store).await;
    assert!(!remembers(&*store, 1).await);
    assert_eq!(store.last_sent(vec![hash(11)]).await, Ok(None));
    until("the second is over", async || {
        let sender = store.last_sent(vec![hash(12)]).await.unwrap();
        !remembers(&*store, 2).await && sender.is_none()
    })
    .await;
    assert!(remembers(&*store, 3).await);
    assert!(store.last_sent(vec![hash(13)]).await.unwrap().is_some());
}

/// On a server, hosts share the numbers; with a file, only what one process is asked does.
async fn each_use_of_a_proof_has_its_own_number(place: Place) {
    let one = place.open().await;
    let other = match &place {
        Place::Sqlite(_) => Arc::clone(&one),
        Place::Redis(_) => place.open().await,
    };
    let (now, until) = (now(), now() + 600);
    let uses = (0..20).map(|number| {
        let store = Arc::clone(if number % 2 == 0 { &one } else { &other });
        tokio::spawn(async move { use_proof(&*store, hash(1), now, until).await })
    });
    let uses = join_all(uses).await;
    let numbers: BTreeSet<u32> = uses
        .into_iter()
        .map(|used| used.unwrap().unwrap())
        .collect();
    assert_eq!(numbers, (1..=20).collect());
    assert_eq!(use_proof(&*one, hash(2), now, until).await, Ok(1));
    assert_eq!(use_proof(&*other, hash(1), now, until).await, Ok(21));
}

/// Two may count the same number for a moment; all of it is there in the end.
async fn uses_of_two_add_up(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let (now, until) = (now(), now() + 600);
    for _ in 0..20 {
        for store in [&one, &other] {
            let used = use_proof(&**store, hash(1), now, until).await;
            assert!((1..=40).contains(&used.unwrap()));
        }
    }
    until_written(&*one).await;
    until_written(&*other).await;
    assert_eq!(use_proof(&*one, hash(1), now, until).await, Ok(41));
    until_written(&*one).await;
    assert_eq!(use_proof(&*other, hash(1), now, until).await, Ok(42));
}

/// Many at once: one is new, and the others come too soon. So it is by another host, when the first is written.
async fn a_notification_is_known_again_by_all(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    let (now, until) = (now(), now() + 600);
    let attempt = |notification, now| Attempt {
        counter: Counter::Failure,
        limit: 3,
        notification: Some(hash(notification)),
        now,
    };
    let uses = (0..20).map(|_| {
        let store = Arc::clone(&one);
        let attempt = attempt(1, now);
        tokio::spawn(async move { store.use_proof(hash(1), attempt, until).await })
    });
    let uses = join_all(uses).await;
    let uses: Vec<Use> = uses
        .into_iter()
        .map(|used| used.unwrap().unwrap())
        .collect();
    let first = Use::Counted { times: 1, limit: 3 };
    assert_eq!(uses.iter().filter(|used| **used == first).count(), 1);
    assert_eq!(
        uses.iter().filter(|used| **used == Use::TooSoon).count(),
        19
    );
    for (store, number, later, expected) in [
        (&other, 1, 301, Use::Again { times: 1 }),
        (&one, 1, 302, Use::TooSoon),
        (&one, 2, 302, Use::Counted { times: 2, limit: 3 }),
        (&other, 2, 303, Use::TooSoon),
        (&other, 3, 303, Use::Counted { times: 3, limit: 3 }),
        (&one, 4, 304, Use::TooOften { limit: 3 }),
        (&other, 4, 999, Use::TooOften { limit: 3 }),
    ] {
        until_written(&*one).await;
        until_written(&*other).await;
        let used = store.use_proof(hash(1), attempt(number, now + later), until + 999);
        assert_eq!(used.await, Ok(expected), "{number} {later}");
    }
}

async fn uses_are_forgotten_in_the_end(place: Place) {
    let store = place.open().await;
    let end = now() + 3;
    assert_eq!(use_proof(&*store, hash(1), end - 3, end).await, Ok(1));
    // An earlier end does not shorten it, a later one makes it longer.
    assert_eq!(use_proof(&*store, hash(2), end - 3, end + 600).await, Ok(1));
    assert_eq!(use_proof(&*store, hash(2), end - 3, end).await, Ok(2));
    until("it begins anew", async || {
        use_proof(&*store, hash(1), now(), end).await == Ok(1)
    })
    .await;
    assert_eq!(use_proof(&*store, hash(2), now(), end + 600).await, Ok(3));
    // What is over already is not kept.
    assert_eq!(use_proof(&*store, hash(3), end, end).await, Ok(1));
    assert_eq!(use_proof(&*store, hash(3), end, end - 1).await, Ok(1));
}

fn outgoing(domain: &str, outcome: &str) -> CoverageCount {
    CoverageCount::Outgoing {
        domain: domain.to_owned(),
        outcome: outcome.to_owned(),
    }
}

fn would_refuse(recipient: String) -> CoverageCount {
    CoverageCount::WouldRefuse { recipient }
}

async fn counts_add_up(place: Place) {
    let store = place.open().await;
    let today = today();
    let bounce = || CoverageCount::Bounce {
        outcome: "batv".to_owned(),
    };
    for _ in 0..3 {
        store.count(today, outgoing("example.org", "signed"));
    }
    store.count(today, outgoing("example.org", "no_key"));
    store.count(today, bounce());
    until_written(&*store).await;
    store.count(today, outgoing("example.org", "signed"));
    store.count(today - 1, bounce());
    store.count(today, would_refuse("User+\u{e9}@example.org".to_owned()));
    store.count(today, would_refuse("x".repeat(100_000)));
    until_written(&*store).await;

    let row = |day, count, times| CoverageRow { day, count, times };
    let of_today = [
        row(today, outgoing("example.org", "no_key"), 1),
        row(today, outgoing("example.org", "signed"), 4),
        row(today, bounce(), 1),
        row(today, would_refuse("User+\u{e9}@example.org".to_owned()), 1),
    ];
    assert_eq!(store.coverage(today..=today).await.unwrap(), of_today);
    let all = store.coverage(0..=u64::MAX).await.unwrap();
    assert_eq!(all.len(), 5);
    assert_eq!(all[0], row(today - 1, bounce(), 1));
    assert_eq!(store.coverage(today + 1..=today + 5).await, Ok(vec![]));
    let (first, last) = (today, today - 1);
    assert_eq!(store.coverage(first..=last).await, Ok(vec![]));
}

async fn a_day_has_only_so_many_rows(place: Place) {
    let store = place.open().await;
    let today = today();
    for number in 0..1_200 {
        store.count(today, would_refuse(format!("{number}@example.org")));
    }
    until_written(&*store).await;
    let rows = store.coverage(today..=today).await.unwrap();
    assert_eq!(rows.len(), 1_000);
    // What is there counts on, and other days and kinds have room.
    store.count(today, rows[0].count.clone());
    store.count(today - 1, would_refuse("new@example.org".to_owned()));
    store.count(today, outgoing("example.org", "signed"));
    until_written(&*store).await;
    let rows = store.coverage(today - 1..=today).await.unwrap();
    assert_eq!(rows.len(), 1_002);
    let times: u64 = rows.iter().map(|row| row.times).sum();
    assert_eq!(times, 1_003);
}

async fn it_outlives_whoever_opened_it(place: Place) {
    let store = place.open().await;
    store.remember(message(1));
    store.count(today(), outgoing("example.org", "signed"));
    until_written(&*store).await;
    // Nobody waits for these: the writer still writes them.
    assert_eq!(use_proof(&*store, hash(1), now(), now() + 600).await, Ok(1));
    store.remember(message(2));
    drop(store);

    let store = place.open().await;
    assert!(remembers(&*store, 1).await);
    assert_eq!(
        store.coverage(today() - 1..=today()).await.unwrap().len(),
        1
    );
    until("the last is written", async || remembers(&*store, 2).await).await;
    until("the use is written", async || {
        use_proof(&*store, hash(1), now(), now() + 600).await == Ok(2)
    })
    .await;
}

async fn two_may_have_it_open(place: Place) {
    let (one, other) = (place.open().await, place.open().await);
    for number in 1..50 {
        one.remember(message(number));
        other.remember(message(number + 100));
    }
    until_written(&*one).await;
    until_written(&*other).await;
    for number in 1..50 {
        assert!(remembers(&*other, number).await && remembers(&*one, number + 100).await);
    }
}

async fn a_thousand_messages_are_written_in_batches(place: Place) {
    let store = place.open().await;
    for number in 1..=5_000 {
        store.remember(message(number));
    }
    until_written(&*store).await;
    for number in (1..=5_000).step_by(97) {
        assert!(remembers(&*store, number).await, "{number}");
    }
    assert_eq!(store.health().lost, Lost::default());
}
