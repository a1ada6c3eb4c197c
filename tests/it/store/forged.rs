//! Message-IDs of forged mail that a store keeps, whichever it is.

use backstop::core::proof::{
    DAY,
    forged::{FORGED_DAYS, MAX_FORGED},
};

use super::place::{Place, hash, now, until, until_written};

on_both! {
    forged_mail_is_known_again
    only_so_much_of_it_is_kept
}

async fn forged_mail_is_known_again(place: Place) {
    let store = place.open().await;
    let at = now();
    store.keep_forged(at - 60, vec![hash(1), hash(2)]);
    store.keep_forged(at, vec![hash(1)]);
    until_written(&*store).await;
    // An older time does not take the place of a later one.
    store.keep_forged(at - 90, vec![hash(1)]);
    store.keep_forged(at - FORGED_DAYS * DAY - 60, vec![hash(3)]);
    until_written(&*store).await;
    drop(store);
    let store = place.open().await;
    let since = async |since| {
        let mut found = store.forged_since(since).await.unwrap();
        found.sort_unstable();
        found
    };
    assert_eq!(since(at).await, [(hash(1), at)]);
    let mut both = [(hash(1), at), (hash(2), at - 60)];
    both.sort_unstable();
    assert_eq!(since(at - 60).await, both);
    assert_eq!(since(at + 1).await, []);
    until("what is over is gone", async || since(0).await == both).await;
}

async fn only_so_much_of_it_is_kept(place: Place) {
    let store = place.open().await;
    let at = now() - 1_000_000;
    let (most, beyond) = (MAX_FORGED as u64, 3);
    for number in 0..most + beyond {
        store.keep_forged(at + number, vec![hash(number)]);
        if number % 4_000 == 3_999 {
            store.flush().await;
        }
    }
    until_written(&*store).await;
    drop(store);
    let store = place.open().await;
    until("the oldest are gone", async || {
        let all = store.forged_since(0).await.unwrap();
        let oldest = all.iter().map(|(_, seen)| *seen).min();
        all.len() == MAX_FORGED && oldest == Some(at + beyond)
    })
    .await;
}
