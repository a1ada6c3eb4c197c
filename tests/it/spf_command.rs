//! SPF checks through the real command and real DNS packets.

use std::{net::IpAddr, process::Stdio, sync::Arc, time::Duration};

use lab::dns::{Server, Zone};
use serde_json::Value;
use tokio::{process::Command, sync::Semaphore, task::JoinSet, time::timeout};

/// How many run at once: most of a case is waiting.
const AT_ONCE: usize = 8;
/// No case may take longer: `--budget` bounds them far below.
const PATIENCE: Duration = Duration::from_secs(30);

/// One check, and what must come of it.
pub struct Case {
    /// Where it is written, and why it must be so, for the report of a failure.
    pub name: String,
    pub ip: IpAddr,
    pub helo: String,
    pub mail_from: String,
    /// The results allowed.
    pub results: Vec<String>,
    /// Other fields of the JSON object; what isn't here may be anything.
    pub fields: Vec<(&'static str, Value)>,
}

/// Runs the cases of each zone against it, and gives their number.
///
/// # Panics
/// With the list of the cases that are wrong, if any.
pub async fn judge_all(groups: Vec<(Zone, Vec<Case>)>) -> usize {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for (zone, cases) in groups {
        let server = Arc::new(Server::start(zone).await);
        for case in cases {
            let (server, permits) = (server.clone(), permits.clone());
            running.spawn(async move {
                let _permit = permits.acquire_owned().await.unwrap();
                judge(&case, &server)
                    .await
                    .map_err(|wrong| format!("{}: {wrong}", case.name))
            });
        }
    }
    let outcomes = running.join_all().await;

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
    outcomes.len()
}

/// Says what is wrong with the result, if anything.
pub async fn judge(case: &Case, server: &Server) -> Result<(), String> {
    let json = check(case, server).await?;
    let result = json["result"]
        .as_str()
        .ok_or_else(|| format!("no text `result` in {json}"))?;
    if !case.results.iter().any(|allowed| allowed == result) {
        return Err(format!(
            "expected {}, got {result} ({json})",
            case.results.join(" or ")
        ));
    }
    match case.fields.iter().find(|(key, value)| json[key] != *value) {
        Some((key, value)) => Err(format!(
            "expected {value} as `{key}`, got {} ({json})",
            json[key]
        )),
        None => Ok(()),
    }
}

/// Runs `backstop spf`. Its exit code only repeats the result.
async fn check(case: &Case, server: &Server) -> Result<Value, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
        .arg("spf")
        .arg(format!("--client-ip={}", case.ip))
        .arg(format!("--helo={}", case.helo))
        .arg(format!("--mail-from={}", case.mail_from))
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
