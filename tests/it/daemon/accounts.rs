//! An account that somebody abuses, as two MX hosts see it that share a Redis.

use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

use backstop::core::proof::batv::Layout;
use lab::{
    milter::{Client, Reply},
    mta,
    process::wait_until,
    redis::{Options, Redis},
};

use super::{Stage, binary, introduce};
use crate::batv::{key_file, tagged};

/// A bounce to a tagged address, from this network.
fn bounce(stage: &Stage, network: u8) {
    let mut client = Client::tcp(stage.backstop.addr()).unwrap();
    introduce(&mut client, &format!("198.18.{network}.1"));
    client.mail("", &[]).unwrap();
    let rcpt = tagged("joe@example.org", 0, Layout::Prvs);
    assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue);
    client.header(b"Subject", b"Undelivered").unwrap();
    client
        .header(
            b"Content-Type",
            b"multipart/report; report-type=delivery-status; boundary=b",
        )
        .unwrap();
    assert_eq!(client.eoh().unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    client.quit().unwrap();
}

#[test]
fn a_flood_of_proven_bounces_is_told_once_and_refuses_nothing() {
    let redis = Redis::start(Options::default()).unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let keys = key_file(folder.path());
    let (program, told) = (folder.path().join("notify"), folder.path().join("told"));
    let script = format!(
        "#!/bin/sh\necho \"$BACKSTOP_ACCOUNT $BACKSTOP_DOMAIN $BACKSTOP_FROM $BACKSTOP_TO $(cat)\" >>{}\n",
        told.display()
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let yaml = format!(
        "mode: enforce\nlocal: {{domains: [example.org]}}\nproof: {{key_file: {}, batv: {{sign: true}}}}\n\
         siege: {{accounts: {{floor: 30}}, notify: [{}]}}\nstore: redis://127.0.0.1:{}/0\n",
        keys.display(),
        program.display(),
        redis.port()
    );
    let hosts = [Stage::set(&yaml), Stage::set(&yaml)];
    // Neither host alone has enough.
    for network in 0..18 {
        bounce(&hosts[0], network);
    }
    for network in 18..36 {
        bounce(&hosts[1], network);
    }
    let line = hosts[1]
        .backstop
        .wait_for_log("account_suspected joe@example.org: ")
        .unwrap();
    assert!(line.contains("nothing is refused"), "{line}");
    bounce(&hosts[1], 99);
    let told = || fs::read_to_string(&told).unwrap_or_default();
    wait_until(Duration::from_secs(20), || Ok(!told().is_empty())).unwrap();
    let begins =
        "joe@example.org example.org calm account_suspected account_suspected joe@example.org: ";
    assert!(told().starts_with(begins), "{}", told());
    for (command, says) in [
        ("status", "account_suspected: joe@example.org: 3"),
        ("report", "account_suspected: somebody may send"),
    ] {
        let output = Command::new(binary())
            .args(["--config".as_ref(), hosts[0].backstop.config().as_os_str()])
            .arg(command)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains(says), "{command}: {text}");
    }
}
