//! More connections than usual, and fewer descriptors.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lab::{backstop::Backstop, milter::Client, mta};

use super::{ENFORCE, SENDER, Stage, asking, binary, dns, zone};

#[test]
fn out_of_descriptors_it_warns_once_and_serves_again_when_they_come_back() {
    let dns = dns(zone());
    let mut launcher = Command::new("sh");
    launcher
        .args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""])
        .arg(binary())
        .env_remove("JOURNAL_STREAM")
        .env_remove("RUST_LOG")
        .stdout(Stdio::null());
    let yaml = asking(dns.addr(), ENFORCE);
    let backstop = Backstop::start_by(launcher, &yaml, mta::folder().unwrap()).unwrap();
    let mut stage = Stage { backstop, dns };
    let many: Vec<_> = (0..80)
        .map(|_| Client::silent(stage.backstop.addr()).unwrap())
        .collect();
    let warning = stage
        .backstop
        .wait_for_log("could not be accepted")
        .unwrap();
    assert!(warning.contains("Too many open files"), "{warning}");
    std::thread::sleep(Duration::from_secs(3));
    let log = stage.backstop.log();
    assert_eq!(log.matches("could not be accepted").count(), 1, "{log}");
    drop(many);
    stage.serves();
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
