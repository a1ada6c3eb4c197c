//! The reports to abuse desks, read by others: Python's email package, and mail-parser.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use backstop::core::attack::{AttackKind, Fate, Octets, Sample, hour};
use mail_parser::{Message, MessageParser, MimeHeaders, PartType};
use serde_json::Value;

use super::{Site, attacked, sample};
use crate::{batv::key_file, bounce::now, store::attack::count};

/// What Python reads in a message, as JSON.
const READ: &str = r#"
import email, email.policy, json, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
parts = list(m.iter_parts())
fields = parts[1].get_payload()
fields = fields[0] if isinstance(fields, list) else email.message_from_string(fields, policy=email.policy.default)
inner = parts[2].get_payload(0)
print(json.dumps({
  "type": m.get_content_type(), "report": m.get_param("report-type"), "headers": {k: str(v) for k, v in m.items()},
  "types": [p.get_content_type() for p in parts], "encodings": [p["Content-Transfer-Encoding"] for p in parts],
  "text": parts[0].get_content(), "fields": [[k, str(v)] for k, v in fields.items()],
  "inner": [[k, str(v)] for k, v in inner.items()], "defects": [str(d) for p in m.walk() for d in p.defects],
}))
"#;

fn read(path: &Path) -> Value {
    let output = Command::new("/usr/bin/python3")
        .args(["-c", READ])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn all<'a>(fields: &'a Value, name: &str) -> Vec<&'a str> {
    let fields = fields.as_array().unwrap().iter();
    let named = fields.filter(|field| field[0] == name);
    named.map(|field| field[1].as_str().unwrap()).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn each_sample_is_a_report_that_others_can_read() {
    let site = attacked();
    let output = site.report(&["--export", "reports"]);
    assert!(output.status.success(), "{output:?}");
    let folder = site.path("reports");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files = files(&folder);
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files.iter().all(|file| mode(file) == 0o600));
    let report = &files[0];
    let name = report.file_name().unwrap().to_str().unwrap();
    assert!(
        name.starts_with("0001-20") && name.ends_with("Z-198.51.0.10.eml"),
        "{name}"
    );

    let octets = fs::read(report).unwrap();
    let found = read(report);
    assert_eq!(
        (&found["type"], &found["report"]),
        (&"multipart/report".into(), &"feedback-report".into())
    );
    assert_eq!(
        found["types"],
        serde_json::json!(["text/plain", "message/feedback-report", "message/rfc822"])
    );
    assert_eq!(
        found["encodings"],
        serde_json::json!(["7bit", "7bit", "8bit"])
    );
    assert_eq!(found["defects"], serde_json::json!([]));
    let headers = &found["headers"];
    assert_eq!(headers["From"], "Postmaster <postmaster@example.org>");
    assert!(
        headers["Message-ID"]
            .as_str()
            .unwrap()
            .ends_with("@example.org>")
    );
    assert_eq!(headers["Content-Transfer-Encoding"], "8bit");
    assert!(headers.get("To").is_none() && headers.get("Date").is_some());

    let fields = &found["fields"];
    let only = |name: &str| match all(fields, name).as_slice() {
        [one] => (*one).to_owned(),
        several => panic!("{name}: {several:?}"),
    };
    assert_eq!(
        (only("Feedback-Type"), only("Version")),
        ("abuse".to_owned(), "1".to_owned())
    );
    assert_eq!(
        only("User-Agent"),
        format!("Backstop/{}", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(
        (only("Original-Mail-From"), only("Source-IP")),
        ("<>".to_owned(), "198.51.0.10".to_owned())
    );
    assert_eq!(only("Reported-Domain"), "mx.far.example");
    let incidents: u64 = only("Incidents").parse().unwrap();
    let json = site.json(&[]);
    let hosts = json["hosts"]["top"].as_array().unwrap();
    let host = hosts
        .iter()
        .find(|host| host["name"] == "198.51.0.10")
        .unwrap();
    assert_eq!(host["suspect"], incidents);
    let recipient = only("Original-Rcpt-To");
    assert!(
        recipient.starts_with("<redacted-") && recipient.ends_with("@example.org>"),
        "{recipient}"
    );
    let same = Command::new("/usr/bin/python3")
        .args(["-c", "import sys, email.utils as u; print(int(u.parsedate_to_datetime(sys.argv[1]).timestamp()))"])
        .arg(only("Arrival-Date"))
        .output()
        .unwrap();
    let at: u64 = String::from_utf8(same.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(now() - at >= 40 * 3600 && now() - at < 40 * 3600 + 600);

    // The same user everywhere, and nowhere by name.
    let user = recipient.trim_matches(['<', '>']);
    assert_eq!(all(&found["inner"], "To"), [user]);
    let text = String::from_utf8_lossy(&octets).to_lowercase();
    assert!(!text.contains("joe@") && !text.contains("am9l"), "{text}");
    assert!(text.matches(user).count() >= 5 && text.contains("victim@far.example"));
    let controls = octets
        .iter()
        .filter(|byte| byte.is_ascii_control() && !b"\r\n".contains(byte));
    assert_eq!(controls.count(), 1, "the tab of a fold");
    assert!(
        octets
            .split(|&byte| byte == b'\n')
            .all(|line| line.len() <= 999 && (line.is_empty() || line.ends_with(b"\r")))
    );

    // What a stranger wrote is marked, and what we saw is not.
    let text = found["text"].as_str().unwrap();
    for line in text
        .lines()
        .filter(|line| line.contains("evil.example") || line.contains("forged.example.org"))
    {
        assert!(line.starts_with("UNTRUSTED| returned Received: "), "{line}");
    }
    assert_eq!(
        text.matches("UNTRUSTED| returned Received: ").count(),
        2,
        "{text}"
    );
    assert!(
        text.contains("client    198.51.0.10 (network 198.51.0.0/24)"),
        "{text}"
    );
    assert!(
        text.contains("may have forged it,\nespecially the Received lines"),
        "{text}"
    );
    let list = fs::read_to_string(&files[1]).unwrap();
    assert!(
        list.contains(name)
            && list
                .contains("UNTRUSTED| its HELO was mx.far.example; 2 Received lines were returned"),
        "{list}"
    );
    // Without -i a line with a dot alone would be the end.
    assert!(list.contains("`sendmail -i -f postmaster@"), "{list}");
}

/// The media types of all parts.
pub fn types(message: &Message<'_>) -> Vec<String> {
    let types = message.parts.iter().filter_map(|part| part.content_type());
    types
        .map(|of| format!("{}/{}", of.ctype(), of.subtype().unwrap_or_default()))
        .collect()
}

#[test]
fn mail_parser_reads_the_same() {
    let site = attacked();
    site.text(&["--export", "reports"]);
    let octets = fs::read(&files(&site.path("reports"))[0]).unwrap();
    let message = MessageParser::default().parse(&octets).unwrap();
    let types = types(&message);
    assert_eq!(
        types,
        [
            "multipart/report",
            "text/plain",
            "message/feedback-report",
            "message/rfc822"
        ]
    );
    let PartType::Message(inner) = &message.parts[3].body else {
        panic!("{:?}", message.parts[3]);
    };
    assert_eq!(
        inner.from().unwrap().first().unwrap().address().unwrap(),
        "MAILER-DAEMON@mx.far.example"
    );
}

#[test]
fn strangers_write_no_field_and_no_line() {
    let site = Site::new("report: {keep_samples: true}\n");
    let hostile = Sample {
        helo: Octets(b"x\r\nFeedback-Type: not-spam\r\n\r\n--\xff%s".to_vec()),
        mail_from: Octets(b"mailer-daemon\r\nSource-IP: 192.0.2.1@far.example".to_vec()),
        recipients: [
            vec![Octets(b"\"a\r\nIncidents: 9\"@example.org".to_vec())],
            vec![Octets([&[1; 500][..], b"@far.example"].concat()); 9],
        ]
        .concat(),
        headers: Octets(
            [
                &b"Subject: x\rFeedback-Type: a "[..],
                &[2; 3_000],
                b"\nSource-IP: 1\n\n--b\n\x00\x80\xfe",
            ]
            .concat(),
        ),
        body: Octets((0..=255_u8).cycle().take(5_000).collect()),
        client: "2001:db8::7".parse().unwrap(),
        ..sample(now() - 60)
    };
    site.store(|store| store.keep_sample(hostile.clone()));
    let output = site.report(&["--export", "reports"]);
    assert!(output.status.success(), "{output:?}");
    let files = files(&site.path("reports"));
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with("Z-2001-db8--7.eml"), "{name}");
    let found = read(&files[0]);
    let names: Vec<_> = found["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field[0].as_str().unwrap())
        .collect();
    let expected = [
        &[
            "Feedback-Type",
            "User-Agent",
            "Version",
            "Original-Mail-From",
        ][..],
        &["Original-Rcpt-To"; 10],
        &["Arrival-Date", "Source-IP"],
    ];
    assert_eq!(names, expected.concat());
    // RFC 5322 section 2.1.1.
    for file in &files {
        let octets = fs::read(file).unwrap();
        let lines = octets
            .split(|&byte| byte == b'\n')
            .map(<[u8]>::trim_ascii_end);
        assert_eq!(lines.filter(|line| line.len() > 998).count(), 0, "{file:?}");
    }
    assert_eq!(all(&found["fields"], "Source-IP"), ["2001:db8::7"]);
    for text in [
        found["text"].as_str().unwrap(),
        &fs::read_to_string(&files[1]).unwrap(),
    ] {
        assert!(
            !text
                .chars()
                .any(|c| c.is_control() && c != '\n' && c != '\r')
                && text.is_ascii(),
            "{text:?}"
        );
        assert!(
            !text.lines().any(|line| line.starts_with("Feedback-Type")),
            "{text}"
        );
    }
}

/// What was counted among others has no name, so nobody knows how many of it were of one host.
#[test]
fn bounces_of_a_host_are_told_as_far_as_they_are_known() {
    let told = |counted: &[&str]| {
        let site = Site::new("report: {keep_samples: true}\n");
        let at = now() - 60;
        site.store(|store| {
            for host in counted {
                let host = count(AttackKind::Host, Fate::Refused, host);
                store.count_attack(hour(at), vec![host]);
            }
            store.keep_sample(sample(at));
        });
        site.text(&["--export", "reports"]);
        let files = files(&site.path("reports"));
        let found = read(&files[0]);
        let incidents = all(&found["fields"], "Incidents");
        let incidents: Vec<_> = incidents.into_iter().map(str::to_owned).collect();
        let text = found["text"].as_str().unwrap().to_owned();
        let list = fs::read_to_string(&files[1]).unwrap();
        (incidents.concat(), text, list)
    };
    let (host, other) = ("198.51.0.10", "");
    for (counted, incidents, words) in [
        (
            &[host, host, "192.0.2.1"][..],
            "2",
            "  2 bounces of this host",
        ),
        (&[host], "1", "  1 bounce of this host"),
        (
            &[host, host, other],
            "2",
            "  at least 2 bounces of this host",
        ),
        (&[other], "", "  at least 1 bounce of this host"),
        (&[], "", "  at least 1 bounce of this host"),
    ] {
        let (found, text, list) = told(counted);
        assert_eq!(found, incidents, "{counted:?}");
        assert!(text.contains(words) && list.contains(words), "{text}{list}");
    }
}

#[test]
fn a_user_is_the_same_in_every_export_where_there_are_keys() {
    let recipient = |site: &Site, folder: &str| {
        site.text(&["--export", folder]);
        let found = read(&files(&site.path(folder))[0]);
        all(&found["fields"], "Original-Rcpt-To")[0].to_owned()
    };
    let without = attacked();
    assert_ne!(recipient(&without, "one"), recipient(&without, "two"));
    let with = attacked();
    let keys = key_file(with.folder.path());
    let yaml = fs::read_to_string(with.path("milter.yaml")).unwrap();
    fs::write(
        with.path("milter.yaml"),
        format!("{yaml}proof: {{key_file: {}}}\n", keys.display()),
    )
    .unwrap();
    assert_eq!(recipient(&with, "one"), recipient(&with, "two"));
}

#[test]
fn only_what_is_asked_for_is_exported() {
    let site = attacked();
    site.text(&["--since", "10h", "--export", "late"]);
    assert_eq!(files(&site.path("late")).len(), 1);
    site.text(&["--domain", "example.net", "--export", "net"]);
    assert_eq!(files(&site.path("net")).len(), 1);
    fs::create_dir(site.path("empty")).unwrap();
    site.text(&["--domain", "example.org", "--export", "empty"]);
    assert_eq!(files(&site.path("empty")).len(), 2);
}
