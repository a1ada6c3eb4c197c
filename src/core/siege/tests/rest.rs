//! What rested is as if it had been stepped all the time, and who gets more than is usual.

use proptest::prelude::*;

use super::{
    super::{
        baseline::{HOURS, Slot},
        bytes::Packed,
        record::LATEST,
        watched::Watched,
        *,
    },
    parts::hash,
    simulation::{DAY, HOUR, MINUTE, START},
};

/// How often the one that is stepped is stepped, in seconds.
const STEP: u64 = 120;

/// What comes to a domain after so many seconds.
#[derive(Clone, Debug)]
enum Event {
    /// Hits, from so many networks, and mail of ours.
    Come {
        after: u64,
        hits: u32,
        networks: u64,
        outgoing: u32,
    },
    /// Nobody watches for so many seconds.
    Away { after: u64, seconds: u64 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let after = || prop_oneof![5 => 1..20 * MINUTE, 4 => MINUTE..8 * HOUR, 1 => HOUR..3 * DAY];
    let hits = prop_oneof![6 => 1..4_u32, 2 => 0..30_u32, 1 => 20..300_u32];
    let come = (
        after(),
        hits,
        1..40_u64,
        prop_oneof![4 => Just(0_u32), 1 => 0..2_000_u32],
    );
    let come = come.prop_map(|(after, hits, networks, outgoing)| Event::Come {
        after,
        hits,
        networks,
        outgoing,
    });
    let seconds = prop_oneof![1 => 0..2_000_u64, 1 => 0..30 * HOUR];
    let away = (after(), seconds).prop_map(|(after, seconds)| Event::Away { after, seconds });
    prop::collection::vec(prop_oneof![9 => come, 1 => away], 1..25)
}

fn deltas(hits: u32, networks: u64, outgoing: u32, now: u64) -> Deltas {
    let mut deltas = Deltas::default();
    for number in 0..u64::from(hits) {
        deltas.hit(Hit::Unproven, hash(now + number), hash(number % networks));
    }
    deltas.sent(outgoing);
    deltas
}

/// A domain, twice: one is stepped every two minutes, the other only when something comes, or while it may not rest.
struct Both {
    stepped: Record,
    rested: Record,
    watched: Watched,
    settings: Settings,
    now: u64,
    changes: [Vec<(u64, State)>; 2],
    /// How often the one that rests was stepped.
    steps: u64,
}

impl Both {
    fn new(slots: [Slot; HOURS]) -> Self {
        let mut stepped = Record::new(START);
        stepped.baseline.slots = slots;
        let mut watched = Watched::default();
        watched.go_on(START);
        Self {
            rested: stepped.clone(),
            stepped,
            watched,
            settings: Settings::default(),
            now: START,
            changes: Default::default(),
            steps: 0,
        }
    }

    fn step(&mut self, deltas: &Deltas) {
        self.watched.go_on(self.now);
        let change = self.stepped.step(&self.settings, deltas, self.now);
        let [stepped, rested] = &mut self.changes;
        stepped.extend(change.map(|change| (change.at, change.to)));
        if !deltas.is_empty() || !self.rested.may_rest(&self.settings) {
            self.steps += 1;
            // At rest it is octets.
            let mut record = Packed::of(&self.rested).record().unwrap();
            record.catch_up(&self.watched, &self.settings, self.now);
            let change = record.step(&self.settings, deltas, self.now);
            rested.extend(change.map(|change| (change.at, change.to)));
            self.rested = record;
        }
    }

    fn quiet(&mut self, seconds: u64) {
        let end = self.now + seconds;
        while self.now + STEP < end {
            self.now += STEP;
            self.step(&Deltas::default());
        }
        self.now = end;
    }

    fn run(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Come {
                    after,
                    hits,
                    networks,
                    outgoing,
                } => {
                    self.quiet(after);
                    self.step(&deltas(hits, networks, outgoing, self.now));
                }
                Event::Away { after, seconds } => {
                    self.quiet(after);
                    self.step(&Deltas::default());
                    self.now += seconds;
                }
            }
        }
        self.quiet(2 * HOUR);
        self.step(&Deltas::default());
        self.rested
            .catch_up(&self.watched, &self.settings, self.now);
        self.rested
            .step(&self.settings, &Deltas::default(), self.now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// The same is learned, and the same is decided at the same time, whatever is usual and whatever comes.
    #[test]
    fn who_rested_is_as_if_it_had_been_stepped(
        events in events(),
        rates in prop::collection::vec(prop_oneof![2 => Just(0_u32), 2 => 0..2_000_u32, 1 => 0..30_000_u32], HOURS),
        seen in 0..9_u8,
    ) {
        let mut slots = [Slot::default(); HOURS];
        for (slot, rate) in slots.iter_mut().zip(rates) {
            *slot = Slot { rate, seen };
        }
        let mut both = Both::new(slots);
        both.run(events);
        let [stepped, rested] = &both.changes;
        prop_assert_eq!(stepped, rested);
        prop_assert_eq!(&both.stepped.baseline, &both.rested.baseline);
        let status = |record: &Record| record.status(&both.settings, both.now);
        prop_assert_eq!(status(&both.stepped), status(&both.rested));
        prop_assert_eq!(both.stepped.machine.relapses, both.rested.machine.relapses);
        prop_assert_eq!(both.stepped.windows, both.rested.windows);
    }
}

/// A week of quiet, and a few hits: it is stepped only for these.
#[test]
fn a_quiet_week_is_learned_in_one_step() {
    let mut both = Both::new(
        [Slot {
            rate: 8_000,
            seen: 1,
        }; HOURS],
    );
    let hits = |after| Event::Come {
        after,
        hits: 3,
        networks: 3,
        outgoing: 0,
    };
    both.run(vec![hits(HOUR), hits(8 * DAY), hits(3 * MINUTE)]);
    assert_eq!(both.stepped.baseline, both.rested.baseline);
    assert_eq!(
        both.rested.baseline.slots[HOURS / 2],
        Slot {
            rate: 4_000,
            seen: 2
        }
    );
    assert_eq!(both.steps, 3);
}

#[test]
fn what_may_rest() {
    use State::{Alert, Calm, Easing, Siege};
    let calm = || Record::new(START);
    let in_state = |state| {
        let mut record = calm();
        record.machine.state = state;
        record.reported = state;
        record
    };
    let hit = |bursts: u64, of: u32| {
        let mut record = calm();
        for burst in 0..bursts {
            let now = START + burst * MINUTE;
            record.step(&Settings::default(), &deltas(of, 40, 0, now), now);
        }
        record
    };
    let tolerating = |rate| {
        let mut record = calm();
        (record.machine.tolerated, record.machine.tolerated_at) = (rate, START);
        record
    };
    let spoken = |forced| {
        let mut record = calm();
        let until = START + HOUR;
        record.set_by_hand(Some(ByHand { forced, until }), START);
        record
    };
    let mut alone = calm();
    alone.step_alone(&Settings::default(), &Deltas::default(), START);
    for (name, record, may_rest) in [
        ("new", calm(), true),
        ("alert", in_state(Alert), false),
        ("easing", in_state(Easing), false),
        ("siege", in_state(Siege), false),
        ("less than half of the floor", hit(1, 9), true),
        ("half of it, which alarms", hit(1, 10), false),
        ("ten minutes of little", hit(10, 9), true),
        ("tolerated", tolerating(10_001), false),
        ("tolerated, less than the floor", tolerating(10_000), true),
        ("set on", spoken(Forced::On), false),
        ("set off", spoken(Forced::Off), false),
        ("alone", alone, false),
        ("calm", in_state(Calm), true),
    ] {
        assert_eq!(record.may_rest(&Settings::default()), may_rest, "{name}");
    }
}

/// Until when the hits of ten minutes are more than chance brings: what is usual, three times its root, and three.
#[test]
fn who_gets_more_than_usual() {
    for (usual, outgoing, hits, until) in [
        // The first of one that never had any.
        (0, 0, &[(0, 1)][..], Some(600)),
        (0, 0, &[], None),
        (0, 0, &[(0, 1), (60, 1)], Some(660)),
        // 10 in ten minutes are usual: up to 22.
        (1_000, 0, &[(0, 22)], None),
        (1_000, 0, &[(0, 23)], Some(600)),
        (1_000, 0, &[(0, 10), (60, 10), (120, 3)], Some(600)),
        (1_000, 0, &[(0, 10), (60, 13), (120, 10)], Some(660)),
        // 300 in ten minutes are usual.
        (30_000, 0, &[(0, 300)], None),
        (30_000, 0, &[(0, 340)], None),
        (30_000, 0, &[(0, 356)], Some(600)),
        // One in an hour and a half is.
        (11, 0, &[(0, 4)], None),
        (11, 0, &[(0, 5)], Some(600)),
        // Mail of ours explains some of what came to one recipient again and again; one recipient is always left.
        (0, 20_000, &[(0, 1)], Some(600)),
    ] {
        let mut record = Record::new(START);
        record.baseline.slots = [Slot {
            rate: usual,
            seen: 8,
        }; HOURS];
        let settings = Settings::default();
        record.step(&settings, &deltas(0, 1, outgoing, START), START);
        let mut now = START;
        for &(at, count) in hits {
            now = START + at;
            record.step(&settings, &deltas(count, 64, 0, now), now);
        }
        let found = record.above_until(&settings).map(|until| until - START);
        assert_eq!(found, until, "{usual} {hits:?}");
        if let Some(until) = until {
            record.step(&settings, &Deltas::default(), START + until - 1);
            assert!(
                record.above_until(&settings).is_some(),
                "{usual} {hits:?} {now}"
            );
            record.step(&settings, &Deltas::default(), START + until);
            assert_eq!(record.above_until(&settings), None, "{usual} {hits:?}");
        }
    }
}

#[test]
fn spans_join_where_nobody_missed_anything() {
    for (times, spans) in [
        (&[0, 500, 1_000][..], &[(0, 1_000)][..]),
        (&[0, 900, 1_801], &[(0, 900), (1_801, 1_801)]),
        (&[0, 5_000, 4_000], &[(0, 0), (4_000, 4_000)]),
        (&[0, 500, 100], &[(0, 100)]),
    ] {
        let mut watched = Watched::default();
        times.iter().for_each(|time| watched.go_on(START + time));
        let mut expected = Watched::default();
        for (from, until) in spans {
            let mut span = Watched::default();
            (*from..=*until)
                .step_by(100)
                .for_each(|time| span.go_on(START + time));
            expected.merge(&span);
        }
        assert_eq!(watched, expected, "{times:?}");
        assert_eq!(Watched::from_bytes(&watched.to_bytes()), watched);
        // What others watched meanwhile fills the gaps, in whichever order.
        let mut others = Watched::default();
        (0..60).for_each(|minute| others.go_on(START + minute * MINUTE));
        let (mut one, mut other) = (watched.clone(), others.clone());
        one.merge(&others);
        other.merge(&watched);
        assert_eq!(one, other);
    }
    let mut many = Watched::default();
    (0..100).for_each(|day| many.go_on(START + day * DAY));
    assert_eq!(many.within(0, u64::MAX).count(), 0);
    assert!(many.to_bytes().len() < 700, "{}", many.to_bytes().len());
    assert_eq!(Watched::from_bytes(&many.to_bytes()), many);
}

/// Whoever writes to the store can make a span of all time: it takes no longer than one of a hundred days, and no time
/// comes out that could not be read again.
#[test]
fn all_of_time_takes_no_longer_than_a_hundred_days() {
    let bytes = postcard::to_allocvec(&[(0, LATEST)][..]).unwrap();
    let watched = Watched::from_bytes(&[&[1], &bytes[..]].concat());
    assert_eq!(watched.within(0, u64::MAX).count(), 1);
    for (at, now) in [(0, START), (START, u64::MAX), (0, u64::MAX)] {
        let mut record = Record::new(at);
        record.baseline.slots = [Slot {
            rate: 8_000,
            seen: 8,
        }; HOURS];
        record.catch_up(&watched, &Settings::default(), now);
        assert_eq!(record.at, now.min(LATEST));
        assert_eq!(Record::from_bytes(&record.to_bytes()), Ok(record));
    }
}

#[test]
fn what_no_host_wrote_is_no_span() {
    let written = {
        let mut watched = Watched::default();
        watched.go_on(START);
        watched.go_on(START + DAY);
        watched.to_bytes()
    };
    let end = written.len();
    for (bytes, why) in [
        (&[][..], "empty"),
        (&[1], "no list"),
        (&[2, 0], "another version"),
        (&written[..end - 1], "cut"),
        (&[1, 1, 9, 8], "it ends before it begins"),
        (&[1, 2, 1, 5, 3, 9], "they overlap"),
    ] {
        assert_eq!(Watched::from_bytes(bytes), Watched::default(), "{why}");
    }
}
