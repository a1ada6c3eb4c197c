//! Rounds of two hosts that share a store. What they decide is shown in `core::siege`.

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use tempfile::TempDir;

use super::*;
use crate::{
    core::{
        address::Domain,
        pattern::DomainPattern,
        siege::{Answer, Cause, Deltas, Hit, Question, Record, Stored},
    },
    store::{Retention, Store, StoreAnswer, open},
};

const START: u64 = 1_799_625_600;

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
    let retention = Retention {
        ledger_days: 1,
        learned_days: 1,
        max_learned: 1,
    };
    let store = open(&url.parse().unwrap(), retention);
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
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
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
    one_rounds.round(&policy, Some(&*store), START).await;
    let (read, now) = records(&*store, 1).await;
    let names: Vec<_> = read.keys().map(String::as_str).collect();
    assert_eq!(names, ["*", "example.org", "watched*"]);
    let record = Record::from_bytes(&read["example.org"].bytes).unwrap();
    assert_eq!(record.status(&policy.siege, now).unproven, 100);

    hit(&other, 100);
    other_rounds.round(&policy, Some(&*store), START).await;
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
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
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
    let retention = Retention {
        ledger_days: 1,
        learned_days: 1,
        max_learned: 1,
    };
    let mut all = Vec::new();
    for _ in 0..hosts {
        let store = open(&url.parse().unwrap(), retention);
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
        let now = START + number;
        rounds.round(&policy, Some(&**store), now).await;
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

/// Stores of both kinds.
fn stores() -> (TempDir, lab::redis::Redis, [Arc<dyn Store>; 2]) {
    let (folder, sqlite) = store();
    let redis = lab::redis::Redis::start(lab::redis::Options::default()).unwrap();
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let retention = Retention {
        ledger_days: 1,
        learned_days: 1,
        max_learned: 1,
    };
    let other = open(&url.parse().unwrap(), retention);
    (folder, redis, [sqlite, other])
}

fn numbered(number: usize) -> Domain {
    format!("d{number}.example").parse().unwrap()
}

fn many(count: usize) -> Policy {
    let domains = (0..count).map(numbered).map(DomainPattern::Itself);
    let mut policy = policy();
    policy.local.domains = domains.collect();
    policy
}

/// A record that is kept: some bounces an hour are usual.
async fn fill(store: &dyn Store, policy: &Policy) {
    let mut rounds = Vec::new();
    let question = Question::default();
    let record = learned(store.siege_changes(question, 0).await.unwrap().now);
    for pattern in policy.local.domains.iter() {
        let DomainPattern::Itself(domain) = pattern else {
            continue;
        };
        rounds.push(SiegeWrite {
            name: domain.to_string(),
            bytes: record.clone(),
            ..SiegeWrite::default()
        });
    }
    // Small pieces: a store has a second for each, beside other tests.
    for writes in rounds.chunks(100) {
        let count = writes.len();
        let written = store.write_siege_records(writes.to_vec()).await.unwrap();
        let is_written = |written: &&Written| matches!(written, Written::Version(_));
        assert_eq!(written.iter().filter(is_written).count(), count);
    }
}

/// The record of a domain to which six hits came in an hour.
fn learned(now: u64) -> Vec<u8> {
    let settings = &policy().siege;
    let mut record = Record::new(now - 7_200);
    for number in 0..90_u64 {
        let mut deltas = Deltas::default();
        if number % 10 == 0 {
            deltas.hit(
                Hit::Unproven,
                number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
                number << 58 | number << 52,
            );
        }
        record.step(settings, &deltas, now - 7_200 + number * 60);
    }
    assert!(!record.is_idle(now));
    record.to_bytes()
}

const MANY: usize = 4_000;

/// Records of thousands of domains are read once, in pieces. A round in which nothing came reads nothing of them and writes
/// nothing, by whatever the server and the file count; one in which something came to ten, reads and writes these.
#[tokio::test]
async fn a_quiet_round_reads_and_writes_nothing() {
    let (_folder, redis, stores) = stores();
    let policy = many(MANY);
    for store in stores {
        until_open(&*store).await;
        fill(&*store, &policy).await;
        let (sieges, mut rounds) = hosts();
        let mut now = START;
        let known = |sieges: &Sieges| {
            State::ALL
                .map(|state| sieges.view().count(state))
                .iter()
                .sum::<usize>()
        };
        while known(&sieges) < MANY {
            rounds.round(&policy, Some(&*store), now).await;
            now += 1;
            assert!(now < START + 600, "{:?}", sieges.view());
        }
        // What somebody watches is written and read.
        rounds.round(&policy, Some(&*store), now).await;
        rounds.round(&policy, Some(&*store), now).await;
        let after = rounds.host.question().after;
        let written = async || {
            let question = Question {
                after: after.clone(),
                ..Question::default()
            };
            let answer = store.siege_changes(question, 1_000).await.unwrap();
            Vec::from_iter(answer.changes.into_iter().map(|(name, _)| name))
        };
        let octets = asked(&redis)[3];
        for _ in 0..10 {
            rounds.round(&policy, Some(&*store), now).await;
        }
        let said = asked(&redis)[3] - octets;
        assert!(said < 10 * 300 + 30_000, "{said}");
        assert_eq!(written().await, Vec::<String>::new());
        for number in 0..10 {
            let domain = numbered(number * MANY / 10);
            hits_on(&sieges, &domain, 0..1);
        }
        let octets = asked(&redis)[3];
        rounds.round(&policy, Some(&*store), now).await;
        rounds.round(&policy, Some(&*store), now).await;
        let said = asked(&redis)[3] - octets;
        assert!(said < 11 * 1_000 + 30_000, "{said}");
        let changed = written().await;
        assert_eq!(changed.len(), 11, "{changed:?}");
    }
}

/// A minute of a flood on hundreds of domains at once, over two hosts: each is besieged within that minute, whichever host
/// wins the races, and no other domain is. A host that starts then knows them all.
#[tokio::test]
async fn hundreds_are_besieged_within_a_minute() {
    let (_folder, _redis, stores) = stores();
    let policy = many(600);
    let domains = Vec::from_iter((0..600).map(numbered));
    let (flooded, spared) = domains.split_at(500);
    for store in &stores {
        until_open(&**store).await;
        fill(&**store, &policy).await;
        let [mut one, mut other, mut late] = [(); 3].map(|()| hosts());
        let ahead = |seconds| Ahead { store, seconds };
        for seconds in [0, 20, 40, 60] {
            // 96 bounces a minute in all; usual is one in ten minutes.
            for ((sieges, rounds), first) in [&mut one, &mut other].into_iter().zip([0, 16]) {
                let from = seconds * 2 + first;
                for domain in flooded {
                    hits_on(sieges, domain, from..from + 16);
                }
                rounds.round(&policy, Some(&ahead(seconds)), START).await;
            }
        }
        // What the one that came last wrote.
        for (_, rounds) in [&mut one, &mut late] {
            rounds.round(&policy, Some(&ahead(60)), START).await;
        }
        for (sieges, _) in [one, other, late] {
            let view = sieges.view();
            for (domains, wanted) in [(flooded, State::Siege), (spared, State::Calm)] {
                for domain in domains {
                    assert_eq!(view.state(domain), wanted, "{domain}");
                }
            }
            // A hundred of them are shown, and all together.
            assert_eq!((view.besieged(), view.statuses.len()), (500, 101));
            assert!(!view.all().is_besieged());
        }
    }
}

/// A store whose clock is ahead.
struct Ahead<'a> {
    store: &'a Arc<dyn Store>,
    seconds: u64,
}

impl SiegeStore for Ahead<'_> {
    fn siege_changes(&self, question: Question, most: usize) -> StoreAnswer<'_, Answer> {
        Box::pin(async move {
            let mut answer = self.store.siege_changes(question, most).await?;
            answer.now += self.seconds;
            Ok(answer)
        })
    }

    fn write_siege_records(&self, writes: Vec<SiegeWrite>) -> StoreAnswer<'_, Vec<Written>> {
        self.store.write_siege_records(writes)
    }
}
