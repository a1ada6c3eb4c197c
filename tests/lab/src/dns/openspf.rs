//! The public test suite of RFC 7208, `rfc7208-tests.yml`, as the `pyspf` sdist carries it.
//!
//! Its zones are not quite DNS: records of the old type 99 stand for TXT as well, and `TIMEOUT` for an answer that
//! never comes.

use std::{collections::BTreeMap, fs, net::IpAddr, path::Path};

use serde::Deserialize;
use serde_yaml::{Mapping, Value};

use super::{
    Error, rdata, yaml,
    zone::{Fault, Scope, Zone},
};

#[cfg(test)]
mod tests;

/// The suite's word for the explanation that a receiver makes up itself.
const RECEIVERS_OWN: &str = "DEFAULT";

/// One zone, and what is checked against it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about.
    pub description: String,
    /// Its cases, in the file's order.
    pub tests: Vec<Test>,
    /// The DNS they see.
    pub zone: Zone,
}

/// One SPF check and its right result.
#[derive(Clone, Debug)]
pub struct Test {
    /// Unique in the suite.
    pub name: String,
    /// The argument of HELO.
    pub helo: String,
    /// The client's address.
    pub host: IpAddr,
    /// The reverse-path without its brackets; empty for the null sender.
    pub mailfrom: String,
    /// The results allowed, in lower case, the preferred one first.
    pub results: Vec<String>,
    /// The explanation, where the case has one; empty where it is the receiver's own.
    pub explanation: Option<String>,
    /// Why it must be so; may be empty.
    pub comment: String,
}

/// Reads the suite.
///
/// # Errors
/// Where the file can't be read, or holds what the suite's format doesn't know.
pub fn scenarios(path: impl AsRef<Path>) -> Result<Vec<Scenario>, Error> {
    let path = path.as_ref();
    let text = fs::read_to_string(path)
        .map_err(|error| Error::new(error.to_string()).at(path.display()))?;
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| {
            let document = Document::deserialize(document).map_err(of_yaml)?;
            let description = document.description.clone();
            scenario(document).map_err(|error| error.at(description))
        })
        .collect::<Result<_, _>>()
        .map_err(|error: Error| error.at(path.display()))
}

#[derive(Deserialize)]
struct Document {
    description: String,
    tests: Mapping,
    zonedata: BTreeMap<String, Vec<Value>>,
}

#[derive(Deserialize)]
struct Case {
    helo: String,
    host: IpAddr,
    mailfrom: String,
    result: Value,
    explanation: Option<String>,
    #[serde(default)]
    comment: String,
}

fn scenario(document: Document) -> Result<Scenario, Error> {
    let tests = document
        .tests
        .into_iter()
        .map(|(name, case)| {
            let name: String = serde_yaml::from_value(name).map_err(of_yaml)?;
            test(name.clone(), case).map_err(|error| error.at(name))
        })
        .collect::<Result<_, _>>()?;
    let mut zone = Zone::new();
    for (name, entries) in &document.zonedata {
        fill(&mut zone, name, entries).map_err(|error| error.at(name))?;
    }
    Ok(Scenario {
        description: document.description,
        tests,
        zone,
    })
}

fn test(name: String, case: Value) -> Result<Test, Error> {
    let case: Case = serde_yaml::from_value(case).map_err(of_yaml)?;
    let results = yaml::words(&case.result)?;
    Ok(Test {
        name,
        results: results.into_iter().map(str::to_owned).collect(),
        helo: case.helo,
        host: case.host,
        mailfrom: case.mailfrom,
        explanation: case.explanation.map(|text| {
            if text == RECEIVERS_OWN {
                String::new()
            } else {
                text
            }
        }),
        comment: case.comment,
    })
}

/// Serves one name's entries the way the suite's own drivers do.
fn fill(zone: &mut Zone, name: &str, entries: &[Value]) -> Result<(), Error> {
    zone.node(rdata::name(name)?);
    // Type 99 is copied to TXT, unless the name speaks about TXT itself, be it only to say NONE.
    let has_txt = entries.iter().any(|entry| entry.get("TXT").is_some());
    for entry in entries {
        if entry.as_str() == Some("TIMEOUT") {
            zone.node(rdata::name(name)?)
                .add_fault(Scope::Absent, Fault::Silence);
            continue;
        }
        let pairs = entry
            .as_mapping()
            .ok_or_else(|| Error::new(format!("{entry:?} is no entry")))?;
        for (key, value) in pairs {
            let key = key.as_str().unwrap_or_default();
            match (key, value.as_str()) {
                (_, Some("TIMEOUT")) => {
                    let scope = Scope::Type(rdata::record_type(key)?);
                    zone.node(rdata::name(name)?)
                        .add_fault(scope, Fault::Silence);
                }
                ("TXT" | "SPF", Some("NONE")) => {}
                ("TXT", _) => zone.add(name, rdata::txt(&strings(value)?)?)?,
                ("SPF", _) => {
                    zone.add(name, rdata::spf(&strings(value)?)?)?;
                    if !has_txt {
                        zone.add(name, rdata::txt(&strings(value)?)?)?;
                    }
                }
                _ => {
                    let data = yaml::record(key, value)?
                        .ok_or_else(|| Error::new(format!("`{key}` is no type of the suite")))?;
                    zone.add(name, data)?;
                }
            }
        }
    }
    Ok(())
}

fn strings(value: &Value) -> Result<Vec<Vec<u8>>, Error> {
    Ok(match value {
        // A TXT of no strings breaks RFC 1035 section 3.3.14, and no resolver would let it through to us.
        Value::Sequence(list) if list.is_empty() => rdata::pieces(b""),
        Value::Sequence(_) => yaml::words(value)?.into_iter().map(octets).collect(),
        _ => yaml::words(value)?
            .into_iter()
            .flat_map(|text| rdata::pieces(&octets(text)))
            .collect(),
    })
}

/// The suite writes octets as `\xEF`, which YAML reads as characters.
fn octets(text: &str) -> Vec<u8> {
    text.chars()
        .map(|character| u8::try_from(u32::from(character)).ok())
        .collect::<Option<_>>()
        .unwrap_or_else(|| text.as_bytes().to_vec())
}

fn of_yaml(error: serde_yaml::Error) -> Error {
    Error::new(error.to_string())
}
