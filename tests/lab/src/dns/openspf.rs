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

#[cfg(test)]
mod tests {
    use hickory_proto::{op::ResponseCode, rr::RecordType};

    use super::*;
    use crate::dns::answer::{Answer, answer};

    /// In the suite's format, with each of its peculiarities; the suite itself is run by `tests/it/spf_suite.rs`.
    const SUITE: &str = r#"
# A remark before the first document.
---
description: One
tests:
  first:
    description: >-
      folded
    spec: 4.6
    helo: mail.example.net
    host: CAFE:BABE::1
    mailfrom: ""
    result: [permerror, fail]
    strict: 2
  second:
    comment: Why.
    spec: 4.3/1, 4.8/5
    helo: "[1.2.3.5]"
    host: ::FFFF:1.2.3.4
    mailfrom: '@example.net'
    result: fail
    explanation: DEFAULT
zonedata:
  copied.example.com:
    - SPF: v=spf1 mx:odd:name/of.example.com
    - SPF: [ "v=spf1 ip4:", "192.0.2.5" ]
    - SPF: [ ]
  own.example.com:
    - SPF: v=spf1 +all
    - TXT: "v=spf1 \x96all"
  suppressed.example.com:
    - SPF: v=spf1 -all
    - TXT: NONE
  slow.example.com:
    - TIMEOUT
  partly-slow.example.com:
    - SPF: v=spf1 -all
    - TXT: NONE
    - TIMEOUT
  slow-type.example.com:
    - TXT: TIMEOUT
    - A: 1.2.3.4
  "odd:name/of.example.com":
    - AAAA: CAFE:BABE::2
    - MX: [0, ""]
    - PTR: e1.example.com.
    - CNAME: CNAME.example.com.
---
description: Two
comment: Nothing.
tests: {}
zonedata: {}
"#;

    fn read(text: &str) -> Result<Vec<Scenario>, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        scenarios(file.path())
    }

    fn asked(zone: &Zone, name: &str, kind: RecordType) -> Answer {
        answer(zone, &rdata::name(name).unwrap(), kind)
    }

    #[test]
    fn cases_are_read() {
        let scenarios = read(SUITE).unwrap();
        let [one, two] = scenarios.as_slice() else {
            panic!("{scenarios:?}")
        };
        assert_eq!((one.description.as_str(), two.tests.len()), ("One", 0));
        let [first, second] = one.tests.as_slice() else {
            panic!("{:?}", one.tests)
        };
        assert_eq!(first.name, "first");
        assert_eq!(first.host.to_string(), "cafe:babe::1");
        assert_eq!(first.mailfrom, "");
        assert_eq!(first.results, ["permerror", "fail"]);
        assert_eq!(first.explanation, None);
        assert_eq!(second.helo, "[1.2.3.5]");
        assert_eq!(second.results, ["fail"]);
        assert_eq!(second.explanation.as_deref(), Some(""));
        assert_eq!(second.comment, "Why.");
    }

    #[test]
    fn zones_are_served_as_the_suites_drivers_do() {
        let zone = read(SUITE).unwrap().remove(0).zone;
        let texts = |name: &str, kind| -> Vec<Vec<u8>> {
            let records = asked(&zone, name, kind).answers;
            records
                .iter()
                .map(|record| match &record.data {
                    hickory_proto::rr::RData::TXT(txt) => txt.txt_data.concat(),
                    hickory_proto::rr::RData::Unknown { rdata, .. } => rdata.anything.clone(),
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        assert_eq!(
            texts("copied.example.com", RecordType::TXT),
            [
                b"v=spf1 mx:odd:name/of.example.com".as_slice(),
                b"v=spf1 ip4:192.0.2.5",
                b"",
            ]
        );
        assert_eq!(
            texts("own.example.com", RecordType::TXT),
            [b"v=spf1 \x96all"]
        );
        assert_eq!(texts("own.example.com", rdata::SPF), [b"\x0bv=spf1 +all"]);
        let suppressed = asked(&zone, "suppressed.example.com", RecordType::TXT);
        assert_eq!(suppressed.code, ResponseCode::NoError);
        assert_eq!(suppressed.answers, []);
        assert_eq!(texts("suppressed.example.com", rdata::SPF).len(), 1);
        for (name, kind, silent) in [
            ("slow.example.com", RecordType::TXT, true),
            ("slow.example.com", RecordType::A, true),
            ("partly-slow.example.com", RecordType::TXT, true),
            ("partly-slow.example.com", rdata::SPF, false),
            ("slow-type.example.com", RecordType::TXT, true),
            ("slow-type.example.com", RecordType::A, false),
            ("copied.example.com", RecordType::A, false),
        ] {
            assert_eq!(asked(&zone, name, kind).silent, silent, "{name} {kind}");
        }
        let odd = asked(&zone, "ODD:name/of.example.com", RecordType::ANY);
        assert_eq!(odd.answers.len(), 4);
    }

    #[test]
    fn mistakes_say_where() {
        let scenario = |entry: &str| {
            format!("---\ndescription: One\ntests: {{}}\nzonedata:\n  a.example:\n    - {entry}\n")
        };
        for (entry, told) in [
            ("A: 1.2.3", "One: a.example: `1.2.3` is no address"),
            ("LOC: here", "One: a.example: `LOC` is no type of the suite"),
            (
                "NONSENSE",
                "One: a.example: String(\"NONSENSE\") is no entry",
            ),
        ] {
            let error = read(&scenario(entry)).unwrap_err().to_string();
            assert!(error.contains(told), "{entry}: {error}");
        }
        assert!(scenarios("/nowhere/suite.yml").is_err());
    }
}
