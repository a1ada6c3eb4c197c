//! The numbers behind the states.

use super::super::{
    machine::{Limits, Machine},
    *,
};
use crate::core::duration::Duration;

const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

/// Eight times the usual, or the floor of 20; twice of what is tolerated, where that is more. Of mail to 200 recipients, one
/// hit a minute is excused: half of the limit at most, or up to four times the floor, the nearer the usual is to nothing.
#[test]
fn what_is_a_flood_and_what_is_excused() {
    let settings = Settings::default();
    for (usual, tolerated, outgoing, set, flood, excused) in [
        (0.0, 0.0, 0, 20.0, 20.0, 0.0),
        (0.0, 0.0, 2_000, 20.0, 20.0, 10.0),
        (0.0, 0.0, 1_000_000, 20.0, 20.0, 80.0),
        (1.0, 0.0, 1_000_000, 20.0, 20.0, 52.0),
        (2.5, 0.0, 1_000_000, 20.0, 20.0, 10.0),
        (10.0, 0.0, 1_000_000, 80.0, 80.0, 40.0),
        (10.0, 30.0, 0, 80.0, 80.0, 0.0),
        (10.0, 50.0, 0, 80.0, 100.0, 0.0),
    ] {
        let limits = Limits::new(&settings, usual, tolerated, outgoing);
        assert_eq!(
            (limits.usual, limits.set, limits.flood, limits.excused),
            (usual, set, flood, excused),
            "{usual} {tolerated} {outgoing}"
        );
    }
}

#[test]
fn what_is_tolerated_halves_in_a_day() {
    let machine = Machine {
        tolerated: 80_500,
        tolerated_at: NOW,
        ..Machine::default()
    };
    for (at, rate) in [
        (NOW, 80.5),
        (NOW + DAY, 40.25),
        (NOW + 2 * DAY, 20.125),
        // A clock that was put back.
        (NOW - 1, 80.5),
    ] {
        assert_eq!(machine.tolerated(at), rate, "{at}");
    }
}

/// Quiet for an hour, of which half is easing's; twice as long for each relapse, and no longer for alerts.
#[test]
fn a_siege_says_when_it_can_end_and_when_it_will() {
    let usual = Settings::default();
    let longer = Settings {
        min_duration: Duration::from_secs(7200),
        ..Settings::default()
    };
    for (settings, state, relapses, last_loud, now, earliest) in [
        (&usual, State::Siege, 0, 0, 0, 3600),
        (&usual, State::Siege, 0, 1000, 1000, 4600),
        (&usual, State::Siege, 0, 0, 2500, 4300),
        (&usual, State::Siege, 1, 0, 0, 7200),
        (&usual, State::Siege, 9, 0, 0, 8 * 3600),
        (&usual, State::Easing, 0, 0, 100, 3600),
        (&usual, State::Easing, 0, 0, 5000, 5000),
        (&usual, State::Easing, 1, 0, 100, 7200),
        (&longer, State::Siege, 0, 0, 0, 9000),
        (&longer, State::Easing, 0, 0, 0, 3600),
        // It is not longer than the longest.
        (&usual, State::Siege, 0, 3 * DAY - 10, 3 * DAY - 10, 3 * DAY),
    ] {
        let machine = Machine {
            state,
            relapses,
            alerts: 3,
            besieged_since: NOW,
            last_loud: NOW + last_loud,
            ..Machine::default()
        };
        assert_eq!(
            machine.ends(settings, NOW + now),
            Some((NOW + earliest, NOW + 3 * DAY)),
            "{state} {relapses} {last_loud} {now}"
        );
    }
    for state in [State::Calm, State::Alert] {
        let machine = Machine {
            state,
            ..Machine::default()
        };
        assert_eq!(machine.ends(&usual, NOW), None);
    }
}

/// Of two hosts that could not see each other: the more severe state stays, since it began first; of the rest, the latest.
#[test]
fn two_views_of_a_siege_become_one_in_either_order() {
    let states = |(state, since, besieged_since)| Machine {
        state,
        since,
        besieged_since,
        ..Machine::default()
    };
    let (calm, alert, easing, siege) = (State::Calm, State::Alert, State::Easing, State::Siege);
    let mut rows: Vec<[Machine; 3]> = [
        [(siege, 10, 5), (siege, 20, 3), (siege, 10, 3)],
        [(siege, 20, 3), (easing, 10, 5), (siege, 20, 3)],
        [(siege, 20, 5), (calm, 10, 3), (siege, 20, 5)],
        [(siege, 20, 5), (alert, 10, 9), (siege, 20, 5)],
        [(alert, 10, 0), (calm, 5, 9), (alert, 10, 9)],
        [(calm, 10, 3), (calm, 20, 9), (calm, 10, 9)],
    ]
    .map(|row| row.map(states))
    .into();
    let tolerated = |tolerated_at, tolerated| Machine {
        tolerated_at,
        tolerated,
        ..Machine::default()
    };
    rows.extend([
        [tolerated(5, 9), tolerated(6, 1), tolerated(6, 1)],
        [tolerated(5, 9), tolerated(5, 1), tolerated(5, 9)],
    ]);
    for set in [
        |machine: &mut Machine, to: u8| machine.last_loud = to.into(),
        |machine: &mut Machine, to: u8| machine.ended = to.into(),
        |machine: &mut Machine, to: u8| machine.lifted = to.into(),
        |machine: &mut Machine, to: u8| machine.alerts = to,
        |machine: &mut Machine, to: u8| machine.relapses = to,
    ] {
        rows.push([1, 2, 2].map(|to| {
            let mut machine = Machine::default();
            set(&mut machine, to);
            machine
        }));
    }
    for [one, other, joined] in rows {
        for (mut first, second) in [(one, other), (other, one)] {
            first.merge(&second);
            assert_eq!(first, joined, "{one:?} {other:?}");
        }
    }
}
