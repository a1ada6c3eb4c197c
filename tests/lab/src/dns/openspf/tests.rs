//! The suite's format, on a small suite of our own.

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
