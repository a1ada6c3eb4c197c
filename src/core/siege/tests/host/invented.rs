//! Names that strangers make up.

use super::{super::parts::hash, *};
use crate::core::local::Domains;

/// Bounces to so many recipients.
fn hits(times: u64, from: u64) -> Deltas {
    let mut deltas = Deltas::default();
    for number in from..from + times {
        let recipient = hash(number);
        deltas.hit(Hit::Unproven, recipient, hash(recipient));
    }
    deltas
}

/// A stranger may invent names below a domain that is ours with all below it: so many are kept, and those go on. The
/// domains that the file names are watched all the same.
#[test]
fn names_that_are_invented_have_an_end() {
    let settings = Settings::default();
    let patterns = ["example.net", ".example.org"].map(|text| text.parse().unwrap());
    let local_domains = Domains::from_iter(patterns);
    let invented = |number: usize| domain(&format!("n{number}.example.org"));
    let mut host = Host::default();
    let mut now = START;
    let mut count = |domains: Vec<(Domain, Deltas)>| {
        let all = hits(1, 0);
        host.count(Taken { all, domains }, &local_domains, now);
        host.round_alone(&settings, now);
        now += STEP;
        let states = host.view(&settings, now);
        (host.records().count(), states.state(&invented(0)))
    };
    // And one for all domains together.
    let most = 2 * MAX_DOMAINS + 1;
    let many = (0..3 * MAX_DOMAINS).map(|number| (invented(number), hits(1, 1)));
    assert_eq!(count(many.collect()), (most, State::Calm));
    let more = vec![(invented(4 * MAX_DOMAINS), hits(1, 1))];
    assert_eq!(count(more), (most, State::Calm));
    let file = vec![(domain("example.net"), hits(1, 1))];
    assert_eq!(count(file), (most + 1, State::Calm));
    let mut state = State::Calm;
    for round in 0..4 {
        let known = vec![(invented(0), hits(50, 100 * round))];
        let counted = count(known);
        assert_eq!(counted.0, most + 1);
        state = counted.1;
    }
    assert_eq!(state, State::Siege);
    host.clear();
    assert_eq!(host.records().count(), 0);
}
