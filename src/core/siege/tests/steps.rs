//! From one state to the next: where 24 hits a minute are a flood.

use super::{
    super::{
        machine::{Limits, Machine, Sight},
        windows::Windows,
        *,
    },
    simulation::{DAY, START},
    windows::own,
};

const LIMITS: Limits = Limits {
    usual: 0.0,
    set: 24.0,
    flood: 24.0,
    excused: 0.0,
};
/// As many networks as can be told apart.
const MANY: u64 = 64;

/// Hits of so many slots of ten seconds, oldest first, from so many networks in turn; and when the last of them came.
fn hits(slots: &[u64], networks: u64) -> (Windows, u64) {
    let mut windows = Windows::new(START);
    let (mut now, mut number) = (START, 0);
    for (passed, hits) in (0..).step_by(10).zip(slots) {
        now = START + passed;
        windows.advance(now);
        let mut deltas = Deltas::default();
        for _ in 0..*hits {
            number += 1;
            deltas.hit(Hit::Unproven, own(number % 64), own(number % networks));
        }
        windows.add(&deltas, LIMITS.flood);
    }
    (windows, now)
}

/// A machine that is in a state since a while, and has been loud a moment ago.
fn machine(state: State, now: u64) -> Machine {
    Machine {
        state,
        since: now - 100,
        besieged_since: now - 100,
        last_loud: now - 100,
        ..Machine::default()
    }
}

/// Bursts of so many hits, a minute apart.
fn bursts(times: usize, of: u64) -> Vec<u64> {
    let minute = [0, 0, 0, 0, 0, of];
    minute.repeat(times)
}

#[test]
fn a_flood_lasts_and_comes_from_many() {
    use State::{Alert, Calm, Easing, Siege};
    for (from, slots, networks, to) in [
        (Calm, vec![11], MANY, Calm),
        (Calm, vec![12], MANY, Alert),
        (Calm, vec![12], 1, Alert),
        // It is in three slots of the minute, two hits in each, and 24 in all.
        (Calm, vec![100], MANY, Alert),
        (Calm, vec![60, 60], MANY, Alert),
        (Calm, vec![22, 1, 1], MANY, Alert),
        (Calm, vec![19, 2, 2], MANY, Alert),
        (Calm, vec![20, 2, 2], MANY, Siege),
        (Calm, vec![20, 2, 0, 0, 0, 2], MANY, Siege),
        (Alert, vec![20, 2, 2], MANY, Siege),
        // A network counts for 4.8 of them.
        (Calm, vec![20, 2, 2], 6, Siege),
        (Calm, vec![20, 2, 2], 5, Alert),
        (Calm, vec![20, 2, 2], 1, Alert),
        // Or it is in six slots of ten minutes, and 240 in all.
        (Calm, bursts(6, 40), MANY, Siege),
        (Calm, bursts(6, 39), MANY, Alert),
        (Calm, bursts(5, 48), MANY, Alert),
        // While a siege eases, half of it is enough.
        (Easing, vec![10, 1, 1], MANY, Siege),
        (Easing, vec![9, 1, 1], MANY, Easing),
        (Easing, vec![12], MANY, Easing),
        (Easing, vec![10, 1, 1], 1, Easing),
    ] {
        let (windows, now) = hits(&slots, networks);
        let mut machine = machine(from, now);
        let sight = Sight::new(&windows, LIMITS);
        machine.step(&Settings::default(), &sight, now);
        assert_eq!(machine.state, to, "{from} {slots:?} {networks}");
    }
}

/// Half of a flood in a minute, or a quarter in ten. One network keeps an alert, and no siege.
#[test]
fn what_is_not_quiet() {
    let earlier = |hits| vec![30, hits, 0, 0, 0, 0, 0, 0];
    for (slots, networks, keeps_alert, keeps_siege) in [
        (vec![11], MANY, false, false),
        (vec![12], MANY, true, true),
        (vec![12], 1, true, false),
        (earlier(29), MANY, false, false),
        (earlier(30), MANY, true, true),
        (earlier(30), 1, true, false),
    ] {
        for (state, is_loud) in [(State::Alert, keeps_alert), (State::Siege, keeps_siege)] {
            let (windows, now) = hits(&slots, networks);
            let mut machine = machine(state, now);
            let sight = Sight::new(&windows, LIMITS);
            machine.step(&Settings::default(), &sight, now);
            let quiet = if is_loud { 0 } else { 100 };
            let found = (machine.state, now - machine.last_loud);
            assert_eq!(found, (state, quiet), "{slots:?} {networks}");
        }
    }
}

/// Within a day of its end it is the same thing, that many times at most as makes a difference. Sieges and alerts are
/// counted each by themselves.
#[test]
fn what_comes_back_within_a_day_is_counted() {
    let now = START;
    for (before, ended, now, counted) in [
        (0, now - 1, now, 1),
        (1, now, now, 2),
        (1, now - DAY + 1, now, 2),
        (1, now - DAY, now, 0),
        (1, now - 2 * DAY, now, 0),
        (2, now - 1, now, 3),
        (3, now - 1, now, 3),
        // It never was, and the clock has not been set.
        (1, 0, 1000, 0),
        (1, 1, 1000, 2),
    ] {
        let row = (before, ended, now);
        let calm = Machine::default();
        let (flood, _) = hits(&[20, 2, 2], MANY);
        let mut besieged = Machine {
            relapses: before,
            lifted: ended,
            ..calm
        };
        let sight = Sight::new(&flood, LIMITS);
        besieged.step(&Settings::default(), &sight, now);
        let found = (besieged.state, besieged.relapses, besieged.alerts);
        assert_eq!(found, (State::Siege, counted, 0), "{row:?}");

        let (alarm, _) = hits(&[12], MANY);
        let mut alerted = Machine {
            alerts: before,
            ended,
            ..calm
        };
        let sight = Sight::new(&alarm, LIMITS);
        alerted.step(&Settings::default(), &sight, now);
        let found = (alerted.state, alerted.relapses, alerted.alerts);
        assert_eq!(found, (State::Alert, 0, counted), "{row:?}");
    }
    // A flood that is back before its siege was over.
    for (before, counted) in [(0, 1), (1, 2), (3, 3)] {
        let (flood, now) = hits(&[20, 2, 2], MANY);
        let mut easing = Machine {
            relapses: before,
            ..machine(State::Easing, now)
        };
        let sight = Sight::new(&flood, LIMITS);
        easing.step(&Settings::default(), &sight, now);
        assert_eq!((easing.state, easing.relapses), (State::Siege, counted));
    }
}
