//! Whatever comes, in whatever time.

use std::cmp::Ordering;

use proptest::prelude::*;

use super::super::{record::Record, *};

#[derive(Clone, Debug)]
enum Event {
    Step {
        forward: i64,
        hits: u32,
        outgoing: u32,
    },
    Alone {
        forward: i64,
        hits: u32,
    },
    Exchange {
        forward: i64,
        written: Ordering,
    },
    Restart,
    ByHand(Option<(bool, u64)>),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let forward = || {
        prop_oneof![
            6 => 0..30_i64,
            2 => 0..5_000_i64,
            1 => -100..0_i64,
            1 => any::<i32>().prop_map(i64::from),
            1 => any::<i64>(),
        ]
    };
    let hits = || prop_oneof![0..3_u32, 0..2_000_u32, Just(u32::MAX)];
    let event = prop_oneof![
        6 => (forward(), hits(), hits()).prop_map(|(forward, hits, outgoing)| Event::Step { forward, hits, outgoing }),
        2 => (forward(), hits()).prop_map(|(forward, hits)| Event::Alone { forward, hits }),
        2 => (forward(), -1..=1_i8).prop_map(|(forward, written)| Event::Exchange { forward, written: written.cmp(&0) }),
        1 => Just(Event::Restart),
        1 => proptest::option::of((any::<bool>(), any::<u64>())).prop_map(Event::ByHand),
    ];
    proptest::collection::vec(event, 0..60)
}

fn counted(hits: u32, outgoing: u32) -> Deltas {
    let mut deltas = Deltas {
        refused: hits,
        outgoing,
        ..Deltas::default()
    };
    for number in 0..hits.min(50) {
        deltas
            .recipients
            .note(parts_hash(number), parts_hash(number));
        deltas.networks.add(parts_hash(number));
    }
    deltas
}

fn parts_hash(number: u32) -> u64 {
    super::parts::hash(number.into())
}

proptest! {
    // The fuzz target `siege` tries the same millions of times.
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_sequence_breaks_it(events in events()) {
        let settings = Settings::default();
        let mut now = 1_800_000_000_u64;
        let mut record = Record::new(now);
        let mut shared: Option<Vec<u8>> = None;
        for event in events {
            let (forward, told) = match event {
                Event::Step { forward, .. } | Event::Alone { forward, .. } | Event::Exchange { forward, .. } => (forward, record.reported),
                _ => (0, record.reported),
            };
            now = now.saturating_add_signed(forward);
            let change = match event {
                Event::Step { hits, outgoing, .. } => record.step(&settings, &counted(hits, outgoing), now),
                Event::Alone { hits, .. } => record.step_alone(&settings, &counted(hits, 0), now),
                Event::Exchange { written, .. } => {
                    let shared_now = shared.as_deref().map(|bytes| Shared { bytes, written });
                    let done = Record::exchange(shared_now, &record, &Deltas::default(), &Watched::default(), now, &settings);
                    if done.must_write {
                        shared = Some(done.record.to_bytes());
                    }
                    record = done.record;
                    None
                }
                Event::Restart => {
                    record.alone = None;
                    let read = Record::from_bytes(&record.to_bytes());
                    prop_assert_eq!(read.as_ref(), Ok(&record));
                    None
                }
                Event::ByHand(word) => {
                    let word = word.map(|(on, until)| ByHand {
                        forced: if on { Forced::On } else { Forced::Off },
                        until,
                    });
                    record.set_by_hand(word, now);
                    None
                }
            };
            if let Some(change) = change {
                prop_assert!(change.from == told && change.from != change.to);
                prop_assert!(!change.to_string().is_empty());
            }
            prop_assert!(record.to_bytes().len() <= LARGEST);
            let status = record.status(&settings, now);
            for rate in [status.rate, status.long_rate, status.baseline, status.limit] {
                prop_assert!(rate.is_finite() && rate >= 0.0, "{:?}", status);
            }
            prop_assert!(status.limit >= 20.0);
            // Nothing came since: a second step at the same time is as if there were none.
            let mut settled = record.clone();
            settled.step(&settings, &Deltas::default(), now);
            let once = settled.clone();
            prop_assert_eq!(settled.step(&settings, &Deltas::default(), now), None);
            prop_assert_eq!(settled, once);
        }
        // Whatever was: after quiet days there is no siege.
        record.set_by_hand(None, now);
        now = now.min(1 << 39);
        let mut is_calm_after_a_quarter = || {
            now += 900;
            record.step(&settings, &Deltas::default(), now);
            record.state(now) == State::Calm
        };
        prop_assert!((0..2 * 24 * 4).any(|_| is_calm_after_a_quarter()));
        // It stays so: outgoing mail is remembered for two hours, all else for less.
        prop_assert!((0..9).all(|_| is_calm_after_a_quarter()));
    }

    #[test]
    fn no_octets_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0..2_000_usize, bit in 0..8) {
        prop_assert!(Record::from_bytes(&bytes).is_err());
        let mut good = Record::new(1_800_000_000).to_bytes();
        let at = at % good.len();
        good[at] ^= 1_u8 << bit;
        prop_assert!(Record::from_bytes(&good).is_err());
        good[at] ^= 1_u8 << bit;
        prop_assert!(Record::from_bytes(&good).is_ok());
        prop_assert!(Record::from_bytes(&good[..at]).is_err());
    }
}
