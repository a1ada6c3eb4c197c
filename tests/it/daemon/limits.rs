//! More connections than usual, and fewer descriptors.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lab::{
    backstop::Backstop,
    milter::{Client, Reply},
    mta,
    process::wait_until,
};

use super::{ENFORCE, SENDER, Stage, asking, binary, dns, field, zone};

/// A daemon with so many descriptors. Half of few are for connections.
fn with_descriptors(number: u32) -> Stage {
    let dns = dns(zone());
    let mut launcher = Command::new("sh");
    launcher
        .args(["-c", &format!("ulimit -n {number}; exec \"$0\" \"$@\"")])
        .arg(binary())
        .env_remove("JOURNAL_STREAM")
        .env_remove("RUST_LOG")
        .stdout(Stdio::null());
    let yaml = asking(dns.addr(), ENFORCE);
    let backstop = Backstop::start_by(launcher, &yaml, mta::folder_in_memory().unwrap()).unwrap();
    Stage { backstop, dns }
}

/// How many descriptors the daemon has open.
fn open_descriptors(stage: &Stage) -> usize {
    let id = stage.backstop.id();
    std::fs::read_dir(format!("/proc/{id}/fd")).unwrap().count()
}

/// Leaves the daemon so many descriptors beyond those that it has open.
fn limit_descriptors(stage: &Stage, more: usize) {
    let (id, open) = (stage.backstop.id(), open_descriptors(stage));
    let limited = Command::new("prlimit")
        .arg(format!("--pid={id}"))
        .arg(format!("--nofile={}:", open + more))
        .status();
    assert!(limited.unwrap().success());
}

#[test]
fn a_storm_of_connections_leaves_descriptors_for_dns() {
    let stage = with_descriptors(64);
    let mut old = stage.session(SENDER);
    let _storm: Vec<_> = (0..80)
        .map(|_| Client::silent(stage.backstop.addr()).unwrap())
        .collect();
    stage
        .backstop
        .wait_for_log("closed at once: 32 are open, which is the maximum")
        .unwrap();
    old.mail("a@pass.example", &[]).unwrap();
    old.rcpt("joe@example.org", &[]).unwrap();
    assert_eq!(old.eom().unwrap().reply, Reply::Continue);
    assert_eq!(field(&stage.decision("joe@example.org"), "spf"), "pass");
}

#[test]
fn out_of_descriptors_it_warns_once_and_serves_again_when_they_come_back() {
    let mut stage = Stage::set(&format!("{ENFORCE}observe: {{http: 127.0.0.1:0}}\n"));
    let mut old = stage.session(SENDER);
    // Files and sockets of its own took the rest since it chose its maximum of connections.
    let before = open_descriptors(&stage);
    limit_descriptors(&stage, 20);
    let many: Vec<_> = (0..80)
        .map(|_| Client::silent(stage.backstop.addr()).unwrap())
        .collect();
    let warning = stage
        .backstop
        .wait_for_log("could not be accepted")
        .unwrap();
    assert!(warning.contains("Too many open files"), "{warning}");
    // What it closes is looked at together with what it could not accept: it has looked again when it says this.
    old.send_packet(b'x', b"").unwrap();
    stage.backstop.wait_for_log("connections closed: ").unwrap();
    let log = stage.backstop.log();
    assert_eq!(log.matches("could not be accepted").count(), 1, "{log}");
    drop(many);
    wait_until(Duration::from_secs(20), || {
        // The store may have been opened meanwhile.
        Ok(open_descriptors(&stage) <= before + 10)
    })
    .unwrap();
    stage.serves();
    // It had more to complain of than it did.
    let (_, said) = warning.split_once("accept: ").unwrap();
    let said: f64 = said.split(' ').next().unwrap().parse().unwrap();
    let failed = stage.numbers()["backstop_accept_errors_total"];
    assert!(failed > said, "{failed}, {warning}");
    assert!(stage.backstop.is_running().unwrap());
}

#[test]
fn five_hundred_idle_connections_hold_up_nobody() {
    let stage = Stage::set(ENFORCE);
    let idle: Vec<_> = (0..500).map(|_| stage.session(SENDER)).collect();
    let begun = Instant::now();
    stage.serves();
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    for mut client in idle {
        client.mail("a@pass.example", &[]).unwrap();
    }
}
