//! Rounds of one host without a store, by a clock that the tests set.

use std::sync::Arc;

use super::{Rounds, Sieges};
use crate::core::{
    address::Domain,
    policy::Policy,
    siege::{Hit, State},
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

    fn all(&self) -> State {
        self.sieges.view().all
    }
}

fn domains(count: usize) -> Vec<Domain> {
    (0..count)
        .map(|number| format!("d{number}.example").parse().unwrap())
        .collect()
}

/// Each domain gets more than an alert and less than a siege, for hours: that all are besieged does not end meanwhile.
#[tokio::test]
async fn a_flood_over_many_domains_does_not_end_its_own_siege() {
    let domains = domains(10);
    let mut host = Host::of(&domains, "");
    while host.now < START + 3 * HOUR {
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
    let mut host = Host::of(&domains, "siege: {longest: 2h}");
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
