//! What holds of a record between two steps.

use super::{
    super::{machine::Machine, *},
    simulation::{DAY, HOUR, START},
    windows::own,
};

/// A record that is in a state since so many seconds.
fn record(state: State, since: u64) -> Record {
    let mut record = Record::new(START);
    record.machine = Machine {
        state,
        since: START - since,
        besieged_since: START - since,
        last_loud: START,
        ..Machine::default()
    };
    record
}

/// The rate that is tolerated since the last siege was lifted, in thousandths of a hit a minute.
fn tolerating(rate: u32) -> Record {
    let mut record = record(State::Calm, DAY);
    record.machine.tolerated = rate;
    record.machine.tolerated_at = START;
    record
}

fn set(mut record: Record, forced: Forced) -> Record {
    let until = START + HOUR;
    record.by_hand = Some(ByHand { forced, until });
    record
}

/// After more than 15 minutes in which nobody looked, that was no quiet: what was quiet before still counts.
#[test]
fn time_in_which_nobody_looked_is_not_quiet() {
    for (before, gap, quiet) in [
        (0, 899, 899),
        (0, 900, 900),
        (0, 901, 0),
        (0, 5000, 0),
        (300, 900, 1200),
        (300, 901, 300),
    ] {
        let mut record = record(State::Siege, HOUR);
        record.machine.last_loud = START - before;
        let now = START + gap;
        record.step(&Settings::default(), &Deltas::default(), now);
        assert_eq!(record.state(now), State::Siege);
        assert_eq!(now - record.machine.last_loud, quiet, "{before} {gap}");
    }
}

/// A flood is on, or is tolerated: neither becomes what is usual, whatever an administrator says of it.
#[test]
fn an_hour_with_a_siege_is_not_learned() {
    use State::{Alert, Calm, Easing, Siege};
    for (name, mut record, unusual) in [
        ("calm", record(Calm, DAY), false),
        ("alert", record(Alert, 0), false),
        ("easing", record(Easing, HOUR), true),
        ("siege", record(Siege, HOUR), true),
        ("set on", set(record(Calm, DAY), Forced::On), true),
        ("set off", set(record(Calm, DAY), Forced::Off), false),
        ("set off in one", set(record(Siege, 0), Forced::Off), true),
        ("as much as the limit", tolerating(10_000), false),
        ("more than the limit", tolerating(10_100), true),
    ] {
        record.step(&Settings::default(), &Deltas::default(), START);
        assert_eq!(record.is_unusual(), unusual, "{name}");
    }
}

/// An alert may be a flood of its own for ten minutes.
#[test]
fn what_may_be_a_flood_of_its_own_is_not_shared() {
    use State::{Alert, Calm, Easing, Siege};
    for (name, record, is_shared) in [
        ("calm", record(Calm, DAY), true),
        ("alert", record(Alert, 0), false),
        ("alert until now", record(Alert, 599), false),
        ("alert that lasts", record(Alert, 600), true),
        ("easing", record(Easing, HOUR), false),
        ("siege", record(Siege, HOUR), false),
        ("set", set(record(Calm, DAY), Forced::Off), false),
        ("as much as the limit", tolerating(10_000), true),
        ("more than the limit", tolerating(10_001), false),
    ] {
        assert_eq!(record.is_shared(&Settings::default()), is_shared, "{name}");
    }
}

#[test]
fn a_record_is_idle_if_nothing_in_it_is_worth_keeping() {
    use State::{Alert, Calm};
    let with = |change: fn(&mut Record)| {
        let mut record = record(Calm, DAY);
        change(&mut record);
        record
    };
    let hit = |record: &mut Record| {
        let mut deltas = Deltas::default();
        deltas.hit(Hit::Forged, own(1), own(1));
        record.windows.add(&deltas, 20.0);
    };
    let sent = |record: &mut Record| {
        let mut deltas = Deltas::default();
        deltas.sent(1);
        record.windows.add(&deltas, 20.0);
    };
    for (name, record, later, is_idle) in [
        ("new", Record::new(START), 0, true),
        ("calm", record(Calm, DAY), 0, true),
        ("alert", record(Alert, DAY), 0, false),
        ("reported", with(|record| record.reported = Alert), 0, false),
        ("set on", set(record(Calm, DAY), Forced::On), 0, false),
        ("set off", set(record(Calm, DAY), Forced::Off), 0, false),
        (
            "alert set off",
            set(record(Alert, DAY), Forced::Off),
            0,
            false,
        ),
        // The word has ended, and no step has seen that yet.
        ("was set", set(record(Calm, DAY), Forced::On), HOUR, false),
        ("hit", with(hit), 599, false),
        ("hit", with(hit), 600, true),
        ("sent", with(sent), 7199, false),
        ("sent", with(sent), 7200, true),
        (
            "learned",
            with(|record| record.baseline.slots[7].rate = 50),
            0,
            false,
        ),
    ] {
        assert_eq!(record.is_idle(START + later), is_idle, "{name} {later}");
    }
}
