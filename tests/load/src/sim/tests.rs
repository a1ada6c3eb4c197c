//! A week in a second, so that what is said of a year does not rot.

use super::results::{Plan, Results};

#[test]
fn no_false_siege_none_by_one_network_and_each_flood_within_a_minute() {
    let plan = Plan {
        days: 7,
        sizes: vec![10.0, 3e4],
        seeds: 1,
        floods: 1,
        weakest: 1,
        folds: vec![20.0],
        patient: 10.0,
        domains: 50,
        brief: true,
    };
    let results = Results::of(&plan);
    assert_eq!(results.failures(), [] as [String; 0], "{results}");
    // They are what they seem to be: something came, and sieges began by all kinds of attackers.
    assert!(results.sites.iter().all(|site| site.year.hits > 100));
    let begun = results.floods().filter(|(_, came)| came.entry.is_some());
    assert_eq!(begun.count(), 2 * 3);
    let patient = &results.sites[0];
    let came = patient.rhythms.iter().map(|(_, came)| came.besieged > 0.5);
    assert_eq!(Vec::from_iter(came), [false, true]);
    let came = patient
        .ramps
        .iter()
        .map(|(.., came)| came.noticed.is_some());
    assert_eq!(Vec::from_iter(came), [false, true]);
    assert!(results.svg().contains("</svg>") && results.to_string().contains("none"));
}
