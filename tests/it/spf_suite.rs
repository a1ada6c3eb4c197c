//! The public test suite of RFC 7208, all of it.

#[path = "../tables/spf/both.rs"]
mod both;

use std::{env, time::SystemTime};

use backstop::{
    core::address::ReversePath,
    dns::{DnsSettings, Resolver},
    spf::SpfQuery,
};
use lab::dns::{
    Server,
    openspf::{self, Scenario, Test},
};

use tokio::task::JoinSet;

use crate::spf_command::{Case, judge_all};
use both::check_in_both_ways;

/// How many cases the suite has in pyspf 2.0.14. A reader that loses some must not pass for a success.
const CASES: usize = 203;

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_public_suite_has_an_allowed_result() {
    let groups = suite()
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

#[tokio::test(flavor = "multi_thread")]
async fn every_case_is_the_same_with_questions_ahead_of_need() {
    let mut running = JoinSet::new();
    for scenario in suite() {
        running.spawn(both_ways(scenario));
    }
    assert_eq!(running.join_all().await.iter().sum::<usize>(), CASES);
}

/// How many cases it has, all of them right and the same in both ways.
async fn both_ways(scenario: Scenario) -> usize {
    let Scenario {
        description,
        tests,
        zone,
    } = scenario;
    let server = Server::start(zone).await;
    let settings = DnsSettings {
        nameservers: vec![server.addr().into()],
        timeout: "500ms".parse().unwrap(),
        budget: "5s".parse().unwrap(),
        cache: 0,
    };
    let resolver = Resolver::new(&settings).unwrap();
    let count = tests.len();
    for test in tests {
        let query = SpfQuery {
            client: test.host,
            helo: test.helo.as_bytes(),
            mail_from: &ReversePath::from_bytes(test.mailfrom.as_bytes()),
            now: SystemTime::now(),
            receiver: "unknown",
            traced: true,
        };
        let name = format!("{description} / {}", test.name);
        match check_in_both_ways(&resolver, &query).await {
            Ok(check) => {
                let result = check.result.to_string();
                assert!(test.results.contains(&result), "{name}: {result}");
            }
            Err(difference) => panic!("{name}: {difference}"),
        }
    }
    count
}

fn suite() -> Vec<Scenario> {
    let path = env::var_os("BACKSTOP_RFC7208_SUITE").expect(
        "BACKSTOP_RFC7208_SUITE does not name the suite: start the tests with tests/run, which fetches it",
    );
    openspf::scenarios(path).unwrap_or_else(|error| panic!("{error}"))
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
