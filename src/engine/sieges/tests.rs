//! Rounds of two hosts that share a store. What they decide is shown in `core::siege`.

mod many;

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use tempfile::TempDir;
use tokio::time::sleep;

use super::*;
use crate::{
    core::{
        address::Domain,
        siege::{Cause, Hit, Question, Record, Stored},
    },
    store::{Retention, Store, open},
};

const START: u64 = 1_799_625_600;
const KEEP: Retention = Retention {
    ledger_days: 1,
    learned_days: 1,
    max_learned: 1,
};
/// How long a round may have to be made again.
const PATIENCE: Duration = Duration::from_secs(60);

fn policy() -> Policy {
    let yaml = "local: {domains: [example.org, example.net]}";
    crate::config::parse(Path::new("m.yaml"), yaml)
        .unwrap()
        .policy
}

fn flooded() -> Domain {
    "example.org".parse().unwrap()
}

fn hosts() -> (Arc<Sieges>, Rounds) {
    let sieges = Arc::new(Sieges::default());
    let rounds = Rounds::new(Arc::clone(&sieges));
    (sieges, rounds)
}

/// Bounces to ever new recipients.
fn hit(sieges: &Sieges, from: u64) {
    hits(sieges, from..from + 100);
}

fn hits(sieges: &Sieges, numbers: Range<u64>) {
    hits_on(sieges, &flooded(), numbers);
}

fn hits_on(sieges: &Sieges, domain: &Domain, numbers: Range<u64>) {
    let mut tally = sieges.lock();
    let deltas = tally.of(domain, true);
    for number in numbers {
        let looks_random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        deltas.hit(Hit::Unproven, looks_random, looks_random);
    }
}

/// A store of its own.
pub(in crate::engine) fn store() -> (TempDir, Arc<dyn Store>) {
    let folder = lab::mta::folder_in_memory().unwrap();
    let url = format!("sqlite:{}/state.db", folder.path().display());
    let store = open(&url.parse().unwrap(), KEEP);
    (folder, store)
}

/// All records that the store has, in pieces, and its time.
async fn records(store: &dyn Store, at_once: usize) -> (BTreeMap<String, Stored>, u64) {
    let mut question = Question::default();
    let mut records = BTreeMap::new();
    loop {
        let answer = store
            .siege_changes(question.clone(), at_once)
            .await
            .unwrap();
        assert!(answer.changes.len() <= at_once && !answer.is_behind);
        if let Some((name, stored)) = answer.changes.last() {
            assert!(stored.version > question.after.version);
            (question.after.name, question.after.version) = (name.clone(), stored.version);
        }
        records.extend(answer.changes);
        if !answer.has_more {
            return (records, answer.now);
        }
    }
}

/// Waits until the store is open.
pub(in crate::engine) async fn until_open(store: &dyn Store) {
    while store.siege_changes(Question::default(), 0).await.is_err() {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Makes rounds until this is so: on a slow machine one has no time for all, and a store that was too slow once is down for
/// some seconds.
async fn until(
    rounds: &mut Rounds,
    policy: &Policy,
    store: &dyn SiegeStore,
    is_so: impl Fn(&Host) -> bool,
) {
    let begin = Instant::now();
    loop {
        rounds.round(policy, Some(store), START).await;
        if is_so(&rounds.host) {
            return;
        }
        let besieged = rounds.sieges.view().besieged();
        assert!(begin.elapsed() < PATIENCE, "{besieged} besieged");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn alone_a_host_sees_what_it_counts() {
    let policy = policy();
    let (sieges, mut rounds) = hosts();
    let mut changes = Vec::new();
    for number in 0..6 {
        hit(&sieges, number * 100);
        changes.extend(rounds.round(&policy, None, START + 10 * number).await);
    }
    assert_eq!(sieges.state(&flooded()), State::Siege);
    assert!(changes.iter().all(|change| change.cause == Cause::Rate));
    // Nobody watches any more, as after a reload.
    let mut unwatched = policy;
    unwatched.siege.watch = false;
    let changes = rounds.round(&unwatched, None, START + 60).await;
    assert_eq!(changes, []);
    assert_eq!(sieges.state(&flooded()), State::Calm);
}

#[tokio::test]
async fn what_one_host_writes_another_reads() {
    let (_folder, store) = store();
    let policy = policy();
    let (one, mut one_rounds) = hosts();
    let (other, mut other_rounds) = hosts();
    hit(&one, 0);
    until(&mut one_rounds, &policy, &*store, Host::is_settled).await;
    let (read, now) = records(&*store, 1).await;
    let names: Vec<_> = read.keys().map(String::as_str).collect();
    assert_eq!(names, ["*", "example.org", "watched*"]);
    let record = Record::from_bytes(&read["example.org"].bytes).unwrap();
    assert_eq!(record.status(&policy.siege, now).unproven, 100);

    hit(&other, 100);
    until(&mut other_rounds, &policy, &*store, Host::is_settled).await;
    let (seen, mut looks) = hosts();
    looks.look(&policy, &*store).await;
    let view = seen.view();
    let [(None, _), (Some(domain), status)] = &view.statuses[..] else {
        panic!("{view:?}");
    };
    assert_eq!((domain, status.unproven), (&flooded(), 200));
}

/// How often a server of Redis was asked for a whole hash, for what was written since, and to write records; and how many
/// octets it answered in all, with what it says here.
pub(in crate::engine) fn asked(redis: &lab::redis::Redis) -> [u64; 4] {
    let said = redis.ask(&["INFO", "everything"]).unwrap();
    let number = |name| {
        let (_, rest) = said.split_once(name).unwrap_or(("", "0"));
        let (number, _) = rest.split_once([',', '\r']).unwrap_or((rest, ""));
        number.parse::<u64>().unwrap()
    };
    [
        number("cmdstat_hgetall:calls="),
        number("cmdstat_zrangebyscore:calls="),
        number("cmdstat_zrevrange:calls="),
        number("total_net_output_bytes:") + u64::try_from(said.len()).unwrap(),
    ]
}

const SIMULATED_ROUNDS: u64 = 20;
/// The bounces that come to all hosts together while each makes a round.
const FLOOD: u64 = 1_000;

type SimulatedHost = (Arc<dyn Store>, Arc<Sieges>, Rounds);

/// Lets each host make its rounds, beside the others.
async fn rounds_of(policy: &Policy, hosts: &mut [SimulatedHost], first: u64) {
    let count = u64::try_from(hosts.len()).unwrap();
    let all = hosts.iter_mut().zip(0..);
    let all = all.map(|((store, sieges, rounds), host)| async move {
        for number in first..first + SIMULATED_ROUNDS {
            // Somewhere in the half second, here a tenth of one, that a round has.
            let pause = (host * 7 + number * 13) % 50;
            sleep(Duration::from_millis(pause)).await;
            let share = FLOOD / count;
            let from = number * FLOOD + host * share;
            hits(sieges, from..from + share);
            rounds.round(policy, Some(&**store), START + number).await;
        }
    });
    futures_util::future::join_all(all).await;
}

/// So many hosts, which share one flood, that all make their rounds at the same time. Gives what one round of one host
/// costs the server: reads, writes, and octets that it answers beside the records.
async fn cost_of_a_round(hosts: u64) -> [f64; 3] {
    let redis = lab::redis::Redis::start(lab::redis::Options::default()).unwrap();
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let policy = policy();
    let mut all = Vec::new();
    for _ in 0..hosts {
        let store = open(&url.parse().unwrap(), KEEP);
        let (sieges, mut rounds) = self::hosts();
        // It is open, and what it does then is done.
        rounds.round(&policy, Some(&*store), START).await;
        until_open(&*store).await;
        all.push((store, sieges, rounds));
    }
    // Until all know that the flood is the domain's own, they write a record more, that of all domains together. How many
    // rounds that takes, depends on who wins the races.
    let mut number = 0;
    while all
        .iter()
        .any(|(_, _, rounds)| rounds.host.is_shared(&policy.siege, &flooded()))
    {
        assert!(number < 20 * SIMULATED_ROUNDS, "{:?}", all[0].1.view());
        rounds_of(&policy, &mut all, number).await;
        number += SIMULATED_ROUNDS;
    }
    let before = asked(&redis);
    rounds_of(&policy, &mut all, number).await;
    let after = asked(&redis);
    number += SIMULATED_ROUNDS;
    // What lost a race is written by the next round.
    for (store, _, rounds) in &mut all {
        until(rounds, &policy, &**store, Host::is_settled).await;
    }
    let (records, _) = records(&*all[0].0, 100).await;
    let flooded = &records[flooded().as_str()];
    let size = flooded.bytes.len();
    let (seen, mut looks) = self::hosts();
    looks.look(&policy, &*all[0].0).await;
    let view = seen.view();
    let (_, status) = view
        .statuses
        .iter()
        .find(|(name, _)| name.is_some())
        .unwrap();
    assert_eq!(u64::from(status.unproven), number * FLOOD);
    let rounds = (hosts * SIMULATED_ROUNDS) as f64;
    let sums = after.iter().zip(before);
    let costs: Vec<_> = sums
        .map(|(after, before)| (after - before) as f64 / rounds)
        .collect();
    let [_, reads, writes, octets]: [f64; 4] = costs.try_into().unwrap();
    [reads, writes, octets - size as f64]
}

/// `packaging/doc/several-hosts.md` states this.
#[tokio::test]
async fn a_round_costs_each_of_20_hosts_what_it_costs_each_of_2() {
    let [of_2, of_20] = [cost_of_a_round(2).await, cost_of_a_round(20).await];
    eprintln!(
        "reads, writes, octets beside the records of a round: {of_2:?} with 2 hosts, {of_20:?} with 20"
    );
    for [reads, writes, beside] in [of_2, of_20] {
        assert!(reads <= 1.1, "{of_2:?} {of_20:?}");
        assert!(writes <= 1.1, "{of_2:?} {of_20:?}");
        // Names, versions, lengths, the time, and the answer to a write.
        assert!(beside <= 400.0, "{of_2:?} {of_20:?}");
    }
}
