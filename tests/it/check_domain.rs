//! `backstop check --domain`: what applies to one domain, and where the file says so; and which entry `explain` names.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CONFIG: &str = "mode: enforce
local: {domains: [example.org, .example.net, example.de, example.com]}
dns: {nameservers: ['127.0.0.1:9'], timeout: 100ms, budget: 200ms}
store: sqlite:state.db
spf: {domains: {Example.ORG: {softfail: reject}, .example.net: {fail: tag}}}
null_sender:
  never_send: {addresses: [noreply, news@example.org, '@.example.net', x@example.de], action: tempfail}
  srs: [.example.net]
exempt:
  recipients: [abuse, {match: 'x-.*', domain: example.org}]
headers:
  - {header: Subject, match: casino, action: tag}
  - {header: X-Y, match: z, action: reject, domains: [example.org]}
recipients:
  - domain: '*'
    known:
      - sql: {url: 'sqlite:mail.db', query: SELECT 1 FROM mailbox WHERE local = :local AND domain = :domain}
      - file: known.txt
    unknown: {mail: reject, bounces: reject}
  - domain: .example.net
    catch_all: {mail: accept, bounces: reject}
  - domain: example.de
    known: [{addresses: [joe, ann]}]
    rules: [{match: 'shop-.*', bounces: reject}]
siege: {catch_all: {mail: accept}}
";

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let folder = lab::mta::folder_in_memory().unwrap();
        let path = |name: &str| folder.path().join(name);
        let yaml = CONFIG.replace("sqlite:", &format!("sqlite:{}/", folder.path().display()));
        fs::write(path("milter.yaml"), yaml).unwrap();
        fs::write(path("known.txt"), "info\nsales@example.org\n").unwrap();
        let database = path("mail.db");
        Runtime::new().unwrap().block_on(async {
            let options = SqliteConnectOptions::new().filename(database);
            let mut connection = options.create_if_missing(true).connect().await.unwrap();
            let table = "CREATE TABLE mailbox (local TEXT, domain TEXT)";
            sqlx::query(table).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        });
        Self(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    /// The exit code, and what was printed, with the folder left out.
    fn run(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(arguments)
            .arg("--config=milter.yaml")
            .current_dir(self.folder())
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let folder = format!("{}/", self.folder().display());
        (output.status.code().unwrap(), said.replace(&folder, ""))
    }
}

fn has(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.lines().any(|one| one == *line), "{line}\n\n{said}");
    }
}

#[test]
fn what_applies_to_a_domain_is_shown_with_its_place() {
    let desk = Desk::new();
    let (code, said) = desk.run(&["check", "--domain", "Example.ORG."]);
    assert_eq!(code, 0, "{said}");
    has(
        &said,
        &[
            "local.domains: example.org is yours, by the entry `example.org` (milter.yaml:2:19)",
            "mode: enforce: verdicts act (milter.yaml:1:7)",
            "recipients: the entry `*` is for it, as it has no other (milter.yaml:15:13)",
            "recipients.known: known.txt: 2 addresses read (milter.yaml:18:9)",
            "recipients.unknown: all others: mail reject, bounces reject (milter.yaml:19:14)",
            "spf.domains: `example.org`: softfail reject (milter.yaml:5:30)",
            "null_sender.never_send: `noreply`: bounces: tempfail (milter.yaml:7:28)",
            "null_sender.never_send: `news@example.org`: bounces: tempfail (milter.yaml:7:37)",
            "exempt.recipients: `abuse`: gets all its mail (milter.yaml:10:16)",
            "exempt.recipients: `x-.*@example.org`: gets all its mail (milter.yaml:10:23)",
            "headers: for all domains: 1 (milter.yaml:12:3)",
            "headers: a pattern for X-Y: reject (milter.yaml:13:5)",
            "example.org: fine",
        ],
    );
    assert!(
        said.contains("recipients.known: sqlite:mail.db: answers in "),
        "{said}"
    );
    for other in ["@.example.net", "x@example.de", "srs", "shop-"] {
        assert!(!said.contains(other), "{other}: {said}");
    }

    let (code, said) = desk.run(&["check", "--domain=a.example.net"]);
    assert_eq!(code, 0, "{said}");
    has(
        &said,
        &[
            "local.domains: a.example.net is yours, by the entry `.example.net` (milter.yaml:2:32)",
            "recipients: the entry `.example.net` is for it, which it lies below (milter.yaml:20:13)",
            "recipients.catch_all: all others: mail accept, bounces reject (milter.yaml:21:16)",
            "spf.domains: `.example.net`: fail tag (milter.yaml:5:64)",
            "null_sender.never_send: `@.example.net`: bounces: tempfail (milter.yaml:7:55)",
            "null_sender.srs: `.example.net`: bounces to its SRS addresses are left to the SRS daemon (milter.yaml:8:9)",
        ],
    );
    let (code, said) = desk.run(&["check", "--domain=example.de"]);
    assert_eq!(code, 0, "{said}");
    has(
        &said,
        &[
            "recipients: the entry `example.de` is for it, by its name (milter.yaml:22:13)",
            "recipients.known: 2 addresses in this file (milter.yaml:23:13)",
            "recipients.rules: shop-.*: mail accept, bounces reject (milter.yaml:24:13)",
            "recipients.unknown: all others: mail accept, bounces accept",
            "null_sender.never_send: `x@example.de`: bounces: tempfail (milter.yaml:7:72)",
        ],
    );
}

#[test]
fn a_domain_that_is_not_ours_fails() {
    let desk = Desk::new();
    for (domain, ours) in [
        ("example.com", true),
        ("example.net", false),
        ("a.example.com", false),
    ] {
        let argument = format!("--domain={domain}");
        let (code, said) = desk.run(&["check", &argument, "--offline"]);
        assert_eq!(code, i32::from(!ours), "{said}");
        let (code, said) = desk.run(&["check", &argument, "--offline", "--json"]);
        assert_eq!(code, i32::from(!ours), "{said}");
        let json: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            (&json["domain"], &json["ours"]),
            (&domain.into(), &ours.into())
        );
        let entry = ours.then_some("*");
        assert_eq!(json["recipients"].as_str(), entry, "{json:#}");
        let first = &json["on"][0];
        assert_eq!(
            (&first["key"], &first["line"]),
            (&"local.domains".into(), &2.into())
        );
    }
    let (_, said) = desk.run(&["check", "--domain=example.net", "--offline"]);
    assert!(
        said.ends_with("example.net: not one of local.domains\n"),
        "{said}"
    );
    let (code, _) = desk.run(&["check", "--domain=a@b", "--offline"]);
    assert_eq!(code, 64);
}

#[test]
fn a_list_that_does_not_answer_is_a_problem() {
    let desk = Desk::new();
    fs::remove_file(desk.folder().join("known.txt")).unwrap();
    let (code, said) = desk.run(&["check", "--domain=example.org"]);
    assert_eq!(code, 78, "the file is wrong for all: {said}");
    fs::write(desk.folder().join("known.txt"), "").unwrap();
    let (code, said) = desk.run(&["check", "--domain=example.org"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("problem: known.txt: it holds no address"),
        "{said}"
    );
    assert!(
        said.ends_with("example.org: see the problems above\n"),
        "{said}"
    );
    let (code, said) = desk.run(&["check", "--domain=example.de"]);
    assert_eq!(code, 0, "it has no such list: {said}");
}

#[test]
fn explain_names_the_entry_that_was_asked() {
    let desk = Desk::new();
    let sender = [
        "explain",
        "--client-ip=192.0.2.1",
        "--mail-from=a@b.example",
        "--no-dns",
    ];
    for (recipient, entry) in [
        ("joe@example.org", Some(("*", 15))),
        ("joe@a.example.net", Some((".example.net", 20))),
        ("joe@example.de", Some(("example.de", 22))),
        ("joe@example.net", None),
    ] {
        let rcpt = format!("--rcpt={recipient}");
        let (_, said) = desk.run(&[&sender[..], &[&rcpt]].concat());
        let line = entry.map(|(entry, line)| format!("the entry `{entry}` (line {line})"));
        match line {
            Some(line) => assert!(said.contains(&line), "{line}: {said}"),
            None => assert!(!said.contains("the entry `"), "{said}"),
        }
        let (_, said) = desk.run(&[&sender[..], &[&rcpt, "--json"]].concat());
        let json: Value = serde_json::from_str(&said).unwrap();
        let found = &json["recipients"][0]["entry"];
        let found = found["domain"].as_str().zip(found["line"].as_u64());
        assert_eq!(found, entry, "{json:#}");
    }
}
