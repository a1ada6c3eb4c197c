//! The commands as somebody at a terminal, and as a script, has them.

use std::{
    fs,
    os::unix::ffi::OsStringExt,
    process::{Command, Output},
    time::{Duration, Instant},
};

use lab::dns::{Server, Zone};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::package::path;

const ZONE: &str = r#"
bank.example:
  - TXT: "v=spf1 include:_spf.bank.example a:nothing.bank.example -all exp=why.bank.example"
_spf.bank.example:
  - TXT: "v=spf1 ip4:192.0.2.10 -all"
why.bank.example:
  - TXT: "%{i} is none of ours, we are 100%% sure"
friend.example:
  - TXT: "v=spf1 ip4:192.0.2.20 -all"
mx.friend.example:
  - TXT: "v=spf1 ip4:192.0.2.20 -all"
rude.example:
  - TXT: "v=spf1 -all exp=why.rude.example"
why.rude.example:
  - TXT_HEX: "1b5b33316d0d0a353035206e6f"
dead.example:
  - SILENCE
"#;

const CONFIG: &str = r#"
mode: enforce
local: {domains: [example.org]}
dns: {nameservers: ["NAMESERVER"], timeout: 300ms, budget: 1s}
null_sender: {never_send: [noreply@example.org]}
recipients:
  - domain: example.org
    known: [{file: known.txt}]
    catch_all: {mail: accept, bounces: reject}
siege: {catch_all: {mail: accept}}
"#;

/// Where commands are given: a DNS, and a folder with a configuration.
struct Desk {
    dns: Server,
    folder: TempDir,
    _runtime: Runtime,
}

struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit code {}\n{}\n{}", self.code, self.out, self.err)
    }
}

impl Desk {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let dns = runtime.block_on(Server::start(Zone::from_yaml(ZONE).unwrap()));
        let folder = lab::mta::folder_in_memory().unwrap();
        let config = CONFIG.replace("NAMESERVER", &dns.addr().to_string());
        fs::write(folder.path().join("milter.yaml"), config).unwrap();
        fs::write(folder.path().join("known.txt"), "joe\nsales\n").unwrap();
        Self {
            dns,
            folder,
            _runtime: runtime,
        }
    }

    /// Runs a command in the folder. Whatever it is given, what it says is fit for a terminal.
    fn run(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let said = Said {
            code: status.code().unwrap(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        };
        let unfit = |c: char| c.is_control() && c != '\n';
        assert!(!said.out.contains(unfit), "{:?}", said.out);
        assert!(!said.err.contains(unfit), "{:?}", said.err);
        said
    }

    fn spf(&self, arguments: &[&str]) -> Said {
        let nameserver = self.dns.addr().to_string();
        self.run(&[&["spf", "--nameserver", &nameserver], arguments].concat())
    }

    fn explain(&self, arguments: &[&str]) -> Said {
        self.run(&[&["explain", "-c", "milter.yaml"], arguments].concat())
    }
}

#[test]
fn spf_says_what_it_found_and_how() {
    let desk = Desk::new();
    let said = desk.spf(&[
        "--client-ip",
        "203.0.113.66",
        "--helo",
        "mx.friend.example",
        "--mail-from",
        "alice@bank.example",
    ]);
    assert_eq!(said.code, 1, "{said}");
    for text in [
        "  TXT _spf.bank.example: ",
        "\nmailfrom bank.example: fail\n",
        "\ndecided by: -all\n",
        "\nthe domain explains: 203.0.113.66 is none of ours, we are 100% sure\n",
        "\nDNS terms: 2 of 10; void lookups: 1 of 2\n",
    ] {
        assert!(said.out.contains(text), "no {text:?}: {said}");
    }
}

#[test]
fn spf_as_json() {
    let desk = Desk::new();
    let said = desk.spf(&[
        "--json",
        "--client-ip=203.0.113.66",
        "--helo=mx.friend.example",
        "--mail-from=alice@bank.example",
    ]);
    assert_eq!(said.code, 1, "{said}");
    let json = said.json();
    assert_eq!(json["result"], "fail");
    assert_eq!(
        json["explanation"],
        "203.0.113.66 is none of ours, we are 100% sure"
    );
    assert_eq!(json["identity"], "mailfrom");
    assert_eq!(json["mechanism"], "-all");
    assert_eq!(json["lookups"], 2);
    assert_eq!(json["void_lookups"], 1);
    assert!(!json["trace"].as_array().unwrap().is_empty());
}

/// Both given, MAIL FROM is judged; the null sender is postmaster@HELO (RFC 7208 section 2.4).
#[test]
fn spf_takes_the_identity_it_is_given() {
    let desk = Desk::new();
    for (arguments, identity, domain, result) in [
        (
            &["--mail-from=bob@friend.example", "--helo=bank.example"][..],
            "mailfrom",
            "friend.example",
            "pass",
        ),
        (
            &["--mail-from=bob@friend.example"],
            "mailfrom",
            "friend.example",
            "pass",
        ),
        (
            &["--helo=mx.friend.example"],
            "helo",
            "mx.friend.example",
            "pass",
        ),
        (
            &["--mail-from=", "--helo=mx.friend.example"],
            "mailfrom",
            "mx.friend.example",
            "pass",
        ),
        (
            &["--mail-from=<>", "--helo=mx.friend.example"],
            "mailfrom",
            "mx.friend.example",
            "pass",
        ),
        (
            &["--mail-from=a@no.example", "--helo=mx.friend.example"],
            "mailfrom",
            "no.example",
            "none",
        ),
    ] {
        let said = desk.spf(&[&["--json", "--client-ip", "192.0.2.20"], arguments].concat());
        assert_eq!(said.code, 0, "{said}");
        let json = said.json();
        assert_eq!(json["identity"], identity, "{said}");
        assert_eq!(json["domain"], domain, "{said}");
        assert_eq!(json["result"], result, "{said}");
        assert_eq!(json["explanation"], "");
    }
}

/// A name server that is silent, and one that is not there.
#[test]
fn spf_ends_within_its_budget() {
    let desk = Desk::new();
    let arguments = [
        "--json",
        "--budget=1s",
        "--client-ip=192.0.2.20",
        "--mail-from=a@dead.example",
    ];
    let nobody = ["spf", "--nameserver=127.0.0.1:1"];
    for nameserver in [None, Some(nobody)] {
        let begun = Instant::now();
        let said = match nameserver {
            None => desk.spf(&arguments),
            Some(nameserver) => desk.run(&[&nameserver[..], &arguments].concat()),
        };
        assert!(begun.elapsed() < Duration::from_secs(4), "{said}");
        assert_eq!(said.code, 0, "{said}");
        assert_eq!(said.json()["result"], "temperror", "{said}");
    }
}

/// They may have been copied from a log: bytes, not characters.
#[test]
fn envelopes_may_hold_any_bytes() {
    let desk = Desk::new();
    let nameserver = desk.dns.addr().to_string();
    let odd = |local: &[u8], domain: &str| {
        let address = [local, b"@", domain.as_bytes()].concat();
        std::ffi::OsString::from_vec(address)
    };
    for (command, status, wanted) in [
        (
            &[
                "spf",
                "--client-ip",
                "192.0.2.66",
                "--nameserver",
                &nameserver,
            ][..],
            1,
            "mailfrom: \\xfcrgen@friend.example from 192.0.2.66, HELO \\xfc@mx",
        ),
        (
            &["explain", "-c", "milter.yaml", "--client-ip", "192.0.2.66"],
            1,
            "550 5.7.23",
        ),
    ] {
        let from = odd(b"\xfcrgen", "friend.example");
        let mut run = Command::new(env!("CARGO_BIN_EXE_backstop"));
        run.args(command).current_dir(desk.folder.path());
        run.arg("--helo").arg(odd(b"\xfc", "mx"));
        if command.contains(&"spf") {
            run.arg("--mail-from").arg(from);
        } else {
            run.arg("--mail-from").arg(from);
            run.arg("--rcpt").arg(odd(b"j\xf6e", "example.org"));
        }
        let output = run.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(wanted), "{said}");
    }
}

#[test]
fn explain_walks_every_check() {
    let desk = Desk::new();
    let said = desk.explain(&[
        "--client-ip",
        "203.0.113.66",
        "--helo",
        "pc.spam.example",
        "--mail-from",
        "alice@bank.example",
        "--rcpt",
        "joe@example.org",
    ]);
    assert_eq!(said.code, 1, "{said}");
    for text in [
        "TXT bank.example: ",
        "mailfrom bank.example: fail; DNS terms 2 of 10, void lookups 1 of 2",
        "direction",
        "incoming\n",
        "spf.mail_from",
        "-> reject",
        "verdict: reject (spf_fail); mode enforce",
        "reply:   550 5.7.23 SPF: 203.0.113.66 may not send mail for bank.example",
        "we are 100% sure",
    ] {
        assert!(said.out.contains(text), "no {text:?}: {said}");
    }
}

/// Its verdicts are the daemon's, recipient by recipient.
#[test]
fn explain_as_json() {
    let desk = Desk::new();
    let friend = ["--client-ip=192.0.2.20", "--helo=mx.friend.example"];
    let stranger = ["--client-ip=203.0.113.66", "--helo=pc.example"];
    let ok = "250 2.1.5";
    for (client, more, expected) in [
        (
            friend,
            &["--mail-from=bob@friend.example", "--rcpt=joe@example.org"][..],
            &[("accept", "nothing_found", ok)][..],
        ),
        (
            friend,
            &[
                "--mail-from=",
                "--rcpt=joe@example.org",
                "--rcpt=sales@example.org",
            ],
            &[
                ("accept", "nothing_found", ok),
                ("tempfail", "null_sender_extra_recipient", "452 4.5.3"),
            ],
        ),
        (
            friend,
            &[
                "--mail-from=<>",
                "--rcpt=noreply@example.org",
                "--rcpt=x1@example.org",
                "--rcpt=<joe@example.org>",
            ],
            &[
                ("reject", "never_sends", "550 5.7.1"),
                ("reject", "catch_all_bounce", "550 5.7.1"),
                ("accept", "nothing_found", ok),
            ],
        ),
        (
            stranger,
            &["--mail-from=boss@example.org", "--rcpt=joe@example.org"],
            &[("reject", "mail_from_forged", "550 5.7.1")],
        ),
        (
            stranger,
            &["--mail-from=a@dead.example", "--rcpt=joe@example.org"],
            &[("tempfail", "spf_temperror", "451 4.7.24")],
        ),
        (
            stranger,
            &[
                "--mail-from=alice@bank.example",
                "--rcpt=postmaster@example.org",
            ],
            &[("accept", "exempt_postmaster", ok)],
        ),
        (
            stranger,
            &[
                "--auth",
                "--mail-from=boss@example.org",
                "--rcpt=joe@example.org",
            ],
            &[("accept", "outgoing_authenticated", ok)],
        ),
        (
            stranger,
            &[
                "--auth=boss",
                "--mail-from=boss@example.org",
                "--rcpt=joe@example.org",
            ],
            &[("accept", "outgoing_authenticated", ok)],
        ),
    ] {
        let said = desk.explain(&[&["--json"], &client[..], more].concat());
        let refused = expected.iter().any(|(verdict, ..)| *verdict != "accept");
        assert_eq!(said.code, i32::from(refused), "{said}");
        let json = said.json();
        assert_eq!(json["mode"], "enforce");
        let recipients = json["recipients"].as_array().unwrap();
        assert_eq!(recipients.len(), expected.len());
        for (recipient, (verdict, reason, reply)) in recipients.iter().zip(expected) {
            assert_eq!(recipient["verdict"], *verdict, "{said}");
            assert_eq!(recipient["reason"], *reason, "{said}");
            assert!(recipient["reply"].as_str().unwrap().starts_with(reply));
            assert!(!recipient["checks"].as_array().unwrap().is_empty());
        }
    }
}

#[test]
fn explain_asks_the_name_server_it_is_told() {
    let desk = Desk::new();
    let config = CONFIG.replace("NAMESERVER", "127.0.0.1:1");
    fs::write(desk.folder.path().join("milter.yaml"), config).unwrap();
    let message = [
        "--client-ip=192.0.2.20",
        "--helo=mx.friend.example",
        "--mail-from=bob@friend.example",
        "--rcpt=joe@example.org",
    ];
    assert_eq!(desk.explain(&message).code, 1);
    let nameserver = format!("--nameserver={}", desk.dns.addr());
    assert_eq!(
        desk.explain(&[&[&*nameserver], &message[..]].concat()).code,
        0
    );
}

#[test]
fn check_tells_what_is_on_and_what_is_wrong() {
    let desk = Desk::new();
    let said = desk.run(&["check", "--config=milter.yaml"]);
    assert_eq!(said.code, 0, "{said}");
    // A siege refuses what proves nothing by default, and nobody can know yet whom that would hit.
    let doubt = "siege.unproven is reject, but no outgoing mail of your domains has been counted";
    assert!(said.out.contains(doubt), "{said}");
    let end = "milter.yaml: fine, but see the warnings above\n";
    assert!(said.out.ends_with(end), "{said}");
    let answers = format!("name server {} answers", desk.dns.addr());
    assert!(said.out.contains(&answers), "{said}");

    let config = CONFIG.replace("NAMESERVER", "127.0.0.1:1");
    fs::write(desk.folder.path().join("milter.yaml"), &config).unwrap();
    let said = desk.run(&["check", "--config=milter.yaml"]);
    assert_eq!(said.code, 1, "{said}");
    let silent = "problem: name server 127.0.0.1:1 does not answer";
    assert!(said.out.contains(silent), "{said}");
    let json = desk.run(&["check", "--json", "--config=milter.yaml"]);
    assert_eq!(json.code, 1, "{said}");
    assert_eq!(json.json()["problems"].as_array().unwrap().len(), 1);
    let said = desk.run(&["check", "--offline", "--config=milter.yaml"]);
    assert_eq!(said.code, 0, "{said}");

    let accepting = config.replace("siege: {", "siege: {unproven: tag, ");
    fs::write(desk.folder.path().join("milter.yaml"), accepting).unwrap();
    let said = desk.run(&["check", "--offline", "--config=milter.yaml"]);
    assert!(said.out.ends_with("milter.yaml: fine\n"), "{said}");

    let shipped = path("milter.yaml").display().to_string();
    let said = desk.run(&["check", "--offline", "--json", "--config", &shipped]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(said.json()["file"], *shipped);
}

/// Files that were made for an MTA, on an ordinary site: what means nothing here must not be what a reload fails of.
#[test]
fn what_an_mta_reads_otherwise_is_a_warning() {
    let desk = Desk::new();
    let list = desk.folder.path().join("list");
    for (kind, lines, warns) in [
        ("postfix_map", "joe@example.org joe\n", false),
        ("postfix_map", "@example.org joe\n", true),
        ("postfix_map", "joe@example.org joe\n/^shop-/ joe\n", true),
        (
            "postfix_map",
            "joe@example.org joe\nif /shop/\n/x/ joe\nendif\n",
            true,
        ),
        (
            "postfix_map",
            "joe@example.org joe\nann@example.org\n",
            false,
        ),
        ("file", ":include:/etc/mail/staff\nann\n", true),
        ("file", "ann\n@example.org\n", true),
        ("file", "ann\na b c\n", true),
    ] {
        fs::write(&list, lines).unwrap();
        let entry = format!(
            "\nrecipients: [{{domain: example.org, known: [{{{kind}: {}}}]}}]\nstore: redis://127.0.0.1:1\n",
            list.display()
        );
        let config = ["local: {domains: [example.org]}", &entry].concat();
        fs::write(desk.folder.path().join("milter.yaml"), config).unwrap();
        let said = desk.run(&["check", "--offline", "--json", "--config=milter.yaml"]);
        assert_eq!(said.code, 0, "{lines}: {said}");
        let warnings = said.json()["warnings"].to_string();
        let names = list.display().to_string();
        assert_eq!(warnings.contains(&names), warns, "{lines}: {said}");
    }
}

/// What `postconf` says on a host with Postfix; the tests' machine may have none.
#[test]
fn check_warns_where_postfix_accepts_mail_unchecked() {
    let desk = Desk::new();
    for (says, shows) in [
        (
            "echo milter_default_action = accept; echo smtpd_milters = inet:127.0.0.1:8894",
            "(milter_default_action = accept in main.cf); use `milter_default_action = tempfail`",
        ),
        (
            "echo fatal: no main.cf >&2; exit 1",
            "Postfix: its milter_default_action is not known: `postconf` ended with exit status: 1: fatal: no main.cf",
        ),
    ] {
        // Written by another process: a file that this one had open for writing may not run yet (ETXTBSY).
        let fake = format!("#!/bin/sh\n[ $1 = -P ] || {{ {says}; }}\n");
        let write = "printf %s \"$1\" >postconf && chmod 755 postconf";
        let written = Command::new("/bin/sh")
            .args(["-c", write, "sh", &fake])
            .current_dir(desk.folder.path())
            .status();
        assert!(written.unwrap().success());
        let said = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["check", "--config=milter.yaml"])
            .current_dir(desk.folder.path())
            .env("PATH", desk.folder.path())
            .output()
            .unwrap();
        let out = String::from_utf8(said.stdout).unwrap();
        assert!(out.contains(shows), "{out}");
        assert_eq!(said.status.code(), Some(0), "{out}");
    }
}

/// virtual(5): `@example.org` is Postfix's own way to write a catch-all.
#[test]
fn a_catch_all_in_a_map_of_postfix_is_a_note_or_a_warning() {
    let desk = Desk::new();
    let map = "joe@example.org x\n@example.org x\n@other.example x\n";
    fs::write(desk.folder.path().join("virtual"), map).unwrap();
    for (rest, says) in [
        (
            "catch_all: {mail: accept, bounces: reject}",
            "1 address read, 2 lines for whole domains (such as @example.org): `catch_all` or",
        ),
        ("unknown: {mail: reject}", "2 lines for whole domains"),
        (
            "rules: []",
            "write `catch_all: {mail: accept, bounces: accept}`",
        ),
    ] {
        let config = format!(
            "listen: inet:1@127.0.0.1\nlocal: {{domains: [example.org]}}\nsiege: {{unproven: tag}}\nstore: sqlite:{}/state.db\n\
             recipients: [{{domain: example.org, known: [{{postfix_map: virtual}}], {rest}}}]\n",
            desk.folder.path().display()
        );
        fs::write(desk.folder.path().join("milter.yaml"), config).unwrap();
        let said = desk.run(&["check", "--offline", "--config=milter.yaml"]);
        assert_eq!(said.code, 0, "{said}");
        assert!(said.out.contains(says), "{said}");
        let said = desk.run(&["status", "--config=milter.yaml"]);
        assert!(said.out.contains(says), "{said}");
    }
}

#[test]
fn a_configuration_that_is_wrong_or_absent() {
    let desk = Desk::new();
    let wrong = desk.folder.path().join("wrong.yaml");
    fs::write(&wrong, "mode: enfroce\n").unwrap();
    let message = [
        "--client-ip=192.0.2.20",
        "--mail-from=a@b.example",
        "--rcpt=joe@example.org",
    ];
    for command in [
        &["check"][..],
        &["run"],
        &[],
        &[&["explain"], &message[..]].concat(),
    ] {
        let said = desk.run(&[command, &["--config=wrong.yaml"]].concat());
        assert_eq!(said.code, 78, "{said}");
        assert!(said.err.starts_with("wrong.yaml:1:7: error: "), "{said}");
        assert!(said.err.contains("enforce"), "{said}");
        let said = desk.run(&[command, &["--config=absent\x1b[31m.yaml"]].concat());
        assert_eq!(said.code, 78, "{said}");
        assert!(said.err.contains("can't be read"), "{said}");
    }
    let said = desk.run(&["check", "--json", "--config=wrong.yaml"]);
    assert_eq!(said.code, 78, "{said}");
    let json = said.json();
    let problem = &json["problems"][0];
    let place = ["file", "line", "column"].map(|key| problem[key].clone());
    assert_eq!(
        place,
        [Value::from("wrong.yaml"), 1.into(), 7.into()],
        "{problem}"
    );
    for (key, part) in [("message", "enfroce"), ("help", "enforce")] {
        assert!(problem[key].as_str().unwrap().contains(part), "{problem}");
    }
}

#[test]
fn usage_errors_are_64_and_help_is_0() {
    let desk = Desk::new();
    for arguments in [
        &["frobnicate"][..],
        &["--frobnicate"],
        &["spf"],
        &["spf", "--client-ip=192.0.2.20"],
        &["spf", "--client-ip=192.0.2.20", "--mail-from="],
        &["spf", "--client-ip=192.0.2", "--helo=a.example"],
        &["spf", "--client-ip=\x1b]0;x\x07", "--helo=a.example"],
        &[
            "spf",
            "--client-ip=192.0.2.20",
            "--helo=a",
            "--nameserver=\x1b[m",
        ],
        &["spf", "--client-ip=192.0.2.20", "--helo=a", "--budget=1h"],
        &["spf", "--client-ip=192.0.2.20", "--helo=a", "--budget=soon"],
        &["spf", "--client-ip=192.0.2.20", "--helo=a", "--timeout=9s"],
        &["explain", "--mail-from=a@b.example"],
        &["explain", "--rcpt=a@b.example"],
        &["check", "--jsno"],
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.code, 64, "{arguments:?}: {said}");
        assert!(!said.err.is_empty() && said.out.is_empty(), "{said}");
        assert!(!said.err.contains("dns."), "no flag is called so: {said}");
    }
    for arguments in [
        &["--help"][..],
        &["help"],
        &["spf", "--help"],
        &["explain", "--help"],
        &["check", "--help"],
        &["run", "--help"],
        &["--version"],
    ] {
        let said = desk.run(arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {said}");
        assert!(!said.out.is_empty() && said.err.is_empty(), "{said}");
    }
}

/// [`Desk::run`] looks at every octet that is printed.
#[test]
fn a_strangers_text_is_fit_for_a_terminal() {
    let desk = Desk::new();
    for odd in [
        "\x1b[31m",
        "\r\n250 ok",
        "\x07",
        "\u{9b}31m",
        "ü\u{202e}x",
        "%s%n",
    ] {
        let helo = format!("--helo=mx{odd}.example");
        for sender in [format!("a{odd}@rude.example"), format!("a@b{odd}.example")] {
            for json in [&["--json"][..], &[]] {
                let mail_from = format!("--mail-from={sender}");
                let check = ["--client-ip=203.0.113.66", &helo, &mail_from];
                desk.spf(&[&check[..], json].concat());
                let from = format!("--mail-from={sender}");
                let recipient = format!("--rcpt=joe{odd}@example.org");
                let message = ["--client-ip=203.0.113.66", &helo, &from, &recipient];
                desk.explain(&[&message[..], json].concat());
            }
        }
    }
    let said = desk.spf(&["--client-ip=203.0.113.66", "--mail-from=a@rude.example"]);
    assert_eq!(said.code, 1, "{said}");
}

/// As in `backstop explain | head -1`, which has read enough before all is said.
#[test]
fn nobody_needs_to_read_on() {
    let desk = Desk::new();
    let explain = &[
        "--client-ip",
        "192.0.2.1",
        "--mail-from",
        "",
        "--rcpt",
        "joe",
    ];
    let explain = [&["explain", "--no-dns", "-c", "milter.yaml"][..], explain].concat();
    for (arguments, code) in [
        (&explain[..], 0),
        (&["check", "--offline", "-c", "milter.yaml"], 0),
        (&["check", "-c", "nowhere.yaml"], 78),
        (&["check", "--nonsense"], 64),
        (&["check", "--offline", "--json", "-c", "milter.yaml"], 0),
    ] {
        let unread = || {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            writer
        };
        let status = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(arguments)
            .current_dir(desk.folder.path())
            .stdout(unread())
            .stderr(unread())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

/// Whether it says more than log.level or less.
#[test]
fn the_environments_log_level_wins_over_the_files() {
    let desk = Desk::new();
    let config = desk.folder.path().join("run.yaml");
    for (file, environment, warned) in [
        ("info", "", true),
        ("info", "error", false),
        ("info", "off", false),
        ("error", "", false),
        ("error", "warn", true),
        ("error", "backstop=warn", true),
    ] {
        // It warns of local.domains, and ends because no port can be opened at an address of another host.
        let listen = desk.folder.path().join("socket");
        let text = format!(
            "listen: unix:{}\nobserve: {{http: '192.0.2.1:8895'}}\nlog: {{level: {file}}}\n",
            listen.display()
        );
        fs::write(&config, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["run", "-c"])
            .arg(&config)
            .env("RUST_LOG", environment)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(69));
        let said = String::from_utf8(output.stderr).unwrap();
        let case = format!("{file}, RUST_LOG={environment}: {said}");
        assert_eq!(said.contains("local.domains"), warned, "{case}");
    }
}
