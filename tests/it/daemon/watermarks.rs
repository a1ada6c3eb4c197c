//! Watermarks on the wire: which messages get the header, and where.

use std::process::{Command, Output};

use backstop::core::{
    header::Headers,
    proof::{
        Keys, today,
        watermark::{self, Signer, WatermarkResult},
    },
};
use lab::{
    milter::{
        Change, Client, Reply,
        wire::{ALL_ACTIONS, step},
    },
    mta,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{SENDER, Stage, binary, field, introduce};
use crate::batv::{KEY, key_file};

const ADD_HEADER: u32 = 0x1;
const OURS: &str = "10.0.0.1";
const JOE: &str = "joe@example.org";
const HEADERS: [(&str, &str); 3] = [
    ("From", "Joe\n <joe@example.org>"),
    ("Date", "Thu, 1 Jan 2026 00:00:00 +0000"),
    ("Message-ID", "<1@example.org>"),
];

/// A daemon that marks what 10.0.0.0/8 sends, and the folder of its keys.
fn marking(more: &str) -> (Stage, TempDir) {
    let folder = mta::folder_in_memory().unwrap();
    let keys = key_file(folder.path());
    let stage = Stage::set(&format!(
        "mode: enforce\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         proof: {{key_file: {}, watermark: {{sign: true}}{more}}}\nlog: {{level: debug}}\n",
        keys.display()
    ));
    (stage, folder)
}

/// What the end of such a message asks for.
fn sent(
    stage: &Stage,
    (client, actions): (&str, u32),
    from: &str,
    rcpt: &str,
    headers: &[(&str, &str)],
) -> Vec<Change> {
    let mut milter = Client::silent(stage.backstop.addr()).unwrap();
    milter.negotiate(6, actions, step::ALL).unwrap();
    introduce(&mut milter, client);
    milter.mail(from, &[]).unwrap();
    assert_eq!(milter.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
    for (name, value) in headers {
        milter.header(name.as_bytes(), value.as_bytes()).unwrap();
    }
    milter.eoh().unwrap();
    let outcome = milter.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    outcome.changes
}

fn answer(headers: &[(&str, &str)], watermark: &[u8]) -> WatermarkResult {
    let mut returned = Headers::new();
    returned.push(watermark::HEADER.as_bytes(), watermark);
    for (name, value) in headers {
        returned.push(name.as_bytes(), value.as_bytes());
    }
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let keys = Keys::parse(KEY).unwrap();
    watermark::verify(&returned, &keys, today(now.as_secs()), 7)
}

#[test]
fn it_stands_below_the_received_that_the_mta_writes() {
    let (stage, _folder) = marking("");
    let changes = sent(&stage, (OURS, ALL_ACTIONS), JOE, "a@b.example", &HEADERS);
    let [Change::InsertHeader { index, name, value }] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!((*index, &name[..]), (1, watermark::HEADER.as_bytes()));
    let found = answer(&HEADERS, value);
    assert!(
        matches!(
            found,
            WatermarkResult::Valid {
                signer: Signer::Own(3),
                ..
            }
        ),
        "{found:?}"
    );
    let line = stage.decision("a@b.example");
    assert_eq!(
        ["batv", "signed", "verdict"].map(|name| field(&line, name)),
        ["-", "watermark", "accept"]
    );
    // Once more, as a content filter hands it back.
    let mark = String::from_utf8(value.clone()).unwrap();
    let again = [&[(watermark::HEADER, &*mark)], &HEADERS[..]].concat();
    let changes = sent(&stage, (OURS, ALL_ACTIONS), JOE, "again@b.example", &again);
    assert_eq!(changes, []);
}

#[test]
fn what_gets_none_leaves_as_it_is_and_the_log_says_why() {
    let (stage, _folder) = marking("");
    let all = (OURS, ALL_ACTIONS);
    for (rcpt, (client, actions), from, headers, why) in [
        (
            "not-offered@b.example",
            (OURS, ALL_ACTIONS & !ADD_HEADER),
            JOE,
            &HEADERS[..],
            "the MTA doesn't offer it",
        ),
        (
            "theirs@b.example",
            all,
            "a@b.example",
            &HEADERS,
            "the sender's domain is not in local.domains",
        ),
        (
            "null@b.example",
            all,
            "",
            &HEADERS,
            "the null sender gets no bounces",
        ),
        ("no-id@b.example", all, JOE, &HEADERS[..2], "no_message_id"),
        ("no-from@b.example", all, JOE, &HEADERS[1..], "ambiguous"),
        ("nothing@b.example", all, JOE, &[], "no_message_id"),
    ] {
        let changes = sent(&stage, (client, actions), from, rcpt, headers);
        assert_eq!(changes, [], "{rcpt}");
        let line = stage.decision(rcpt);
        assert_eq!(field(&line, "signed"), "-");
        let says = format!(
            "id={} check=proof.watermark not signed: {why}",
            field(&line, "id")
        );
        stage.backstop.wait_for_log(&says).unwrap();
    }
}

#[test]
fn tags_have_exceptions_and_watermarks_have_not() {
    let (stage, _folder) = marking(", batv: {sign: true, except: {recipients: [list.example]}}");
    for (rcpt, changes, told) in [
        ("a@b.example", 2, "batv,watermark"),
        ("a@list.example", 1, "watermark"),
    ] {
        let made = sent(&stage, (OURS, ALL_ACTIONS), JOE, rcpt, &HEADERS);
        assert_eq!(made.len(), changes, "{made:?}");
        assert_eq!(field(&stage.decision(rcpt), "signed"), told);
    }
}

/// It is the proof of whoever wrote it, should we return the message.
#[test]
fn those_of_others_stay_whichever_way_they_go() {
    let (stage, _folder) = marking("");
    let theirs = [&[("X-BACKSTOP-Watermark", "theirs")], &HEADERS[..]].concat();
    for (client, from, rcpt) in [
        (SENDER, "a@pass.example", "in@example.org"),
        (OURS, JOE, "out@b.example"),
    ] {
        let changes = sent(&stage, (client, ALL_ACTIONS), from, rcpt, &theirs);
        let removes = |change: &Change| matches!(change, Change::ChangeHeader { .. });
        assert!(!changes.iter().any(removes), "{changes:?}");
    }
}

#[test]
fn explain_tells_what_a_message_leaves_with() {
    let (stage, folder) = marking(
        ", ledger: {remember: true}, batv: {sign: true, except: {senders: [plain@example.org]}}",
    );
    let eml = folder.path().join("x.eml");
    let lines = HEADERS.map(|(name, value)| format!("{name}: {value}\n"));
    std::fs::write(&eml, lines.concat() + "\nHello\n").unwrap();
    let explain = |arguments: &[&str]| -> Output {
        Command::new(binary())
            .arg("--config")
            .arg(stage.backstop.config())
            .args(["explain", "--no-dns", "--rcpt", "a@b.example"])
            .args(arguments)
            .output()
            .unwrap()
    };
    let json = |arguments: &[&str]| -> Value {
        let output = explain(&[&["--json"], arguments].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let with_eml = ["--eml", eml.to_str().unwrap(), "--client-ip", OURS];
    let both = json(&[&with_eml[..], &["--mail-from", JOE]].concat());
    let leaves = &both["leaves"];
    assert!(leaves["sender"].as_str().unwrap().starts_with("prvs="));
    assert_eq!(leaves["untagged"], Value::Null);
    assert_eq!(leaves["remembered"], true);
    let found = answer(&HEADERS, leaves["watermark"].as_str().unwrap().as_bytes());
    assert!(matches!(found, WatermarkResult::Valid { .. }), "{found:?}");

    let plain = ["--mail-from", "plain@example.org"];
    let leaves = &json(&[&with_eml[..], &plain].concat())["leaves"];
    assert_eq!(leaves["sender"], "plain@example.org");
    assert_eq!(leaves["untagged"], "except_sender");

    let text = explain(&["--client-ip", OURS, "--mail-from", "plain@example.org"]);
    let text = String::from_utf8(text.stdout).unwrap();
    for says in [
        "It is outgoing mail, and gets",
        "<plain@example.org> (no tag: except_sender)",
        "none (it signs headers; use --eml FILE)",
        "ledger:    an entry",
    ] {
        assert!(text.contains(says), "{text}");
    }
    let incoming = json(&["--client-ip", SENDER, "--mail-from", JOE]);
    assert_eq!(incoming["leaves"], Value::Null);
}
