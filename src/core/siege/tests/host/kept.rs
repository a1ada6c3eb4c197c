//! What is kept when the list of domains changes, hosts restart, and stores forget.

use super::{super::simulation::DAY, *};
use crate::core::pattern::DomainPattern;

/// More than are kept in full.
const MANY: usize = 150;

/// A host that knows many domains, which rest: five bounces a minute are usual.
fn rested(store: &mut Store) -> (Site, Vec<Domain>) {
    let names = domains(MANY);
    store.fill(&names, |_, _| 5_000);
    let mut site = Site::of(&names, &[]);
    site.next(Some(store));
    site.now += HOUR;
    // One comes to all, so that none is among the few that do not rest.
    names.iter().for_each(|name| site.hit(name, 1));
    site.next(Some(store));
    site.now += HOUR;
    site.next(Some(store));
    assert!(
        site.host.resting().1 > MANY / 2,
        "{:?}",
        site.host.resting()
    );
    (site, names)
}

fn usual(record: &Record, site: &Site) -> f64 {
    let status = record.status(&site.settings, site.now);
    status.baseline
}

/// Each minute the list may be another: what is counted and known of those that stay, stays.
#[test]
fn a_changed_list_forgets_who_is_gone_and_keeps_the_others() {
    let mut store = Store::default();
    let (mut site, names) = rested(&mut store);
    let (gone, stays) = (&names[3], &names[4]);
    site.hit(gone, 1);
    site.hit(stays, 1);
    let kept = names.iter().filter(|name| *name != gone).cloned();
    site.domains = kept.map(DomainPattern::Itself).collect();
    let before = site.host.resting().1;
    site.now += HOUR;
    let writes = store.writes;
    site.next(Some(&mut store));
    // That of the one, and that of all together.
    assert_eq!(store.writes, writes + 2);
    let status = store.record(stays).status(&site.settings, site.now);
    assert_eq!(status.unproven, 1);
    assert!(usual(&store.record(stays), &site) > 1.0);
    assert!(site.host.resting().1 < before);
    // One that comes back is as it was, for the store has it.
    site.domains = names.iter().cloned().map(DomainPattern::Itself).collect();
    site.hit(gone, 1);
    (0..4).for_each(|_| drop(site.next(Some(&mut store))));
    let status = store.record(gone).status(&site.settings, site.now);
    assert_eq!(status.unproven, 1);
    assert!(usual(&store.record(gone), &site) > 1.0);
}

/// A host that is new knows after its first round what another one does, and writes nothing.
#[test]
fn a_restart_keeps_all() {
    let mut store = Store::default();
    let (mut site, names) = rested(&mut store);
    for _ in 0..6 {
        site.hit(&names[0], 100);
        site.next(Some(&mut store));
    }
    let mut anew = Site::of(&names, &[]);
    (anew.now, anew.at_once) = (site.now + 60, 7);
    let writes = store.writes;
    anew.round(Some(&mut store));
    assert_eq!(store.writes, writes);
    assert_eq!(anew.view.state(&names[0]), State::Siege);
    let known = anew.view.counts.iter().sum::<usize>();
    assert_eq!(known, MANY);
    // And its domains have what is usual.
    anew.hit(&names[7], 1);
    anew.next(Some(&mut store));
    let status = store.record(&names[7]).status(&anew.settings, anew.now);
    assert!(status.baseline > 1.0 && status.unproven == 1, "{status:?}");
}

/// It is noticed at once, and what the host knows is given to it again, some in each round.
#[test]
fn a_store_that_lost_all_gets_it_again() {
    let mut store = Store::default();
    let (mut site, names) = rested(&mut store);
    let before: Vec<_> = names
        .iter()
        .map(|name| usual(&store.record(name), &site))
        .collect();
    for keeps_old_copy in [false, true] {
        let old = store.records.clone();
        if keeps_old_copy {
            site.now += 3 * DAY;
            for name in &names {
                site.hit(name, 1);
            }
            site.next(Some(&mut store));
            // It has read what it wrote.
            site.next(Some(&mut store));
            store.records = old;
        } else {
            store.records.clear();
        }
        (0..4).for_each(|_| drop(site.next(Some(&mut store))));
        for (name, before) in names.iter().zip(&before) {
            let record = store.record(name);
            let usual = usual(&record, &site);
            assert!(usual > before / 3.0, "{name} {usual} {before}");
            let unproven = record.status(&site.settings, site.now).unproven;
            assert_eq!(unproven, u32::from(keeps_old_copy), "{name}");
        }
    }
}

/// A record that is gone, as one that nobody wrote for a hundred days, is made anew.
#[test]
fn what_expired_is_made_anew() {
    let mut store = Store::default();
    let (mut site, names) = rested(&mut store);
    store.records.remove(names[5].as_str()).unwrap();
    site.hit(&names[5], 1);
    for _ in 0..3 {
        site.next(Some(&mut store));
    }
    assert!(usual(&store.record(&names[5]), &site) > 1.0);
    let status = store.record(&names[5]).status(&site.settings, site.now);
    assert_eq!(status.unproven, 1);
}

/// An administrator speaks on a domain that rests: its quiet hours are learned all the same, and the word holds.
#[test]
fn a_word_wakes_who_rests() {
    let mut store = Store::default();
    let (mut site, names) = rested(&mut store);
    let mut record = store.record(&names[9]);
    let (forced, until) = (Forced::On, site.now + HOUR);
    record.set_by_hand(Some(ByHand { forced, until }), site.now);
    store.put(names[9].as_str(), record.to_bytes());
    let done = site.next(Some(&mut store));
    let change = &done.changes[0];
    assert_eq!(
        (change.to, change.domain.as_ref()),
        (State::Siege, Some(&names[9]))
    );
    assert_eq!(site.view.state(&names[9]), State::Siege);
    site.now += HOUR;
    site.next(Some(&mut store));
    assert_eq!(site.view.state(&names[9]), State::Calm);
}
