//! The public test suite of RFC 7208, all of it, through the real command and real DNS packets.

use std::{env, process::Stdio, sync::Arc, time::Duration};

use lab::dns::{
    Server,
    openspf::{self, Test},
};
use serde_json::Value;
use tokio::{process::Command, sync::Semaphore, task::JoinSet, time::timeout};

/// How many cases the suite has in pyspf 2.0.14. A reader that loses some must not pass for a success.
const CASES: usize = 203;
/// How many run at once: most of a case is waiting.
const AT_ONCE: usize = 8;
/// No case may take longer: `--budget` bounds them far below.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_the_public_suite_has_an_allowed_result() {
    let path = env::var_os("BACKSTOP_RFC7208_SUITE").expect(
        "BACKSTOP_RFC7208_SUITE does not name the suite: start the tests with tests/run, which fetches it",
    );
    let scenarios = openspf::scenarios(path).unwrap_or_else(|error| panic!("{error}"));

    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut cases = JoinSet::new();
    for scenario in scenarios {
        let server = Arc::new(Server::start(scenario.zone).await);
        for test in scenario.tests {
            let (server, permits) = (server.clone(), permits.clone());
            let description = scenario.description.clone();
            cases.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                judge(&test, &server)
                    .await
                    .map_err(|wrong| format!("{description} / {}: {wrong}", test.name))
            });
        }
    }
    let outcomes = cases.join_all().await;

    let mut failures: Vec<&String> = outcomes
        .iter()
        .filter_map(|case| case.as_ref().err())
        .collect();
    failures.sort();
    assert!(
        failures.is_empty(),
        "{} of {} cases are wrong:\n{}",
        failures.len(),
        outcomes.len(),
        failures
            .iter()
            .map(|failure| format!("  {failure}\n"))
            .collect::<String>()
    );
    assert_eq!(outcomes.len(), CASES);
}

/// Says what is wrong with the result, if anything.
async fn judge(test: &Test, server: &Server) -> Result<(), String> {
    let json = check(test, server).await?;
    let word = |key: &str| {
        json[key]
            .as_str()
            .ok_or_else(|| format!("no text `{key}` in {json}"))
    };
    let result = word("result")?;
    if !test.results.iter().any(|allowed| allowed == result) {
        return Err(format!(
            "expected {}, got {result} ({json})",
            test.results.join(" or ")
        ));
    }
    match &test.explanation {
        Some(expected) if result == "fail" && word("explanation")? != expected => Err(format!(
            "expected the explanation {expected:?}, got {:?}",
            word("explanation")?
        )),
        _ => Ok(()),
    }
}

/// Runs `backstop spf`. Its exit code only repeats the result.
async fn check(test: &Test, server: &Server) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
        .arg("spf")
        .arg(format!("--ip={}", test.host))
        .arg(format!("--helo={}", test.helo))
        .arg(format!("--mail-from={}", test.mailfrom))
        .arg(format!("--nameserver={}", server.addr()))
        .args(["--timeout=300ms", "--budget=5s", "--json"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(PATIENCE, output)
        .await
        .map_err(|_| format!("no result within {PATIENCE:?}"))?
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "no JSON ({error}), but {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
