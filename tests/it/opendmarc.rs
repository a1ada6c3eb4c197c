//! What OpenDMARC, as Debian has it, reads in our Authentication-Results: mail whose SPF passes for its From: passes.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::process::CommandExt,
    path::Path,
    process::Command,
};

use backstop::core::{
    address::ReversePath,
    envelope::{Client, Envelope},
    policy::SpfAnswers,
    spf::{Identity, SpfCheck, SpfResult},
    trace_header::SpfTrace,
};
use lab::{
    milter::{self, Peer},
    mta::{PATIENCE, folder, unpacked},
    process::{Daemon, free_port, is_listening_v4, wait_until},
};

const RECEIVER: &str = "mx.own.test";
const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 30);

fn opendmarc(folder: &Path) -> (Daemon, SocketAddr) {
    let tree = unpacked("opendmarc").unwrap();
    let port = free_port().unwrap();
    let path = |name: &str| folder.join(name);
    fs::write(path("dns"), "_dmarc.open.test v=DMARC1; p=reject\n").unwrap();
    fs::write(path("suffixes"), "test\n").unwrap();
    // Else it asks nobody about mail of this host.
    fs::write(path("ignored"), "127.0.0.1\n").unwrap();
    let config = format!(
        "Socket inet:{port}@127.0.0.1\nBackground false\nAuthservID {RECEIVER}\nTestDNSData {}\nPublicSuffixList {}\n\
         IgnoreHosts {}\n",
        path("dns").display(),
        path("suffixes").display(),
        path("ignored").display()
    );
    fs::write(path("opendmarc.conf"), config).unwrap();
    let libraries = tree.join("usr/lib");
    let mut folders = vec![libraries.display().to_string()];
    for entry in fs::read_dir(&libraries).unwrap() {
        folders.push(entry.unwrap().path().display().to_string());
    }
    let mut command = Command::new(tree.join("usr/sbin/opendmarc"));
    command
        .env("LD_LIBRARY_PATH", folders.join(":"))
        .process_group(0)
        .args(["-f", "-c"])
        .arg(path("opendmarc.conf"));
    let daemon = Daemon::spawn(&mut command, folder).unwrap();
    wait_until(PATIENCE, || is_listening_v4(port)).unwrap();
    (daemon, (Ipv4Addr::LOCALHOST, port).into())
}

/// What it adds to a message of this sender, whose SPF passes.
fn judged(filter: SocketAddr, sender: &str, from: &str, problem: Option<&str>) -> String {
    let envelope = Envelope {
        client: Client {
            address: Some(CLIENT.into()),
            helo: Some(b"mx.open.test".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::from_bytes(sender.as_bytes()),
    };
    let domain = envelope.reverse_path.domain().unwrap().to_string();
    let spf = SpfAnswers {
        mail_from: Some(SpfCheck::new(Identity::MailFrom, domain, SpfResult::Pass).into()),
        helo: Some(
            SpfCheck {
                problem: problem.map(str::to_owned),
                ..SpfCheck::new(Identity::Helo, "mx.open.test".to_owned(), SpfResult::None)
            }
            .into(),
        ),
        ..SpfAnswers::default()
    };
    let trace = SpfTrace {
        envelope: &envelope,
        spf: &spf,
        receiver: RECEIVER,
        authserv_id: RECEIVER,
        dmarc: None,
    };
    let results = trace.authentication_results();
    let received = trace.received_spf();
    let mut client = milter::Client::tcp(filter).unwrap();
    client
        .connect("mx.open.test", Peer::at(CLIENT.into()))
        .unwrap();
    client.helo("mx.open.test").unwrap();
    client.mail(sender, &[]).unwrap();
    client.rcpt("joe@own.test", &[]).unwrap();
    let received = received
        .iter()
        .map(|value| ("Received-SPF", value.as_str()));
    let others = [
        ("Authentication-Results", results.as_str()),
        ("From", from),
        ("To", "joe@own.test"),
        ("Subject", "x"),
        ("Date", "Sat, 28 Nov 2026 21:00:00 +0000"),
        ("Message-ID", "<1@open.test>"),
    ];
    for (name, value) in received.chain(others) {
        client.header(name.as_bytes(), value.as_bytes()).unwrap();
    }
    client.eoh().unwrap();
    client.body(b"hi\r\n").unwrap();
    let outcome = client.eom().unwrap();
    client.quit().unwrap();
    outcome.added("Authentication-Results").join("\n")
}

#[test]
fn mail_whose_spf_passes_passes_dmarc() {
    let folder = folder().unwrap();
    let (mut daemon, filter) = opendmarc(folder.path());
    let from = "a@open.test";
    for sender in [
        "joe@open.test",
        "joe.x-y_z@open.test",
        "joe+news@open.test",
        "bounces+2309175-1e1a-somebody=own.test@open.test",
        "prvs=1234abcdef=joe@open.test",
        "SRS0=h=t=own.test=joe@open.test",
        "!#$%&'*+-/=?^_`{|}~@open.test",
        "joe/x%y@open.test",
        r#""a b"@open.test"#,
        r#""a;b,c(d)"@open.test"#,
        r#""x\"; spf=fail"@open.test"#,
        "дима@open.test",
        "joe@Open.TEST",
        "joe@news.open.test",
        "joe@_x.open.test",
    ] {
        for problem in [
            None,
            Some("`mx.open.test` publishes; no \"SPF\" (record) = none"),
        ] {
            let told = judged(filter, sender, from, problem);
            assert!(told.contains("dmarc=pass"), "<{sender}>: {told}");
        }
    }
    // The same, where it is not the sender's domain: the check is one that can fail.
    let told = judged(filter, "joe@other.test", from, None);
    assert!(told.contains("dmarc=fail"), "{told}");
    daemon.stop().unwrap();
}
