//! Where two records become one, and where a word ends.

use super::{
    super::{baseline::Baseline, *},
    simulation::{HOUR, START},
};

/// Learned hours: place, weeks, rate.
fn baseline(learned: &[(usize, u8, u32)]) -> Baseline {
    let mut baseline = Baseline::new(START);
    for &(place, seen, rate) in learned {
        baseline.slots[place].seen = seen;
        baseline.slots[place].rate = rate;
    }
    baseline
}

/// That of more weeks is the better known one; of as many, the one that was higher.
#[test]
fn the_better_known_baseline_stays() {
    for (one, other, takes_other) in [
        (&[(0, 1, 90)][..], &[(0, 2, 50)][..], true),
        (&[(0, 2, 50)], &[(0, 1, 90)], false),
        (&[(0, 1, 10), (1, 1, 10)], &[(0, 1, 90)], false),
        (&[(0, 1, 90)], &[(0, 1, 10), (1, 1, 10)], true),
        (&[(0, 2, 50)], &[(0, 2, 90)], true),
        (&[(0, 2, 90)], &[(0, 2, 50)], false),
        (&[(0, 2, 90)], &[(1, 2, 90)], false),
        (&[(0, 2, 30), (1, 2, 30)], &[(0, 2, 10), (1, 2, 40)], false),
    ] {
        let (mut merged, other) = (baseline(one), baseline(other));
        let expected = if takes_other {
            other.slots
        } else {
            merged.slots
        };
        merged.merge(&other);
        assert_eq!(merged.slots, expected, "{one:?}");
        // Each saw a part of the hour.
        assert!(merged.unusual);
    }
}

#[test]
fn a_word_holds_until_its_last_second() {
    let settings = Settings::default();
    let mut record = Record::new(START);
    let (forced, until) = (Forced::On, START + HOUR);
    record.set_by_hand(Some(ByHand { forced, until }), START);
    for (now, holds) in [(START, true), (until - 1, true), (until, false)] {
        assert_eq!(record.forced(now).is_some(), holds);
        assert_eq!(record.is_besieged(now), holds);
        assert_eq!(record.status(&settings, now).by_hand.is_some(), holds);
        // A step at that second forgets it.
        let mut stepped = record.clone();
        stepped.step(&settings, &Deltas::default(), now);
        assert_eq!(stepped.is_shared(&settings), !holds);
    }
}

/// The later word; of two of the same second, one that says something, that there is a siege, and for longer.
#[test]
fn of_two_words_one_stays_in_either_order() {
    let (on, off) = (Forced::On, Forced::Off);
    for (stays, goes) in [
        ((11, Some((on, 20))), (10, None)),
        ((11, None), (10, Some((on, 20)))),
        ((11, Some((off, 20))), (10, Some((on, 30)))),
        ((10, Some((off, 20))), (10, None)),
        ((10, Some((on, 20))), (10, Some((off, 30)))),
        ((10, Some((on, 30))), (10, Some((on, 20)))),
        ((10, Some((off, 30))), (10, Some((off, 20)))),
    ] {
        let [one, other] = [stays, goes].map(|(at, word)| {
            let mut record = Record::new(START);
            record.by_hand = word.map(|(forced, until)| ByHand { forced, until });
            record.by_hand_at = at;
            record
        });
        for (mut first, second) in [(one.clone(), &other), (other.clone(), &one)] {
            first.heed(second);
            let found = (first.by_hand_at, first.by_hand);
            assert_eq!(found, (stays.0, one.by_hand), "{stays:?} {goes:?}");
        }
    }
}
