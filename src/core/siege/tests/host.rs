//! One host with all its domains, beside a store that the tests keep in memory.

use std::collections::BTreeMap;

use super::{
    super::{
        places::{MAX_NEW, Places},
        *,
    },
    parts::hash,
    simulation::{HOUR, MINUTE, START},
};
use crate::core::{address::Domain, pattern::DomainPattern};

mod invented;
mod told;

/// How many records the store here has room for.
const CAPACITY: usize = MAX_DOMAINS + 100;
/// How far apart rounds are here, in seconds.
const STEP: u64 = 10;

/// Records as a store has them: a new one takes the place of the one that was written longest ago.
#[derive(Default)]
struct Store {
    records: BTreeMap<String, Stored>,
    writes: u64,
    /// How far its clock is ahead of the host's.
    ahead: i64,
    /// What comes of the next writes, where they do not succeed.
    fails: Vec<Written>,
}

impl Store {
    fn full() -> Self {
        let mut store = Self::default();
        let idle = Record::new(START).to_bytes();
        for number in 0..CAPACITY {
            store.put(&format!("old{number}.invalid"), idle.clone());
        }
        store
    }

    fn put(&mut self, name: &str, bytes: Vec<u8>) -> u64 {
        if self.records.len() >= CAPACITY && !self.records.contains_key(name) {
            let oldest = self.records.iter().min_by_key(|(_, stored)| stored.version);
            let oldest = oldest.unwrap().0.clone();
            self.records.remove(&oldest);
        }
        self.writes += 1;
        let version = self.writes;
        let stored = Stored { version, bytes };
        self.records.insert(name.to_owned(), stored);
        version
    }

    fn write(&mut self, write: &Write) -> Written {
        if let Some(failure) = self.fails.pop() {
            return failure;
        }
        let found = self.records.get(write.name());
        match found.map_or(0, |stored| stored.version) == write.seen {
            true => Written::Version(self.put(write.name(), write.bytes.clone())),
            false => Written::Raced,
        }
    }

    /// How many records have a name with this end.
    fn count(&self, end: &str) -> usize {
        let names = self.records.keys();
        names.filter(|name| name.ends_with(end)).count()
    }

    fn record(&self, domain: &Domain) -> Record {
        let stored = &self.records[domain.as_str()];
        Record::from_bytes(&stored.bytes).unwrap()
    }
}

struct Site {
    host: Host,
    tally: Tally,
    settings: Settings,
    local_domains: Vec<DomainPattern>,
    /// By the host's clock.
    now: u64,
    recipient: u64,
    view: View,
}

impl Site {
    fn of(domains: &[Domain], more: &[&str]) -> Self {
        let mut local_domains: Vec<_> =
            domains.iter().cloned().map(DomainPattern::Itself).collect();
        local_domains.extend(more.iter().map(|text| text.parse().unwrap()));
        Self {
            host: Host::default(),
            tally: Tally::new(&local_domains),
            settings: Settings::default(),
            local_domains,
            now: START,
            recipient: 0,
            view: View::default(),
        }
    }

    /// Bounces to ever new recipients.
    fn hit(&mut self, domain: &Domain, times: u64) {
        for _ in 0..times {
            self.recipient += 1;
            let deltas = self.tally.of(domain);
            let number = hash(self.recipient);
            deltas.hit(Hit::Unproven, number, hash(number));
        }
    }

    fn round(&mut self, store: Option<&mut Store>) -> Done {
        let Self {
            host,
            tally,
            settings,
            local_domains,
            now,
            ..
        } = self;
        let taken = tally.take(|domain| host.is_shared(settings, domain));
        let named = tally.named();
        let expected_now = host.now(*now);
        host.count(taken, &named, local_domains, expected_now);
        let (now, done) = match store {
            Some(store) => {
                let stored = store.records.clone().into_iter().collect();
                let store_now = now.saturating_add_signed(store.ahead);
                let clocks = (store_now, *now);
                let mut round = host.round(settings, &named, stored, CAPACITY, clocks);
                while let Some(write) = round.next_write() {
                    let written = store.write(&write);
                    round.wrote(write, written);
                }
                (store_now, round.end())
            }
            None => {
                let changes = host.round_alone(settings, expected_now);
                let done = Done {
                    changes,
                    ..Done::default()
                };
                (expected_now, done)
            }
        };
        done.idle.iter().for_each(|domain| tally.forget(domain));
        self.view = host.view(settings, now);
        done
    }

    /// A round, some seconds after the last one.
    fn next(&mut self, store: Option<&mut Store>) -> Done {
        self.now += STEP;
        self.round(store)
    }
}

fn domain(text: &str) -> Domain {
    text.parse().unwrap()
}

fn domains(count: usize) -> Vec<Domain> {
    (0..count)
        .map(|number| domain(&format!("d{number}.example")))
        .collect()
}

#[test]
fn a_full_store_has_few_places_a_round() {
    let many = MAX_DOMAINS + 1;
    for (capacity, records, named, places) in [
        // Room for all: nobody pushes anybody out.
        (10, 10, 1, (MAX_NEW, MAX_NEW)),
        (10, 8, 1, (2 + MAX_NEW, MAX_NEW)),
        (10, 11, 1, (MAX_NEW, MAX_NEW)),
        // More named domains than places: who is in stays.
        (10, 10, many, (0, 0)),
        (10, 8, many, (2, 0)),
    ] {
        let mut left = Places::new(capacity, records, named);
        let mut take = |is_named| (0..100).filter(|_| left.take(is_named)).count();
        let taken = (take(true), take(false));
        assert_eq!(taken, places, "{capacity} {records} {named}");
    }
}

/// A full store is asked for some places a round for names that a stranger invents, and for some for those that the file
/// has, in place of what was written longest ago.
#[test]
fn a_full_store_takes_in_one_after_the_other() {
    let mut store = Store::full();
    let named = domains(2 * MAX_NEW + 1);
    let mut site = Site::of(&named, &[".example.org"]);
    for (number, name) in named.iter().enumerate() {
        site.hit(name, 1);
        site.hit(&domain(&format!("n{number}.example.org")), 1);
    }
    let all = named.len();
    for expected in [MAX_NEW, 2 * MAX_NEW, all, all] {
        site.round(Some(&mut store));
        assert_eq!(store.count(".example.org"), expected);
    }
    // All domains together have one, too, and count as named: it may take one round more.
    site.round(Some(&mut store));
    assert_eq!(store.count(".example"), all);
    assert_eq!(store.count(""), CAPACITY);
}

/// Of more domains than the store has places those are shared that have one, and the host watches the others by itself.
#[test]
fn no_named_domain_is_left_unwatched() {
    let mut store = Store::full();
    let many = domains(2 * MAX_DOMAINS + 10);
    let mut site = Site::of(&many, &[]);
    for name in &many {
        site.hit(name, 1);
    }
    site.round(Some(&mut store));
    assert_eq!(store.count(".example"), 0);
    let last = &many[many.len() - 1];
    for _ in 0..4 {
        site.hit(last, 50);
        site.next(None);
    }
    assert_eq!(site.view.states.len(), many.len());
    assert_eq!(site.view.state(last), State::Siege);
}

#[test]
fn what_becomes_of_a_write_decides_what_is_kept_for_later() {
    let names = domains(2);
    for (fails, in_store, counted_alone) in [
        (vec![], 3, 0),
        // Another host was faster: it is not lost, and no other record suffers.
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
        // The next round makes it good.
        site.next(Some(&mut store));
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
        (1, &[][..], &["d0.example"][..]),
        (2, &[], &["*", "d0.example"]),
        (0, &[".example"], &["*", "d0.example"]),
        (1, &[".example"], &["*", "d0.example"]),
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
fn the_most_severe_state_holds_unless_an_administrator_says_no() {
    use State::{Alert, Calm, Easing, Siege};
    let name = domain("d0.example");
    for (own, off, all, expected) in [
        (None, false, Calm, Calm),
        (None, false, Siege, Siege),
        (Some(Siege), false, Calm, Siege),
        (Some(Alert), false, Easing, Easing),
        (Some(Siege), false, Alert, Siege),
        (Some(Calm), true, Siege, Calm),
        (Some(Siege), true, Siege, Calm),
    ] {
        let view = View {
            states: own.map(|state| (name.clone(), state)).into_iter().collect(),
            off: off.then(|| name.clone()).into_iter().collect(),
            all,
            statuses: Vec::new(),
        };
        assert_eq!(view.state(&name), expected, "{own:?} {off} {all}");
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
    let newer = vec![4, 5, 7, 11];
    store.put(names[0].as_str(), newer.clone());
    let mut unreadable = Vec::new();
    for _ in 0..6 {
        site.hit(&names[0], 100);
        unreadable.extend(site.next(Some(&mut store)).unreadable);
    }
    assert_eq!(store.records[names[0].as_str()].bytes, newer);
    assert_eq!(site.view.state(&names[0]), State::Siege);
    // It is told once, not with each round.
    let told = (names[0].to_string(), Damaged::Version(4));
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
    other.look(store.records.clone().into_iter().collect(), site.now);
    let view = other.view(&site.settings, site.now);
    assert_eq!(view.statuses, site.view.statuses);
    assert_eq!(view.state(&names[0]), State::Siege);
    assert_eq!(store.writes, writes);
}

/// Each domain gets more than an alert and less than a siege, for hours: that all are besieged does not end meanwhile.
#[test]
fn a_flood_over_many_domains_does_not_end_its_own_siege() {
    let names = domains(10);
    let mut site = Site::of(&names, &[]);
    while site.now < START + 2 * HOUR {
        names.iter().for_each(|name| site.hit(name, 2));
        site.next(None);
        if site.now > START + MINUTE {
            assert_eq!(site.view.all, State::Siege, "{}", site.now - START);
        }
    }
    for name in &names {
        assert_eq!(site.view.states[name], State::Alert, "{name}");
    }
}

/// Neither while it is noticed, nor when its siege is lifted while it goes on.
#[test]
fn a_flood_on_one_domain_besieges_no_other() {
    let names = domains(2);
    let mut site = Site::of(&names, &[]);
    site.settings = serde_yaml::from_str("{max_duration: 2h}").unwrap();
    let flooded = &names[0];
    while site.now < START + 5 * HOUR {
        site.hit(flooded, 20);
        site.next(None);
        if site.now == START + HOUR {
            assert_eq!(site.view.state(flooded), State::Siege);
        }
        assert!(!site.view.all.is_besieged(), "{}", site.now - START);
    }
    assert_eq!(site.view.state(flooded), State::Alert);
}
