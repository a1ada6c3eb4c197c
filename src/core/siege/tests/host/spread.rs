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
    let usual = |site: &mut Site, store: &mut Store, minutes: u64| {
        for _ in 0..minutes {
            site.now += MINUTE;
            site.hit(big, 30);
            site.round(Some(store));
        }
    };
    usual(&mut site, &mut store, 12);
    assert_eq!(site.view.all, State::Calm, "30 a minute are usual there");
    // In 40 seconds, two domains of three get a hit.
    let mut entry = None;
    for (number, some) in (1..).zip(names[1..].chunks(1_667).take(8)) {
        site.now += 5;
        site.hit(big, 2);
        some.iter().for_each(|name| site.hit(name, 1));
        site.round(Some(&mut store));
        if site.view.all == State::Siege {
            entry = entry.or(Some(5 * number));
        }
    }
    assert!(entry.is_some_and(|entry| entry <= 40), "{entry:?}");
    let (hit, others) = names[1..].split_at(8 * 1_667);
    let is_besieged = |site: &Site, name| site.view.state(name).is_besieged();
    assert!(hit.iter().all(|name| is_besieged(&site, name)));
    assert!(!others.iter().any(|name| is_besieged(&site, name)));
    assert!(!is_besieged(&site, big));
    // Nobody is by himself.
    assert_eq!(site.view.besieged(), 0);
    // It ends by itself; those that got their last hit ten minutes ago are in peace before.
    usual(&mut site, &mut store, 12);
    assert!(site.view.all.is_besieged());
    assert!(!names.iter().any(|name| is_besieged(&site, name)));
    usual(&mut site, &mut store, 70);
    assert_eq!(site.view.all, State::Calm);
}

/// A flood on a thousand domains, among three thousand that have their usual bounces: these keep their answers.
#[test]
fn domains_with_their_usual_bounces_are_left_in_peace() {
    // A bounce in three hours to one in ten minutes.
    const RATES: [u32; 4] = [5, 11, 30, 100];
    let names = domains(4_000);
    let (others, flooded) = names.split_at(3_000);
    let mut site = Site::of(&names, &[]);
    let mut store = Store::default();
    store.fill(others, |number, _| RATES[number % 4]);
    let of_each = others.len() as u32 / 4;
    let usual: u32 = RATES.iter().map(|rate| rate * of_each).sum();
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
    for _ in 0..13 * MINUTE / STEP {
        for (class, rate) in RATES.iter().enumerate() {
            let mean = f64::from(rate * of_each) / 1000.0 * STEP as f64 / 60.0;
            for _ in 0..random.poisson(mean) {
                let one = random.number() as usize % of_each as usize;
                site.hit(&others[4 * one + class], 1);
            }
        }
        // It begins after ten minutes as usual.
        if site.now >= START + 10 * MINUTE {
            for _ in 0..random.poisson(2.0 * flooded.len() as f64 * STEP as f64 / 60.0) {
                let one = random.number() as usize % flooded.len();
                site.hit(&flooded[one], 1);
            }
        }
        site.next(Some(&mut store));
        let disturbed = others
            .iter()
            .filter(|name| site.view.state(name).is_besieged());
        assert!(disturbed.count() <= 3, "{}", site.now - START);
    }
    assert!(site.view.all.is_besieged(), "{:?}", site.view.statuses[0]);
    let besieged = flooded
        .iter()
        .filter(|name| site.view.state(name).is_besieged());
    assert!(besieged.count() > 980);
}
