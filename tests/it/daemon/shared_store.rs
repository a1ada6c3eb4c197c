//! A store on a server: two MX hosts share it, and none waits for it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use lab::{
    milter::Reply,
    mta,
    process::wait_until,
    redis::{Options, Redis},
};

use super::{SENDER, Stage, field, headers};
use crate::{
    batv::key_file,
    bounce::{BOUNCE, Ours, body},
};

pub(super) const FAR: &str = "far@friend.example";

/// The verdict, reason and proof of a bounce that returns this message.
pub(super) fn told(stage: &Stage, rcpt: &str, ours: &Ours) -> String {
    let mut client = stage.session(SENDER);
    client.mail("", &[]).unwrap();
    assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
    assert_eq!(headers(&mut client, BOUNCE).unwrap(), Reply::Continue);
    client.body(body(FAR, ours).as_bytes()).unwrap();
    client.eom().unwrap();
    let line = stage.decision(rcpt);
    ["verdict", "reason"]
        .map(|name| field(&line, name))
        .join(" ")
}

/// A host's configuration.
fn yaml(redis: &Redis, keys: &Path) -> String {
    format!(
        "mode: enforce\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         proof: {{key_file: {}, ledger: {{remember: true}}, dkim: {{verify: false}}, unproven: reject, replay_limit: 2}}\n\
         store: redis://127.0.0.1:{}\n",
        keys.display(),
        redis.port()
    )
}

pub(super) fn sends(stage: &Stage, ours: &Ours) {
    let mut client = stage.session("10.0.0.1");
    client.mail("joe@example.org", &[]).unwrap();
    assert_eq!(client.rcpt(FAR, &[]).unwrap(), Reply::Continue);
    let lines = ours.headers.replace("\r\n", "\n");
    assert_eq!(headers(&mut client, &lines).unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
}

#[test]
fn what_one_host_sent_comes_home_to_the_other() {
    let redis = Redis::start(Options::default()).unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let yaml = yaml(&redis, &key_file(folder.path()));
    let (one, other) = (Stage::set(&yaml), Stage::set(&yaml));
    let ours = Ours::new("shared", FAR);
    assert_eq!(told(&other, "a@example.org", &ours), "reject unproven");

    sends(&one, &ours);
    // Whoever sent it knows at once; the other as soon as it is written.
    assert_eq!(told(&one, "b@example.org", &ours), "accept ledger");
    let keys = |pattern: &str| redis.ask(&["KEYS", pattern]).unwrap();
    let written = || Ok(keys("backstop:1:message:*").lines().count() > 0);
    wait_until(lab::mta::PATIENCE, written).unwrap();
    assert_eq!(told(&other, "c@example.org", &ours), "accept ledger");
    // Each use counts for both.
    for (stage, rcpt) in [(&one, "d@example.org"), (&other, "e@example.org")] {
        assert_eq!(told(stage, rcpt, &ours), "reject proof_replayed");
    }
    assert!(!keys("*").contains("example"), "{}", keys("*"));
}

/// The password changed, say, or the server moved: the file is mended after messages have left that wait to be remembered.
#[test]
fn a_reload_takes_along_what_the_former_store_could_not_write() {
    let mut gone = Redis::start(Options::default()).unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let keys = key_file(folder.path());
    let stage = Stage::set(&yaml(&gone, &keys));
    gone.kill().unwrap();
    let ours: Vec<_> = (0..30)
        .map(|number| Ours::new(&format!("moved{number}"), FAR))
        .collect();
    for ours in &ours {
        sends(&stage, ours);
    }
    let redis = Redis::start(Options::default()).unwrap();
    stage.reload(&yaml(&redis, &keys), "reloaded ");
    let written = || {
        let keys = redis.ask(&["KEYS", "backstop:1:message:*"]).unwrap();
        // A hash may have a line end in it.
        Ok(keys.matches("backstop:1:message:").count() == ours.len())
    };
    let came = wait_until(Duration::from_secs(20), written);
    assert!(came.is_ok(), "{}", stage.backstop.log());
    for (number, ours) in ours.iter().enumerate().step_by(9) {
        let rcpt = format!("a{number}@example.org");
        assert_eq!(told(&stage, &rcpt, ours), "accept ledger");
    }
    let log = stage.backstop.log();
    assert!(!log.contains("are lost"), "{log}");
}

/// A server that hangs delays no outgoing mail, and costs a bounce a second; it is refused nothing for that.
#[test]
fn nobody_waits_for_a_store_that_hangs() {
    let redis = Redis::start(Options::default()).unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let stage = Stage::set(&yaml(&redis, &key_file(folder.path())));
    let ours = Ours::new("before", FAR);
    sends(&stage, &ours);
    redis.pause().unwrap();
    let mut took: Vec<Duration> = (0..50)
        .map(|number| {
            let begun = Instant::now();
            sends(&stage, &Ours::new(&format!("hanging{number}"), FAR));
            begun.elapsed()
        })
        .collect();
    // One waits for the store's second, or four at most: on a busy machine their sum says little.
    took.sort_unstable();
    assert!(took[45] < Duration::from_millis(700), "{took:?}");
    // What waits to be written proves its bounces; of the rest nobody can tell.
    let waiting = told(&stage, "a@example.org", &Ours::new("hanging7", FAR));
    assert_eq!(waiting, "accept ledger");
    let begun = Instant::now();
    for rcpt in ["b@example.org", "c@example.org", "d@example.org"] {
        let unknown = Ours::new("unknown", FAR);
        assert_eq!(told(&stage, rcpt, &unknown), "tag unproven");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    redis.resume().unwrap();
    let mut number = 0;
    let back = || {
        number += 1;
        let told = told(&stage, &format!("e{number}@example.org"), &ours);
        assert!(!told.starts_with("reject"), "{told}");
        Ok(told == "accept ledger")
    };
    wait_until(Duration::from_secs(20), back).unwrap();
}

/// How many commands a server was given in all, those of its scripts and of nobody's mail left out.
fn commands(redis: &Redis) -> u32 {
    let said = redis.ask(&["INFO", "commandstats"]).unwrap();
    let calls = said.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        let (calls, _) = rest.split_once(',')?;
        let is_mail = [
            "mget",
            "get",
            "set",
            "eval",
            "evalsha",
            "multi",
            "exec",
            "hincrby",
            "hset",
            "expire",
            "zadd",
            "zscore",
            "zremrangebyscore",
            "zremrangebyrank",
        ];
        is_mail
            .contains(&name)
            .then(|| calls.parse::<u32>().unwrap())
    });
    calls.sum()
}

/// `packaging/doc/several-hosts.md` states this.
#[test]
fn a_message_costs_the_server_a_few_commands() {
    let redis = Redis::start(Options::default()).unwrap();
    let folder = mta::folder_in_memory().unwrap();
    let yaml = yaml(&redis, &key_file(folder.path()));
    let stage = Stage::set(&format!("{yaml}siege: {{watch: false}}\n"));
    let ours: Vec<_> = (0..50)
        .map(|number| Ours::new(&format!("cost{number}"), FAR))
        .collect();
    let strange: Vec<_> = (0..50)
        .map(|number| Ours::new(&format!("none{number}"), FAR))
        .collect();
    stage.serves();
    let settled = || {
        let mut before = commands(&redis);
        wait_until(Duration::from_secs(20), || {
            std::thread::sleep(Duration::from_millis(200));
            let now = commands(&redis);
            Ok(std::mem::replace(&mut before, now) == now)
        })
        .unwrap();
        commands(&redis)
    };
    let mut costs = Vec::new();
    let mut begun = settled();
    let mut cost = |kind: &str, play: &dyn Fn(usize)| {
        (0..50).for_each(play);
        let ended = settled();
        let per_message = f64::from(ended - begun) / 50.0;
        begun = ended;
        costs.push((kind.to_owned(), per_message));
    };
    cost("a stranger's message", &|_| stage.serves());
    cost("an outgoing message", &|number| {
        sends(&stage, &ours[number])
    });
    cost("a bounce that the ledger proves", &|number| {
        let rcpt = format!("p{number}@example.org");
        assert_eq!(told(&stage, &rcpt, &ours[number]), "accept ledger");
    });
    cost("a bounce that proves nothing", &|number| {
        let rcpt = format!("u{number}@example.org");
        assert_eq!(told(&stage, &rcpt, &strange[number]), "reject unproven");
    });
    eprintln!("{costs:?}");
    let text = std::fs::read_to_string("packaging/doc/several-hosts.md").unwrap();
    for (kind, cost) in costs {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| {kind} | ")));
        let stated = row
            .unwrap_or_else(|| panic!("no row of {kind}"))
            .rsplit('|')
            .nth(1)
            .unwrap()
            .trim();
        let stated: f64 = stated.parse().unwrap();
        assert!(cost <= stated, "{kind}: {cost} commands, {stated} stated");
    }
}
