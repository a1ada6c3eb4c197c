//! Outgoing mail waits for its entry in the ledger: what was answered outlives the daemon, however that ends, and a store
//! that can't keep up costs a message a second at most.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::{
    milter::{Client, Reply},
    mta,
    process::wait_until,
};
use sqlx::{ConnectOptions, Executor, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{DNS, Stage, assert_refused, binary, field, introduce};
use crate::batv::key_file;

const OURS: &str = "10.0.0.1";
const JOE: &str = "joe@example.org";
/// The most that a test waits for something.
const SOON: Duration = Duration::from_secs(20);

/// A daemon that remembers what 10.0.0.0/8 sends, and the folder of its keys and its store.
fn remembering(more: &str) -> (Stage, TempDir, PathBuf) {
    let folder = mta::folder_in_memory().unwrap();
    let (keys, store) = (key_file(folder.path()), folder.path().join("state.db"));
    let stage = Stage::set(&format!(
        "mode: enforce\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         proof: {{key_file: {}, ledger: {{remember: true}}}}\nstore: sqlite:{}\n{more}",
        keys.display(),
        store.display()
    ));
    (stage, folder, store)
}

/// Sends a message, and says how long the answer to its end took.
fn send(client: &mut Client, number: u32) -> Duration {
    client.mail(JOE, &[]).unwrap();
    let rcpt = format!("far{number}@friend.example");
    assert_eq!(client.rcpt(&rcpt, &[]).unwrap(), Reply::Continue);
    let id = format!("<{number}@example.org>");
    client.header(b"Message-ID", id.as_bytes()).unwrap();
    client.eoh().unwrap();
    let begun = Instant::now();
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    begun.elapsed()
}

/// What the decision line of a message says that it left with.
fn signed(stage: &Stage, number: u32) -> String {
    let line = stage.decision(&format!("far{number}@friend.example"));
    field(&line, "signed").to_owned()
}

async fn other_program(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file);
    options.connect().await.unwrap()
}

/// How many entries a file has, for another program.
fn entries(file: &Path) -> i64 {
    DNS.block_on(async {
        let mut other = other_program(file).await;
        let count = sqlx::query_scalar("SELECT count(*) FROM ledger");
        count.fetch_one(&mut other).await.unwrap()
    })
}

#[test]
fn a_message_that_was_answered_is_in_the_ledger_of_a_killed_daemon() {
    let (mut stage, _folder, store) = remembering("");
    let mut client = stage.session(OURS);
    for number in 1..=19 {
        send(&mut client, number);
    }
    assert_eq!(signed(&stage, 19), "ledger");
    send(&mut client, 20);
    stage.backstop.kill().unwrap();
    stage.backstop.ended(SOON).unwrap();
    // Its line of the log may be lost with the daemon.
    assert_eq!(entries(&store), 20);
}

#[test]
fn a_daemon_that_stops_leaves_one_whole_file() {
    let (mut stage, folder, store) = remembering("");
    let mut client = stage.session(OURS);
    for number in 1..=20 {
        send(&mut client, number);
    }
    client.quit().unwrap();
    stage.backstop.stop().unwrap();
    let wal = store.with_file_name("state.db-wal");
    assert!(!wal.exists() || fs::metadata(&wal).unwrap().len() == 0);
    let copy = folder.path().join("copy.db");
    fs::copy(&store, &copy).unwrap();
    assert_eq!(entries(&copy), 20);
}

/// Mail goes out on many connections when it is told to stop: each message has an answer, and each that was accepted has its
/// entry.
#[test]
fn what_goes_out_while_the_daemon_stops_is_answered_and_remembered() {
    let (mut stage, _folder, store) = remembering("");
    let (accepted, stopping) = (AtomicU32::new(0), AtomicBool::new(false));
    let address = stage.backstop.addr();
    let send = |number: u32| {
        let mut client = Client::tcp(address).unwrap();
        introduce(&mut client, OURS);
        for message in 0.. {
            let gone = |error: std::io::Error| {
                let ended = stopping.load(Ordering::SeqCst);
                assert!(ended, "{number}, message {message}: {error}");
            };
            // A session without a message may be closed at once.
            let begun = client
                .mail(JOE, &[])
                .and_then(|_| client.rcpt("far@friend.example", &[]));
            match begun {
                Ok(Reply::Continue) => {}
                Ok(other) => return assert_refused(Ok(other), "451 4.3.2 "),
                Err(error) => return gone(error),
            }
            let id = format!("<{number}.{message}@example.org>");
            client.header(b"Message-ID", id.as_bytes()).unwrap();
            match client.eoh().unwrap() {
                Reply::Continue => {}
                other => return assert_refused(Ok(other), "451 4.3.2 "),
            }
            match client.eom().unwrap().reply {
                Reply::Continue => accepted.fetch_add(1, Ordering::SeqCst),
                other => return assert_refused(Ok(other), "451 4.3.2 "),
            };
        }
    };
    thread::scope(|scope| {
        for number in 0..8 {
            let send = &send;
            scope.spawn(move || send(number));
        }
        wait_until(SOON, || Ok(accepted.load(Ordering::SeqCst) >= 100)).unwrap();
        stopping.store(true, Ordering::SeqCst);
        stage.backstop.terminate().unwrap();
    });
    assert_eq!(stage.backstop.ended(SOON).unwrap().code(), Some(0));
    assert_eq!(entries(&store), i64::from(accepted.into_inner()));
}

#[test]
fn a_store_that_hangs_costs_one_message_a_second_and_is_told() {
    let (stage, _folder, store) = remembering("observe: {http: 127.0.0.1:0}\n");
    let mut client = stage.session(OURS);
    send(&mut client, 1);
    let mut other = DNS.block_on(other_program(&store));
    DNS.block_on(other.execute("BEGIN IMMEDIATE")).unwrap();
    let waited: Vec<Duration> = (2..=11).map(|number| send(&mut client, number)).collect();
    // One of them waits, and no other. The rest is for a busy machine.
    let all = waited.iter().sum::<Duration>();
    assert!(all < Duration::from_secs(4), "{waited:?}");
    for (number, left_with) in [(1, "ledger"), (2, "-"), (11, "-")] {
        assert_eq!(signed(&stage, number), left_with, "{number}");
    }
    stage.numbers_with("backstop_store_lost_messages", 10.0);
    stage.backstop.wait_for_log(" does not keep up: ").unwrap();
    DNS.block_on(other.execute("ROLLBACK")).unwrap();
    stage.numbers_with("backstop_store_lost_messages", 0.0);
    let line = stage.backstop.wait_for_log(" can be used again; ").unwrap();
    assert!(
        line.ends_with("lost since the start: 0 outgoing messages, 0 counts"),
        "{line}"
    );
    assert_eq!(entries(&store), 11);
    send(&mut client, 12);
    assert_eq!(signed(&stage, 12), "ledger");
}

#[test]
fn status_shows_what_is_lost() {
    let (stage, _folder, store) = remembering("");
    let mut client = stage.session(OURS);
    send(&mut client, 1);
    let status = || {
        let mut status = Command::new(binary());
        status.arg("--config").arg(stage.backstop.config());
        let output = status.arg("status").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(status().contains(&format!("store sqlite:{}: answers\n", store.display())));
    // As the daemon counts what it has lost.
    DNS.block_on(async {
        let mut other = other_program(&store).await;
        let lost = "INSERT INTO coverage SELECT unixepoch() / 86400, 'outgoing', 'example.org', 'ledger:lost', 54";
        other.execute(lost).await.unwrap();
    });
    let says = "answers; 54 outgoing messages of the last 30 days are not in its ledger";
    assert!(status().contains(says), "{}", status());
}

/// Nobody's mail waits for a command, so it waits longer than mail does.
#[test]
fn a_siege_by_hand_waits_for_a_busy_store() {
    let (stage, _folder, store) = remembering("");
    send(&mut stage.session(OURS), 1);
    let mut other = DNS.block_on(other_program(&store));
    DNS.block_on(other.execute("BEGIN IMMEDIATE")).unwrap();
    let mut siege = Command::new(binary());
    siege.arg("--config").arg(stage.backstop.config());
    let siege = siege.args(["siege", "on", "example.org"]);
    let mut siege = siege
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    BufReader::new(siege.stderr.take().unwrap())
        .read_line(&mut told)
        .unwrap();
    let name = format!("sqlite:{}", store.display());
    assert!(told.starts_with(&name), "{told}");
    assert_eq!(told.matches(&name).count(), 1, "{told}");
    assert!(told.ends_with("; trying again for 10 s\n"), "{told}");
    DNS.block_on(other.execute("ROLLBACK")).unwrap();
    let output = siege.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("example.org: siege, by hand, "), "{said}");
    assert_eq!(output.status.code(), Some(0));
}
