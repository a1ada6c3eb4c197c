//! Rounds of one host without a store, by a clock that the tests set.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;

use super::{MOST_NEW, Rounds, Sieges};
use crate::{
    core::{
        address::Domain,
        policy::Policy,
        siege::{ByHand, Forced, Hit, MOST_DOMAINS, Record, State},
    },
    store::{MAX_RECORDS, Retention, Store, open},
};

const START: u64 = 1_799_625_600;
const MINUTE: u64 = 60;
const HOUR: u64 = 3600;
/// How far apart rounds are here, in seconds: the tests beside these have to wait for the processor.
const STEP: u64 = 10;

/// One host.
struct Host {
    policy: Policy,
    sieges: Arc<Sieges>,
    rounds: Rounds,
    now: u64,
    recipient: u64,
}

impl Host {
    /// `siege`: a part of `milter.yaml`.
    fn of(domains: &[Domain], siege: &str) -> Self {
        let names: Vec<_> = domains.iter().map(Domain::as_str).collect();
        let yaml = format!("local: {{domains: [{}]}}\n{siege}", names.join(", "));
        let config = crate::config::parse(std::path::Path::new("m.yaml"), &yaml).unwrap();
        let sieges = Arc::new(Sieges::default());
        sieges.watch(&config.policy.local.domains);
        Self {
            policy: config.policy,
            rounds: Rounds::new(Arc::clone(&sieges)),
            sieges,
            now: START,
            recipient: 0,
        }
    }

    /// Bounces to ever new recipients.
    fn hit(&mut self, domain: &Domain, times: u64) {
        for _ in 0..times {
            self.recipient += 1;
            let looks_random = self.recipient.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut tally = self.sieges.lock();
            tally.of(domain).hit(Hit::Unproven, looks_random);
        }
    }

    async fn round(&mut self) {
        self.now += STEP;
        self.rounds.round(&self.policy, None, self.now).await;
    }

    /// A round with a store, and how many records with such names it has then.
    async fn round_with(&mut self, store: &dyn Store, name: &str) -> usize {
        let round = self.rounds.round(&self.policy, Some(store), self.now);
        round.await;
        let there = store.siege_records().await.unwrap().records;
        let names = there.iter().filter(|record| record.name.ends_with(name));
        names.count()
    }

    fn all(&self) -> State {
        self.sieges.view().all
    }
}

fn domains(count: usize) -> Vec<Domain> {
    (0..count)
        .map(|number| format!("d{number}.example").parse().unwrap())
        .collect()
}

/// A full store is asked for some places a round for names that a stranger invents, and for some for those that the file
/// has, in place of what was written longest ago.
#[tokio::test]
async fn a_full_store_takes_in_one_after_the_other() {
    let (_folder, store) = full_store().await;
    let named = domains(2 * MOST_NEW + 1);
    let mut host = Host::of(&named, "");
    let pattern = ".example.org".parse().unwrap();
    host.policy.local.domains.push(pattern);
    for (number, domain) in named.iter().enumerate() {
        host.hit(domain, 1);
        let invented = format!("n{number}.example.org").parse().unwrap();
        host.hit(&invented, 1);
    }
    let all = named.len();
    for expected in [MOST_NEW, 2 * MOST_NEW, all, all] {
        assert_eq!(host.round_with(&*store, ".example.org").await, expected);
    }
    // All domains together have one, too, and count as named: it may take one round more.
    host.round_with(&*store, "").await;
    assert_eq!(host.round_with(&*store, ".example").await, all);
    assert_eq!(host.round_with(&*store, "").await as u64, MAX_RECORDS);
}

/// Of more domains than the store has places those are shared that have one, and the host watches the others by itself.
#[tokio::test]
async fn no_named_domain_is_left_unwatched() {
    let (_folder, store) = full_store().await;
    let many = domains(2 * MOST_DOMAINS + 10);
    let mut host = Host::of(&many, "");
    for domain in &many {
        host.hit(domain, 1);
    }
    assert_eq!(host.round_with(&*store, ".example").await, 0);
    let last = &many[many.len() - 1];
    for _ in 0..4 {
        host.hit(last, 50);
        host.round().await;
    }
    assert_eq!(host.sieges.view().states.len(), many.len());
    assert_eq!(host.sieges.state(last), State::Siege);
}

/// The host's clock is years ahead of the store's, in whose time a word of an administrator holds.
#[tokio::test]
async fn a_store_that_goes_away_takes_its_clock_not_along() {
    let (_folder, store) = empty_store().await;
    let mut host = Host::of(&domains(2), "");
    let domain = &domains(1)[0];
    let now = store.siege_records().await.unwrap().now_millis / 1000;
    let mut record = Record::new(now);
    let until = now + HOUR;
    let forced = Forced::On;
    record.set_by_hand(Some(ByHand { forced, until }), now);
    let written = store.write_siege_record(domain.to_string(), 0, record.to_bytes());
    written.await.unwrap();
    host.round_with(&*store, "").await;
    assert_eq!(host.sieges.state(domain), State::Siege);
    for _ in 0..10 {
        host.round().await;
    }
    assert_eq!(host.sieges.state(domain), State::Siege);
    host.now += HOUR;
    host.round().await;
    assert_eq!(host.sieges.state(domain), State::Calm);
}

/// While hosts are upgraded one after the other, the first must not lose what it wrote.
#[tokio::test]
async fn what_a_newer_version_wrote_is_left_as_it_is() {
    let (_folder, store) = empty_store().await;
    let mut host = Host::of(&domains(2), "");
    let domain = &domains(1)[0];
    let newer = vec![2, 3, 5, 7];
    let written = store.write_siege_record(domain.to_string(), 0, newer.clone());
    written.await.unwrap();
    for _ in 0..6 {
        host.hit(domain, 100);
        host.now += STEP;
        host.round_with(&*store, "").await;
    }
    let records = store.siege_records().await.unwrap().records;
    let mut theirs = records.iter().filter(|one| one.name == domain.as_str());
    assert_eq!(theirs.next().unwrap().bytes, newer);
}

/// A store whose places all are taken, by records of which nobody knows.
async fn full_store() -> (TempDir, Arc<dyn Store>) {
    let (folder, store) = empty_store().await;
    let idle = Record::new(START).to_bytes();
    for number in 0..MAX_RECORDS {
        let name = format!("old{number}.invalid");
        let written = store.write_siege_record(name, 0, idle.clone()).await;
        assert!(written.unwrap().is_some());
    }
    (folder, store)
}

async fn empty_store() -> (TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/state.db", folder.path().display());
    let keep = Retention {
        ledger_days: 1,
        learned_days: 1,
        max_learned: 1,
    };
    let store = open(&url.parse().unwrap(), keep);
    while store.siege_records().await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (folder, store)
}

/// Each domain gets more than an alert and less than a siege, for hours: that all are besieged does not end meanwhile.
#[tokio::test]
async fn a_flood_over_many_domains_does_not_end_its_own_siege() {
    let domains = domains(10);
    let mut host = Host::of(&domains, "");
    while host.now < START + 2 * HOUR {
        for domain in &domains {
            host.hit(domain, 2);
        }
        host.round().await;
        if host.now > START + MINUTE {
            assert_eq!(host.all(), State::Siege, "{}", host.now - START);
        }
    }
    for domain in &domains {
        let own = host.sieges.view().states[domain];
        assert_eq!(own, State::Alert, "{domain}");
    }
}

/// Neither while it is noticed, nor when its siege is lifted while it goes on.
#[tokio::test]
async fn a_flood_on_one_domain_besieges_no_other() {
    let domains = domains(2);
    let mut host = Host::of(&domains, "siege: {max_duration: 2h}");
    let flooded = &domains[0];
    while host.now < START + 5 * HOUR {
        host.hit(flooded, 20);
        host.round().await;
        if host.now == START + HOUR {
            assert_eq!(host.sieges.state(flooded), State::Siege);
        }
        assert!(!host.all().is_besieged(), "{}", host.now - START);
    }
    assert_eq!(host.sieges.state(flooded), State::Alert);
}
