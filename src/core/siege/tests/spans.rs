//! The times that beginnings and ends make.

use crate::core::siege::{SiegeEvent, Span, joined, spans};

const NOW: u64 = 10_000;

fn event(at: u64, domain: &str, begins: bool) -> SiegeEvent {
    SiegeEvent {
        at,
        domain: domain.parse().ok(),
        begins,
    }
}

fn span(from: u64, to: u64, goes_on: bool) -> Span {
    Span { from, to, goes_on }
}

#[test]
fn a_beginning_and_an_end_make_a_time() {
    type Events = &'static [(u64, bool)];
    let tables: [(&str, Events, bool, Vec<Span>); 9] = [
        ("nothing", &[], true, vec![]),
        (
            "one",
            &[(5_000, true), (6_000, false)],
            false,
            vec![span(5_000, 6_000, false)],
        ),
        (
            "two",
            &[(5_000, true), (6_000, false), (7_000, true), (7_100, false)],
            false,
            vec![span(5_000, 6_000, false), span(7_000, 7_100, false)],
        ),
        (
            "it goes on",
            &[(5_000, true)],
            true,
            vec![span(5_000, NOW, true)],
        ),
        (
            "its end was lost",
            &[(5_000, true)],
            false,
            vec![span(5_000, 5_000, false)],
        ),
        (
            "it began before what is kept",
            &[(5_000, false)],
            false,
            vec![span(1_000, 5_000, false)],
        ),
        (
            "two hosts saw it begin",
            &[(5_000, true), (5_003, true), (6_000, false)],
            false,
            vec![span(5_000, 6_000, false)],
        ),
        (
            "it began before the period",
            &[(500, true), (1_500, false)],
            false,
            vec![span(500, 1_500, false)],
        ),
        (
            "it was over before the period",
            &[(500, true), (600, false)],
            false,
            vec![],
        ),
    ];
    for (name, events, is_on, expected) in tables {
        let events = events.iter().rev();
        let events = events.map(|(at, begins)| event(*at, "example.org", *begins));
        let found = spans(events, |_| is_on, (1_000, NOW));
        let found = found.into_values().next().unwrap_or_default();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn each_domain_has_its_own() {
    let events = [
        event(5_000, "example.org", true),
        event(5_500, "example.net", true),
        event(6_000, "example.org", false),
        event(6_500, "", true),
    ];
    let is_on = |domain: Option<&crate::core::address::Domain>| domain.is_none();
    let found = spans(events, is_on, (0, NOW));
    let of = |domain: &str| found[&domain.parse().ok()].clone();
    assert_eq!(of("example.org"), [span(5_000, 6_000, false)]);
    assert_eq!(of("example.net"), [span(5_500, 5_500, false)]);
    assert_eq!(of(""), [span(6_500, NOW, true)]);
}

#[test]
fn overlaps_count_once() {
    let all = vec![
        span(30, 40, false),
        span(10, 20, false),
        span(15, 25, true),
        span(25, 27, false),
        span(12, 13, false),
    ];
    assert_eq!(joined(all), [span(10, 27, true), span(30, 40, false)]);
    assert_eq!(joined(vec![]), []);
}

#[test]
fn the_seconds_of_a_day_are_those_within_it() {
    let over_midnight = span(86_000, 87_000, false);
    assert_eq!(over_midnight.within(0, 86_399), 400);
    assert_eq!(over_midnight.within(86_400, 2 * 86_400 - 1), 600);
    assert_eq!(over_midnight.within(90_000, 99_000), 0);
}
