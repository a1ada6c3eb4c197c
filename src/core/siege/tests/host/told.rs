//! What a round reports of one record, and one record of another.

use super::*;

/// Whether the store takes what is written, has no room, goes away, or holds what a newer version wrote.
#[test]
fn each_change_is_told_once() {
    let names = domains(2);
    let of_first = |done: Done| {
        let changes = done.changes.into_iter();
        let changes = changes.filter(|change| change.domain.as_ref() == Some(&names[0]));
        Vec::from_iter(changes.map(|change| (change.to, change.cause)))
    };
    for (failure, newer) in [
        (None, false),
        (Some(Written::Full), false),
        (Some(Written::Failed), false),
        (None, true),
    ] {
        let mut site = Site::of(&names, &[]);
        let mut store = Store::default();
        if newer {
            store.put(names[0].as_str(), vec![5, 5, 7, 11]);
        }
        let mut told = Vec::new();
        for _ in 0..6 {
            site.hit(&names[0], 50);
            store.fails = failure.into_iter().cycle().take(9).collect();
            told.extend(of_first(site.next(Some(&mut store))));
        }
        let expected = [State::Alert, State::Siege].map(|to| (to, Cause::Rate));
        assert_eq!(told, expected, "{failure:?} {newer}");
        // Another host hears of it from the store, and writes nothing there.
        if failure.is_none() && !newer {
            let mut other = Site::of(&names, &[]);
            other.now = site.now;
            let writes = store.writes;
            let heard = [(); 2].map(|()| of_first(other.next(Some(&mut store))));
            assert_eq!(heard, [vec![(State::Siege, Cause::Elsewhere)], vec![]]);
            assert_eq!(store.writes, writes);
        }
    }
}

/// A flood that is spread thin: each domain is calm, and does not learn its part of it.
#[test]
fn while_all_are_besieged_no_domain_learns() {
    let names = domains(10);
    let mut site = Site::of(&names, &[]);
    let mut store = Store::default();
    for (rounds, all, unusual) in [(1, State::Calm, false), (7, State::Siege, true)] {
        for _ in 0..rounds {
            names.iter().for_each(|name| site.hit(name, 1));
            site.next(Some(&mut store));
        }
        let is_flooded = site.view.all.is_besieged();
        assert_eq!(is_flooded, all.is_besieged());
        for name in &names {
            assert!(!site.view.states.contains_key(name));
            assert_eq!(store.record(name).is_unusual(), unusual, "{name}");
        }
    }
}
