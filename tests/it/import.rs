//! `backstop ledger import` on logs that real MTAs wrote before Backstop came: the bounces of that mail prove themselves.

use std::{
    fs,
    io::Write,
    net::IpAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, SystemTime},
};

use flate2::{Compression, write::GzEncoder};
use lab::{
    mta::folder,
    postfix::{Options, Postfix},
    process::free_port,
    redis::Redis,
    sendmail::Sendmail,
    smtp::Client,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    batv::key_file,
    bounce::{BOUNCE, Ours, body},
    site::{Mta, Site, codes, connect_as, through_both},
};

const JOE: &str = "joe@example.org";
const FAR: &str = "bob@far.example";

through_both! {
    a_bounce_of_yesterdays_mail_proves_itself
}

/// A ledger, and the configuration of who fills it.
struct Ledger {
    folder: TempDir,
    proof: String,
}

impl Ledger {
    fn new() -> Self {
        let folder = folder().unwrap();
        let keys = key_file(folder.path());
        let proof = format!(
            "proof: {{unproven: reject, key_file: {}, ledger: {{remember: true}}, dkim: {{verify: false}}}}\nstore: sqlite:{}",
            keys.display(),
            folder.path().join("state.db").display()
        );
        let ledger = Self { folder, proof };
        ledger.configure();
        ledger
    }

    fn configure(&self) {
        let proof = &self.proof;
        let config = format!("local: {{domains: [example.org], networks: [127.0.0.1]}}\n{proof}\n");
        fs::write(self.path("milter.yaml"), config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, arguments: &[&str], paths: &[&Path]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_backstop"))
            .arg("--config")
            .arg(self.path("milter.yaml"))
            .args(["ledger", "import"])
            .args(arguments)
            .args(paths)
            .output()
            .unwrap()
    }

    fn json(&self, arguments: &[&str], paths: &[&Path]) -> Value {
        let output = self.import(&[&["--json"], arguments].concat(), paths);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }
}

fn letter(id: &str, to: &str) -> Vec<u8> {
    let Ours { headers, body } = Ours::new(id, to);
    format!("{headers}\r\n{body}").into_bytes()
}

fn send(client: &mut Client, id: &str, to: &str) {
    let reply = client.message(JOE, to, &letter(id, to)).unwrap();
    assert_eq!(reply.code, 250, "{reply:?}");
}

/// What a bounce of this message is answered, and the reason that is logged.
fn comes_home<M: Mta>(site: &Site<M>, id: &str) -> (String, String) {
    let since = site.backstop.log().len();
    let bounce = format!("{BOUNCE}\n").replace('\n', "\r\n") + &body(FAR, &Ours::new(id, FAR));
    let reply = site.friend().message("", JOE, bounce.as_bytes()).unwrap();
    let line = site.decision(since, &[" mail_from=<> ", " verdict="]);
    let reason = line.split(" reason=").nth(1).unwrap();
    let reason = reason.split(' ').next().unwrap();
    (codes(&reply), reason.to_owned())
}

/// What the post is answered that the host of a mailing list brings back.
fn post_comes<M: Mta>(site: &Site<M>, id: &str) -> String {
    let post = letter(id, FAR);
    let reply = site.friend().message("list@far.example", JOE, &post);
    codes(&reply.unwrap())
}

fn a_bounce_of_yesterdays_mail_proves_itself<M: Mta>() {
    let ledger = Ledger::new();
    let before = M::plain();
    let mut user = Client::connect_from(before.smtp_addr(), IpAddr::from([127, 0, 0, 1])).unwrap();
    assert_eq!(user.ehlo("pc.example.org").unwrap().code, 250);
    send(&mut user, "left", FAR);
    let mut stranger = before.connect(66);
    assert_eq!(stranger.ehlo("pc.spam.example").unwrap().code, 250);
    send(&mut stranger, "forged", "sales@example.org");
    before.wait_for_mail(FAR, 1).unwrap();
    before.wait_for_mail("sales@example.org", 1).unwrap();
    before.wait_for_log("<forged@example.org>").unwrap();
    let log = before.folder().join("mail.log");

    // The daemon runs meanwhile, on the same store.
    let site = Site::<M>::start_with(&[
        ("networks: []", "networks: [127.0.0.1]"),
        ("proof: {dkim: {verify: false}}", &ledger.proof),
        (
            "log: {level: debug}",
            "log: {level: debug}\nforgery: {header_from: reject}",
        ),
    ]);
    let unproven = ("550 5.7.1".to_owned(), "unproven".to_owned());
    assert_eq!(comes_home(&site, "left"), unproven);
    assert_eq!(post_comes(&site, "left"), "550 5.7.1");
    let dry = ledger.json(&["--dry-run"], &[&log]);
    assert_eq!(
        (&dry["outgoing"], &dry["new"]),
        (&1.into(), &Value::Null),
        "{dry}"
    );
    assert_eq!(comes_home(&site, "left"), unproven);
    let first = ledger.json(&[], &[&log]);
    assert_eq!(
        (&first["outgoing"], &first["new"]),
        (&1.into(), &1.into()),
        "{first}"
    );
    assert_eq!(first["messages"]["of_networks"], 1, "{first}");
    let again = ledger.json(&[], &[&log]);
    assert_eq!(
        (&again["outgoing"], &again["new"]),
        (&1.into(), &0.into()),
        "{again}"
    );

    let proven = ("250 2.0.0".to_owned(), "ledger".to_owned());
    assert_eq!(comes_home(&site, "left"), proven);
    assert_eq!(comes_home(&site, "forged"), unproven);
    // And the host that it went to may bring it back.
    assert_eq!(post_comes(&site, "left"), "250 2.0.0");
    assert_eq!(post_comes(&site, "forged"), "550 5.7.1");
}

/// `sendmail -bs`, as its own programs call it: no client stands behind it. And a Message-ID that Sendmail cuts.
#[test]
fn mail_of_sendmails_users_is_taken() {
    let sendmail = Sendmail::plain();
    let long = "x".repeat(90);
    for id in ["user", &long] {
        let message = [&letter(id, FAR)[..], b"\r\n."].concat();
        let replies = sendmail.session_on_stdin(&[
            b"EHLO pc.example.org",
            b"MAIL FROM:<joe@example.org>",
            format!("RCPT TO:<{FAR}>").as_bytes(),
            b"DATA",
            &message,
            b"QUIT",
        ]);
        assert!(
            replies.as_ref().unwrap()[5].starts_with("250"),
            "{replies:?}"
        );
    }
    sendmail.wait_for_mail(FAR, 2).unwrap();
    let ledger = Ledger::new();
    let log = sendmail.log();
    let found = ledger.json(&[], &[&sendmail.folder().join("mail.log")]);
    assert_eq!(found["messages"]["of_users"], 2, "{found}\n{log}");
    assert_eq!(
        (&found["outgoing"], &found["new"]),
        (&2.into(), &1.into()),
        "{found}\n{log}"
    );
}

/// The ways in which mail comes back from a filter, as Postfix itself logs them: the filter is another `smtpd` of its own.
#[test]
fn what_comes_back_from_a_filter_is_what_went_there() {
    let reinject = |port: u16| {
        vec![
            format!("127.0.0.1:{port} inet n - n - - smtpd"),
            "  -o syslog_name=postfix/reinject -o content_filter= -o smtpd_proxy_filter="
                .to_owned(),
            "scan unix - - n - - smtp".to_owned(),
        ]
    };
    for (name, main_cf) in [
        ("content_filter", "content_filter = scan:[127.0.0.1]:PORT"),
        (
            "content_filter with XFORWARD",
            "content_filter = scan:[127.0.0.1]:PORT\nsmtp_send_xforward_command = yes",
        ),
        ("smtpd_proxy_filter", "smtpd_proxy_filter = 127.0.0.1:PORT"),
    ] {
        let port = free_port().unwrap();
        let main_cf = main_cf.replace("PORT", &port.to_string());
        let postfix = Postfix::start(&Options {
            main_cf: vec![
                main_cf,
                "smtpd_authorized_xforward_hosts = 127.0.0.0/8".to_owned(),
            ],
            master_cf: reinject(port),
            ..Options::default()
        })
        .unwrap();
        let stranger = IpAddr::from([203, 0, 113, 66]);
        let mut login = connect_as(&postfix, stranger, Some("joe"));
        let mut network = Client::connect(postfix.smtp_addr()).unwrap();
        let mut forger = connect_as(&postfix, stranger, None);
        for client in [&mut login, &mut network, &mut forger] {
            assert_eq!(client.ehlo("pc.example.org").unwrap().code, 250);
        }
        send(&mut forger, "forged", "sales@example.org");
        send(&mut login, "login", FAR);
        send(&mut network, "network", FAR);
        let sent = postfix.sendmail(&["-i", "-f", JOE, FAR], &letter("user", FAR));
        assert!(sent.unwrap().status.success());
        postfix.wait_for_mail(FAR, 3).unwrap();
        postfix.wait_for_mail("sales@example.org", 1).unwrap();

        let ledger = Ledger::new();
        let found = ledger.json(&[], &[&postfix.folder().join("mail.log")]);
        let log = postfix.log();
        assert_eq!(
            (&found["outgoing"], &found["new"]),
            (&3.into(), &3.into()),
            "{name}: {found}\n{log}"
        );
        assert_eq!(found["unreadable"], 0, "{name}: {found}");
        let site =
            Site::<Postfix>::start_with(&[("proof: {dkim: {verify: false}}", &ledger.proof)]);
        for (id, reason) in [
            ("login", "ledger"),
            ("network", "ledger"),
            ("user", "ledger"),
            ("forged", "unproven"),
        ] {
            assert_eq!(comes_home(&site, id).1, reason, "{name}: {id}");
        }
    }
}

/// Logs in any order of names, in all forms; one chain begins in one and ends in the next. On Redis, which hosts share.
#[test]
fn logs_are_read_in_the_order_of_their_times() {
    let redis = Redis::start(lab::redis::Options::default()).unwrap();
    let mut ledger = Ledger::new();
    let store = format!("store: redis://127.0.0.1:{}", redis.port());
    let proof = ledger.proof.lines().next().unwrap().to_owned();
    ledger.proof = format!("{proof}\n{store}");
    ledger.configure();
    let hours_ago = |hours: u64| SystemTime::now() - Duration::from_secs(hours * 3600);
    let line = |hours: u64, text: &str| {
        format!(
            "{} mx postfix/{text}\n",
            humantime::format_rfc3339_micros(hours_ago(hours))
        )
    };
    let begins = |hours: u64, id: &str| {
        line(
            hours,
            &format!(
                "submission/smtpd[1]: {id}: client=pc[203.0.113.9], sasl_method=PLAIN, sasl_username=joe"
            ),
        ) + &line(
            hours,
            &format!("cleanup[2]: {id}: message-id=<{id}@example.org>"),
        ) + &line(
            hours,
            &format!("qmgr[3]: {id}: from=<joe@example.org>, size=9, nrcpt=1 (queue active)"),
        )
    };
    let ends = |hours: u64, id: &str| {
        line(
            hours,
            &format!(
                "smtp[4]: {id}: to=<bob@far.example>, relay=far[192.0.2.7]:25, status=sent (250 ok)"
            ),
        ) + &line(hours, &format!("qmgr[3]: {id}: removed"))
    };
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all((begins(50, "4A1B2C3D01") + &begins(50, "4A1B2C3D02")).as_bytes())
        .unwrap();
    fs::write(ledger.path("mail.log.2.gz"), packed.finish().unwrap()).unwrap();
    fs::write(
        ledger.path("mail.log.1"),
        ends(40, "4A1B2C3D01") + &begins(39, "4A1B2C3D03"),
    )
    .unwrap();
    fs::write(
        ledger.path("mail.log"),
        ends(20, "4A1B2C3D03") + &ends(20, "4A1B2C3D02"),
    )
    .unwrap();
    let micros = hours_ago(3)
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_micros();
    let entry = |identifier: &str, text: &str| {
        format!(
            "__CURSOR=s=1\n__REALTIME_TIMESTAMP={micros}\n_HOSTNAME=mx\nSYSLOG_IDENTIFIER={identifier}\nSYSLOG_PID=7\nSYSLOG_FACILITY=2\nMESSAGE={text}\n\n"
        )
    };
    let exported = [
        entry("postfix/pickup", "4A1B2C3D09: uid=0 from=<joe>"),
        entry(
            "postfix/cleanup",
            "4A1B2C3D09: message-id=<export@example.org>",
        ),
        entry(
            "postfix/qmgr",
            "4A1B2C3D09: from=<joe@example.org>, size=9, nrcpt=2 (queue active)",
        ),
    ];
    fs::write(ledger.path("journal"), exported.concat()).unwrap();
    let paths =
        ["journal", "mail.log", "mail.log.1", "mail.log.2.gz"].map(|name| ledger.path(name));
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let found = ledger.json(&[], &paths);
    assert_eq!(
        (&found["outgoing"], &found["new"]),
        (&4.into(), &4.into()),
        "{found}"
    );
    let logs: Vec<_> = found["logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|log| log.as_str().unwrap().rsplit('/').next().unwrap())
        .collect();
    assert_eq!(logs, ["mail.log.2.gz", "mail.log.1", "mail.log", "journal"]);
    assert_eq!(
        (
            &found["messages"]["of_logins"],
            &found["messages"]["of_users"]
        ),
        (&3.into(), &1.into())
    );
    let again = ledger.json(&[], &paths);
    assert_eq!(
        (&again["outgoing"], &again["new"]),
        (&4.into(), &0.into()),
        "{again}"
    );
    // What began before it is left out, and so is what goes on with that.
    let since = ledger.json(&["--dry-run", "--since", "45h"], &paths);
    assert_eq!(since["outgoing"], 2, "{since}");
}

/// Folders of sent mail; and an inbox, whose messages strangers wrote.
#[test]
fn sent_mail_is_taken_and_an_inbox_is_not() {
    let ledger = Ledger::new();
    let date = {
        let now = std::time::SystemTime::now();
        humantime::format_rfc3339_seconds(now).to_string()
    };
    let day = &date[8..10];
    let month = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ][date[5..7].parse::<usize>().unwrap() - 1];
    let date = format!("{day} {month} {} {} +0000", &date[..4], &date[11..19]);
    let message = |id: &str, more: &str, date: &str| {
        format!(
            "{more}From: Joe <{JOE}>\nTo: {FAR}\nDate: {date}\nMessage-ID: <{id}@example.org>\nSubject: x\n\nbody\n"
        )
    };
    for folder in ["Sent/cur", "Sent/new", "inbox/cur", "inbox/new"] {
        fs::create_dir_all(ledger.path(folder)).unwrap();
    }
    let put = |name: &str, text: String| fs::write(ledger.path(name), text).unwrap();
    put("Sent/cur/1.host,S=9:2,S", message("one", "", &date));
    put(
        "Sent/cur/2.host,S=9:2,S",
        message("old", "", "1 Jan 2020 00:00:00 +0000"),
    );
    put(
        "Sent/cur/3.host,S=9:2,S",
        message("future", "", "1 Jan 2999 00:00:00 +0000"),
    );
    put("Sent/cur/4.host,S=9:2,DS", message("draft", "", &date));
    let received = "Return-Path: <joe@example.org>\nReceived: from a by b; today\n";
    put(
        "inbox/cur/1.host,S=9:2,S",
        message("inbox", received, &date),
    );
    let from = "From joe@example.org Sat Nov 28 12:00:00 2026\n";
    put(
        "sent.mbox",
        format!(
            "{from}{}\n{from}{}",
            message("two", "", &date),
            message("back", received, &date)
        ),
    );
    let paths = ["Sent", "inbox", "sent.mbox"].map(|name| ledger.path(name));
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let found = ledger.json(&[], &paths);
    assert_eq!(
        (&found["outgoing"], &found["new"]),
        (&2.into(), &2.into()),
        "{found}"
    );
    let folder = |name: &str| &found["folders"][ledger.path(name).display().to_string()];
    let sent = serde_json::json!({"sent": 1, "too_old": 1, "from_the_future": 1, "draft": 1});
    assert_eq!(folder("Sent"), &sent, "{found}");
    assert_eq!(
        folder("inbox"),
        &serde_json::json!({"received": 1}),
        "{found}"
    );
    assert_eq!(
        folder("sent.mbox"),
        &serde_json::json!({"sent": 1, "received": 1}),
        "{found}"
    );
    let said = ledger.import(&[], &paths);
    let text = String::from_utf8(said.stderr).unwrap();
    assert!(
        text.contains("inbox: most of its messages were received, so it is no folder of sent mail"),
        "{text}"
    );
}

/// Octets that are no text, a line of a megabyte, a file that was cut: all else is read.
#[test]
fn a_damaged_log_is_read_as_far_as_it_goes() {
    let ledger = Ledger::new();
    let now = humantime::format_rfc3339_micros(SystemTime::now());
    let message = |id: &str| {
        let lines = [
            format!("smtpd[1]: {id}: client=pc[127.0.0.1]"),
            format!("cleanup[2]: {id}: message-id=<{id}@example.org>"),
            format!("qmgr[3]: {id}: from=<joe@example.org>, size=9, nrcpt=1 (queue active)"),
            format!("qmgr[3]: {id}: removed"),
        ];
        lines.map(|line| format!("{now} mx postfix/{line}\n").into_bytes())
    };
    let [client, name, queued, removed] = message("4A1B2C3D01");
    let noise: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let long = [b"x".repeat(1 << 20), b"\n".to_vec()].concat();
    let zeros = [b"\0".repeat(4_096), b"\n".to_vec()].concat();
    let log = [
        &client[..],
        &noise,
        b"\n",
        &name,
        &long,
        &queued,
        &zeros,
        &removed,
    ]
    .concat();
    fs::write(ledger.path("mail.log"), log).unwrap();
    let found = ledger.json(&[], &[&ledger.path("mail.log")]);
    assert_eq!(
        (&found["outgoing"], &found["new"]),
        (&1.into(), &1.into()),
        "{found}"
    );
    assert_eq!(found["cut"], 1, "{found}");
    let lines = found["unreadable_lines"].as_array().unwrap();
    assert!(
        found["unreadable"].as_u64().unwrap() >= 3 && lines.len() <= 10,
        "{found}"
    );

    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    for number in 0..2_000 {
        packed
            .write_all(&message(&format!("4A1B2C{number:04}")).concat())
            .unwrap();
    }
    let packed = packed.finish().unwrap();
    fs::write(ledger.path("mail.log.1.gz"), &packed[..packed.len() / 2]).unwrap();
    let output = ledger.import(&["--json"], &[&ledger.path("mail.log.1.gz")]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let new = found["new"].as_u64().unwrap();
    assert!(new > 100 && new < 2_000, "{found}");
    let failed = found["failed"][0].as_str().unwrap();
    assert!(
        failed.contains("mail.log.1.gz: compressed as gzip: "),
        "{failed}"
    );
    assert_eq!(output.status.code(), Some(1));
}

/// Root writes what the daemon's user can go on with, and nothing of its own into the folder of the store.
#[test]
fn what_root_writes_is_the_daemons() {
    let ledger = Ledger::new();
    let user = nix::unistd::User::from_name("daemon").unwrap().unwrap();
    let state = ledger.path("state");
    fs::create_dir(&state).unwrap();
    let config = fs::read_to_string(ledger.path("milter.yaml")).unwrap();
    let config = config.replace("state.db", "state/state.db");
    fs::write(ledger.path("milter.yaml"), config).unwrap();
    let now = humantime::format_rfc3339_micros(SystemTime::now());
    let log = ledger.path("mail.log");
    let lines = [
        "pickup[1]: 4A1B2C3D01: uid=0 from=<joe>",
        "cleanup[2]: 4A1B2C3D01: message-id=<1@example.org>",
        "qmgr[3]: 4A1B2C3D01: from=<joe@example.org>, size=9, nrcpt=1 (queue active)",
    ];
    fs::write(
        &log,
        lines
            .map(|line| format!("{now} mx postfix/{line}\n"))
            .concat(),
    )
    .unwrap();
    let output = ledger.import(&["--user", "daemon"], &[&log]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(
        said.contains("state is not owned by daemon, the user of the daemon; use `chown daemon "),
        "{said}"
    );
    assert_eq!(fs::read_dir(&state).unwrap().count(), 0);

    std::os::unix::fs::chown(&state, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
    for new in [1, 0] {
        let found = ledger.json(&["--user", "daemon"], &[&log]);
        assert_eq!(found["new"], new, "{found}");
        let files: Vec<_> = fs::read_dir(&state).unwrap().map(Result::unwrap).collect();
        assert!(!files.is_empty());
        for file in files {
            let owner = std::os::unix::fs::MetadataExt::uid(&file.metadata().unwrap());
            assert_eq!(owner, user.uid.as_raw(), "{file:?}");
        }
    }
}

/// What is wrong is named, and what would be right.
#[test]
fn mistakes_are_named() {
    let ledger = Ledger::new();
    let put = |name: &str, text: &[u8]| fs::write(ledger.path(name), text).unwrap();
    put("notes.txt", b"Dear diary,\nnothing of mail.\n");
    fs::create_dir(ledger.path("empty")).unwrap();
    put("garbage", &[0, 1, 2, 255, 254].repeat(1000));
    put("strange.log", b"2026-11-28T12:00:00Z mx postfix/smtpd[1]: connect from a[192.0.2.1]\n\x00\xff\nFeb 30 12:00:00 mx a: b\n2999-01-01T00:00:00Z mx a: b\n\n-- Boot --\n");
    let import = |arguments: &[&str], names: &[&str]| {
        let paths: Vec<PathBuf> = names.iter().map(|name| ledger.path(name)).collect();
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        let output = ledger.import(arguments, &paths);
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for (arguments, names, code, said) in [
        (
            &[][..],
            &["notes.txt"][..],
            1,
            "notes.txt: neither a log nor mail; expected a log of Postfix",
        ),
        (&[], &["garbage"], 1, "garbage: neither a log nor mail"),
        (
            &[],
            &["empty"],
            1,
            "empty: no mail is in this folder; expected a maildir, or name the files of a log",
        ),
        (&[], &["/dev/null"], 1, "null: expected a file or a folder"),
        (&[], &["missing"], 1, "missing: No such file or directory"),
        (
            &[],
            &["strange.log", "missing"],
            1,
            "missing: No such file or directory",
        ),
        (
            &[],
            &["strange.log"],
            1,
            "strange.log:2: unreadable: no time and program at its beginning",
        ),
        (
            &[],
            &["strange.log"],
            1,
            "strange.log:3: unreadable: no year has this day",
        ),
        (
            &[],
            &["strange.log"],
            1,
            "strange.log:4: unreadable: it is from the future",
        ),
        (&[], &[], 64, "<PATH>"),
        (&["--since", "yesterday"], &["strange.log"], 64, "--since"),
        (
            &["--user", "nobody-of-this-name"],
            &["strange.log"],
            69,
            "there is no user nobody-of-this-name",
        ),
    ] {
        let found = import(arguments, names);
        assert!(
            found.0 == code && found.1.contains(said),
            "{names:?}: {found:?}"
        );
    }
    assert!(!ledger.path("state.db").exists() || import(&["--dry-run"], &["strange.log"]).0 == 1);
    let config = fs::read_to_string(ledger.path("milter.yaml")).unwrap();
    for (from, to, said) in [
        (
            "remember: true",
            "remember: false",
            "proof.ledger.remember is off",
        ),
        (
            "domains: [example.org]",
            "domains: []",
            "`local.domains` is empty",
        ),
    ] {
        fs::write(ledger.path("milter.yaml"), config.replace(from, to)).unwrap();
        let found = import(&[], &["strange.log"]);
        assert!(found.0 == 78 && found.1.contains(said), "{found:?}");
    }
}
