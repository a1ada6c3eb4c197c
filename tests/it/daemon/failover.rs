//! The master of the store dies in the middle of a flood, and the sentinels choose another.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use lab::{
    milter::Reply,
    mta,
    process::wait_until,
    redis::{Group, Options},
};

use super::{
    SENDER, Stage,
    shared_store::{FAR, sends, told},
};
use crate::{batv::key_file, bounce::Ours};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

fn yaml(group: &Group, keys: &std::path::Path) -> String {
    let known: Vec<_> = (0..200).map(|number| format!("g{number}")).collect();
    format!(
        "mode: enforce\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         null_sender: {{never_send: [noreply@example.org]}}\n\
         recipients: [{{domain: example.org, known: [{{addresses: [{}]}}], catch_all: {{mail: accept}}}}]\n\
         siege: {{floor: 30, learn: {{days: 1}}}}\n\
         proof: {{key_file: {}, ledger: {{remember: true}}, dkim: {{verify: false}}, unproven: reject}}\n\
         store: {}\n",
        known.join(", "),
        keys.display(),
        group.url()
    )
}

/// A bounce to another address each time, so that each has a line of its own.
fn bounce(stage: &Stage, number: &mut u32, ours: &Ours) -> String {
    let rcpt = format!("g{number}@example.org");
    *number += 1;
    told(stage, &rcpt, ours)
}

/// Waits until the log says this: the store is looked after once a minute.
#[track_caller]
fn says(stage: &Stage, text: &str) {
    let said = wait_until(PATIENCE, || Ok(stage.backstop.log().contains(text)));
    assert!(said.is_ok(), "{}", stage.backstop.log());
}

/// Whether mail to an address that nobody knows is let in, as it is while no siege closes the catch-all.
fn is_open(stage: &Stage) -> bool {
    let mut client = stage.session(SENDER);
    client.mail("b@pass.example", &[]).unwrap();
    client.rcpt("nobody@example.org", &[]).unwrap() == Reply::Continue
}

/// Bounces from many networks, until it is over.
fn flood(stage: &Stage, over: &AtomicBool) {
    for network in (0..=255).cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let mut client = stage.session(&format!("198.18.{network}.1"));
        client.mail("", &[]).unwrap();
        let answer = client.rcpt("noreply@example.org", &[]).unwrap();
        assert!(matches!(answer, Reply::ReplyCode(_)), "{answer:?}");
        thread::sleep(Duration::from_millis(150));
    }
}

#[test]
fn a_failover_in_a_flood_loses_no_siege_and_refuses_nothing_genuine() {
    let mut group = Group::start(&Options::default()).unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let stage = Stage::set(&yaml(&group, &key_file(folder.path())));
    let mut number = 0;
    let (before, meanwhile) = (Ours::new("before", FAR), Ours::new("meanwhile", FAR));
    sends(&stage, &before);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| flood(&stage, &over));
        let failed_over = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(PATIENCE, || Ok(!is_open(&stage))).unwrap();
            assert_eq!(bounce(&stage, &mut number, &before), "accept ledger");
            // What the old master did not pass on in time, the new one does not have.
            for replica in 1..3 {
                let replica = group.server(replica);
                let done = replica
                    .ask(&["CONFIG", "SET", "replica-read-only", "no"])
                    .unwrap();
                assert_eq!(done, "OK");
                assert_eq!(replica.ask(&["FLUSHALL"]).unwrap(), "OK");
            }
            group.server(0).kill().unwrap();
            sends(&stage, &meanwhile);
            // Nobody refuses what is genuine, and the siege goes on, before, while and after another is chosen.
            let mut is_chosen = false;
            wait_until(PATIENCE, || {
                is_chosen |= group.master()? != 0;
                assert!(!is_open(&stage), "{}", stage.backstop.log());
                let verdicts = [&before, &meanwhile].map(|ours| bounce(&stage, &mut number, ours));
                let is_refused = |verdict: &String| verdict.starts_with("reject");
                assert!(!verdicts.iter().any(is_refused), "{verdicts:?}");
                thread::sleep(Duration::from_millis(200));
                Ok(is_chosen && verdicts == ["accept ledger", "accept ledger"])
            })
            .unwrap();
        }));
        over.store(true, Ordering::Relaxed);
        failed_over.unwrap();
    });
    says(&stage, "/main/0 can be used again");
    let master = group.another_than(0).unwrap();
    let master = group.server(master);
    // The next round gives it the record of the siege.
    wait_until(PATIENCE, || {
        let records = master.ask(&["HKEYS", "backstop:1:sieges:records"])?;
        Ok(records.contains("example.org"))
    })
    .unwrap();

    // Each is told once: that the store is away, that mail is judged without it, which server is the master now, and that
    // all is well.
    let log = stage.backstop.log();
    for text in [
        " failures; ",
        "judged without it",
        "is the master now",
        "can be used again",
    ] {
        let told = log
            .lines()
            .filter(|line| line.contains("store: ") && line.contains(text));
        assert_eq!(told.count(), 1, "{text}: {log}");
    }
    assert!(!log.contains("siege -> "), "{log}");
}

/// All that says who is the master is away: the server that is used is used on.
#[test]
fn sentinels_that_are_away_stop_nothing() {
    let options = Options {
        password: Some("s3cret".to_owned()),
        tls: true,
        ..Options::default()
    };
    let mut group = Group::start(&options).unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let password = folder.path().join("redis.password");
    std::fs::write(&password, "s3cret\n").unwrap();
    std::fs::set_permissions(
        &password,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let (password, ca) = (password.display(), group.server(0).ca());
    let url = group.url().replacen("redis", "rediss", 1);
    let url = format!(
        "{url}?password_file={password}&sentinel_password_file={password}&ca={}",
        ca.display()
    );
    let yaml = yaml(&group, &key_file(folder.path())).replace(&group.url(), &url);
    let stage = Stage::set(&yaml);
    let ours = Ours::new("before", FAR);
    sends(&stage, &ours);
    for sentinel in 0..3 {
        group.sentinel(sentinel).kill().unwrap();
    }
    let mut number = 0;
    assert_eq!(bounce(&stage, &mut number, &ours), "accept ledger");
    says(&stage, "the master of before is used on");
    assert_eq!(bounce(&stage, &mut number, &ours), "accept ledger");
}
