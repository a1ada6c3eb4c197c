//! The pieces, one by one.

use super::super::{
    baseline::{Baseline, HOURS},
    ring::Ring,
    *,
};
use crate::core::{
    address::Domain,
    recipients::ClassAnswer,
    verdict::{Action, Rule},
};

const HOUR: u64 = 3600;
const NOW: u64 = 1_800_000_000 / HOUR * HOUR;

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

/// So many hits, from as many networks.
fn hits(count: u32) -> Networks {
    let mut networks = Networks::default();
    (0..count).for_each(|number| networks.add(hash(number.into())));
    networks
}

/// An hour of so many hits, observed every minute.
fn hour(baseline: &mut Baseline, from: u64, count: u32, limit: f64) {
    for minute in 0..60 {
        let now = from + minute * 60;
        baseline.advance(now - 60, now, |_| limit);
        if minute == 0 {
            baseline.add(&hits(count));
        }
    }
}

#[test]
fn what_is_usual_is_learned_slowly() {
    let week = HOURS as u64 * HOUR;
    let mut baseline = Baseline::new(NOW);
    for weeks in 0..20 {
        hour(&mut baseline, NOW + weeks * week, 600, 200.0);
        baseline.advance(
            NOW + weeks * week + HOUR - 60,
            NOW + weeks * week + HOUR,
            |_| 200.0,
        );
    }
    let usual = |baseline: &Baseline, at| (baseline.usual(at) * 10.0).round() / 10.0;
    // 600 in an hour are 10 a minute; in the hours beside it too, and in those that nobody knows.
    for at in [0, HOUR, week - HOUR, 50 * HOUR] {
        assert_eq!(usual(&baseline, NOW + at), 10.0, "{at}");
    }
    // One other week moves it by an eighth.
    hour(&mut baseline, NOW + 20 * week, 0, 200.0);
    baseline.advance(NOW + 20 * week + HOUR - 60, NOW + 20 * week + HOUR, |_| {
        200.0
    });
    assert_eq!(usual(&baseline, NOW), 8.8);
    // What is more than half of the limit counts as that.
    let mut clipped = Baseline::new(NOW);
    hour(&mut clipped, NOW, 60_000, 20.0);
    clipped.advance(NOW + HOUR - 60, NOW + HOUR, |_| 20.0);
    assert_eq!(usual(&clipped, NOW), 10.0);
}

/// Whoever sends as much as is learned, every hour, triples it in a week at most; and who sends more than an alert of the
/// first week, always as much, is known within some weeks.
#[test]
fn what_was_learned_an_hour_ago_vouches_for_nothing() {
    let limit = |usual: f64| f64::max(20.0, 10.0 * usual);
    let after_weeks = |rate: f64| {
        let mut baseline = Baseline::new(NOW);
        let mut weeks = Vec::new();
        for hour in 0..4 * HOURS as u64 {
            let from = NOW + hour * HOUR;
            let now = f64::min(rate, 5.0 * baseline.usual(from).max(2.0));
            for minute in 0..6 {
                let at = from + minute * 600;
                baseline.add(&hits((now * 10.0).round().min(60_000.0) as u32));
                baseline.advance(at, at + 600, limit);
            }
            if (hour + 1).is_multiple_of(HOURS as u64) {
                weeks.push(baseline.usual(from + HOUR).round());
            }
        }
        weeks
    };
    assert_eq!(after_weeks(1_000_000.0), [10.0, 30.0, 70.0, 140.0]);
    assert_eq!(after_weeks(16.0), [10.0, 13.0, 14.0, 15.0]);
}

#[test]
fn an_hour_that_was_not_seen_whole_or_was_unusual_is_not_learned() {
    for (gap, unusual, learned) in [(60, false, true), (60, true, false), (2000, false, false)] {
        let mut baseline = Baseline::new(NOW);
        baseline.add(&hits(1000));
        baseline.unusual = unusual;
        let mut now = NOW;
        while now < NOW + HOUR {
            baseline.advance(now, now + gap, |_| 200.0);
            now += gap;
        }
        assert_eq!(!baseline.is_empty(), learned, "{gap} {unusual}");
    }
}

#[test]
fn domains_that_a_stranger_invents_are_bounded() {
    let local = ["example.org", ".example.org"].map(|text| text.parse().unwrap());
    let domain = |number: usize| -> Domain { format!("n{number}.example.org").parse().unwrap() };
    let mut tally = Tally::new(&local);
    for round in 0..2 {
        for number in 0..MAX_DOMAINS + 10 {
            tally
                .of(&domain(number))
                .hit(Hit::Refused, hash(1), hash(1));
        }
        // A name in the file always has its place.
        tally
            .of(&"example.org".parse().unwrap())
            .hit(Hit::Unproven, hash(2), hash(2));
        let taken = tally.take(|domain| domain.as_str() != "example.org");
        assert_eq!(taken.domains.len(), MAX_DOMAINS + 1, "{round}");
        assert_eq!(taken.all.refused as usize, MAX_DOMAINS + 10);
        // What floods one domain alone is no siege of all.
        assert_eq!(taken.all.unproven, 0);
    }
    tally.forget(&domain(0));
    tally.of(&domain(MAX_DOMAINS)).sent(3);
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
