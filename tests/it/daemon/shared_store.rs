//! Two MX hosts that share a store: what one has sent, a bounce that comes to the other proves.

use std::time::Duration;

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

const FAR: &str = "far@friend.example";

/// The verdict, reason and proof of a bounce that returns this message.
fn told(stage: &Stage, rcpt: &str, ours: &Ours) -> String {
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

#[test]
fn what_one_host_sent_comes_home_to_the_other() {
    let redis = Redis::start(Options::default()).unwrap();
    let folder = mta::folder().unwrap();
    let yaml = format!(
        "mode: enforce\nlocal: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         proof: {{keys: {}, ledger: {{remember: true}}, dkim: {{verify: false}}, unproven: reject, replay_limit: 2}}\n\
         store: redis://127.0.0.1:{}\n",
        key_file(folder.path()).display(),
        redis.port()
    );
    let (one, other) = (Stage::set(&yaml), Stage::set(&yaml));
    let ours = Ours::new("shared", FAR);
    assert_eq!(told(&other, "a@example.org", &ours), "reject unproven");

    let mut client = one.session("10.0.0.1");
    client.mail("joe@example.org", &[]).unwrap();
    assert_eq!(client.rcpt(FAR, &[]).unwrap(), Reply::Continue);
    let lines = ours.headers.replace("\r\n", "\n");
    assert_eq!(headers(&mut client, &lines).unwrap(), Reply::Continue);
    assert_eq!(client.eom().unwrap().reply, Reply::Continue);
    // Whoever sent it knows at once; the other as soon as it is written.
    assert_eq!(
        told(&one, "b@example.org", &ours),
        "accept message_id_known"
    );
    let keys = |pattern: &str| redis.ask(&["KEYS", pattern]).unwrap();
    let written = || Ok(keys("backstop:1:m:*").lines().count() > 0);
    wait_until(Duration::from_secs(10), written).unwrap();
    assert_eq!(
        told(&other, "c@example.org", &ours),
        "accept message_id_known"
    );
    // Each use counts for both.
    for (stage, rcpt) in [(&one, "d@example.org"), (&other, "e@example.org")] {
        assert_eq!(told(stage, rcpt, &ours), "reject proof_replayed");
    }
    assert!(!keys("*").contains("example"), "{}", keys("*"));
}
