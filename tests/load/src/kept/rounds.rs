//! What a round of the sieges costs where many domains are known and some of them get bounces.

use std::{io, path::Path, sync::Arc, time::Duration};

use backstop::{
    core::{
        address::Domain,
        message::SiegeHit,
        policy::Policy,
        siege::{Deltas, Hit, Record, Settings, State},
    },
    engine::{Rounds, Sieges},
    store::{SiegeWrite, Store, open},
};
use nix::sys::{
    resource::{UsageWho, getrusage},
    time::{TimeVal, TimeValLike},
};

use super::{KEEP, now};

/// How many domains are known.
const DOMAINS: u64 = 50_000;
/// Rounds that are measured together.
const ROUNDS: u32 = 20;

/// What rounds cost in which so many domains got a bounce.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// How many of them got one.
    pub changed: u64,
    /// Processor time of a round, of this process.
    pub cpu: Duration,
}

/// Measures rounds with the store at this URL, which is empty.
///
/// # Errors
/// A store that does not answer.
pub async fn rounds(url: &str) -> io::Result<Vec<Cost>> {
    let names: Vec<String> = (0..DOMAINS)
        .map(|number| format!("d{number}.example"))
        .collect();
    let yaml = format!("local: {{domains: [{}]}}", names.join(", "));
    let config = backstop::config::parse(Path::new("milter.yaml"), &yaml)
        .map_err(|_| io::ErrorKind::InvalidInput)?;
    let policy = config.policy;
    let url = url.parse().map_err(|_| io::ErrorKind::InvalidInput)?;
    let store = open(&url, KEEP);
    fill(&*store, &names).await?;
    let sieges = Arc::new(Sieges::default());
    let mut rounds = Rounds::new(Arc::clone(&sieges));
    let known = || -> usize {
        State::ALL
            .iter()
            .map(|state| sieges.view().count(*state))
            .sum()
    };
    while (known() as u64) < DOMAINS {
        rounds.round(&policy, Some(&*store), now()).await;
    }
    let mut costs = Vec::new();
    for changed in [0, 10, 500] {
        let before = cpu()?;
        for round in 0..ROUNDS {
            hit(&sieges, &policy, changed, round.into());
            rounds.round(&policy, Some(&*store), now()).await;
        }
        costs.push(Cost {
            changed,
            cpu: (cpu()? - before) / ROUNDS,
        });
    }
    Ok(costs)
}

/// A baseline for each.
async fn fill(store: &dyn Store, names: &[String]) -> io::Result<()> {
    let bytes = learned();
    for some in names.chunks(500) {
        let write = |name: &String| SiegeWrite {
            name: name.clone(),
            bytes: bytes.clone(),
            ..SiegeWrite::default()
        };
        let writes: Vec<_> = some.iter().map(write).collect();
        while store.write_siege_records(writes.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

/// The record of a domain that got six hits in each hour of a week.
fn learned() -> Vec<u8> {
    let (settings, begin) = (Settings::default(), now() - 8 * 86_400);
    let mut record = Record::new(begin);
    for number in 0..8 * 144_u64 {
        let mut deltas = Deltas::default();
        let looks_random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64);
        deltas.hit(Hit::Unproven, looks_random, looks_random);
        record.step(&settings, &deltas, begin + number * 600);
    }
    record.to_bytes()
}

fn hit(sieges: &Sieges, policy: &Policy, domains: u64, round: u64) {
    let hit = |number: u64| {
        let domain: Domain = format!("d{}.example", number * 97 % DOMAINS).parse().ok()?;
        let looks_random = (round * DOMAINS + number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Some(SiegeHit {
            domain,
            hit: Hit::Unproven,
            recipient: looks_random,
            network: looks_random,
        })
    };
    sieges.sense(policy, (0..domains).filter_map(hit).collect());
}

/// The processor time of this process so far.
fn cpu() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: TimeVal| u64::try_from(time.num_microseconds()).unwrap_or_default();
    Ok(Duration::from_micros(
        micros(usage.user_time()) + micros(usage.system_time()),
    ))
}
