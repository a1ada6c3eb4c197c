//! The public test suite of RFC 7208, all of it.

use std::env;

use lab::dns::openspf::{self, Test};

use crate::spf_command::{Case, judge_all};

/// How many cases the suite has in pyspf 2.0.14. A reader that loses some must not pass for a success.
const CASES: usize = 203;

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_public_suite_has_an_allowed_result() {
    let path = env::var_os("BACKSTOP_RFC7208_SUITE").expect(
        "BACKSTOP_RFC7208_SUITE does not name the suite: start the tests with tests/run, which fetches it",
    );
    let scenarios = openspf::scenarios(path).unwrap_or_else(|error| panic!("{error}"));
    let groups = scenarios
        .into_iter()
        .map(|scenario| {
            let cases = scenario
                .tests
                .into_iter()
                .map(|test| case(test, &scenario.description))
                .collect();
            (scenario.zone, cases)
        })
        .collect();
    assert_eq!(judge_all(groups).await, CASES);
}

fn case(test: Test, description: &str) -> Case {
    Case {
        name: format!("{description} / {}", test.name),
        ip: test.host,
        helo: test.helo,
        mail_from: test.mailfrom,
        results: test.results,
        fields: test
            .explanation
            .map(|text| ("explanation", text.into()))
            .into_iter()
            .collect(),
    }
}
