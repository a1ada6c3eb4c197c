//! What the commands print: an exit code where it can't be written, and JSON that stays as the manual page has it.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    process::{Command, Output, Stdio},
    time::SystemTime,
};

use backstop::store::open;
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    batv::key_file,
    package::text,
    store::place::{KEEP, now},
};

/// Whose keys in JSON are names from outside, and not ours.
const MAPS: [&str; 10] = [
    "kinds",
    "clients_unknown",
    "proofs",
    "domains",
    "others",
    "outgoing",
    "would_have_been_refused",
    "by",
    "without",
    "requests",
];

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let folder = lab::mta::folder_in_memory().unwrap();
        let path = |name: &str| folder.path().join(name);
        let yaml = "local: {domains: [example.org]}\nstore: sqlite:FOLDER/state.db\n\
            dns: {nameservers: ['127.0.0.1:9'], timeout: 100ms, budget: 200ms}\nlisten: inet:9@127.0.0.1\n\
            spf: {mail_from: {temperror: reject}}\n";
        let yaml = yaml.replace("FOLDER", &folder.path().display().to_string());
        let keys = key_file(folder.path());
        let ledger = format!(
            "{yaml}proof: {{key_file: {}, ledger: {{remember: true}}}}\n",
            keys.display()
        );
        fs::write(path("milter.yaml"), yaml).unwrap();
        fs::write(path("ledger.yaml"), ledger).unwrap();
        let mail = "Return-Path: <a@b.example>\nX-Original-To: joe@example.org\nFrom: a@b.example\nSubject: hello\n\nHello.\n";
        fs::write(path("one.eml"), mail).unwrap();
        let log = "2026-11-28T12:00:00Z mx postfix/local[1]: 4dYA1: to=<joe@example.org>, status=sent (ok)\n".to_owned();
        let stamp = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        fs::write(
            path("mail.log"),
            log.replace("2026-11-28T12:00:00Z", &stamp),
        )
        .unwrap();
        let url = format!("sqlite:{}", path("state.db").display());
        Runtime::new().unwrap().block_on(async {
            let store = open(&url.parse().unwrap(), KEEP);
            let would = crate::store::would::would("spf_fail", "a.example", "192.0.2.1", now());
            store.count_would(now() / 86_400, vec![would], Some("a.example".to_owned()));
            store.flush().await;
            store.close().await;
        });
        Self(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        command
            .args(arguments)
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }
}

/// Each command that prints, with its options.
const COMMANDS: [&[&str]; 14] = [
    &["status"],
    &["check", "--offline"],
    &[
        "explain",
        "--client-ip=192.0.2.1",
        "--mail-from=a@b.example",
        "--rcpt=joe@example.org",
        "--no-dns",
    ],
    &[
        "explain",
        "--client-ip=192.0.2.1",
        "--eml=one.eml",
        "--no-dns",
    ],
    &["replay", "one.eml", "--no-dns"],
    &[
        "spf",
        "--client-ip=192.0.2.1",
        "--helo=b.example",
        "--nameserver=127.0.0.1:9",
        "--timeout=100ms",
        "--budget=200ms",
    ],
    &["report"],
    &["report", "attack", "--html=report.html"],
    &["report", "coverage"],
    &["report", "would"],
    &["trace", "joe@example.org", "--log=mail.log"],
    &["siege", "on", "example.org"],
    &[
        "ledger",
        "import",
        "--dry-run",
        "--config=ledger.yaml",
        "mail.log",
    ],
    &["keygen", "--file=keys"],
];

/// The file, for all but those that read none.
fn with_file(command: &[&'static str]) -> Vec<&'static str> {
    let mut command = command.to_vec();
    if !["spf", "keygen", "trace", "ledger"].contains(&command[0]) {
        command.push("--config=milter.yaml");
    }
    command
}

/// The names of commands in a help text.
fn named(help: &Output) -> BTreeSet<String> {
    let text = String::from_utf8(help.stdout.clone()).unwrap();
    let commands = text.split("Commands:\n").nth(1).unwrap();
    let commands = commands.split("\n\n").next().unwrap();
    let name = Regex::new(r"(?m)^  ([a-z]+)\b").unwrap();
    let found = name
        .captures_iter(commands)
        .map(|found| found[1].to_owned());
    found
        .filter(|name| !["help", "run", "reload", "setup", "completions"].contains(&&**name))
        .collect()
}

#[test]
fn a_full_disk_fails_each_command_that_prints() {
    let desk = Desk::new();
    let mut all: Vec<Vec<&str>> = vec![vec!["--help"], vec!["--version"], vec!["report", "--help"]];
    for command in COMMANDS {
        all.push(with_file(command));
        all.push([with_file(command), vec!["--json"]].concat());
    }
    for command in &all {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = desk.command(command).stdout(full).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{command:?}: {said}");
        let told = said.contains("the output can't be written: No space left on device");
        assert!(told, "{command:?}: {said}");
    }
    // None is forgotten.
    for (group, place) in [(&[][..], 0), (&["report"], 1), (&["ledger"], 1)] {
        let help = desk
            .command(&[group, &["--help"]].concat())
            .output()
            .unwrap();
        for name in named(&help) {
            let is_there = COMMANDS
                .iter()
                .any(|command| command.get(place) == Some(&&*name));
            assert!(is_there, "{name} is not tried");
        }
    }
    // A reader that has gone is no mistake.
    let mut child = desk
        .command(&["--help"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Every key, and every text that looks like a time or a number that may be one.
fn walk(value: &Value, is_map: bool, keys: &mut BTreeSet<String>, leaves: &mut Vec<Value>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                if !is_map {
                    keys.insert(key.clone());
                }
                walk(value, !is_map && MAPS.contains(&&**key), keys, leaves);
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| walk(item, false, keys, leaves)),
        leaf => leaves.push(leaf.clone()),
    }
}

#[test]
fn json_has_the_keys_of_the_manual_page_and_its_times() {
    let desk = Desk::new();
    let page = text("packaging/man/backstop.8");
    let section = page.split("\n.Sh JSON\n").nth(1).unwrap();
    let section = section.split("\n.Sh ").next().unwrap();
    let words = Regex::new(r"(?m)^\.(?:It )?Va (.*)$").unwrap();
    let told: BTreeSet<String> = words
        .captures_iter(section)
        .flat_map(|found| {
            found[1]
                .split([' ', ','])
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let time = Regex::new(r"\d{4}-\d\d-\d\d|\d\d:\d\d").unwrap();
    let day = Regex::new(r"^\d{4}-\d\d-\d\d$").unwrap();
    let mut all = BTreeSet::new();
    for command in COMMANDS {
        let arguments = [with_file(command), vec!["--json"]].concat();
        let output = desk.command(&arguments).output().unwrap();
        let json: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {output:?}"));
        let (mut keys, mut leaves) = (BTreeSet::new(), Vec::new());
        walk(&json, false, &mut keys, &mut leaves);
        for key in &keys {
            assert!(
                told.contains(key),
                "{command:?}: backstop(8) lacks `{key}` in JSON"
            );
        }
        all.extend(keys);
        for leaf in leaves {
            match &leaf {
                Value::String(text) if text.len() <= 32 && time.is_match(text) => {
                    let is_time = humantime::parse_rfc3339(text).is_ok();
                    assert!(is_time || day.is_match(text), "{command:?}: {text}");
                }
                Value::Number(number) => {
                    let seconds = number.as_f64().unwrap();
                    assert!(seconds < 1e9, "{command:?}: is {number} a time?");
                }
                _ => {}
            }
        }
    }
    assert!(all.len() > 80, "{all:?}");
}
