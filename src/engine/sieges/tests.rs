//! Rounds of two hosts that share a store. What they decide is shown in `core::siege`.

use std::{path::Path, sync::Arc};

use tempfile::TempDir;

use super::*;
use crate::{
    core::{
        address::Domain,
        siege::{Cause, Hit, Record},
    },
    store::{Retention, open},
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

fn hosts(policy: &Policy) -> (Arc<Sieges>, Rounds) {
    let sieges = Arc::new(Sieges::default());
    sieges.watch(&policy.local.domains);
    let rounds = Rounds::new(Arc::clone(&sieges));
    (sieges, rounds)
}

/// Bounces to ever new recipients.
fn hit(sieges: &Sieges, from: u64) {
    for number in from..from + 100 {
        let looks_random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut tally = sieges.lock();
        tally
            .of(&flooded())
            .hit(Hit::Unproven, looks_random, looks_random);
    }
}

fn store() -> (TempDir, Arc<dyn Store>) {
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

#[tokio::test]
async fn alone_a_host_sees_what_it_counts() {
    let policy = policy();
    let (sieges, mut rounds) = hosts(&policy);
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
    let (one, mut one_rounds) = hosts(&policy);
    let (other, mut other_rounds) = hosts(&policy);
    hit(&one, 0);
    one_rounds.round(&policy, Some(&*store), START).await;
    let read = store.siege_records().await.unwrap();
    let names: Vec<_> = read.records.iter().map(|record| &*record.name).collect();
    assert_eq!(names, ["*", "example.org"]);
    let record = Record::from_bytes(&read.records[1].bytes).unwrap();
    let now = read.now_millis / 1000;
    assert_eq!(record.status(&policy.siege, now).unproven, 100);

    hit(&other, 100);
    other_rounds.round(&policy, Some(&*store), START).await;
    let (seen, mut looks) = hosts(&policy);
    looks.look(&policy, &*store).await;
    let view = seen.view();
    let [(None, _), (Some(domain), status)] = &view.statuses[..] else {
        panic!("{view:?}");
    };
    assert_eq!((domain, status.unproven), (&flooded(), 200));
}
