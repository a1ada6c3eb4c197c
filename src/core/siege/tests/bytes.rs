//! Records as the store has them.

use super::{
    super::{
        baseline::{Baseline, HOURS, Slot},
        record::LATEST,
        *,
    },
    parts::hash,
    simulation::START,
};

/// A record of which every number is as large as it can be.
fn largest() -> Record {
    let mut record = Record::new(START);
    let mut deltas = Deltas {
        unproven: u32::MAX,
        forged: u32::MAX,
        refused: u32::MAX,
        outgoing: u32::MAX,
        ..Deltas::default()
    };
    for number in 0..10_000 {
        deltas.recipients.note(hash(number), hash(number));
        deltas.networks.add(hash(number));
    }
    (0..16).for_each(|_| deltas.add(&deltas.clone()));
    // Two hours fill all windows.
    for seconds in (0..7_200).step_by(10) {
        let now = LATEST - 7_200 + seconds;
        record.windows.advance(now);
        record.windows.add(&deltas, 1e9);
    }
    record.sequence = u64::MAX;
    record.baseline = Baseline {
        slots: [Slot {
            rate: u32::MAX,
            seen: u8::MAX,
        }; HOURS],
        hour: LATEST,
        networks: deltas.networks,
        observed: u32::MAX,
        unusual: true,
    };
    record.machine.state = State::Siege;
    record.machine.alerts = u8::MAX;
    record.machine.relapses = u8::MAX;
    record.machine.tolerated = u32::MAX;
    for time in [
        &mut record.at,
        &mut record.machine.since,
        &mut record.machine.besieged_since,
        &mut record.machine.last_loud,
        &mut record.machine.ended,
        &mut record.machine.lifted,
        &mut record.machine.tolerated_at,
        &mut record.by_hand_at,
        &mut record.reported_at,
    ] {
        *time = LATEST;
    }
    record.by_hand = Some(ByHand {
        forced: Forced::Off,
        until: LATEST,
    });
    record.reported = State::Siege;
    record
}

#[test]
fn the_largest_record_fits_and_an_empty_one_is_small() {
    let bytes = largest().to_bytes();
    assert!((8_500..=LARGEST).contains(&bytes.len()), "{}", bytes.len());
    assert_eq!(Record::from_bytes(&bytes), Ok(largest()));
    assert!(Record::new(START).to_bytes().len() < 64);
    // With what waits, and what this host counted alone, 16 KB in memory.
    let in_memory = 2 * size_of::<Record>() + size_of::<Deltas>();
    assert!(in_memory <= 16 * 1024, "{in_memory}");
}

/// Whoever writes to the store can make the check sum right.
#[test]
fn what_no_host_wrote_is_damaged() {
    let with = |change: fn(&mut Record)| {
        let mut record = largest();
        change(&mut record);
        Record::from_bytes(&record.to_bytes())
    };
    assert_eq!(with(|_| {}), Ok(largest()));
    let changes: [fn(&mut Record); 5] = [
        |record| record.at += 1,
        |record| record.windows.hits.advance(LATEST * 10 + 10),
        |record| record.baseline.hour += 1,
        |record| record.machine.ended += 1,
        |record| record.by_hand.as_mut().unwrap().until += 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_eq!(with(change), Err(Damaged::Content), "{number}");
    }
}

#[test]
fn another_version_is_named() {
    for (bytes, error) in [
        (&[][..], Damaged::Content),
        (&[4], Damaged::Content),
        (&[3, 5, 7, 11], Damaged::Version(3)),
        (&[4; LARGEST + 1], Damaged::Content),
    ] {
        assert_eq!(Record::from_bytes(bytes), Err(error), "{bytes:?}");
    }
}
