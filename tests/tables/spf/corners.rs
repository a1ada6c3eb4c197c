//! Corners of RFC 7208 that the public suite doesn't reach: `tests/fixtures/spf`, a file for each topic.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use lab::dns::Zone;
use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use super::{Case, Expected, judge_all};

#[tokio::test(flavor = "multi_thread")]
async fn every_corner_has_the_result_of_the_rfc() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spf");
    let files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let groups: Vec<(Zone, Vec<Case>)> = files.iter().map(|file| group(file)).collect();
    assert!(
        groups.iter().all(|(_, cases)| !cases.is_empty()),
        "{files:?}"
    );
    assert!(judge_all(groups).await > 0, "{}", folder.display());
}

/// One topic.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    description: String,
    /// For the cases that have none of their own.
    ip: IpAddr,
    /// For the cases that have none of their own.
    helo: String,
    /// As [`Zone::from_yaml`] reads it.
    zone: Mapping,
    /// A mapping to [`Corner`]s that refuses a name given twice.
    cases: Mapping,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corner {
    /// The section that says so.
    rfc: String,
    why: String,
    ip: Option<IpAddr>,
    helo: Option<String>,
    mail_from: String,
    result: String,
    identity: Option<String>,
    explanation: Option<String>,
    mechanism: Option<String>,
    lookups: Option<u32>,
    void_lookups: Option<u32>,
}

fn group(path: &Path) -> (Zone, Vec<Case>) {
    let wrong = |error: String| -> ! { panic!("{}: {error}", path.display()) };
    let text = fs::read_to_string(path).unwrap_or_else(|error| wrong(error.to_string()));
    let file: File = serde_yaml::from_str(&text).unwrap_or_else(|error| wrong(error.to_string()));
    let zone = serde_yaml::to_string(&file.zone).unwrap();
    let zone = Zone::from_yaml(&zone).unwrap_or_else(|error| wrong(error.to_string()));
    let cases = file
        .cases
        .iter()
        .map(|(name, corner)| {
            let name = name.as_str().unwrap_or_default();
            case(&file, name, corner).unwrap_or_else(|error| wrong(format!("{name}: {error}")))
        })
        .collect();
    (zone, cases)
}

fn case(file: &File, name: &str, corner: &Value) -> Result<Case, serde_yaml::Error> {
    let corner: Corner = serde_yaml::from_value(corner.clone())?;
    Ok(Case {
        name: format!(
            "{} / {name} (RFC 7208 section {}: {})",
            file.description, corner.rfc, corner.why
        ),
        ip: corner.ip.unwrap_or(file.ip),
        helo: corner.helo.unwrap_or_else(|| file.helo.clone()),
        mail_from: corner.mail_from,
        expected: Expected {
            identity: corner.identity,
            explanation: corner.explanation,
            mechanism: corner.mechanism,
            lookups: corner.lookups,
            void_lookups: corner.void_lookups,
            ..Expected::of(&corner.result)
        },
    })
}
