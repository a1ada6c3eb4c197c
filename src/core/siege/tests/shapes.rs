//! The shapes that floods have, and some that look like them.

use super::{
    super::*,
    simulation::{DAY, HOUR, MINUTE, Site, Traffic},
};

/// Twenty times what is usual begins a siege within a minute, or of the floor, where that makes the limit: to many
/// recipients or to one, and while a mailing of ours is on.
#[test]
fn a_flood_is_noticed_within_a_minute() {
    for usual in [0.0, 1.0, 3.0, 20.0, 100.0, 700.0] {
        for recipients in [0, 1] {
            for outgoing in [0.0, 5000.0] {
                let mut site = if usual > 0.0 {
                    Site::used_to(usual)
                } else {
                    Site::new()
                };
                let recipients_of = |rate| Traffic {
                    rate,
                    recipients,
                    outgoing,
                    ..Traffic::default()
                };
                site.run(10 * MINUTE, |_| Traffic {
                    rate: usual,
                    recipients: 50,
                    outgoing,
                    ..Traffic::default()
                });
                let (floor, factor) = (site.settings.floor, site.settings.factor);
                let makes_limit = usual * f64::from(factor) >= f64::from(floor);
                let rate = 20.0 * if makes_limit { usual } else { floor.into() };
                site.run(MINUTE, |_| recipients_of(rate));
                assert_eq!(
                    site.state(),
                    State::Siege,
                    "{usual} {recipients} {outgoing}"
                );
            }
        }
    }
}

#[test]
fn a_burst_is_no_flood() {
    let mut site = Site::new();
    site.run(HOUR, |at| {
        Traffic::flood(if at == 600 { 2400.0 } else { 1.0 })
    });
    assert_eq!(site.take_changes(), [State::Alert, State::Calm]);
}

/// 50,000 recipients, 5 % of which bounce, and every fifth bounce proves nothing: most come within the first minutes.
#[test]
fn a_mailing_of_ours_is_no_flood() {
    for sent_within in [10, 60] {
        for usual in [0.0, 0.5, 1.0] {
            let mut site = Site::used_to(usual);
            site.run(3 * HOUR, |at| {
                let minute = at / MINUTE;
                let sending = minute < sent_within;
                let unproven = 50_000.0 * 0.05 / 5.0;
                let rate = match minute {
                    _ if sending => unproven * 0.8 / sent_within as f64,
                    _ if minute < sent_within + 60 => unproven * 0.2 / 60.0,
                    _ => 0.0,
                };
                Traffic {
                    rate: rate + usual,
                    recipients: 2,
                    outgoing: if sending {
                        50_000.0 / sent_within as f64
                    } else {
                        0.0
                    },
                    ..Traffic::default()
                }
            });
            let besieged = site.changes.iter().any(|change| change.to.is_besieged());
            assert!(!besieged, "{sent_within} {usual}: {:?}", site.changes);
        }
    }
}

/// The same bounces, but we sent nothing.
#[test]
fn what_looks_like_its_bounces_is_one() {
    let mut site = Site::new();
    site.run(10 * MINUTE, |_| Traffic {
        rate: 40.0,
        recipients: 2,
        ..Traffic::default()
    });
    assert_eq!(site.state(), State::Siege);
}

#[test]
fn a_slow_ramp_is_noticed_on_its_way() {
    let mut site = Site::used_to(2.0);
    site.run(6 * HOUR, |at| {
        Traffic::flood(2.0 + at as f64 / HOUR as f64 * 20.0)
    });
    let states: Vec<State> = site.changes.iter().map(|change| change.to).collect();
    assert_eq!(states, [State::Alert, State::Siege]);
    // Eight times the usual is less than the floor, 20 a minute.
    let rate = site.changes[1].status.rate;
    assert!((15.0..40.0).contains(&rate), "{rate}");
}

#[test]
fn a_siege_ends_after_quiet() {
    let mut site = Site::used_to(2.0);
    site.run(20 * MINUTE, |_| Traffic::flood(400.0));
    let status = site.record.status(&site.settings, site.now);
    assert!(status.latest_end > status.earliest_end);
    site.run(2 * HOUR, |_| Traffic::flood(2.0));
    let times: Vec<u64> = site.changes.iter().map(|change| change.at).collect();
    let states = site.take_changes();
    let expected = [State::Alert, State::Siege, State::Easing, State::Calm];
    assert_eq!(states.as_slice(), expected);
    // Ten minutes until the longer window is quiet too, then half an hour for each half of `quiet`.
    let ended = site.now - 2 * HOUR;
    assert!(
        (30 * MINUTE..=45 * MINUTE).contains(&(times[2] - ended)),
        "{}",
        times[2] - ended
    );
    assert!(
        (HOUR..=75 * MINUTE).contains(&(times[3] - ended)),
        "{}",
        times[3] - ended
    );
}

/// Whatever rhythm an attacker finds, he makes few lines in the log.
#[test]
fn an_on_off_attacker_does_not_make_it_flap() {
    for (on, off) in [
        (1, 9),
        (2, 20),
        (5, 31),
        (10, 45),
        (10, 70),
        (10, 110),
        (10, 200),
        (20, 520),
    ] {
        let mut site = Site::new();
        for day in 0..3 {
            let begin = site.now;
            while site.now < begin + DAY {
                // In steps of a slot of the windows: the tests beside this one have to wait for the processor.
                site.every(10, on * MINUTE, |_| Traffic::flood(300.0));
                site.every(MINUTE, off * MINUTE, |_| Traffic::flood(0.2));
            }
            let changes = site.take_changes();
            let most = if day == 0 { 16 } else { 12 };
            assert!(
                changes.len() <= most,
                "{on} on, {off} off, day {day}: {changes:?}"
            );
        }
    }
}

/// An attacker who only ever makes an alert.
#[test]
fn nor_does_alert_flap() {
    let mut site = Site::new();
    site.run(2 * DAY, |at| {
        Traffic::flood(if at % (37 * MINUTE) < 20 { 45.0 } else { 0.2 })
    });
    let changes = site.take_changes();
    assert!(!changes.is_empty() && changes.len() <= 24, "{changes:?}");
}

/// After `max_duration` it lifts; the same flood begins another one after a day, a stronger one at once.
#[test]
fn a_flood_without_end_does_not_make_a_siege_without_end() {
    let mut site = Site::new();
    site.every(10, 3 * DAY + 2 * HOUR, |_| Traffic::flood(100.0));
    let lifted = site.changes[2].clone();
    assert_eq!(
        (lifted.cause, lifted.status.by_hand),
        (Cause::Longest, None)
    );
    assert_eq!(
        site.take_changes(),
        [State::Alert, State::Siege, State::Alert]
    );
    assert!(!site.record.is_besieged(site.now));
    let mut stronger = Site {
        record: site.record.clone(),
        ..Site::new()
    };
    stronger.now = site.now;
    stronger.run(MINUTE, |_| Traffic::flood(500.0));
    assert_eq!(stronger.state(), State::Siege);
    site.every(10, DAY, |_| Traffic::flood(100.0));
    assert_eq!(site.take_changes(), [State::Siege]);
    // Nothing of all that became usual.
    assert_eq!(site.record.status(&site.settings, site.now).baseline, 0.0);
}

#[test]
fn a_dead_baseline_stays_alive() {
    let mut site = Site::new();
    site.every(5 * MINUTE, 120 * DAY, |_| Traffic::flood(0.0));
    assert!(site.record.is_idle(site.now));
    site.run(MINUTE, |_| Traffic::flood(400.0));
    assert_eq!(site.state(), State::Siege);
    // A record that lay about for a year is no siege, and what it knows of the usual is still there.
    let mut site = Site::used_to(30.0);
    site.run(5 * MINUTE, |_| Traffic::flood(700.0));
    assert_eq!(site.state(), State::Siege);
    site.restart(365 * DAY);
    site.run(MINUTE, |_| Traffic::flood(30.0));
    assert_eq!(site.state(), State::Calm);
    let baseline = site.record.status(&site.settings, site.now).baseline;
    assert!((25.0..36.0).contains(&baseline), "{baseline}");
}

/// A name below a domain of ours that somebody hit for an hour, and never again.
#[test]
fn a_name_that_was_hit_for_an_hour_is_idle_again_some_weeks_later() {
    let mut site = Site::new();
    site.every(MINUTE, HOUR, |at| {
        Traffic::flood(if at % (9 * MINUTE) == 0 { 1.0 } else { 0.0 })
    });
    site.every(5 * MINUTE, HOUR, |_| Traffic::default());
    assert!(!site.record.is_idle(site.now));
    site.every(10 * MINUTE, 35 * DAY, |_| Traffic::default());
    assert!(site.record.is_idle(site.now));
}

#[test]
fn a_clock_that_steps_begins_no_siege_and_leaves_none() {
    for step in [
        i64::try_from(HOUR).unwrap(),
        -3600,
        -86_400 * 365,
        -300,
        -15,
    ] {
        // Usual mail stays usual.
        let mut site = Site::used_to(5.0);
        site.run(10 * MINUTE, |_| Traffic::flood(5.0));
        site.now = site.now.saturating_add_signed(step);
        site.run(30 * MINUTE, |_| Traffic::flood(5.0));
        assert_eq!(site.changes, [], "{step}");
        // A siege goes on, and ends.
        site.run(15 * MINUTE, |_| Traffic::flood(400.0));
        site.take_changes();
        site.now = site.now.saturating_add_signed(step);
        site.run(15 * MINUTE, |_| Traffic::flood(400.0));
        assert_eq!(site.state(), State::Siege, "{step}");
        site.run(90 * MINUTE, |_| Traffic::flood(5.0));
        assert_eq!(site.take_changes(), [State::Easing, State::Calm], "{step}");
        // And the next one is noticed.
        site.run(MINUTE, |_| Traffic::flood(1000.0));
        assert_eq!(site.state(), State::Siege, "{step}");
    }
}

#[test]
fn a_restart_in_the_middle_changes_nothing() {
    for away in [0, 10, 30 * MINUTE] {
        let mut site = Site::used_to(5.0);
        site.run(30, |_| Traffic::flood(400.0));
        site.restart(0);
        site.run(30, |_| Traffic::flood(400.0));
        assert_eq!(site.take_changes(), [State::Alert, State::Siege]);
        site.run(40 * MINUTE, |_| Traffic::flood(400.0));
        site.restart(away);
        site.run(20 * MINUTE, |_| Traffic::flood(400.0));
        assert_eq!(site.take_changes(), [], "{away}");
        site.run(2 * HOUR, |_| Traffic::flood(5.0));
        assert_eq!(site.take_changes(), [State::Easing, State::Calm], "{away}");
    }
}

#[test]
fn an_administrator_has_the_last_word_for_a_while() {
    let mut site = Site::new();
    let until = site.now + HOUR;
    site.record.set_by_hand(
        Some(ByHand {
            forced: Forced::On,
            until,
        }),
        site.now,
    );
    site.run(MINUTE, |_| Traffic::default());
    let told = site.changes[0].clone();
    assert_eq!((told.to, told.cause), (State::Siege, Cause::ByHand));
    assert_eq!(told.status.latest_end, Some(until));
    site.run(HOUR, |_| Traffic::default());
    assert_eq!(site.changes[1].cause, Cause::ByHand);
    assert_eq!(site.take_changes(), [State::Siege, State::Calm]);

    let until = site.now + HOUR;
    site.record.set_by_hand(
        Some(ByHand {
            forced: Forced::Off,
            until,
        }),
        site.now,
    );
    site.run(10 * MINUTE, |_| Traffic::flood(400.0));
    assert!(!site.record.is_besieged(site.now) && site.changes.is_empty());
    site.record.set_by_hand(None, site.now);
    site.run(5, |_| Traffic::flood(400.0));
    assert_eq!(site.take_changes(), [State::Siege]);
    // Nobody forgets it for ever.
    let until = u64::MAX;
    site.record.set_by_hand(
        Some(ByHand {
            forced: Forced::Off,
            until,
        }),
        site.now,
    );
    let status = site.record.status(&site.settings, site.now);
    assert_eq!(
        status.by_hand.map(|word| word.until),
        Some(site.now + LONGEST_BY_HAND)
    );
}

#[test]
fn a_change_is_told_in_one_line_with_numbers() {
    let mut site = Site::new();
    site.run(5 * MINUTE, |_| Traffic::flood(400.0));
    let change = site.changes.pop().unwrap().of("example.org".parse().ok());
    let line = change.to_string();
    let begin = "example.org: alert -> siege; ";
    assert!(
        line.starts_with(begin) && line.contains("per minute (baseline 0.0, flood from 20)"),
        "{line}"
    );
    assert!(!line.contains('\n'));
    let json = serde_json::to_value(&change).unwrap();
    assert_eq!(
        (&json["domain"], &json["to"]),
        (&"example.org".into(), &"siege".into())
    );
}

/// Each hour as much as is nearly an alert: on a site that has learned nothing, that does not become usual either.
#[test]
fn a_ramp_by_the_hour_teaches_a_fresh_site_half_of_the_floor() {
    let mut site = Site::new();
    for _ in 0..6 {
        let limit = site.record.status(&site.settings, site.now).limit;
        site.every(10, HOUR, |_| Traffic::flood(0.45 * limit));
        let status = site.record.status(&site.settings, site.now);
        assert!(status.baseline <= 10.0, "{status:?}");
    }
}

/// Nor while it is on for all domains, which this one's own rate does not tell.
#[test]
fn a_part_of_a_flood_on_all_is_not_learned() {
    for unusual in [false, true] {
        let mut site = Site::new();
        for _ in 0..3 * HOUR / MINUTE {
            site.now += MINUTE;
            let mut deltas = Traffic::flood(6.0).deltas(&mut site.random, MINUTE);
            deltas.unusual = unusual;
            site.record.step(&site.settings, &deltas, site.now);
            assert_eq!(site.record.is_unusual(), unusual);
        }
        let status = site.record.status(&site.settings, site.now);
        assert_eq!(status.baseline == 0.0, unusual, "{}", status.baseline);
    }
}
