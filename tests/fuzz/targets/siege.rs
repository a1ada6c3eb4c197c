//! Records of sieges: whatever comes in whatever time, and whatever a store gives.

use std::cmp::Ordering;

use backstop::core::siege::{
    ByHand, Deltas, Forced, Hit, LARGEST, Record, Settings, Shared, State, Watched,
};
use sha2::{Digest, Sha256};

use super::input::Input;

const START: u64 = 1_800_000_000;
/// Of so many quiet steps of a quarter of an hour, none changes the calm any more: no window is that long.
const CALM: u32 = 12;

pub fn run(data: &[u8]) {
    let mut input = Input(data);
    match input.below(3) {
        0 => assert!(Record::from_bytes(input.rest()).is_err() || data.len() > 5),
        1 => octets(input.rest()),
        _ => {
            events(&mut input, Record::new(START));
        }
    }
}

/// Whoever writes to the store can make the check sum right.
fn octets(content: &[u8]) {
    let version = Record::new(START).to_bytes()[0];
    let mut bytes = [&[version], content].concat();
    let sum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&sum[..4]);
    let Ok(record) = Record::from_bytes(&bytes) else {
        return;
    };
    assert_eq!(Record::from_bytes(&record.to_bytes()).as_ref(), Ok(&record));
    let now = Settings::default();
    is_sound(&record, &now, START);
    let mut input = Input(content);
    events(&mut input, record);
}

fn events(input: &mut Input<'_>, mut record: Record) {
    let settings = Settings::default();
    let mut now = START;
    let mut shared: Option<Vec<u8>> = None;
    let mut watched = Watched::default();
    for _ in 0..60 {
        if input.is_empty() {
            break;
        }
        let (event, forward) = (input.below(8), forward(input));
        now = now.saturating_add_signed(forward);
        let deltas = deltas(input);
        match event {
            0..4 => {
                record.step(&settings, &deltas, now);
            }
            4 => {
                record.step_alone(&settings, &deltas, now);
            }
            5 => {
                let written = input.one_of(&[Ordering::Equal, Ordering::Greater, Ordering::Less]);
                if input.below(2) == 0 {
                    watched.go_on(now.min(1 << 40));
                }
                let stored = shared.as_deref().map(|bytes| Shared { bytes, written });
                let done = Record::exchange(stored, &record, &deltas, &watched, now, &settings);
                if done.must_write {
                    shared = Some(done.record.to_bytes());
                }
                record = done.record;
            }
            6 => {
                let bytes = record.to_bytes();
                let read = Record::from_bytes(&bytes).unwrap();
                assert_eq!(read.to_bytes(), bytes);
                record = read;
            }
            _ => {
                let forced = input.one_of(&[None, Some(Forced::On), Some(Forced::Off)]);
                let until = now.saturating_add_signed(self::forward(input));
                record.set_by_hand(forced.map(|forced| ByHand { forced, until }), now);
            }
        }
        is_sound(&record, &settings, now);
    }
    // Whatever was: after quiet days there is no siege.
    record.set_by_hand(None, now);
    now = now.min(1 << 39);
    let mut calm_for = 0;
    for _ in 0..4 * 24 * 4 {
        now += 900;
        record.step(&settings, &Deltas::default(), now);
        calm_for = match record.state(now) {
            State::Calm => calm_for + 1,
            _ => 0,
        };
        if calm_for == CALM {
            return;
        }
    }
    panic!("{record:?}");
}

fn is_sound(record: &Record, settings: &Settings, now: u64) {
    assert!(record.to_bytes().len() <= LARGEST);
    let status = record.status(settings, now);
    for rate in [status.rate, status.long_rate, status.baseline, status.limit] {
        assert!(rate.is_finite() && rate >= 0.0, "{status:?}");
    }
    let mut once = record.clone();
    once.step(settings, &Deltas::default(), now);
    let mut twice = once.clone();
    assert_eq!(twice.step(settings, &Deltas::default(), now), None);
    assert_eq!(twice, once);
}

fn forward(input: &mut Input<'_>) -> i64 {
    let byte = i64::from(input.byte());
    match input.below(8) {
        0..4 => byte / 8,
        4 => byte * 60,
        5 => byte * 3_600,
        6 => -byte * 60,
        _ => input.number() as i64,
    }
}

fn deltas(input: &mut Input<'_>) -> Deltas {
    let mut deltas = Deltas::default();
    let (hits, outgoing) = (input.byte(), input.byte());
    let hit = input.one_of(&[Hit::Unproven, Hit::Forged, Hit::Refused]);
    let networks = 1 + input.below(20) as u64;
    for number in 0..u64::from(hits) {
        let hash = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        deltas.hit(hit, hash(number), hash(number % networks));
    }
    if hits == 0xff {
        deltas.refused = u32::MAX;
    }
    deltas.sent(if outgoing == 0xff {
        u32::MAX
    } else {
        outgoing.into()
    });
    deltas
}
