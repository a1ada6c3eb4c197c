//! One sample of each form, in `tests/fixtures/returned/`.

use std::{collections::BTreeSet, fs, path::PathBuf};

use super::*;

const OFFER: &str = "<20261119100000.4XyZ1234@mail.example.org>";
const QMAIL: &str = "qmail";

struct Sample {
    file: &'static str,
    recipients: &'static [&'static str],
    /// The form, the Message-ID, and whether the body came with it.
    returned: &'static [(&'static str, &'static str, bool)],
    answers: &'static [&'static str],
}

const fn sample(
    file: &'static str,
    recipients: &'static [&'static str],
    returned: &'static [(&'static str, &'static str, bool)],
) -> Sample {
    Sample {
        file,
        recipients,
        returned,
        answers: &[],
    }
}

const SOMEONE: &[&str] = &["someone@example.net"];

const SAMPLES: &[Sample] = &[
    sample(
        "postfix",
        &["someone@example.net", "alias@example.net"],
        &[("rfc822", OFFER, true)],
    ),
    sample("postfix-headers", SOMEONE, &[("headers", OFFER, false)]),
    sample(
        "smtputf8",
        &["jürgen@example.net", "jürgen@xn--bcher-kva.example"],
        &[("headers", OFFER, false)],
    ),
    sample("base64", SOMEONE, &[("rfc822", OFFER, true)]),
    sample("quoted-printable", SOMEONE, &[("rfc822", OFFER, true)]),
    sample(
        "qmail",
        &["someone@example.net", "other@example.net"],
        &[(QMAIL, OFFER, true)],
    ),
    sample(
        "qmail-cut",
        &["someone@example.net", "other@example.net"],
        &[(QMAIL, OFFER, false)],
    ),
    sample(
        "exim",
        &[
            "someone@example.net",
            "other@example.net",
            "third@example.net",
        ],
        &[("exim", OFFER, true)],
    ),
    sample("exim-cut", SOMEONE, &[("exim", OFFER, false)]),
    sample("exim-headers", SOMEONE, &[("exim", OFFER, false)]),
    sample(
        "sendmail-old",
        &["someone@example.net", "other@example.net"],
        &[("sendmail", OFFER, false)],
    ),
    sample("sendmail-v5", SOMEONE, &[("sendmail", OFFER, false)]),
    sample("exchange", SOMEONE, &[("exchange", OFFER, false)]),
    sample("exchange-html", SOMEONE, &[("exchange", OFFER, false)]),
    sample("exchange-localised", SOMEONE, &[("heading", OFFER, false)]),
    sample("exchange-2003", SOMEONE, &[]),
    sample(
        "opensmtpd",
        &["someone@example.net", "other@example.net"],
        &[("opensmtpd", OFFER, false)],
    ),
    sample("gmail-old", SOMEONE, &[("heading", OFFER, false)]),
    sample("quoted", &[], &[("sendmail", OFFER, false)]),
    sample("indented", &[], &[("smail", OFFER, false)]),
    sample(
        "nested",
        &["joe@example.org", "someone@example.net"],
        &[
            ("rfc822", "<bounce-2@second.example>", true),
            (QMAIL, OFFER, true),
        ],
    ),
    sample(
        "unclosed-inner",
        SOMEONE,
        &[("rfc822", "<parts@example.org>", true)],
    ),
    sample("attached", &[], &[("rfc822", OFFER, true)]),
    Sample {
        answers: &[OFFER, "<second@example.org>", "<first@example.org>"],
        ..sample("mdn", &["someone@example.net", "alias@example.net"], &[])
    },
    sample("nothing", &[], &[]),
    sample("dma", &[], &[("bare", OFFER, false)]),
    sample("google-groups", &[], &[("heading", OFFER, false)]),
    sample("yahoo-cut", SOMEONE, &[("bare", OFFER, false)]),
    sample("gateway-japanese", &[], &[("heading", OFFER, false)]),
    sample("header-and-top-lines", &[], &[("bare", OFFER, false)]),
    sample("exim-rejected", &[], &[("bare", OFFER, false)]),
    sample("heading-then-mbox-line", &[], &[("heading", OFFER, false)]),
    sample("text-rfc822", SOMEONE, &[("rfc822", OFFER, true)]),
    sample("indented-part", SOMEONE, &[("bare", OFFER, false)]),
    sample("headers-attached-as-text", &[], &[("bare", OFFER, false)]),
    sample("attached-untyped", &[], &[("rfc822", OFFER, true)]),
    sample("part-without-headers", &[], &[("rfc822", OFFER, true)]),
    sample("partial", &[], &[("rfc822", OFFER, false)]),
    sample("encoding-with-comment", &[], &[("rfc822", OFFER, true)]),
    sample("rule-alone", &[], &[("heading", OFFER, false)]),
    sample("nothing-announces", &[], &[("bare", OFFER, false)]),
    sample("quoted-below-heading", &[], &[("heading", OFFER, false)]),
    sample("indented-below-heading", &[], &[("heading", OFFER, false)]),
    sample("folds-lost", &[], &[("other", OFFER, false)]),
    sample("forwarded", &[], &[]),
];

/// What stands before the headers of the original in some samples, and is returned with them.
const ADDED: &[(&str, &str)] = &[
    ("", "Return-Path: <joe@example.org>\r\n"),
    ("", "Return-path: <joe@example.org>\r\n"),
    ("google-groups", "X-Gm-Smtp-Source: AbCdEf0123456789\r\n"),
    (
        "nothing-announces",
        "MIME-Version: 1.0\r\nDelivered-To: someone@example.net\r\n",
    ),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/returned")
}

fn read_file(sample: &Sample) -> Vec<u8> {
    let path = folder().join(format!("{}.eml", sample.file));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_form_gives_back_what_was_sent() {
    for sample in SAMPLES {
        let report = read_message(&crlf(&read_file(sample)));
        let mailboxes = report.recipients.iter().map(Mailbox::to_bytes);
        let mut recipients = strings(mailboxes);
        let mut expected = strings(sample.recipients);
        recipients.sort();
        expected.sort();
        assert_eq!(recipients, expected, "{}", sample.file);
        let returned: Vec<_> = report
            .returned
            .iter()
            .map(|one| (one.form.as_str(), message_id(one), one.body.is_some()))
            .collect();
        let expected = sample.returned.iter();
        let expected: Vec<_> = expected
            .map(|&(form, id, body)| (form, id.to_owned(), body))
            .collect();
        assert_eq!(returned, expected, "{}", sample.file);
        assert_eq!(strings(&report.answers), sample.answers, "{}", sample.file);
    }
}

/// The samples return one and the same message: all of its headers are there, and no other.
#[test]
fn the_octets_are_those_of_the_original() {
    let file = fs::read(folder().join("sendmail-v5.eml")).unwrap();
    let file = crlf(&file);
    let marker = b"Unsent message follows -----\r\n";
    let at = file.windows(marker.len()).position(|w| w == marker);
    let original = &file[at.unwrap() + marker.len()..];
    let (_, body) = Headers::parse(original);
    let (raw, body) = (&original[..body - 2], &original[body..]);
    let mut compared = 0;
    for sample in SAMPLES {
        let report = read_message(&read_file(sample));
        for returned in &report.returned {
            if message_id(returned) != OFFER {
                continue;
            }
            let text = returned.raw.as_slice();
            let added = ADDED
                .iter()
                .filter(|(file, _)| file.is_empty() || *file == sample.file);
            let text = added.fold(text, |text, (_, added)| {
                text.strip_prefix(added.as_bytes()).unwrap_or(text)
            });
            if sample.file == "smtputf8" {
                continue;
            }
            let mut text = text.escape_ascii().to_string();
            if sample.file == "folds-lost" {
                // Which blank folded it is not known any more.
                text = text.replace("\\n ", "\\n\\t");
            }
            assert_eq!(text, raw.escape_ascii().to_string(), "{}", sample.file);
            if let Some(found) = &returned.body {
                // Parts end with an empty line, which was put before the delimiter.
                let found = found.strip_suffix(b"\r\n\r\n").unwrap_or(found);
                let found = found.strip_suffix(b"\r\n").unwrap_or(found);
                assert_eq!(
                    found,
                    body.strip_suffix(b"\r\n").unwrap(),
                    "{}",
                    sample.file
                );
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 39);
}

#[test]
fn line_ends_make_no_difference() {
    for sample in SAMPLES {
        let bare = read_file(sample);
        assert!(!bare.contains(&b'\r'), "{}", sample.file);
        let report = read_message(&crlf(&bare));
        assert_eq!(read_message(&bare), report, "{}", sample.file);
        let mut odd = false;
        let mixed: Vec<u8> = bare
            .split_inclusive(|&byte| byte == b'\n')
            .flat_map(|line| {
                odd = !odd;
                if odd { crlf(line) } else { line.to_vec() }
            })
            .collect();
        assert_eq!(read_message(&mixed), report, "{}", sample.file);
    }
}

/// Whatever of a cut notification is given, is what the whole one gives.
#[test]
fn what_a_cut_gives_is_whole() {
    for sample in SAMPLES {
        let message = crlf(&read_file(sample));
        let whole = read_message(&message);
        let length = body_length(&message);
        for length in (0..length).step_by(7) {
            let cut = read_cut(&message, length);
            let context = format!("{} cut at {length}", sample.file);
            assert!(cut.cut, "{context}");
            for recipient in &cut.recipients {
                assert!(whole.recipients.contains(recipient), "{context}");
            }
            for answer in &cut.answers {
                assert!(whole.answers.contains(answer), "{context}");
            }
            for one in &cut.returned {
                let of = |all: &&Returned| all.raw.starts_with(&one.raw);
                let of = whole.returned.iter().find(of);
                let of = of.unwrap_or_else(|| panic!("{context}: {:?}", one.raw.escape_ascii()));
                assert!(one.raw.ends_with(b"\r\n"), "{context}");
                let fields = of.headers.iter().take(one.headers.len());
                assert!(one.headers.iter().eq(fields), "{context}");
                if one.body.is_some() {
                    assert_eq!(one, of, "{context}");
                }
            }
        }
    }
}

#[test]
fn every_file_is_in_the_table() {
    let known: BTreeSet<_> = SAMPLES.iter().map(|s| format!("{}.eml", s.file)).collect();
    let entries = fs::read_dir(folder()).unwrap();
    // What real MTAs wrote is in a folder of its own, with a table of its own.
    let files: BTreeSet<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "real")
        .collect();
    assert_eq!(files, known);
}
