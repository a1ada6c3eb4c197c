//! Which mail is a notification, by samples shaped after what MTAs, providers and autoresponders send, and by as many
//! that look alike. `tests/fixtures/notifications/index.yaml` says what each of them is.

use std::{collections::BTreeMap, fs, time::Duration};

use backstop::core::{
    address::ReversePath,
    header::Headers,
    notification::{Notification, NotificationKind},
};
use lab::process::cpu_time;
use proptest::prelude::*;
use serde::Deserialize;

use crate::files;

const FIXTURES: &str = "tests/fixtures/notifications";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    is: BTreeMap<String, Is>,
    is_not: BTreeMap<String, IsNot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Is {
    sender: String,
    kind: String,
    evidence: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IsNot {
    sender: String,
}

#[test]
fn samples_are_what_the_index_says() {
    let index = index();
    assert!(index.is.len() >= 60 && index.is_not.len() >= 60);
    let mut wrong = Vec::new();
    for (name, expected) in &index.is {
        let expected = (
            &expected.sender,
            format!("{}:{}", expected.kind, expected.evidence.join(",")),
        );
        check(&format!("is/{name}"), expected.0, &expected.1, &mut wrong);
    }
    for (name, expected) in &index.is_not {
        check(
            &format!("is_not/{name}"),
            &expected.sender,
            "nothing",
            &mut wrong,
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_sample_is_in_the_index_and_every_kind_has_samples() {
    let index = index();
    for (folder, names) in [
        ("is", index.is.keys().collect::<Vec<_>>()),
        ("is_not", index.is_not.keys().collect()),
    ] {
        let mut files: Vec<String> = fs::read_dir(files::path(FIXTURES).join(folder))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut named: Vec<String> = names.iter().map(|name| format!("{name}.eml")).collect();
        named.sort();
        assert_eq!(files, named, "{folder}");
    }
    // A callout has no headers to sample.
    for kind in NotificationKind::ALL
        .into_iter()
        .filter(|kind| *kind != NotificationKind::Callout)
    {
        assert!(
            index.is.values().any(|sample| sample.kind == kind.as_str()),
            "{kind}"
        );
    }
}

/// How a header is written must not change what it says: line ends, the case of names, its place.
#[test]
fn samples_are_recognised_however_they_are_written() {
    for (name, expected) in index().is {
        let message = fs::read(files::path(FIXTURES).join(format!("is/{name}.eml"))).unwrap();
        let sender = ReversePath::from_bytes(expected.sender.as_bytes());
        let (headers, _) = Headers::parse(&message);
        let as_written = Notification::recognise(&sender, &headers);
        let (mut shouted, mut carriage_returns) = (Headers::new(), Headers::new());
        for header in headers.iter() {
            shouted.push(&header.name().to_ascii_uppercase(), header.value());
            let value = String::from_utf8(header.value().to_vec()).unwrap();
            carriage_returns.push(
                header.name(),
                value.replace("\r\n", "\n").replace('\n', "\r").as_bytes(),
            );
        }
        for other in [shouted, carriage_returns] {
            assert_eq!(
                Notification::recognise(&sender, &other),
                as_written,
                "{name}"
            );
        }
    }
}

#[test]
fn what_strangers_write_is_kept_bounded_and_printable() {
    let (headers, _) = Headers::parse(
        format!(
            "Auto-Submitted: {0}\nContent-Type: multipart/report; report-type=\"{0}\"\nX-Failed-Recipients: {0}\n\n",
            "a \u{1b}\u{e4}\"".repeat(5000)
        )
        .as_bytes(),
    );
    let line = Notification::recognise(&ReversePath::Null, &headers)
        .unwrap()
        .to_string();
    assert!(
        line.len() < 1000 && line.bytes().all(|byte| byte.is_ascii_graphic()),
        "{line}"
    );
}

#[test]
fn hostile_headers_cost_linear_time() {
    for unit in [
        "a",
        "(",
        "\"",
        ";a=b",
        ";a*0=b",
        ";a*='x'%41",
        "=?utf-8?Q?",
        "=?utf-8?q?a?= ",
        "[a]",
        "\\",
        "<a@b>",
        "\n ",
        "\u{e4}@",
    ] {
        let value = unit.repeat(60_000 / unit.len());
        let mut headers = Headers::new();
        for name in [
            "Content-Type",
            "Subject",
            "From",
            "Auto-Submitted",
            "In-Reply-To",
            "Precedence",
            "X-Autoreply",
        ] {
            headers.push(name.as_bytes(), value.as_bytes());
        }
        let begun = cpu_time();
        Notification::recognise(&ReversePath::Null, &headers);
        // Quadratic time would be minutes in this unoptimised build.
        assert!(
            cpu_time() - begun < Duration::from_secs(4),
            "{unit}: {:?}",
            cpu_time() - begun
        );
    }
}

proptest! {
    #[test]
    fn any_message_is_judged(
        message in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "From: ", "Subject: ", "Content-Type: ", "Auto-Submitted: ", "Precedence: ", "X-Autoreply: ",
                    "In-Reply-To: ", "Message-ID: ", "List-Id: ", "multipart/report; report-type=", "delivery-status",
                    "MAILER-DAEMON@", "Undeliverable: ", "auto-replied", "bulk", "<a@b>", "\n", "\r\n", "\n ", "(", "\"", ";",
                ])
                .prop_map(|piece| piece.as_bytes().to_vec()),
                proptest::collection::vec(any::<u8>(), 0..4),
            ],
            0..60,
        ),
        sender in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let (headers, _) = Headers::parse(&message.concat());
        for sender in [ReversePath::Null, ReversePath::from_bytes(&sender)] {
            if let Some(found) = Notification::recognise(&sender, &headers) {
                prop_assert!(!found.evidence.is_empty());
                prop_assert!(found.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }

    /// RFC 5321 doesn't stop a person from writing a subject: with a real sender it is never enough.
    #[test]
    fn a_subject_alone_is_never_enough(local in "[a-z]{1,12}", subject in "(Undeliverable: |failure notice|Out of Office|AUTO: |Read receipt)[ -~]{0,20}") {
        prop_assume!(!["postmaster", "mdaemon", "maildaemon"].contains(&local.as_str()));
        let mut headers = Headers::new();
        headers.push(b"Subject", subject.as_bytes());
        headers.push(b"From", format!("{local}@example.com").as_bytes());
        let sender = ReversePath::from_bytes(format!("{local}@example.com").as_bytes());
        prop_assert_eq!(Notification::recognise(&sender, &headers), None);
    }
}

fn index() -> Index {
    serde_yaml::from_str(&files::text(&format!("{FIXTURES}/index.yaml"))).unwrap()
}

fn check(sample: &str, sender: &str, expected: &str, wrong: &mut Vec<String>) {
    let message = fs::read(files::path(FIXTURES).join(format!("{sample}.eml"))).unwrap();
    let (headers, _) = Headers::parse(&message);
    let found = Notification::recognise(&ReversePath::from_bytes(sender.as_bytes()), &headers)
        .map_or_else(|| "nothing".to_owned(), |found| found.to_string());
    if found != expected {
        wrong.push(format!("{sample}: expected {expected}\n    found {found}"));
    }
}
