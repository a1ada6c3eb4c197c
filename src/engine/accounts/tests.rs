//! Rounds of hosts that share a store. What they decide is shown in `core::account`.

use std::{path::Path, time::UNIX_EPOCH};

use super::*;

fn policy() -> Policy {
    let yaml = "local: {domains: [example.org]}";
    crate::config::parse(Path::new("m.yaml"), yaml)
        .unwrap()
        .policy
}

/// A host, and what it says in its next round.
struct Host {
    accounts: Arc<Accounts>,
    rounds: AccountRounds,
}

impl Host {
    fn new() -> Self {
        let accounts = Arc::<Accounts>::default();
        Self {
            rounds: AccountRounds::new(Arc::clone(&accounts)),
            accounts,
        }
    }

    async fn bounces(&self, store: &dyn Store, hour: u64, networks: std::ops::Range<u32>) {
        for network in networks {
            let bounce = ProvenBounce {
                account: "joe@example.org".to_owned(),
                domain: "example.org".to_owned(),
                network: format!("198.18.{network}.0/24"),
            };
            store.count_attack(hour, self.accounts.count(&policy(), hour, bounce));
        }
        store.flush().await;
    }

    async fn says(&mut self, store: Option<&dyn Store>, now: u64) -> Vec<(bool, bool)> {
        let news = self.rounds.round(&policy(), store, now).await;
        let said = news.iter().map(|news| {
            let begun = matches!(news.change, AccountChange::Begun(_));
            (begun, news.is_known)
        });
        said.collect()
    }
}

#[tokio::test]
async fn hosts_add_up_and_one_of_them_tells_first() {
    let (_folder, opened) = crate::engine::sieges::tests::store();
    let store = Some(&*opened);
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let this_hour = hour(now);
    let (mut one, mut other) = (Host::new(), Host::new());
    one.bounces(&*opened, this_hour, 0..16).await;
    assert_eq!(one.says(store, now).await, []);
    assert_eq!(other.says(store, now).await, []);
    other.bounces(&*opened, this_hour, 16..31).await;
    assert_eq!(one.says(store, now).await, [(true, false)]);
    assert_eq!(other.says(store, now).await, [(true, true)]);
    assert_eq!(one.says(store, now).await, []);
    assert_eq!(one.accounts.suspected().len(), 1);
    // While the store is away it stays as it was; a host that was restarted does not tell it again.
    let mut again = Host::new();
    assert_eq!(again.says(store, now).await, []);
    assert_eq!(again.accounts.suspected().len(), 1);
    let later = now + 25 * 3600;
    assert_eq!(again.says(store, later).await, [(false, false)]);
    assert_eq!(one.says(store, later).await, [(false, true)]);
    assert!(one.accounts.suspected().is_empty());
    // Nobody watches any more, as after a reload.
    assert_eq!(other.says(None, now).await, []);
    assert!(other.accounts.suspected().is_empty());
}

/// Weeks of hours are looked back at, three times a minute.
#[tokio::test]
async fn hours_that_are_over_are_read_once() {
    let redis = lab::redis::Redis::start(lab::redis::Options::default()).unwrap();
    let url = format!("redis://127.0.0.1:{}", redis.port());
    let retention = crate::store::Retention {
        ledger_days: 1,
        learned_days: 1,
        max_learned: 1,
    };
    let store = crate::store::open(&url.parse().unwrap(), retention);
    crate::engine::sieges::tests::until_open(&*store).await;
    let now = UNIX_EPOCH.elapsed().unwrap().as_secs();
    let this_hour = hour(now);
    let mut host = Host::new();
    let asked = || crate::engine::sieges::tests::asked(&redis)[0];
    let mut costs = Vec::new();
    for networks in [0..10, 10..20, 20..31] {
        host.bounces(&*store, this_hour, networks).await;
        let before = asked();
        let said = host.says(Some(&*store), now).await;
        costs.push((asked() - before, said));
    }
    assert!(costs[0].0 > 1_000, "{costs:?}");
    // The two latest hours.
    assert_eq!(
        costs[1..],
        [(2, vec![]), (2, vec![(true, false)])],
        "{costs:?}"
    );
}
