//! What is usual, and how it is learned.

use super::{
    super::{
        baseline::{Baseline, HOURS, Slot},
        *,
    },
    parts::hash,
    simulation::{HOUR, START},
};

const NOW: u64 = 1_800_000_000 / HOUR * HOUR;
/// The begin of an hour that is the first in the list of those of the week.
const FIRST: u64 = NOW / (HOURS as u64 * HOUR) * HOURS as u64 * HOUR;

/// One in which these hours of the week were learned once: their places and rates.
fn learned(hours: &[(usize, u32)]) -> Baseline {
    let mut baseline = Baseline::new(FIRST);
    for &(place, rate) in hours {
        baseline.slots[place] = Slot { rate, seen: 1 };
    }
    baseline
}

#[test]
fn the_hours_beside_count_too_or_else_the_mean_of_all() {
    let one = &[(5, 5_000), (50, 20_000)][..];
    let ends = &[(0, 1_000), (167, 2_000), (80, 9_000)];
    for (hours, hour, usual) in [
        (&[][..], 5, 0.0),
        (one, 5, 5.0),
        (one, 4, 5.0),
        (one, 6, 5.0),
        (one, 3, 12.5),
        (one, 7, 12.5),
        // The week is a circle.
        (ends, 0, 2.0),
        (ends, 1, 1.0),
        (ends, 166, 2.0),
        (ends, 167, 2.0),
        (ends, 165, 4.0),
        (ends, 168, 2.0),
    ] {
        let baseline = learned(hours);
        for second in [0, HOUR - 1] {
            let found = baseline.usual(FIRST + hour * HOUR + second);
            assert_eq!(found, usual, "{hours:?} {hour} {second}");
        }
    }
}

/// What lies between two observations belongs to the hour before or to the next. At most 15 minutes were observed, and half
/// an hour is enough to learn one.
#[test]
fn the_end_of_an_hour_is_parted() {
    for (observed, before, after, is_learned, of_next) in [
        (1500, 300, 100, true, 100),
        (1500, 299, 100, false, 100),
        (1800, 0, 0, true, 0),
        (1799, 1, 899, true, 899),
        (1799, 1, 900, false, 0),
        (1800, 1, 900, true, 0),
    ] {
        let mut baseline = Baseline::new(FIRST);
        baseline.observed = observed;
        let end = FIRST + HOUR;
        baseline.advance(end - before, end + after, |_| 20.0);
        let found = (baseline.slots[0].seen == 1, baseline.observed);
        let row = (observed, before, after);
        assert_eq!(found, (is_learned, of_next), "{row:?}");
    }
}

#[test]
fn less_than_a_hit_in_twenty_minutes_is_not_worth_keeping() {
    for (hours, is_empty) in [
        (&[][..], true),
        (&[(3, 49)], true),
        (&[(3, 50)], false),
        (&[(3, 49), (4, 51)], false),
    ] {
        assert_eq!(learned(hours).is_empty(), is_empty, "{hours:?}");
    }
}

/// What was observed fits no hour then: neither the one that it was begun in nor that which it is now.
#[test]
fn what_was_observed_before_the_clock_was_put_back_is_not_learned() {
    let settings = Settings::default();
    for (back, is_learned) in [(0, true), (20, true), (21, false), (2 * HOUR, false)] {
        let mut record = Record::new(START);
        for minute in 0..45 {
            record.step(&settings, &bounces(6), START + minute * 60);
        }
        for minute in 44..62 {
            let now = START + minute * 60 - back;
            record.step(&settings, &Deltas::default(), now);
        }
        let later = START + 12 * HOUR;
        let usual = record.status(&settings, later).baseline;
        assert_eq!(usual > 0.0, is_learned, "{back}: {usual}");
    }
}

/// So many bounces, from as many networks.
fn bounces(count: u64) -> Deltas {
    let mut deltas = Deltas::default();
    (0..count).for_each(|number| deltas.hit(Hit::Unproven, hash(number), hash(number)));
    deltas
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
