//! Thousands of domains: those in real stores are in `engine::sieges`.

use super::*;

const DOMAINS: usize = 5_000;

/// A store with a baseline for each: of a domain that gets some hits an hour, and more by day.
fn full(names: &[Domain]) -> Store {
    let mut store = Store::default();
    store.fill(names, |number, hour| ((number + hour) % 24 * 40) as u32);
    store
}

/// All is read once. Then a round asks what changed: where nothing did, it reads and writes nothing of them; and where
/// something did, that. `packaging/doc/speed.md` states the octets.
#[test]
fn a_round_costs_what_changed() {
    let names = domains(DOMAINS);
    let mut store = full(&names);
    let mut site = Site::of(&names, &[]);
    site.at_once = 500;
    site.round(Some(&mut store));
    assert_eq!(store.given, DOMAINS);
    let (octets, resting) = site.host.resting();
    assert!(resting >= DOMAINS - 100, "{resting}");
    // In memory, its name and what the table keeps free included.
    assert!(octets / resting < 700, "{}", octets / resting);
    let in_store: usize = store
        .records
        .values()
        .map(|record| record.bytes.len())
        .sum();
    assert!(in_store / DOMAINS < 450, "{}", in_store / DOMAINS);
    eprintln!(
        "octets of a resting domain: {} in memory, {} in the store",
        octets / resting,
        in_store / DOMAINS
    );
    store.given = 0;
    // What somebody watches is written, once in ten minutes, and read again.
    for minutes in 1..=20 {
        site.now += MINUTE;
        site.round(Some(&mut store));
        assert_eq!(store.writes, 0);
        assert!(store.given <= 1 + minutes / 10, "{minutes}");
    }
    for changed in [10, 500] {
        (store.given, store.writes) = (0, 0);
        names
            .iter()
            .step_by(3)
            .take(changed)
            .for_each(|name| site.hit(name, 1));
        site.next(Some(&mut store));
        site.next(Some(&mut store));
        // And that of all domains together.
        assert_eq!(store.writes as usize, changed + 1);
        assert!(store.given <= changed + 2, "{} {changed}", store.given);
        assert!(
            site.host.records().count() <= 102,
            "{}",
            site.host.records().count()
        );
        // Another host reads these, and no others.
    }
}

/// What is not written in one round comes in the next, and nothing of it is lost.
#[test]
fn a_round_writes_so_many_and_the_next_the_others() {
    let names = domains(4_500);
    let mut store = Store::default();
    let mut site = Site::of(&names, &[]);
    names.iter().for_each(|name| site.hit(name, 1));
    let mut counts = Vec::new();
    for _ in 0..4 {
        site.round(Some(&mut store));
        counts.push(store.count(""));
    }
    // All domains together are one, too.
    assert_eq!(counts, [2_000, 4_000, 4_501, 4_501]);
    for name in &names {
        let status = store.record(name).status(&site.settings, site.now);
        assert_eq!(status.unproven, 1, "{name}");
    }
    assert_eq!(store.writes, 4_501);
}
