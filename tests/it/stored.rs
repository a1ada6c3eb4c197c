//! Stored mail, a DNS, a configuration, and the commands that judge by them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use lab::dns::{Server, Zone};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const ZONE: &str = r#"
friend.example:
  - TXT: "v=spf1 ip4:192.0.2.20 -all"
mx.friend.example:
  - TXT: "v=spf1 ip4:192.0.2.0/24 -all"
elsewhere.example:
  - TXT: "v=spf1 -all"
"*.slow.example":
  - TXT: "v=spf1 ip4:192.0.2.20 -all"
  - DELAY: 400ms
"#;

const CONFIG: &str = r#"
mode: MODE
local: {domains: [example.org], networks: [127.0.0.0/8, 10.0.0.0/8]}
dns: {nameservers: ["NAMESERVER"], timeout: 1s, budget: 5s}
null_sender: {never_send: [noreply@example.org], not_a_notification: reject}
recipients:
  - domain: example.org
    known: [{addresses: [joe, sales]}]
    catch_all: {mail: accept, bounces: reject}
headers:
  - {header: Subject, match: 'cheap watches', action: reject, text: No watches.}
"#;

/// A folder, a DNS, and a configuration.
pub struct Lab {
    pub folder: TempDir,
    pub dns: Server,
    /// The DNS lives in it.
    _runtime: Runtime,
}

impl Lab {
    pub fn new(mode: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let dns = runtime.block_on(Server::start(Zone::from_yaml(ZONE).unwrap()));
        let folder = lab::mta::folder_in_memory().unwrap();
        let config = CONFIG
            .replace("MODE", mode)
            .replace("NAMESERVER", &dns.addr().to_string());
        fs::write(folder.path().join("milter.yaml"), config).unwrap();
        Self {
            folder,
            dns,
            _runtime: runtime,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstop"));
        command
            .arg("--config")
            .arg(self.path("milter.yaml"))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs `explain` or `replay` on a path: its exit code, and its JSON object.
    pub fn json(&self, command: &str, path: &Path, arguments: &[&str]) -> (i32, Value) {
        let path = path.to_str().unwrap();
        let of = if command == "explain" {
            vec![command, "--json", "--eml", path]
        } else {
            vec![command, "--json", path]
        };
        let output = self.run(&[&of, arguments].concat());
        let value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
        (output.status.code().unwrap(), value)
    }
}

pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

pub const FROM_RECEIVED: &str = "--client-ip-from=received";

/// A message as the delivery leaves it, from a client `mx.friend.example` of this address.
pub fn message(client: &str, from: &str, to: &str, headers: &str) -> String {
    format!(
        "Return-Path: <{from}>\nX-Original-To: {to}\nDelivered-To: mailbox@example.org\n\
         Received: from store.example.org (store [10.0.0.2]) by imap with ESMTP id 2; date\n\
         Received: from mx.friend.example (x.example [{client}])\n\tby mx.example.org with ESMTP id 1; date\n\
         From: somebody@friend.example\nTo: undisclosed\n{headers}\nHello.\n"
    )
}

/// What a store of each form holds, with the verdict and reason of each in mode `enforce`.
pub fn letters() -> Vec<(String, &'static str)> {
    let friend = "192.0.2.20";
    let dsn = "Content-Type: multipart/report; report-type=delivery-status; boundary=x\n";
    vec![
        (
            message(
                friend,
                "bob@friend.example",
                "joe@example.org",
                "Subject: one\n",
            ),
            "accept nothing_found",
        ),
        (
            message(
                friend,
                "bob@friend.example",
                "anyone@example.org",
                "Subject: two\n",
            ),
            "accept nothing_found",
        ),
        (
            message(
                "192.0.2.66",
                "bob@friend.example",
                "joe@example.org",
                "Subject: three\n",
            ),
            "reject spf_fail",
        ),
        (message(friend, "", "joe@example.org", dsn), "tag unproven"),
        (
            message(friend, "", "xyz@example.org", dsn),
            "reject catch_all_bounce",
        ),
        (
            message(friend, "", "noreply@example.org", dsn),
            "reject never_sends",
        ),
        (
            message(
                friend,
                "",
                "joe@example.org",
                "Subject: =?utf-8?q?hello?=\n",
            ),
            "reject not_a_notification",
        ),
        (
            message(
                friend,
                "bob@friend.example",
                "joe@example.org",
                "Subject: Cheap\n watches; cheap watches\n",
            ),
            "reject header_rule",
        ),
        (
            message(
                "10.0.0.9",
                "joe@example.org",
                "sales@example.org",
                "Subject: us\n",
            ),
            "accept outgoing_network",
        ),
    ]
}

pub fn texts(value: &Value) -> Vec<&str> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_str().unwrap()).collect()
}
