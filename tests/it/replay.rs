//! `backstop replay`, from outside: stores of every form, a DNS that the tests own, and no MTA.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    os::unix::{fs::symlink, process::ExitStatusExt},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::stored::{FROM_RECEIVED, Lab, letters, message, said, texts};

#[test]
fn one_mail_in_every_form_of_store_has_one_answer() {
    let lab = Lab::new("enforce");
    let letters = letters();
    let texts: Vec<&str> = letters.iter().map(|(text, _)| text.as_str()).collect();
    let in_mbox = mbox(texts.iter().copied());
    let mut stores = vec![
        (lab.file("lf.mbox", &in_mbox), "mbox"),
        (lab.file("crlf.mbox", in_mbox.replace('\n', "\r\n")), "mbox"),
        (lab.path("maildir"), "folder"),
        (lab.path("letters"), "folder"),
    ];
    for folder in ["cur", "new", "tmp", ".Archive/cur", ".Archive/new"] {
        fs::create_dir_all(lab.path("maildir").join(folder)).unwrap();
    }
    for (number, text) in texts.iter().enumerate() {
        let folder = ["cur", "new", ".Archive/cur"][number % 3];
        lab.file(&format!("maildir/{folder}/{number}.x.host:2,S"), text);
        lab.file(&format!("letters/2024/{}/{number}.EML", number % 2), text);
    }
    lab.file("maildir/tmp/17.x", "Subject: under way\n\n");
    lab.file("maildir/cur/.hidden", "x");
    lab.file("letters/notes.txt", "Subject: none of ours\n\n");
    for (path, kind) in stores.drain(..) {
        let (code, report) = lab.json("replay", &path, &[FROM_RECEIVED]);
        assert_eq!(code, 0);
        assert_eq!(report["kind"], kind);
        assert_eq!(report["messages"], letters.len(), "{report:#}");
        assert_eq!(
            counted(&report["enforced"]),
            expected(),
            "{}",
            path.display()
        );
        assert_eq!(report["enforced"], report["as_configured"]);
        assert_eq!(report["unreadable"]["count"], 0);
        assert_eq!(report["unjudged"]["count"], 0);
        assert_eq!(report["kinds"]["dsn"], 3);
    }
    let (_, report) = lab.json("replay", &lab.file("one.eml", texts[2]), &[FROM_RECEIVED]);
    assert_eq!(report["kind"], "message");
    assert_eq!(counted(&report["enforced"])["reject spf_fail"], 1);
}

#[test]
fn monitoring_shows_what_enforcing_would_do() {
    let lab = Lab::new("monitor");
    let letters = letters();
    let path = lab.file("m", mbox(letters.iter().map(|(text, _)| text.as_str())));
    let (code, report) = lab.json("replay", &path, &[FROM_RECEIVED]);
    assert_eq!(code, 0);
    assert_eq!(report["mode"], "monitor");
    assert_eq!(counted(&report["enforced"]), expected());
    let configured = counted(&report["as_configured"]);
    assert_eq!(configured["tag spf_fail"], 1);
    assert!(
        configured
            .keys()
            .all(|verdict| !verdict.starts_with("reject"))
    );
    // Both walks have one answer from DNS.
    let asked = lab.dns.count("friend.example", lab::dns::RecordType::TXT);
    assert_eq!(asked, 1);
}

#[test]
fn no_dns_asks_nobody() {
    let lab = Lab::new("enforce");
    let text = message(
        "192.0.2.66",
        "bob@friend.example",
        "joe@example.org",
        "Subject: x\n",
    );
    let eml = lab.file("x.eml", &text);
    let (code, report) = lab.json("explain", &eml, &[FROM_RECEIVED, "--no-dns"]);
    assert_eq!(code, 0);
    assert_eq!(texts(&report["spf_trace"]), ["not asked"]);
    let (code, report) = lab.json("replay", &eml, &[FROM_RECEIVED, "--no-dns"]);
    assert_eq!((code, &report["dns_asked"]), (0, &Value::Bool(false)));
    // Without its address, the client is unknown, and nobody can be asked about it.
    let (code, report) = lab.json("replay", &eml, &[]);
    assert_eq!(code, 0);
    assert_eq!(counted(&report["enforced"])["accept nothing_found"], 1);
    assert_eq!(report["clients_unknown"]["no option gives its address"], 1);
    assert_eq!(lab.dns.queries(), []);
    // Whether one of us may send from there is DNS's to say: while it doesn't, such mail would come again.
    let ours = message(
        "192.0.2.66",
        "joe@example.org",
        "joe@example.org",
        "Subject: x\n",
    );
    let (_, report) = lab.json(
        "replay",
        &lab.file("o.eml", ours),
        &[FROM_RECEIVED, "--no-dns"],
    );
    assert_eq!(counted(&report["enforced"])["tempfail mail_from_forged"], 1);
    assert_eq!(lab.dns.queries(), []);
}

#[test]
fn what_cannot_be_judged_is_counted_and_named() {
    let lab = Lab::new("enforce");
    let good = message(
        "192.0.2.20",
        "a@friend.example",
        "joe@example.org",
        "Subject: x\n",
    );
    lab.file("store/1-good.eml", &good);
    lab.file("store/2-torn.eml", "\0\0\0\0");
    lab.file(
        "store/3-sent.eml",
        "From: joe@example.org\nSubject: sent\n\n",
    );
    lab.file("store/4-\x1b[2Jred.eml", "");
    symlink("nowhere", lab.path("store/5-link.eml")).unwrap();
    symlink(".", lab.path("store/6-circle")).unwrap();
    let fifo = Command::new("mkfifo").arg(lab.path("store/7.eml")).status();
    assert!(fifo.unwrap().success());
    let deep = "d/".repeat(30);
    lab.file(&format!("store/{deep}/8.eml"), &good);
    let (code, report) = lab.json("replay", &lab.path("store"), &[FROM_RECEIVED]);
    assert_eq!(
        (code, &report["messages"]),
        (0, &Value::from(1)),
        "{report:#}"
    );
    let named = |field: &str| texts(&report[field]["first"]).join("\n");
    assert_eq!(report["unreadable"]["count"], 4, "{report:#}");
    for name in [
        "2-torn.eml: not a mail",
        "4-\\u{1b}[2Jred.eml",
        "5-link.eml: No such file",
        "deep are not read",
    ] {
        assert!(named("unreadable").contains(name), "{name}: {report:#}");
    }
    assert_eq!(report["unjudged"]["count"], 1);
    assert!(named("unjudged").contains("3-sent.eml: no MAIL FROM"));

    let torn = format!(
        "{}From x@y.example Mon Jan  1 00:00:00 2024\nno header\n\n{}",
        mbox([good.as_str()]),
        mbox([good.as_str(), &good[..60]])
    );
    let (code, report) = lab.json("replay", &lab.file("torn.mbox", torn), &[FROM_RECEIVED]);
    assert_eq!(
        (code, &report["messages"]),
        (0, &Value::from(3)),
        "{report:#}"
    );
    assert!(texts(&report["unreadable"]["first"])[0].contains("torn.mbox#2: not a mail"));
}

#[test]
fn nothing_to_read_is_a_failure() {
    let lab = Lab::new("enforce");
    fs::create_dir(lab.path("none")).unwrap();
    let sent = "From: joe@example.org\nSubject: x\n\n";
    for path in [
        lab.path("none"),
        lab.file("sent.eml", sent),
        lab.file("empty", ""),
    ] {
        let output = lab.run(&["replay", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said(&output).contains("no message was judged"),
            "{}",
            said(&output)
        );
    }
    let output = lab.run(&["replay", lab.path("missing").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("No such file"));
    let default = ["--rcpt-default=joe@example.org"];
    let undelivered = lab.file("u.eml", "Return-Path: <a@b.example>\nSubject: x\n\n");
    assert_eq!(lab.json("replay", &undelivered, &[]).0, 1);
    let (code, report) = lab.json("replay", &undelivered, &default);
    assert_eq!((code, &report["recipients"]), (0, &Value::from(1)));
}

/// The measure that `packaging/man/backstop.8` tells of.
#[test]
fn surprises_are_ranked() {
    let lab = Lab::new("monitor");
    for folder in [
        "cur",
        "new",
        ".Junk/cur",
        ".Junk/new",
        ".Family/cur",
        ".Family/new",
    ] {
        fs::create_dir_all(lab.path("m").join(folder)).unwrap();
    }
    let friend = "192.0.2.20";
    let forged = |headers: &str| {
        message(
            "192.0.2.66",
            "bob@friend.example",
            "joe@example.org",
            headers,
        )
    };
    let watches = |headers: &str| {
        let headers = format!("Subject: cheap watches\n{headers}");
        message(friend, "bob@friend.example", "joe@example.org", &headers)
    };
    let answer = "In-Reply-To: <17@pc.example.org>\n";
    for (name, text) in [
        ("cur/a:2,RS", forged(answer)),
        ("cur/b:2,S", watches("References: <1@elsewhere.example>\n")),
        ("cur/c:2,", forged("Subject: x\n")),
        (".Family/cur/d:2,S", watches("")),
        (".Junk/cur/e:2,S", forged("Subject: x\n")),
        (
            ".Junk/cur/f:2,",
            message(
                friend,
                "bob@friend.example",
                "joe@example.org",
                "Subject: x\n",
            ),
        ),
        (
            "new/g",
            message(
                friend,
                "bob@friend.example",
                "joe@example.org",
                "Subject: x\n",
            ),
        ),
        (
            "new/h",
            message(
                friend,
                "",
                "joe@example.org",
                "Content-Type: multipart/report; report-type=delivery-status\n",
            ),
        ),
    ] {
        lab.file(&format!("m/{name}"), text);
    }
    let (_, report) = lab.json("replay", &lab.path("m"), &[FROM_RECEIVED]);
    let surprising = report["surprising"].as_array().unwrap();
    let ranked: Vec<(String, u64)> = surprising
        .iter()
        .map(|entry| {
            let name = entry["name"].as_str().unwrap();
            let name = name.rsplit('/').next().unwrap().split(':').next().unwrap();
            (name.to_owned(), entry["score"].as_u64().unwrap())
        })
        .collect();
    let expected = [
        // Answered, an answer, opened, known, lost.
        ("a", 4 + 1 + 1 + 1 + 1),
        // SPF passes, filed, opened, known, lost.
        ("d", 2 + 2 + 1 + 1 + 1),
        // SPF passes, opened, known, an answer, lost.
        ("b", 2 + 1 + 1 + 1 + 1),
        // In junk, and let in.
        ("f", 3),
        // Known, lost.
        ("c", 1 + 1),
        // The null sender.
        ("h", 1),
    ];
    let expected: Vec<(String, u64)> = expected
        .map(|(name, score)| (name.to_owned(), score))
        .into();
    assert_eq!(ranked, expected, "{report:#}");
    let said = said(&lab.run(&["replay", FROM_RECEIVED, lab.path("m").to_str().unwrap()]));
    assert!(said.contains("8  reject (spf_fail): "), "{said}");
    assert!(
        said.contains("its owner answered it; a list has the recipient"),
        "{said}"
    );
}

/// Messages wait for DNS together, and are told of in their order all the same.
#[test]
fn dns_is_asked_for_several_at_a_time() {
    let lab = Lab::new("enforce");
    let letters: Vec<String> = (0..48)
        .map(|number| {
            let from = format!("a@{number}.slow.example");
            message("192.0.2.66", &from, "joe@example.org", "Subject: x\n")
        })
        .collect();
    let path = lab.file("m", mbox(letters.iter().map(String::as_str)));
    let begun = Instant::now();
    let (_, first) = lab.json("replay", &path, &[FROM_RECEIVED]);
    // One after the other it would be 19 s.
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    let (_, second) = lab.json("replay", &path, &[FROM_RECEIVED]);
    assert_eq!(counted(&first["enforced"])["reject spf_fail"], 48);
    assert_eq!(first["slowest"].as_array().unwrap().len(), 10);
    for field in [
        "as_configured",
        "enforced",
        "kinds",
        "surprising",
        "unjudged",
    ] {
        assert_eq!(first[field], second[field], "{field}");
    }
    let names: Vec<&str> = first["surprising"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap().rsplit('#').next().unwrap())
        .collect();
    assert_eq!(names, ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]);
}

/// Through a pipe, which can be read only once, and while the memory in use is watched.
#[test]
fn thousands_of_messages_in_one_pass_and_little_memory() {
    const MESSAGES: u64 = 4_000;
    const MOST_MEMORY: u64 = 64 << 20;
    let lab = Lab::new("enforce");
    let mut child = lab
        .command(&["replay", "--json", "--no-dns", FROM_RECEIVED, "/dev/stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        let letters = letters();
        let line = [&[b'x'; 999][..], b"\n"].concat();
        for number in 0..MESSAGES {
            let (text, _) = &letters[number as usize % letters.len()];
            pipe.write_all(mbox([text.as_str()]).as_bytes()).unwrap();
            match number {
                // In lines, in one line, and as a header.
                1000 | 3500 => (0..20_000).for_each(|_| pipe.write_all(&line).unwrap()),
                3000 => (0..20_000).for_each(|_| pipe.write_all(&line[..999]).unwrap()),
                2000 => {
                    let from = "From x@y.example Mon Jan  1 00:00:00 2024\nSubject: ";
                    pipe.write_all(from.as_bytes()).unwrap();
                    (0..20_000).for_each(|_| pipe.write_all(&line[..999]).unwrap());
                    pipe.write_all(b"\n").unwrap();
                }
                _ => {}
            }
            pipe.write_all(b"\n").unwrap();
        }
    });
    let status = format!("/proc/{}/status", child.id());
    let watcher = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = peak_memory(&status) {
            peak = now;
            thread::sleep(Duration::from_millis(2));
        }
        peak
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let peak = watcher.join().unwrap();
    assert!(
        output.status.success(),
        "{:?}: {}",
        output.status.signal(),
        said(&output)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["messages"], MESSAGES, "{report:#}");
    assert_eq!(report["unjudged"]["count"], 1);
    assert_eq!(report["unreadable"]["count"], 0);
    assert!((1 << 20..MOST_MEMORY).contains(&peak), "{peak} octets");
}

/// The most memory that a process has had, in octets; none when it has ended.
fn peak_memory(status: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn counted(counts: &Value) -> BTreeMap<String, u64> {
    let word = |entry: &Value, field: &str| entry[field].as_str().unwrap().to_owned();
    let counts = counts.as_array().unwrap().iter();
    counts
        .map(|entry| {
            let key = format!("{} {}", word(entry, "verdict"), word(entry, "reason"));
            (key, entry["count"].as_u64().unwrap())
        })
        .collect()
}

fn expected() -> BTreeMap<String, u64> {
    let mut expected = BTreeMap::new();
    for (_, verdict) in letters() {
        *expected.entry(verdict.to_owned()).or_default() += 1;
    }
    expected
}

fn mbox<'a>(letters: impl IntoIterator<Item = &'a str>) -> String {
    letters
        .into_iter()
        .map(|letter| format!("From x@y.example Mon Jan  1 00:00:00 2024\n{letter}\n"))
        .collect()
}

/// As Sendmail hands them to mail.local: neither Return-Path nor Delivered-To, and the null sender by name.
#[test]
fn an_mbox_of_sendmail_s_is_judged() {
    let lab = Lab::new("enforce");
    let letter = |sender: &str, to: &str| {
        format!(
            "From {sender} Sat Nov 28 21:00:00 2026\nReceived: from mx.friend.example (x.example [192.0.2.20])\n\
             \tby mx.example.org (8.17.1.9/8.17.1.9) with ESMTP id 7A\n\tfor <{to}>; Sat, 28 Nov 2026 21:00:00 GMT\n\
             From: somebody@friend.example\nSubject: x\n\nHello.\n\n"
        )
    };
    let mbox = [
        letter("bob@friend.example", "joe@example.org"),
        letter("MAILER-DAEMON", "noreply@example.org"),
        letter("MAILER-DAEMON", "other@example.org"),
    ];
    let (code, report) = lab.json("replay", &lab.file("mbox", mbox.concat()), &[FROM_RECEIVED]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["unjudged"]["count"], 0, "{report:#}");
    let counted = counted(&report["enforced"]);
    for outcome in [
        "accept nothing_found",
        "reject never_sends",
        "reject catch_all_bounce",
    ] {
        assert_eq!(counted[outcome], 1, "{report:#}");
    }
}

/// Whom nobody knows is not one client. Those that Received names are, and guess.
#[test]
fn unknown_clients_are_not_one_that_guesses() {
    let lab = Lab::new("enforce");
    with_keys(&lab);
    wrong_tags(&lab, 15);
    let wrong = |arguments: &[&str]| {
        let (_, report) = lab.json("replay", &lab.path("m"), arguments);
        let counted = counted(&report["enforced"]);
        (
            counted.get("reject batv_wrong").copied(),
            counted.keys().any(|key| key.contains("guessed")),
        )
    };
    assert_eq!(wrong(&[]), (Some(15), false));
    assert_eq!(wrong(&["--no-dns"]), (Some(15), false));
    assert!(wrong(&[FROM_RECEIVED]).1);
}

/// Fewer wrong tags than `proof.batv.guess_limit`: that they are judged by both modes counts none of them twice.
#[test]
fn what_monitoring_counts_enforcing_does_not() {
    let lab = Lab::new("monitor");
    with_keys(&lab);
    wrong_tags(&lab, 8);
    let (_, report) = lab.json("replay", &lab.path("m"), &[FROM_RECEIVED]);
    assert_eq!(
        counted(&report["enforced"])["reject batv_wrong"],
        8,
        "{report:#}"
    );
}

fn with_keys(lab: &Lab) {
    let keys = lab.path("keys");
    let made = lab.run(&["keygen", "--file", keys.to_str().unwrap()]);
    assert!(made.status.success(), "{}", said(&made));
    let config = fs::read_to_string(lab.path("milter.yaml")).unwrap();
    let proof = format!(
        "proof: {{key_file: {}, dkim: {{verify: false}}}}\n",
        keys.display()
    );
    lab.file("milter.yaml", config + &proof);
}

fn wrong_tags(lab: &Lab, count: usize) {
    for number in 0..count {
        let to = format!("prvs=0999abcd{number:02}=joe@example.org");
        let text = message("192.0.2.20", "", &to, "Auto-Submitted: auto-replied\n");
        lab.file(&format!("m/{number}.eml"), text);
    }
}
