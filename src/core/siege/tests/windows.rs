//! The last minutes: how many hits, to whom, and from where.

use super::{
    super::{
        windows::{Span, Windows},
        *,
    },
    simulation::START,
};

/// A recipient or a network that has a counter of its own, whichever row of counters it is: there are 64.
pub(super) fn own(number: u64) -> u64 {
    number << 58 | number << 52
}

/// What one hand-over brought: hits on recipients from networks.
fn deltas(hits: &[(u64, u64)]) -> Deltas {
    let mut deltas = Deltas::default();
    for &(recipient, network) in hits {
        deltas.hit(Hit::Unproven, own(recipient), own(network));
    }
    deltas
}

#[test]
fn what_mail_of_ours_explains_came_to_recipients_that_were_hit_before() {
    let ten = |recipients: u64| Vec::from_iter((0..10).map(|number| (number % recipients, number)));
    let one_network = Vec::from_iter((0..10).map(|number| (number, 5)));
    // (hits, excused a minute, rate of the last minute, rate of ten); about: recipients, networks.
    for (hits, excused, minute, ten_minutes, recipients, networks) in [
        (vec![], 4.0, 0.0, 0.0, 0, 0),
        (ten(1), 0.0, 10.0, 1.0, 1, 11),
        (ten(1), 4.0, 6.0, 0.1, 1, 11),
        (ten(1), 0.5, 9.5, 0.5, 1, 11),
        (ten(1), 100.0, 1.0, 0.1, 1, 11),
        (ten(2), 100.0, 2.0, 0.2, 2, 11),
        (ten(10), 4.0, 10.0, 1.0, 11, 11),
        // Of each network the first recipient is looked at.
        (one_network, 100.0, 10.0, 1.0, 1, 1),
        (vec![(1, 1), (2, 2), (3, 3)], 100.0, 3.0, 0.3, 3, 3),
    ] {
        let mut windows = Windows::new(START);
        windows.add(&deltas(&hits), 1e9);
        for (span, expected) in [(Span::Minute, minute), (Span::TenMinutes, ten_minutes)] {
            let found = windows.rate(span, excused).per_minute;
            let is_near = (found - expected).abs() < 1e-9;
            assert!(is_near, "{hits:?} {excused} {span:?}: {found}");
        }
        let about = (windows.recipients(), windows.networks());
        assert_eq!(about, (recipients, networks), "{hits:?}");
    }
}

/// A fifth of the limit is a network's share: here four hits, and a little more.
#[test]
fn of_a_network_that_had_its_share_no_further_recipients_are_looked_at() {
    for (limit, before, recipients) in [
        (20.0, 0, 1),
        (20.0, 3, 2),
        (20.0, 4, 1),
        (20.0, 5, 1),
        (21.0, 4, 2),
        (21.0, 5, 1),
    ] {
        let mut windows = Windows::new(START);
        windows.add(&deltas(&vec![(1, 1); before]), limit);
        windows.add(&deltas(&[(2, 1)]), limit);
        assert_eq!(windows.recipients(), recipients, "{limit} {before}");
    }
}

#[test]
fn each_kind_of_hit_counts_for_one() {
    for (hit, counted) in [
        (Hit::Unproven, (1, 0, 0)),
        (Hit::Forged, (0, 1, 0)),
        (Hit::Refused, (0, 0, 1)),
    ] {
        let mut windows = Windows::new(START);
        let mut deltas = Deltas::default();
        deltas.hit(hit, own(1), own(1));
        windows.add(&deltas, 20.0);
        let all = windows.all_hits();
        assert_eq!((all.unproven, all.forged, all.refused), counted);
        assert_eq!(all.sum(), 1, "{hit:?}");
        assert_eq!(windows.rate(Span::Minute, 0.0).per_minute, 1.0, "{hit:?}");
        assert!(!windows.is_empty());
    }
}
