//! Thousands of domains, in real stores.

use super::*;
use crate::{
    core::{
        pattern::DomainPattern,
        siege::{Answer, Deltas},
    },
    store::StoreAnswer,
};

/// Stores of both kinds.
fn stores() -> (TempDir, lab::redis::Redis, [Arc<dyn Store>; 2]) {
    let (folder, sqlite) = store();
    let redis = lab::redis::Redis::start(lab::redis::Options::default()).unwrap();
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let other = open(&url.parse().unwrap(), KEEP);
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
    let record = learned(store_now(store).await);
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
    // Small pieces: a store has a second for each, beside other tests. One that was late may have written it all the same.
    for writes in rounds.chunks(100) {
        while store.write_siege_records(writes.to_vec()).await.is_err() {
            until_open(store).await;
        }
    }
    let (written, _) = records(store, 500).await;
    assert_eq!(written.len(), policy.local.domains.len());
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
        let knows_all = |_: &Host| {
            let counts = State::ALL.map(|state| sieges.view().count(state));
            counts.iter().sum::<usize>() >= MANY
        };
        until(&mut rounds, &policy, &*store, knows_all).await;
        let is_settled = Host::is_settled;
        // What somebody watches is written and read.
        until(&mut rounds, &policy, &*store, is_settled).await;
        until(&mut rounds, &policy, &*store, is_settled).await;
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
            until(&mut rounds, &policy, &*store, is_settled).await;
        }
        let said = asked(&redis)[3] - octets;
        assert!(said < 10 * 300 + 30_000, "{said}");
        assert_eq!(written().await, Vec::<String>::new());
        for number in 0..10 {
            let domain = numbered(number * MANY / 10);
            hits_on(&sieges, &domain, 0..1);
        }
        let octets = asked(&redis)[3];
        until(&mut rounds, &policy, &*store, is_settled).await;
        until(&mut rounds, &policy, &*store, is_settled).await;
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
        let begin = store_now(&**store).await;
        let at = |seconds| At {
            store,
            now: begin + seconds,
        };
        for seconds in [0, 20, 40, 60] {
            // 96 bounces a minute in all; usual is one in ten minutes.
            for ((sieges, rounds), first) in [&mut one, &mut other].into_iter().zip([0, 16]) {
                let from = seconds * 2 + first;
                for domain in flooded {
                    hits_on(sieges, domain, from..from + 16);
                }
                until(rounds, &policy, &at(seconds), Host::is_settled).await;
            }
        }
        // What the one that came last wrote.
        for (sieges, rounds) in [&mut one, &mut late] {
            let knows_all = |_: &Host| sieges.view().besieged() >= 500;
            until(rounds, &policy, &at(60), knows_all).await;
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

/// The store's time, in seconds since 1970.
async fn store_now(store: &dyn Store) -> u64 {
    let answer = store.siege_changes(Question::default(), 0).await;
    answer.unwrap().now
}

/// A store whose clock stands, however long a round takes.
struct At<'a> {
    store: &'a Arc<dyn Store>,
    now: u64,
}

impl SiegeStore for At<'_> {
    fn siege_changes(&self, question: Question, most: usize) -> StoreAnswer<'_, Answer> {
        Box::pin(async move {
            let mut answer = self.store.siege_changes(question, most).await?;
            answer.now = self.now;
            Ok(answer)
        })
    }

    fn write_siege_records(&self, writes: Vec<SiegeWrite>) -> StoreAnswer<'_, Vec<Written>> {
        self.store.write_siege_records(writes)
    }
}
