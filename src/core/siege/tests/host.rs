//! One host with all its domains, beside a store that the tests keep in memory.

use super::{
    super::*,
    simulation::{HOUR, MINUTE, START},
};
use crate::core::address::Domain;

mod invented;
mod kept;
mod many;
mod site;
mod spread;
mod told;

use site::{STEP, Site, Store, domain, domains};

/// What finds no place in the store is watched by this host alone.
#[test]
fn no_domain_is_left_unwatched() {
    let mut store = Store::default();
    let names = domains(2);
    let mut site = Site::of(&names, &[]);
    for _ in 0..4 {
        site.hit(&names[1], 50);
        store.fails = vec![Written::Full; 2];
        site.next(Some(&mut store));
    }
    assert_eq!(store.count(""), 0);
    assert_eq!(site.view.state(&names[1]), State::Siege);
}

#[test]
fn what_becomes_of_a_write_decides_what_is_kept_for_later() {
    let names = domains(2);
    for (fails, in_store, counted_alone) in [
        (vec![], 3, 0),
        // Another host was faster, it seems: it is not lost, and no other record suffers.
        (vec![Written::Raced], 2, 0),
        // No room for this one: others may have theirs.
        (vec![Written::Full], 2, 1),
        // The store is gone: nothing more is tried.
        (vec![Written::Failed], 0, 3),
        (vec![Written::Failed, Written::Full], 0, 3),
    ] {
        let mut site = Site::of(&names, &[]);
        let mut store = Store {
            fails: fails.clone(),
            ..Store::default()
        };
        names.iter().for_each(|name| site.hit(name, 1));
        site.round(Some(&mut store));
        assert_eq!(store.count(""), in_store, "{fails:?}");
        let alone = |known: &Record| known.alone.is_some();
        let records = site.host.records();
        assert_eq!(
            records.filter(|known| alone(known)).count(),
            counted_alone,
            "{fails:?}"
        );
        // The next rounds make it good: after a race it is asked first what is there.
        (0..3).for_each(|_| drop(site.next(Some(&mut store))));
        assert_eq!(store.count(""), 3, "{fails:?}");
        for name in &names {
            let status = store.record(name).status(&site.settings, site.now);
            assert_eq!(status.unproven, 1, "{fails:?}");
        }
    }
}

#[test]
fn one_domain_is_all_there_is() {
    for (named, more, records) in [
        (1, &[][..], &["d0.example", "watched*"][..]),
        (2, &[], &["*", "d0.example", "watched*"]),
        (0, &[".example"], &["*", "d0.example", "watched*"]),
        (1, &[".example"], &["*", "d0.example", "watched*"]),
    ] {
        let mut site = Site::of(&domains(named), more);
        let mut store = Store::default();
        site.hit(&domain("d0.example"), 1);
        site.round(Some(&mut store));
        let names: Vec<_> = store.records.keys().map(String::as_str).collect();
        assert_eq!(names, records, "{named} {more:?}");
    }
}

#[test]
fn names_that_are_no_domains_are_left_alone() {
    let mut store = Store::default();
    let foreign = b"somebody else's".to_vec();
    store.put("no domain", foreign.clone());
    let mut site = Site::of(&domains(2), &[]);
    let done = site.round(Some(&mut store));
    assert!(done.unreadable.is_empty());
    assert_eq!(store.records["no domain"].bytes, foreign);
    assert!(site.view.statuses.is_empty());
}

#[test]
fn that_of_all_is_one_of_those_that_get_more_than_usual() {
    use State::{Alert, Calm, Easing, Siege};
    let name = domain("d0.example");
    for (own, off, all, by_hand, above, expected) in [
        (None, false, Calm, false, false, Calm),
        (None, false, Siege, false, false, Calm),
        (None, false, Siege, false, true, Siege),
        (None, false, Siege, true, false, Siege),
        (Some(Siege), false, Calm, false, false, Siege),
        (Some(Siege), false, Siege, false, false, Siege),
        (Some(Alert), false, Easing, false, false, Alert),
        (Some(Alert), false, Easing, false, true, Easing),
        (Some(Siege), false, Alert, false, true, Siege),
        (None, true, Siege, false, true, Calm),
        (None, true, Siege, true, true, Calm),
    ] {
        let view = View {
            states: own.map(|state| (name.clone(), state)).into_iter().collect(),
            off: off.then(|| name.clone()).into_iter().collect(),
            all,
            all_by_hand: by_hand,
            above: above.then(|| name.clone()).into_iter().collect(),
            ..View::default()
        };
        let row = (own, off, all, by_hand, above);
        assert_eq!(view.state(&name), expected, "{row:?}");
    }
}

/// The store's clock is years behind the host's, and a word of an administrator holds in its time.
#[test]
fn a_store_that_goes_away_takes_its_clock_not_along() {
    let names = domains(2);
    let mut site = Site::of(&names, &[]);
    let mut store = Store {
        ahead: -100_000_000,
        ..Store::default()
    };
    let now = START.saturating_add_signed(store.ahead);
    let mut record = Record::new(now);
    let (forced, until) = (Forced::On, now + HOUR);
    record.set_by_hand(Some(ByHand { forced, until }), now);
    store.put(names[0].as_str(), record.to_bytes());
    site.round(Some(&mut store));
    assert_eq!(site.view.state(&names[0]), State::Siege);
    for _ in 0..10 {
        site.next(None);
    }
    assert_eq!(site.view.state(&names[0]), State::Siege);
    site.now += HOUR;
    site.next(None);
    assert_eq!(site.view.state(&names[0]), State::Calm);
}

/// While hosts are upgraded one after the other, the first must not lose what it wrote.
#[test]
fn what_a_newer_version_wrote_is_left_as_it_is() {
    let names = domains(2);
    let mut site = Site::of(&names, &[]);
    let mut store = Store::default();
    let newer = vec![5, 5, 7, 11];
    store.put(names[0].as_str(), newer.clone());
    let mut unreadable = Vec::new();
    for _ in 0..6 {
        site.hit(&names[0], 100);
        unreadable.extend(site.next(Some(&mut store)).unreadable);
    }
    assert_eq!(store.records[names[0].as_str()].bytes, newer);
    assert_eq!(site.view.state(&names[0]), State::Siege);
    // It is told once, not with each round.
    let told = (names[0].to_string(), Damaged::Version(5));
    assert_eq!(unreadable, [told]);
}

#[test]
fn a_damaged_record_is_made_anew() {
    let names = domains(2);
    let mut site = Site::of(&names, &[]);
    let mut store = Store::default();
    let mut damaged = Record::new(START).to_bytes();
    damaged[5] ^= 1;
    store.put(names[0].as_str(), damaged);
    site.hit(&names[0], 1);
    let done = site.next(Some(&mut store));
    let told = (names[0].to_string(), Damaged::Content);
    assert_eq!(done.unreadable, [told]);
    let status = store.record(&names[0]).status(&site.settings, site.now);
    assert_eq!(status.unproven, 1);
}

#[test]
fn what_is_idle_makes_room_for_other_names() {
    let name = domain("n0.example.org");
    let mut site = Site::of(&[], &[".example.org"]);
    let mut store = Store::default();
    site.hit(&name, 1);
    assert_eq!(site.round(Some(&mut store)).idle, []);
    site.now += 3 * HOUR;
    assert_eq!(site.round(Some(&mut store)).idle, [name]);
}

/// A command that only shows how things stand writes nothing, and leaves out what it can't read.
#[test]
fn a_look_shows_what_the_store_has() {
    let names = domains(2);
    let mut site = Site::of(&names, &[]);
    let mut store = Store::default();
    for _ in 0..4 {
        site.hit(&names[0], 50);
        site.next(Some(&mut store));
    }
    store.put("damaged.example", vec![1, 2, 3]);
    let writes = store.writes;
    let mut other = Host::default();
    let answer = store.answer(&other.question(), site.now, usize::MAX);
    other.look(answer, &site.domains, &site.settings);
    let view = other.view(&site.settings, site.now);
    assert_eq!(view.statuses, site.view.statuses);
    assert_eq!(view.state(&names[0]), State::Siege);
    assert_eq!(store.writes, writes);
}
