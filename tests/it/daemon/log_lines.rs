//! What the log tells: one line a decision, whatever a stranger wrote.

use std::{path::Path, process::Command};

use lab::{
    backstop::Backstop,
    milter::{Reply, wire::command},
    mta,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{ENFORCE, SENDER, STRANGER, Stage, asking, assert_refused, binary, dns, field, zone};

/// The fields, in their order.
const FIELDS: [&str; 18] = [
    "id",
    "queue_id",
    "client",
    "helo",
    "mail_from",
    "rcpt",
    "verdict",
    "reason",
    "by",
    "spf",
    "spf_helo",
    "kind",
    "evidence",
    "batv",
    "proof",
    "signed",
    "no_dsn",
    "would",
];

#[test]
fn every_recipient_has_one_line_with_the_same_fields_in_the_same_order() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(STRANGER);
    client.mail("", &[]).unwrap();
    client.rcpt("a@example.org", &[]).unwrap();
    assert_refused(client.rcpt("b@example.org", &[]), "452 ");
    client.eom().unwrap();
    client.mail("x@fail.example", &[]).unwrap();
    assert_refused(client.rcpt("c@example.org", &[]), "550 ");
    client.abort().unwrap();
    client.mail("x@soft.example", &[]).unwrap();
    client.rcpt("d@example.org", &[]).unwrap();
    client.rcpt("e@example.org", &[]).unwrap();
    client.quit().unwrap();
    stage.decision("e@example.org");
    let decisions = stage.decisions();
    assert_eq!(decisions.len(), 5, "{decisions:#?}");
    for line in &decisions {
        let names: Vec<_> = line[line.find("id=").unwrap()..]
            .split(' ')
            .map(|word| word.split_once('=').unwrap().0)
            .collect();
        assert_eq!(names, FIELDS, "{line}");
    }
    let rcpts: Vec<_> = decisions.iter().map(|line| field(line, "rcpt")).collect();
    // What is let in waits for its queue id.
    assert_eq!(
        rcpts,
        ["b", "a", "c", "d", "e"].map(|local| format!("<{local}@example.org>"))
    );
}

#[test]
fn the_queue_id_is_joined_when_it_comes() {
    let stage = Stage::set(ENFORCE);
    let mut client = stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    // As Postfix has it: the first recipient has none, the second does.
    client.rcpt("first@example.org", &[]).unwrap();
    client.macros(command::RCPT, &[("i", "4ABC")]).unwrap();
    client.rcpt("second@example.org", &[]).unwrap();
    client
        .macros(command::END_OF_MESSAGE, &[("i", "4ABC")])
        .unwrap();
    client.eom().unwrap();
    for rcpt in ["first@example.org", "second@example.org"] {
        assert_eq!(field(&stage.decision(rcpt), "queue_id"), "4ABC", "{rcpt}");
    }
    assert_eq!(stage.decisions().len(), 2);
}

#[test]
fn a_callout_is_logged_however_it_ends() {
    let stage = Stage::set(ENFORCE);
    for (rcpt, end) in [("quit", 0), ("gone", 1), ("reset", 2), ("next", 3)] {
        let mut client = stage.session(STRANGER);
        client.mail("", &[]).unwrap();
        let rcpt = format!("{rcpt}@example.org");
        assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue);
        match end {
            0 => client.quit().unwrap(),
            1 => drop(client),
            2 => client.abort().unwrap(),
            _ => client.quit_new_connection().unwrap(),
        }
        let line = stage.decision(&rcpt);
        assert_eq!(field(&line, "verdict"), "accept");
        assert_eq!(
            (field(&line, "kind"), field(&line, "evidence")),
            ("callout", "NoData")
        );
    }
    assert_eq!(stage.decisions().len(), 4);
}

#[test]
fn under_systemd_every_line_begins_with_its_priority() {
    let dns = dns(zone());
    let launcher = read_by_the_journal(binary());
    let more = format!("{ENFORCE}log: {{level: debug}}\n");
    let backstop = Backstop::start_by(
        launcher,
        &asking(dns.addr(), &more),
        mta::folder_in_memory().unwrap(),
    )
    .unwrap();
    let stage = Stage { backstop, dns };
    stage.serves();
    std::fs::write(stage.backstop.config(), "mode: sleep\nlisten: nowhere\n").unwrap();
    stage.backstop.reload().unwrap();
    stage.backstop.wait_for_log("reload failed").unwrap();
    let log = stage.backstop.log();
    for (prefix, text) in [
        ("<6>", "listens on"),
        ("<6>", " verdict="),
        ("<7>", " check="),
        ("<3>", "reload failed"),
    ] {
        let mut lines = log.lines().filter(|line| line.contains(text)).peekable();
        assert!(lines.peek().is_some(), "{text}");
        assert!(lines.all(|line| line.starts_with(prefix)), "{text}: {log}");
    }
    for line in log.lines() {
        assert!(line.starts_with('<'), "{line}");
    }
}

/// Starts a program as a unit would whose standard error is this one.
fn read_by_the_journal(program: &Path) -> Command {
    let mut launcher = Command::new("sh");
    launcher
        .args([
            "-c",
            r#"JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$0" "$@""#,
        ])
        .arg(program)
        .env_remove("RUST_LOG");
    launcher
}

/// Also what is said before there is a log, and what a command says that a unit runs.
#[test]
fn under_systemd_a_mistake_in_the_file_is_an_error() {
    let folder = mta::folder_in_memory().unwrap();
    let file = folder.path().join("milter.yaml");
    std::fs::write(&file, "mode: sleep\nlisten: nowhere\n").unwrap();
    for command in ["run", "check"] {
        let stderr = |mut launcher: Command| {
            let said = launcher.arg(command).arg("--config").arg(&file).output();
            String::from_utf8(said.unwrap().stderr).unwrap()
        };
        let read = stderr(read_by_the_journal(binary()));
        assert!(read.lines().count() > 2, "{read}");
        assert!(read.lines().all(|line| line.starts_with("<3>")), "{read}");
        // A shell that was started by a unit, say.
        let mut elsewhere = Command::new(binary());
        elsewhere.env("JOURNAL_STREAM", "8:1");
        assert_eq!(stderr(elsewhere), read.replace("<3>", ""));
    }
}

/// Whatever stands in HELO, MAIL and RCPT, at whatever level of the log.
#[test]
fn strangers_cannot_write_into_the_log() {
    let stage = Stage::set(&format!("{ENFORCE}log: {{level: debug}}\n"));
    let long = vec![b'x'; 60_000];
    let hostile: [&[u8]; 9] = [
        "jürgen@bücher.example".as_bytes(),
        b"\xff\xfe@\x80.example",
        b"a\r\n<3>id=1 verdict=accept@b\r\nc.example",
        b"\x1b[31mred\x07\x08@e.example",
        b"a@b \" queue_id=4 client=\"",
        b"@@@<>>><",
        b"\"quo ted\\\"\"@example.com",
        b"",
        &long,
    ];
    let nul = b"a\0b@c.example".as_slice();
    for text in hostile.into_iter().chain([nul]) {
        let mut client = stage.session(STRANGER);
        client
            .send_packet(command::HELO, &[text, b"\0"].concat())
            .unwrap();
        client
            .send_packet(command::MAIL, &[b"<", text, b">\0"].concat())
            .unwrap();
        client
            .send_packet(command::RCPT, &[b"<", text, b">\0"].concat())
            .unwrap();
        client.reply().unwrap();
        client
            .send_packet(command::MAIL, b"<a@fail.example>\0")
            .unwrap();
        client
            .send_packet(command::RCPT, &[b"<", text, b">\0"].concat())
            .unwrap();
        assert_refused(client.reply(), "550 5.7.23 ");
        client.quit().unwrap();
    }
    stage.serves();
    stage.decision("well@example.org");
    let decisions = stage.decisions();
    assert_eq!(
        decisions.len(),
        2 * (hostile.len() + 1) + 1,
        "{decisions:#?}"
    );
    for line in stage.backstop.log().lines() {
        assert!(
            line.bytes().all(|byte| matches!(byte, b' '..=b'~')),
            "{line:?}"
        );
        assert!(line.len() < 4096, "{} octets: {line}", line.len());
    }
    for line in decisions {
        assert_eq!(
            line[line.find("id=").unwrap()..].split(' ').count(),
            FIELDS.len(),
            "{line}"
        );
    }
}

/// As a journal or a `docker logs` that hangs: the pipe is full, and mail goes on.
#[test]
fn a_reader_that_stops_does_not_stop_mail() {
    let dns = dns(zone());
    let mut launcher = Command::new("bash");
    launcher
        .args([
            "-c",
            r#"exec "$0" "$@" 2> >(echo $BASHPID >&2; exec cat >&2)"#,
        ])
        .arg(binary())
        .env_remove("JOURNAL_STREAM")
        .env_remove("RUST_LOG");
    let backstop = Backstop::start_by(
        launcher,
        &asking(dns.addr(), ENFORCE),
        mta::folder_in_memory().unwrap(),
    )
    .unwrap();
    let stage = Stage { backstop, dns };
    let log = stage.backstop.log();
    let reader: i32 = log.lines().next().unwrap().parse().unwrap();
    let reader = Pid::from_raw(reader);
    kill(reader, Signal::SIGSTOP).unwrap();
    let before = stage.decisions().len();
    // More lines than two pipes hold.
    for message in 0..10 {
        let mut client = stage.session(STRANGER);
        client.mail("x@fail.example", &[]).unwrap();
        for rcpt in 0..50 {
            assert_refused(
                client.rcpt(&format!("m{message}r{rcpt}@example.org"), &[]),
                "550 ",
            );
        }
        client.quit().unwrap();
    }
    assert_eq!(stage.decisions().len(), before);
    kill(reader, Signal::SIGCONT).unwrap();
    stage.decision("m9r49@example.org");
    assert_eq!(stage.decisions().len(), 500);
    assert!(!stage.backstop.log().contains("lost"));
}
