//! Floods from few networks and from many.

use super::{
    super::{
        networks::{COUNTERS, Sum},
        *,
    },
    parts::hash,
    simulation::{DAY, HOUR, MINUTE, Site, Traffic},
};

/// A flood from so many networks, beside the usual mail, and with a mailing of ours on.
fn flooded(usual: f64, rate: f64, networks: u64, mailing: bool) -> impl Fn(u64) -> Vec<Traffic> {
    let flood = Traffic {
        rate,
        networks,
        ..Traffic::default()
    };
    // Its bounces are as many as are excused, or half of them.
    let mailing = mailing.then_some(Traffic {
        rate: if usual < 1.0 { 40.0 } else { 2.0 * usual },
        recipients: 2,
        networks: 50,
        outgoing: 20_000.0,
    });
    move |_| {
        let usual = Traffic::flood(usual);
        [usual, flood].into_iter().chain(mailing).collect()
    }
}

/// Nor do four: each counts for a fifth of the limit at most, beside a tenth that is usual.
#[test]
fn few_networks_alone_begin_no_siege() {
    for usual in [0.0, 3.0, 30.0] {
        for networks in [1, 3] {
            for fold in [2.0, 20.0, 200.0] {
                for mailing in [false, true] {
                    let mut site = Site::used_to(usual);
                    let rate = fold * f64::max(2.0, usual);
                    site.every_all(10, 12 * MINUTE, flooded(usual, rate, networks, mailing));
                    assert!(
                        !site.record.is_besieged(site.now),
                        "{usual} {networks} {fold} {mailing}: {:?}",
                        site.changes
                    );
                }
            }
        }
    }
}

/// The administrator hears of it, and may block the network.
#[test]
fn one_network_makes_an_alert() {
    let mut site = Site::new();
    site.run_all(HOUR, flooded(0.0, 60.0, 1, false));
    assert_eq!(site.take_changes(), [State::Alert]);
    let status = site.record.status(&site.settings, site.now);
    assert_eq!(status.networks, 1);
    assert!(status.rate > 40.0, "{status:?}");
}

#[test]
fn a_flood_from_ten_networks_begins_one_within_a_minute() {
    for usual in [3.0, 20.0, 60.0] {
        for networks in [10, 100, 10_000] {
            for mailing in [false, true] {
                let mut site = Site::used_to(usual);
                site.every_all(10, 10 * MINUTE, flooded(usual, 0.0, networks, false));
                site.run_all(MINUTE, flooded(usual, 20.0 * usual, networks, mailing));
                assert_eq!(site.state(), State::Siege, "{usual} {networks} {mailing}");
            }
        }
    }
}

/// Clients whose address the MTA does not know are one network, and neighbours are, too: see `policy::sensed_network`. Of
/// several hosts that share a record, each sees a part of what it sends.
#[test]
fn the_share_of_a_network_is_that_of_all_hosts() {
    let mut site = Site::new();
    for _ in 0..HOUR / 5 {
        site.now += 5;
        for _ in 0..20 {
            let one = Traffic {
                rate: 60.0,
                networks: 1,
                ..Traffic::default()
            };
            let deltas = one.deltas(&mut site.random, 5);
            site.record.step(&site.settings, &deltas, site.now);
        }
    }
    assert!(!site.record.is_besieged(site.now));
}

/// Who began a siege with many networks does not keep it with one, nor makes the next one longer with alerts.
#[test]
fn one_network_holds_no_siege() {
    for (usual, alerts) in [(2.0, 0), (2.0, 6), (20.0, 0)] {
        let mut site = Site::used_to(usual);
        for _ in 0..alerts {
            site.run_all(2 * MINUTE, flooded(usual, 300.0, 1, false));
            site.every_all(20, 3 * HOUR, flooded(usual, 0.0, 1, false));
        }
        site.take_changes();
        site.run_all(20 * MINUTE, flooded(usual, 400.0, 100, false));
        assert_eq!(site.state(), State::Siege);
        site.take_changes();
        site.every_all(10, 75 * MINUTE, flooded(usual, 200.0, 1, false));
        let expected = [State::Easing, State::Calm, State::Alert];
        assert_eq!(site.take_changes(), expected, "{usual} {alerts}");
    }
}

/// When a siege is lifted in the middle of a flood, what one network sends is not tolerated from others afterwards.
#[test]
fn one_network_blinds_nobody() {
    let mut site = Site::new();
    site.settings = serde_yaml::from_str("{max_duration: 1h}").unwrap();
    site.run_all(HOUR + MINUTE, flooded(0.0, 60.0, 100, false));
    let mut blinded = Site::new();
    blinded.settings = site.settings.clone();
    blinded.every_all(10, HOUR + MINUTE, |_| {
        let many = Traffic {
            rate: 60.0,
            networks: 100,
            ..Traffic::default()
        };
        let one = Traffic {
            rate: 2000.0,
            networks: 1,
            ..Traffic::default()
        };
        vec![many, one]
    });
    for site in [&mut site, &mut blinded] {
        let limit = site.record.status(&site.settings, site.now).limit;
        assert!((80.0..220.0).contains(&limit), "{limit}");
    }
}

/// It teaches a fifth of the floor at most in a week, and at most twice of what is known in each that follows.
#[test]
fn one_network_teaches_little() {
    let mut site = Site::new();
    let mut weeks = Vec::new();
    for _ in 0..3 {
        site.every_all(MINUTE, 7 * DAY, |_| {
            vec![Traffic {
                rate: 9.0,
                networks: 1,
                ..Traffic::default()
            }]
        });
        let status = site.record.status(&site.settings, site.now);
        weeks.push(status.baseline.round());
    }
    assert_eq!(weeks, [4.0, 5.0, 6.0]);
}

#[test]
fn each_network_counts_for_its_share() {
    let sum = |hits: &[(u64, u32)]| {
        let mut networks = Networks::default();
        for (counter, times) in hits {
            (0..*times).for_each(|_| networks.add(counter << 58));
        }
        Sum::of([networks].iter())
    };
    for (hits, excused, limit, counted) in [
        (&[][..], 0.0, 20.0, 0.0),
        (&[(0, 3)], 0.0, 20.0, 3.0),
        (&[(0, 100)], 0.0, 20.0, 4.0),
        (&[(0, 100), (1, 3), (63, 5)], 0.0, 20.0, 11.0),
        // All are excused; a part of each is; who sent few is excused whole.
        (&[(0, 4), (1, 4)], 8.0, 20.0, 0.0),
        (&[(0, 4), (1, 4)], 6.0, 20.0, 2.0),
        (&[(0, 100), (1, 2), (2, 4)], 6.0, 20.0, 4.0 + 2.0),
    ] {
        let found = sum(hits).without(excused).counted(limit);
        assert!((found - counted).abs() < 1e-9, "{hits:?}: {found}");
    }
    for (hits, strength) in [
        (&[][..], 0.0),
        (&[(0, 1000)], 0.0),
        // Four full shares, and a fifth of what is reached.
        (&[(0, 1000), (1, 1000), (2, 1000), (3, 1000), (4, 7)], 35.0),
        (&[(0, 10), (1, 10), (2, 10), (3, 10), (4, 10)], 50.0),
        (&[(0, 1000), (1, 10), (2, 10), (3, 10), (4, 10)], 50.0),
    ] {
        let found = sum(hits).strength();
        assert!((found - strength).abs() < 1e-6, "{hits:?}: {found}");
    }
    for (networks, off) in [(0, 0), (1, 0), (3, 1), (10, 2), (50, 12)] {
        let mut counted = Networks::default();
        (0..networks).for_each(|number| counted.add(hash(number.into())));
        let found = Sum::of([counted].iter()).networks();
        assert!(found.abs_diff(networks) <= off, "{networks}: {found}");
    }
    // Ten networks that share a counter in one row have their own in the other.
    for row in [58, 52] {
        let mut ten = Networks::default();
        for number in (0..10_u64).cycle().take(50) {
            ten.add(number << row);
        }
        assert_eq!(Sum::of([ten].iter()).counted(20.0), 40.0);
    }
    // No hash is out of bounds, no counter starts again from zero.
    let mut all = Networks::default();
    (0..70_000).for_each(|_| all.add(u64::MAX));
    assert_eq!(Sum::of([all].iter()).counted(1e9), 65_535.0);
    assert_eq!(COUNTERS, 64);
}

/// However networks share counters, none counts for more than its share; and a flood of 50 a minute from ten reaches 20 in
/// the fifty seconds that a window has at least.
#[test]
fn who_shares_a_counter_counts_for_less_and_is_told_apart() {
    for flood in 0..5_000_u64 {
        let mut counted = Networks::default();
        let mut exact = [0_u64; 10];
        for number in 0..42 {
            let one = hash(flood * 50 + number) % 10;
            counted.add(hash(u64::MAX - flood * 10 - one));
            exact[one as usize] += 1;
        }
        let most: u64 = exact.iter().map(|hits| (*hits).min(4)).sum();
        let found = Sum::of([counted].iter()).counted(20.0);
        assert!(found <= most as f64, "{flood}: {found} of {most}");
        assert!(found >= 20.0, "{flood}: {found}");
    }
}
