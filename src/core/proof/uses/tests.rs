//! Each row: what comes, when, and what becomes of it.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_800_000_000;

fn hash(number: u8) -> Hash {
    Hash::from_bytes([number; 16])
}

fn attempt(counter: Counter, notification: Option<u8>, after: u64) -> Attempt {
    Attempt {
        counter,
        limit: 2,
        notification: notification.map(hash),
        now: NOW + after,
    }
}

fn counted(times: u32, limit: u32) -> Use {
    Use::Counted { times, limit }
}

fn too_often(limit: u32) -> Use {
    Use::TooOften { limit }
}

fn take_all(steps: &[(Counter, Option<u8>, u64, Use)]) {
    let mut uses = Uses::default();
    for (step, &(counter, notification, after, expected)) in steps.iter().enumerate() {
        let found = uses.take(&attempt(counter, notification, after));
        assert_eq!(found, expected, "step {step}");
        let stored = Uses::from_bytes(&uses.to_bytes());
        assert_eq!(stored.as_ref(), Some(&uses), "step {step}");
    }
}

use Counter::{Copy, Delay, Failure, Reply, Success, Unlisted};
use Use::{Again, TooSoon};

#[test]
fn a_notification_counts_once_however_often_it_comes() {
    take_all(&[
        (Failure, Some(1), 0, counted(1, 2)),
        (Failure, Some(1), 1, TooSoon),
        // Being asked to come again does not prolong the wait.
        (Failure, Some(1), 299, TooSoon),
        (Failure, Some(1), 300, Again { times: 1 }),
        (Failure, Some(1), 599, TooSoon),
        (Failure, Some(2), 599, counted(2, 2)),
        (Failure, Some(1), 600, Again { times: 2 }),
        (Failure, Some(3), 700, too_often(2)),
        // What was not accepted was not here before.
        (Failure, Some(3), 5_000, too_often(2)),
        (Failure, Some(2), 5_000, Again { times: 1 }),
        // Another host's clock.
        (Failure, Some(2), 4_900, TooSoon),
        (Failure, Some(2), 90_000, Again { times: 2 }),
    ]);
}

#[test]
fn without_a_message_id_every_try_counts() {
    take_all(&[
        (Failure, None, 0, counted(1, 2)),
        (Failure, None, 1, counted(2, 2)),
        (Failure, None, 10_000, too_often(2)),
    ]);
}

#[test]
fn after_twenty_repeats_each_counts() {
    let mut uses = Uses::default();
    let mut take = |number: u64| uses.take(&attempt(Failure, Some(1), number * TOO_SOON));
    assert_eq!(take(0), counted(1, 2));
    for number in 1..=20 {
        let times = u8::try_from(number).unwrap();
        assert_eq!(take(number), Again { times });
    }
    assert_eq!(take(21), counted(2, 2));
    assert_eq!(take(22), too_often(2));
    assert_eq!(take(1_000), too_often(2));
}

#[test]
fn each_kind_has_a_count_of_its_own() {
    take_all(&[
        (Delay, None, 0, counted(1, 2)),
        (Delay, None, 0, counted(2, 2)),
        (Delay, None, 0, too_often(2)),
        (Success, None, 0, counted(1, 2)),
        (Failure, None, 0, counted(1, 2)),
        (Failure, None, 0, counted(2, 2)),
        (Success, None, 0, counted(2, 2)),
        (Success, None, 0, too_often(2)),
        (Unlisted, None, 0, counted(1, 2)),
        (Unlisted, None, 0, counted(2, 2)),
        (Unlisted, None, 0, too_often(2)),
        (Copy, None, 0, counted(1, 2)),
        (Reply(hash(1)), None, 0, counted(1, 50)),
        (Failure, None, 0, too_often(2)),
    ]);
}

/// A client that tries again at once has not delivered its copy, for a later milter may have asked it to.
#[test]
fn a_copy_that_comes_again_is_the_same_however_soon() {
    take_all(&[
        (Copy, Some(1), 0, counted(1, 2)),
        (Copy, Some(1), 0, Again { times: 1 }),
        (Copy, Some(1), 10, Again { times: 2 }),
        (Copy, Some(2), 10, counted(2, 2)),
        (Copy, Some(3), 10, too_often(2)),
        (Copy, Some(1), 900, Again { times: 3 }),
    ]);
    let again = (4..=20).map(|times| (Copy, Some(1), 0, Again { times }));
    let first = [(Copy, Some(1), 0, counted(1, 2))].into_iter();
    let early = (1..=3).map(|times| (Copy, Some(1), 0, Again { times }));
    let over = [
        (Copy, Some(1), 0, counted(2, 2)),
        (Copy, Some(1), 0, too_often(2)),
    ];
    let all: Vec<_> = first.chain(early).chain(again).chain(over).collect();
    take_all(&all);
}

#[test]
fn each_replier_has_one() {
    let mut steps = vec![
        (Reply(hash(0)), Some(100), 0, counted(1, 50)),
        (Reply(hash(0)), Some(101), 0, too_often(1)),
        // The same one again.
        (Reply(hash(0)), Some(100), 10, TooSoon),
        (Reply(hash(0)), Some(100), 400, Again { times: 1 }),
    ];
    for number in 1..50 {
        let expected = counted(u32::from(number) + 1, 50);
        steps.push((Reply(hash(number)), None, 0, expected));
    }
    steps.push((Reply(hash(50)), None, 0, too_often(50)));
    steps.push((Failure, None, 0, counted(1, 2)));
    take_all(&steps);
}

#[test]
fn what_is_over_begins_anew() {
    let mut kept = KeptUses::default();
    for (after, until, expected, kept_until) in [
        (0, 100, counted(1, 2), 100),
        // An earlier end does not shorten it.
        (10, 50, counted(2, 2), 100),
        // Nor does what is refused make it longer.
        (99, 500, too_often(2), 100),
        (100, 200, counted(1, 2), 200),
        (150, 300, counted(2, 2), 300),
        (299, 400, too_often(2), 300),
        (300, 300, counted(1, 2), 300),
        (300, 300, counted(1, 2), 300),
    ] {
        let used = kept.take(&attempt(Failure, None, after), NOW + until);
        assert_eq!((used, kept.until), (expected, NOW + kept_until), "{after}");
    }
}

/// A list's message can have thousands of bounces.
#[test]
fn only_the_last_ones_are_known_again() {
    let mut uses = Uses::default();
    let mut take = |number: u32, now: u64| {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        uses.take(&Attempt {
            limit: 1_000_000,
            notification: Some(Hash::from_bytes(id)),
            ..attempt(Failure, None, now)
        })
    };
    for number in 0..1_000 {
        let expected = counted(number + 1, 1_000_000);
        assert_eq!(take(number, u64::from(number)), expected);
    }
    assert_eq!(take(999, 2_000), Again { times: 1 });
    assert_eq!(take(800, 2_000), Again { times: 1 });
    assert_eq!(take(799, 2_000), counted(1_001, 1_000_000));
    assert!(uses.to_bytes().len() <= 6 * 1024);
}

proptest! {
    #[test]
    fn what_others_stored_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(mut uses) = Uses::from_bytes(&bytes) {
            prop_assert_eq!(uses.to_bytes(), bytes);
            let _ = uses.take(&attempt(Failure, Some(1), 0));
        }
    }

    #[test]
    fn no_order_has_more_count_than_may(steps in prop::collection::vec((0..5_u8, prop::option::of(0..5_u8), 0..2_000_u64), 0..200)) {
        let mut uses = Uses::default();
        let mut counted = 0;
        let mut now = 0;
        for (kind, notification, later) in steps {
            now += later;
            let counter = [Failure, Delay, Success, Unlisted, Copy][usize::from(kind)];
            let found = uses.take(&attempt(counter, notification, now));
            counted += usize::from(matches!(found, Use::Counted { .. }));
        }
        prop_assert!(counted <= 5 * 2);
    }
}
