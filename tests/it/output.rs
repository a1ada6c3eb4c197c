//! What the commands print: an exit code where it can't be written, and JSON that stays as the manual page has it.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{Read, Write},
    os::unix::{net::UnixListener, process::CommandExt},
    process::{Command, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use backstop::{
    core::attack::{AttackKind, Fate},
    store::open,
};
use lab::process::{Daemon, wait_until};
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
        let report = "<feedback><report_metadata><report_id>1</report_id><date_range><begin>0</begin><end>1</end></date_range>\
            </report_metadata><policy_published><domain>example.org</domain></policy_published></feedback>";
        fs::write(path("report.xml"), report).unwrap();
        fs::create_dir_all(path("host/etc/postfix")).unwrap();
        fs::write(
            path("host/etc/postfix/main.cf"),
            "mydestination = example.org\n",
        )
        .unwrap();
        fs::write(
            path("host/etc/postfix/master.cf"),
            "smtp inet n - y - - smtpd\n",
        )
        .unwrap();
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
            let report = crate::store::reports::report("far.example", "1", now() / 86_400, 2);
            store.import_reports(vec![report]).await.unwrap();
            let bounce =
                crate::store::attack::count(AttackKind::Reason, Fate::Refused, "reject unproven");
            store.count_attack(now() / 3600, vec![bounce]);
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
            .env("RUNTIME_DIRECTORY", self.0.path())
            .env_remove("JOURNAL_STREAM")
            .stdin(Stdio::null());
        command
    }

    /// A daemon that reloads whenever it is asked.
    fn reloads(&self) {
        let control = UnixListener::bind(self.0.path().join("control")).unwrap();
        thread::spawn(move || {
            for asked in control.incoming() {
                let mut asked = asked.unwrap();
                let mut question = [0; 7];
                asked.read_exact(&mut question).unwrap();
                asked.write_all(b"done\nreloaded\n").unwrap();
            }
        });
    }
}

/// Each command that prints, with its options. The last five have no `--json`.
const COMMANDS: [&[&str]; 28] = [
    &["status"],
    &["check", "--offline"],
    &["check", "--offline", "--domain=example.org"],
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
    &["advise", "--sender=192.0.2.25", "--rua=dmarc@example.org"],
    &["report"],
    &["report", "attack", "--html=report.html"],
    &["report", "tenants"],
    &["report", "coverage"],
    &["report", "letter"],
    &["report", "would"],
    &["report", "senders"],
    &["reports", "import", "--dry-run", "one.eml", "report.xml"],
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
    &["setup", "--root=host"],
    &["setup", "--root=host", "--apply"],
    &["setup", "--root=host", "--undo"],
    &["report", "--html-dir=pages"],
    &["reload"],
    &["completions", "bash"],
    &["help"],
    &["help", "report"],
];
const WITH_JSON: usize = COMMANDS.len() - 5;

/// The file, for all but those that read none.
fn with_file(command: &[&'static str]) -> Vec<&'static str> {
    let mut command = command.to_vec();
    match command[0] {
        "spf" | "keygen" | "trace" | "ledger" | "reload" | "completions" | "help" => {}
        // Below the folder of the host.
        "setup" => command.push("--config=/etc/backstop/milter.yaml"),
        _ => command.push("--config=milter.yaml"),
    }
    command
}

impl Desk {
    /// All commands, and those below them, by their help.
    fn all_commands(&self, group: &[String]) -> Vec<Vec<String>> {
        let help = self.command(&["help"]).args(group).output().unwrap();
        let text = String::from_utf8(help.stdout).unwrap();
        let Some(commands) = text.split("Commands:\n").nth(1) else {
            return vec![group.to_vec()];
        };
        let commands = commands.split("\n\n").next().unwrap();
        let name = Regex::new(r"(?m)^  ([a-z]+)\b").unwrap();
        let names = name
            .captures_iter(commands)
            .map(|found| found[1].to_owned());
        names
            .filter(|name| name != "help" || group.is_empty())
            .flat_map(|name| match &*name {
                "help" => vec![vec![name]],
                _ => self.all_commands(&[group, &[name]].concat()),
            })
            .collect()
    }
}

#[test]
fn a_full_disk_fails_each_command_that_prints() {
    let desk = Desk::new();
    desk.reloads();
    let mut all: Vec<Vec<&str>> = vec![vec!["--help"], vec!["--version"], vec!["report", "--help"]];
    for (number, command) in COMMANDS.iter().enumerate() {
        all.push(with_file(command));
        if number < WITH_JSON {
            all.push([with_file(command), vec!["--json"]].concat());
        }
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
    let named = desk.all_commands(&[]);
    assert!(named.len() > 15, "{named:?}");
    for name in named.iter().filter(|name| *name != &["run"]) {
        let is_there = COMMANDS.iter().any(|command| {
            command.iter().zip(name).all(|(word, name)| word == name) && command.len() >= name.len()
        });
        assert!(is_there, "{name:?} is not tried");
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

/// It prints nothing, and what it logs is worth less than the mail.
#[test]
fn a_full_disk_does_not_stop_the_daemon() {
    let desk = Desk::new();
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let socket = desk.0.path().join("socket");
    let yaml = fs::read_to_string(desk.0.path().join("milter.yaml")).unwrap();
    let listen = format!("listen: unix:{}", socket.display());
    fs::write(
        desk.0.path().join("milter.yaml"),
        yaml.replace("listen: inet:9@127.0.0.1", &listen),
    )
    .unwrap();
    let mut run = desk.command(&["run", "--config=milter.yaml"]);
    run.stdout(full()).stderr(full()).process_group(0);
    let mut daemon = Daemon::spawn(&mut run, desk.0.path()).unwrap();
    let patience = Duration::from_secs(20);
    let control = desk.0.path().join("control");
    wait_until(patience, || Ok(socket.exists() && control.exists())).unwrap();
    for (command, told) in [("status", "answers"), ("reload", "reloaded ")] {
        let output = desk
            .command(&[command, "--config=milter.yaml"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{command}: {text}");
        assert!(text.contains(told), "{command}: {text}");
    }
    daemon.terminate().unwrap();
    assert_eq!(daemon.ended(patience).unwrap().code(), Some(0));
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
    for command in &COMMANDS[..WITH_JSON] {
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
