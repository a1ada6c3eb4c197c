//! The pieces, one by one.

use super::super::{ring::Ring, *};
use crate::core::{
    address::Domain,
    duration::Duration,
    proof::DAY,
    recipients::ClassAnswer,
    verdict::{Action, Rule},
};

/// What looks random, from a number.
pub(super) fn hash(number: u64) -> u64 {
    // SplitMix64's finish.
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn recipients_are_counted_about_right_and_once() {
    for (distinct, off) in [
        (0, 0),
        (1, 0),
        (5, 1),
        (40, 8),
        (1_000, 350),
        (100_000, 35_000),
    ] {
        let mut sketch = Sketch::default();
        for number in (0..distinct).chain(0..distinct) {
            sketch.add(hash(number.into()));
        }
        assert!(
            sketch.count().abs_diff(distinct) <= off,
            "{distinct}: {}",
            sketch.count()
        );
        let mut joined = sketch;
        joined.join(&sketch);
        assert_eq!(joined, sketch);
    }
    // No hash is out of its bounds.
    let mut all = Sketch::default();
    [0, u64::MAX, 1].iter().for_each(|hash| all.add(*hash));
    assert_eq!(all.count(), 2, "0 and 1 fall into one register");
}

/// So many registers hold this rank: where few are empty, or none is, it is the rank that says how many there are.
#[test]
fn the_rank_tells_large_counts() {
    // (registers, rank, count): 0.709 · 64² / (empty registers + the others' sum of 1/2^rank), or 64 · ln(64 / empty).
    for (registers, rank, count) in [(63, 1, 266), (63, 10, 2736), (64, 1, 91), (64, 2, 182)] {
        let mut sketch = Sketch::default();
        for register in 0..registers {
            sketch.add(register << 58 | 1 << (58 - rank));
        }
        assert_eq!(sketch.count(), count, "{registers} {rank}");
    }
}

#[test]
fn a_ring_forgets_what_is_old_and_stands_a_clock_that_steps() {
    let sum = |ring: &Ring<u32, 6, 10>| ring.iter().sum::<u32>();
    let mut ring = Ring::<u32, 6, 10>::new(1000);
    *ring.newest().unwrap() = 7;
    for (now, left) in [(1009, 7), (900, 7), (1050, 7), (1060, 0)] {
        ring.advance(now);
        assert_eq!(sum(&ring), left, "{now}");
    }
    *ring.newest().unwrap() = 7;
    ring.put_back(100);
    ring.advance(150);
    assert_eq!(sum(&ring), 7);
    ring.advance(u64::MAX);
    assert_eq!(sum(&ring), 0);
}

#[test]
fn rings_that_are_joined_agree_on_the_time() {
    let with = |now, count| {
        let mut ring = Ring::<u32, 6, 10>::new(now);
        *ring.newest().unwrap() = count;
        ring
    };
    let join = |one: &Ring<u32, 6, 10>, other| {
        let mut joined = *one;
        joined.join(&other, |slot, other| *slot += other);
        joined
    };
    let (early, late) = (with(1000, 3), with(1020, 5));
    assert_eq!(join(&early, late), join(&late, early));
    let joined = join(&early, late);
    assert_eq!(Vec::from_iter(joined.iter()), [&5, &0, &3, &0, &0, &0]);
}

#[test]
fn domains_that_a_stranger_invents_are_bounded() {
    let domain = |number: usize| -> Domain { format!("n{number}.example.org").parse().unwrap() };
    let mut tally = Tally::default();
    for round in 0..2 {
        for number in 0..MAX_DOMAINS + 10 {
            tally
                .of(&domain(number), false)
                .hit(Hit::Refused, hash(1), hash(1));
        }
        // A name in the file always has its place.
        tally
            .of(&"example.org".parse().unwrap(), true)
            .hit(Hit::Unproven, hash(2), hash(2));
        let taken = tally.take(|domain| domain.as_str() != "example.org");
        assert_eq!(taken.domains.len(), MAX_DOMAINS + 1, "{round}");
        assert_eq!(taken.all.refused as usize, MAX_DOMAINS + 10);
        // What floods one domain alone is no siege of all.
        assert_eq!(taken.all.unproven, 0);
    }
    tally.forget(&domain(0));
    tally.of(&domain(MAX_DOMAINS), false).sent(3);
    let taken = tally.take(|_| true);
    assert_eq!(taken.domains.len(), 1);
    assert_eq!(taken.all.outgoing, 3);
    assert_eq!(tally.take(|_| true), Taken::default());
}

#[test]
fn states_have_one_word() {
    for state in State::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    let severity = State::ALL.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(severity);
}

#[test]
fn a_part_of_catch_all_keeps_the_rest() {
    let settings: Settings = serde_yaml::from_str("catch_all: {mail: accept}").unwrap();
    let expected = ClassAnswer {
        mail: Rule::new(Action::Accept),
        bounces: Rule::new(Action::Reject),
    };
    assert_eq!(settings.catch_all, expected);
}

#[test]
fn addresses_are_learned_where_there_is_room_for_them() {
    for (watch, max_addresses, learns) in [
        (true, 1, true),
        (true, 0, false),
        (false, 1, false),
        (false, 0, false),
    ] {
        let learn = Learn {
            max_addresses,
            ..Learn::default()
        };
        let settings = Settings {
            watch,
            learn,
            ..Settings::default()
        };
        assert_eq!(settings.learns(), learns, "{watch} {max_addresses}");
    }
    for (keep, days) in [(DAY, 1), (2 * DAY - 1, 1), (2 * DAY, 2), (180 * DAY, 180)] {
        let learn = Learn {
            keep: Duration::from_secs(keep),
            ..Learn::default()
        };
        assert_eq!(learn.keep_days(), days, "{keep}");
    }
}

/// What came while a flood was on stays so when it is added to what came before it, or after.
#[test]
fn a_part_that_is_unusual_makes_the_whole_so() {
    for (one, other, both) in [
        (false, false, false),
        (false, true, true),
        (true, false, true),
        (true, true, true),
    ] {
        let [mut sum, other] = [one, other].map(|unusual| Deltas {
            unusual,
            ..Deltas::default()
        });
        sum.add(&other);
        assert_eq!(sum.unusual, both, "{one} {other:?}");
    }
}
