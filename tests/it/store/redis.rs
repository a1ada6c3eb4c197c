//! What can be wrong with a server, and that mail does not suffer from it.

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use backstop::{
    core::{learned::Learn, proof::coverage::CoverageCount},
    store::{Reason, Retention, Store, StoreUrl, Unavailable, open, siege_record},
};
use futures_util::future::join_all;
use lab::redis::{Options, Redis};
use tokio::{net::TcpListener, time::timeout};

use super::place::{
    self, AGAIN, KEEP, PATIENCE, accepted, again, hash, message, now, redis_url, refusals,
    remembers, today, until, until_learned, until_open, until_refused, until_remembered,
    until_written, url, use_proof,
};

fn start(options: Options) -> Redis {
    Redis::start(options).unwrap()
}

async fn opened(redis: &Redis) -> Arc<dyn Store> {
    let store = open(&redis_url(redis), KEEP);
    until_open(&*store).await;
    store
}

async fn refusal(store: &dyn Store) -> Unavailable {
    store.sent(vec![hash(u64::MAX)]).await.unwrap_err()
}

async fn use_once(store: &dyn Store) -> Result<u32, Unavailable> {
    use_proof(store, hash(1), now(), now() + 600).await
}

async fn write_record(
    store: &dyn Store,
    seen: u64,
    bytes: &[u8],
) -> Result<Option<u64>, Unavailable> {
    place::write_record(store, "example.org", seen, bytes).await
}

/// Waits until a use can't be counted, for this reason.
async fn until_unused(store: &dyn Store, reason: Reason) -> Unavailable {
    let mut refusal = None;
    until("it is refused", async || {
        refusal = use_once(store).await.err();
        refusal
            .as_ref()
            .is_some_and(|error| error.reason() == reason)
    })
    .await;
    refusal.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_strangers_make_leaves_our_own_mail_its_place() {
    let redis = Redis::stopped(Options::default()).unwrap();
    let store = open(&redis_url(&redis), KEEP);
    until_refused(&*store, Reason::Down).await;
    let outcome = || CoverageCount::Bounce {
        outcome: "unproven".to_owned(),
    };
    for number in 0..12_000 {
        // What is counted again needs no more room.
        store.count(1, outcome());
        store.learn(accepted(number));
    }
    // The writer has up to a thousand in hand.
    let lost = store.health().lost.counts;
    assert!((5_900..=7_002).contains(&lost), "{lost}");
    store.remember(message(1));
    assert!(remembers(&*store, 1).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_come_later() {
    let mut redis = Redis::stopped(Options::default()).unwrap();
    let store = open(&redis_url(&redis), KEEP);
    let error = until_refused(&*store, Reason::Down).await;
    assert!(error.to_string().contains("redis://127.0.0.1"), "{error}");
    assert_eq!(refusals(&*store).await, [Some(Reason::Down); 3]);
    store.learn(accepted(1));
    for number in 1..=20_000 {
        store.remember(message(number));
    }
    // All but what the queue has room for.
    let health = store.health();
    assert_eq!(health.lost.messages, 10_000, "{health:?}");
    assert_eq!(health.down.map(|error| error.reason()), Some(Reason::Down));
    // What waits there proves its bounces meanwhile.
    assert!(remembers(&*store, 1).await);
    assert!(store.last_sent(vec![hash(0)]).await.unwrap().is_some());

    redis.start_again().unwrap();
    until_remembered(&*store, 1).await;
    until_remembered(&*store, 10_000).await;
    until_learned(&*store, 1).await;
    assert_eq!(refusals(&*store).await, [None; 3]);
    assert!(!remembers(&*store, 10_001).await);
    store.remember(message(30_000));
    until_remembered(&*store, 30_000).await;
    assert_eq!(store.health().down, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_may_go_and_come_back() {
    let mut redis = start(Options::default());
    let store = opened(&redis).await;
    assert_eq!(use_once(&*store).await, Ok(1));
    let version = write_record(&*store, 0, b"a").await.unwrap().unwrap();
    redis.kill().unwrap();
    until_unused(&*store, Reason::Down).await;
    assert_eq!(refusals(&*store).await, [Some(Reason::Down); 3]);
    store.remember(message(1));
    store.learn(accepted(1));
    redis.start_again().unwrap();
    until_remembered(&*store, 1).await;
    until_learned(&*store, 1).await;
    // It has lost the records, which are written anew.
    assert_eq!(write_record(&*store, version, b"b").await, Ok(None));
    assert!(write_record(&*store, 0, b"b").await.unwrap().unwrap() > version);
    assert_eq!(use_once(&*store).await, Ok(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let redis = start(Options::default());
    let store = opened(&redis).await;
    assert_eq!(use_once(&*store).await, Ok(1));
    store.learn(accepted(1));
    until_learned(&*store, 1).await;
    let version = write_record(&*store, 0, b"a").await.unwrap().unwrap();
    redis.ask(&["SCRIPT", "FLUSH"]).unwrap();
    assert_eq!(use_once(&*store).await, Ok(2));
    assert!(
        write_record(&*store, version, b"b")
            .await
            .unwrap()
            .is_some()
    );
    store.learn(accepted(2));
    until_learned(&*store, 2).await;
    assert_eq!(store.health().failures, 0);
    store.remember(message(1));
    until_remembered(&*store, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_is_not_waited_for_again() {
    let redis = start(Options::default());
    let store = opened(&redis).await;
    assert_eq!(use_once(&*store).await, Ok(1));
    redis.pause().unwrap();
    let error = refusal(&*store).await;
    assert_eq!(error.reason(), Reason::Slow, "{error}");
    // Known to be down, and so answered without a wait: a thousand waits would be a quarter of an hour.
    let questions = async {
        for _ in 0..1_000 {
            assert_eq!(refusal(&*store).await.reason(), Reason::Slow);
            assert_eq!(refusals(&*store).await, [Some(Reason::Slow); 3]);
        }
    };
    timeout(PATIENCE, questions).await.unwrap();
    store.remember(message(1));
    store.learn(accepted(1));
    redis.resume().unwrap();
    until_remembered(&*store, 1).await;
    until_learned(&*store, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_costs_one_attempt_at_a_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tries, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (open_now, seen, most_open) = (Arc::new(AtomicUsize::new(0)), tries.clone(), most.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::SeqCst);
            let now_open = open_now.fetch_add(1, Ordering::SeqCst) + 1;
            most_open.fetch_max(now_open, Ordering::SeqCst);
            let open_now = Arc::clone(&open_now);
            tokio::spawn(async move {
                // Says nothing, until the client goes.
                let mut buffer = [0; 512];
                loop {
                    stream.readable().await.unwrap();
                    match stream.try_read(&mut buffer) {
                        Ok(0) => break,
                        Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
                        _ => {}
                    }
                }
                open_now.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    let store = open(&url(&format!("redis://{address}")), KEEP);
    for number in 1..=500 {
        store.remember(message(number));
    }
    let questions = (0..500).map(|_| store.sent(vec![hash(u64::MAX)]));
    assert!(join_all(questions).await.iter().all(Result::is_err));
    until("it is tried again", async || {
        refusal(&*store).await;
        tries.load(Ordering::SeqCst) >= 2
    })
    .await;
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_is_read() {
    let redis = start(Options::default());
    let store = opened(&redis).await;
    store.remember(message(1));
    until_remembered(&*store, 1).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    let error = until_unused(&*store, Reason::Full).await;
    assert!(error.to_string().contains("give it room"), "{error}");
    assert!(!error.to_string().contains("script"), "{error}");
    assert!(remembers(&*store, 1).await);
    assert_eq!(refusals(&*store).await, [None, None, Some(Reason::Full)]);
    store.learn(accepted(2));
    let failures = store.health().failures;
    store.remember(message(2));
    until("the write failed", async || {
        store.health().failures > failures
    })
    .await;
    assert_eq!(store.health().waiting, 2);
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    until_remembered(&*store, 2).await;
    until_learned(&*store, 2).await;
    assert_eq!(refusals(&*store).await, [None; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_read() {
    let redis = start(Options::default());
    let store = opened(&redis).await;
    store.remember(message(1));
    until_remembered(&*store, 1).await;
    // Of nobody: it keeps what it has, and takes no writes.
    let nobody = lab::process::free_port().unwrap().to_string();
    redis.ask(&["REPLICAOF", "127.0.0.1", &nobody]).unwrap();
    until_unused(&*store, Reason::ReadOnly).await;
    assert!(remembers(&*store, 1).await);
    let read_only = [None, None, Some(Reason::ReadOnly)];
    assert_eq!(refusals(&*store).await, read_only);
    store.remember(message(2));
    store.learn(accepted(2));
    redis.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();
    until_remembered(&*store, 2).await;
    until_learned(&*store, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_newer_version_stored_is_left_alone() {
    let redis = start(Options::default());
    redis.ask(&["SET", "backstop:schema", "2"]).unwrap();
    let store = open(&redis_url(&redis), KEEP);
    store.remember(message(1));
    store.learn(accepted(1));
    until_refused(&*store, Reason::Newer).await;
    assert_eq!(refusals(&*store).await, [Some(Reason::Newer); 3]);
    assert!(use_once(&*store).await.is_err());
    store.flush().await;
    assert_eq!(redis.ask(&["KEYS", "*"]).unwrap(), "backstop:schema");
    assert_eq!(redis.ask(&["GET", "backstop:schema"]).unwrap(), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_has_a_lifetime() {
    let redis = start(Options::default());
    let store = open(&redis_url(&redis), KEEP);
    store.remember(message(1));
    store.count(
        now() / 86_400,
        backstop::core::proof::coverage::CoverageCount::Bounce {
            outcome: "batv".to_owned(),
        },
    );
    store.learn(accepted(1));
    until_written(&*store).await;
    assert_eq!(use_once(&*store).await, Ok(1));
    assert!(write_record(&*store, 0, b"a").await.unwrap().is_some());
    let lifetimes = redis
        .ask(&[
            "EVAL",
            "local all = {} for i, key in ipairs(redis.call('KEYS', '*')) do all[i] = redis.call('TTL', key) end
             return all",
            "0",
        ])
        .unwrap();
    let lifetimes: Vec<i64> = lifetimes
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    // The schema, a message, a sender, a use, what was counted, what was learned, and of the sieges the
    // records and their versions.
    assert_eq!(lifetimes.len(), 8);
    assert!(lifetimes.iter().all(|&left| left > 0), "{lifetimes:?}");
}

async fn denied(url: &StoreUrl) {
    let error = until_refused(&*open(url, KEEP), Reason::Denied).await;
    assert!(!error.to_string().contains("letmein"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_wants_its_password() {
    let redis = start(Options {
        password: Some("letmein".to_owned()),
        lines: vec![
            "user mx on >letmein2 ~backstop:* +@all".to_owned(),
            "user other on >letmein3 ~other:* +@all".to_owned(),
        ],
        ..Options::default()
    });
    let port = redis.port();
    let folder = lab::mta::folder_in_memory().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "letmein\n").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let in_file = url(&format!(
        "redis://127.0.0.1:{port}?password_file={}",
        file.display()
    ));
    let socket = redis.socket();
    let over_socket = url(&format!(
        "redis+unix://{}?password_file={}",
        socket.display(),
        file.display()
    ));
    for (number, right) in [
        &url(&format!("redis://:letmein@127.0.0.1:{port}")),
        &url(&format!("redis://mx:letmein2@127.0.0.1:{port}")),
        &in_file,
        &over_socket,
    ]
    .into_iter()
    .enumerate()
    {
        let store = open(right, KEEP);
        until_open(&*store).await;
        assert!(use_once(&*store).await.is_ok(), "{right}");
        assert_eq!(refusals(&*store).await, [None; 3], "{right}");
        store.learn(accepted(number as u64));
        until_learned(&*store, number as u64).await;
    }
    denied(&url(&format!("redis://127.0.0.1:{port}"))).await;
    denied(&url(&format!("redis://:letmein2@127.0.0.1:{port}"))).await;
    denied(&url(&format!("redis://mx:letmein@127.0.0.1:{port}"))).await;
    denied(&url(&format!("redis://other:letmein3@127.0.0.1:{port}"))).await;

    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    denied(&in_file).await;
    fs::remove_file(&file).unwrap();
    denied(&in_file).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_is_read_anew() {
    let redis = start(Options {
        password: Some("letmein".to_owned()),
        ..Options::default()
    });
    let folder = lab::mta::folder_in_memory().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "before").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
    let port = redis.port();
    let file_url = format!("redis://127.0.0.1:{port}?password_file={}", file.display());
    let store = open(&url(&file_url), KEEP);
    until_refused(&*store, Reason::Denied).await;
    fs::write(&file, "letmein").unwrap();
    until_open(&*store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_believes_the_ca_it_is_given_and_no_other() {
    let redis = start(Options {
        tls: true,
        password: Some("letmein".to_owned()),
        ..Options::default()
    });
    let (port, ca) = (redis.port(), redis.ca());
    let ca = ca.display();
    let store = open(
        &url(&format!("rediss://:letmein@127.0.0.1:{port}?ca={ca}")),
        KEEP,
    );
    until_open(&*store).await;
    store.remember(message(1));
    until_remembered(&*store, 1).await;

    let other = start(Options {
        tls: true,
        ..Options::default()
    });
    for wrong in [
        // The system does not know the CA; it is another's; the name is not that of the certificate; no TLS at all.
        format!("rediss://:letmein@127.0.0.1:{port}"),
        format!(
            "rediss://:letmein@127.0.0.1:{port}?ca={}",
            other.ca().display()
        ),
        format!("rediss://:letmein@localhost:{port}?ca={ca}"),
        format!("redis://:letmein@127.0.0.1:{port}"),
    ] {
        let store = open(&url(&wrong), KEEP);
        let error = refusal(&*store).await;
        assert!(!error.to_string().contains("letmein"), "{error}");
        assert!(store.health().down.is_some(), "{wrong}");
    }
    let unknown = open(&url(&format!("rediss://127.0.0.1:{port}")), KEEP);
    let error = until_refused(&*unknown, Reason::Down).await;
    assert!(error.to_string().contains("?ca=PATH"), "{error}");
    let missing = url(&format!("rediss://127.0.0.1:{port}?ca=/nonexistent/ca.pem"));
    let error = until_refused(&*open(&missing, KEEP), Reason::Denied).await;
    assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
}

/// Our clock is an hour late here, the server's isn't: a server whose clock is wrong looks the same.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_whose_clocks_differ_agree_on_the_time_of_the_server() {
    let test = "redis::hosts_whose_clocks_differ_agree_on_the_time_of_the_server";
    if let Some(at) = env::var_os(AGAIN) {
        return an_hour_late(&url(at.to_str().unwrap())).await;
    }
    let redis = start(Options::default());
    let store = opened(&redis).await;
    let first = write_record(&*store, 0, b"first").await.unwrap().unwrap();
    let before = now();
    let at = redis_url(&redis).to_string();
    let runner = ["faketime", "-f", "-1h"];
    let output = again(test, at, &runner)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let told = said.lines().find_map(|line| line.split_once("told "));
    let (server, host) = told.unwrap().1.split_once(' ').unwrap();
    let (server, host): (u64, u64) = (server.parse().unwrap(), host.parse().unwrap());
    assert!((before..=now()).contains(&server), "{said}");
    assert!((before - 3_600..=now() - 3_600).contains(&host), "{said}");
    // What they wrote came later, whatever their clock says.
    let (record, _) = siege_record(&*store, "example.org").await.unwrap();
    let record = record.unwrap();
    assert_eq!(record.bytes, b"second");
    assert!(record.version > first);
}

async fn an_hour_late(url: &StoreUrl) {
    let store = open(url, KEEP);
    until_open(&*store).await;
    let (record, told) = siege_record(&*store, "example.org").await.unwrap();
    let written = write_record(&*store, record.unwrap().version, b"second").await;
    assert!(written.unwrap().is_some());
    println!("told {told} {}", now());
}

/// All hashes with small numbers are in one key.
#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_share_a_key_have_room_for_their_share() {
    const SHARE: u64 = 65;
    const KEY: &str = "backstop:1:learned:0000";
    let redis = start(Options::default());
    let keep = Retention {
        // Their share is 45; they may have more by three times the root of that.
        max_learned: 45 * 8_192,
        ..KEEP
    };
    let store = open(&redis_url(&redis), keep);
    let seen = |number, day| Learn {
        address: hash(number),
        day,
        sent: false,
    };
    let length = || -> u64 { redis.ask(&["HLEN", KEY]).unwrap().parse().unwrap() };
    let is_known = async |number| store.learned(vec![hash(number)]).await.unwrap().is_some();
    let today = today();
    // One that is over, though the server can't know it.
    redis
        .ask(&["HSET", KEY, "0123456789abcdef", "9 100 100", "since", "90"])
        .unwrap();
    for number in 0..SHARE {
        store.learn(seen(number, today - 2));
        if number < 2 {
            store.learn(seen(number, today - 1));
        }
        until_written(&*store).await;
    }
    // And what stands beside them: since when they are kept.
    assert_eq!(length(), SHARE + 1);
    for number in 0..SHARE {
        assert!(is_known(number).await, "{number}");
    }
    // One too many: an eighth goes, of those that were seen once.
    store.learn(seen(100, today));
    until_written(&*store).await;
    let left = SHARE - SHARE / 8 + 2;
    assert_eq!(length(), left);
    assert!(is_known(0).await && is_known(1).await && is_known(100).await);
    for number in 101..300 {
        store.learn(seen(number, today));
    }
    until_written(&*store).await;
    assert!((left..=SHARE + 1).contains(&length()), "{}", length());
    assert!(is_known(0).await && is_known(1).await && is_known(299).await);
    for number in 2..SHARE {
        assert!(!is_known(number).await, "{number}");
    }
}
