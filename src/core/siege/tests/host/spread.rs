//! Floods on all domains, or on one beside the others.

use super::{
    super::{
        super::baseline::{HOURS, Slot},
        simulation::Random,
    },
    *,
};

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

/// Twenty thousand domains, and one hit a minute for each is a flood. It is noticed within minutes, ends by itself, and is
/// answered at the domains that get more than is usual for them.
#[test]
fn one_a_minute_for_each_of_twenty_thousand_is_a_flood() {
    let names = domains(20_000);
    let mut store = Store::default();
    let mut site = Site::of(&names, &[]);
    site.at_once = 500;
    let big = &names[0];
    let mut record = Record::new(START);
    record.baseline.slots = [Slot {
        rate: 30_000,
        seen: 8,
    }; HOURS];
    store.put(big.as_str(), record.to_bytes());
    store.put("*", record.to_bytes());
    let mut random = Random::new(5);
    let mut entry = None;
    let mut minutes = |site: &mut Site, store: &mut Store, count: u64, rate: u64| {
        for minute in 0..count {
            for second in (0..60).step_by(STEP as usize) {
                site.hit(big, 5);
                let due = names.len() as u64 * rate * STEP / 60;
                for _ in 0..due {
                    let at = random.number() as usize % names.len();
                    site.hit(&names[at], 1);
                }
                site.next(Some(store));
                if site.view.all == State::Siege {
                    entry = entry.or(Some(minute * 60 + second));
                }
            }
        }
        entry
    };
    assert_eq!(
        minutes(&mut site, &mut store, 3, 0),
        None,
        "30 a minute are usual there"
    );
    let entry = minutes(&mut site, &mut store, 4, 1);
    assert!(entry.is_some_and(|entry| entry < 3 * MINUTE), "{entry:?}");
    let state = |site: &Site, name| site.view.state(name).is_besieged();
    let besieged = names.iter().filter(|name| state(&site, name)).count();
    // A few got none yet; and a round is of ten seconds here, and does not come to all that were hit in it.
    assert!(besieged > 19_000, "{besieged}");
    assert!(
        !state(&site, big),
        "{:?}",
        store.record(big).status(&site.settings, site.now)
    );
    // Nobody is by himself.
    assert_eq!(site.view.besieged(), 0);
    // It ends by itself; those that got their last hit ten minutes ago are in peace before.
    minutes(&mut site, &mut store, 12, 0);
    assert!(site.view.all.is_besieged());
    let besieged = names.iter().filter(|name| state(&site, name)).count();
    assert_eq!(besieged, 0);
    minutes(&mut site, &mut store, 70, 0);
    assert_eq!(site.view.all, State::Calm);
}

/// A flood on five thousand domains, among twenty thousand that have their usual bounces: these keep their answers.
#[test]
fn domains_with_their_usual_bounces_are_left_in_peace() {
    let names = domains(20_000);
    let (flooded, others) = names.split_at(5_000);
    let mut site = Site::of(&names, &[]);
    let mut store = Store::default();
    // From a bounce in three hours to one in ten minutes.
    let rates: Vec<u32> = (0..others.len())
        .map(|number| [5, 11, 30, 100][number % 4])
        .collect();
    for (name, rate) in others.iter().zip(&rates) {
        let mut record = Record::new(START);
        record.baseline.slots = [Slot {
            rate: *rate,
            seen: 8,
        }; HOURS];
        store.put(name.as_str(), record.to_bytes());
    }
    let usual: u32 = rates.iter().sum();
    let mut record = Record::new(START);
    record.baseline.slots = [Slot {
        rate: usual,
        seen: 8,
    }; HOURS];
    store.put("*", record.to_bytes());
    site.at_once = 500;
    let mut random = Random::new(6);
    // Two a minute are more than twice of what is a flood on all.
    assert!(2 * flooded.len() > 2 * 8 * usual as usize / 1000, "{usual}");
    let mut loudest = 0;
    for round in 0..13 * MINUTE / STEP {
        for (name, rate) in others.iter().zip(&rates) {
            let mean = f64::from(*rate) / 1000.0 * STEP as f64 / 60.0;
            site.hit(name, random.poisson(mean).into());
        }
        // It begins after ten minutes as usual.
        let flooded = if site.now < START + 10 * MINUTE {
            &[]
        } else {
            flooded
        };
        for name in flooded {
            let mean = 2.0 * STEP as f64 / 60.0;
            site.hit(name, random.poisson(mean).into());
        }
        site.next(Some(&mut store));
        let disturbed = others
            .iter()
            .filter(|name| site.view.state(name).is_besieged());
        loudest = loudest.max(disturbed.count());
        assert!(
            loudest <= others.len() / 1_000,
            "{loudest} after {round} rounds"
        );
    }
    assert!(site.view.all.is_besieged(), "{:?}", site.view.statuses[0]);
    let besieged = flooded
        .iter()
        .filter(|name| site.view.state(name).is_besieged());
    assert!(besieged.count() > 4_800);
}
