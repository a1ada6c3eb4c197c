//! The report of ninety days, each of which had as many bounces as are counted.

use std::{
    io,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use backstop::core::attack::{AttackCount, AttackKind, Fate, KEEP_DAYS, MAX_PER_HOUR};
use nix::sys::resource::{UsageWho, getrusage};

use super::{now, open, written};

/// What each hour has: strangers from everywhere write to every address.
const KINDS: [AttackKind; 3] = [AttackKind::Host, AttackKind::Network, AttackKind::Recipient];
/// How many hours are queued before they are waited for.
const HOURS_AT_ONCE: u64 = 6;

/// What a report took.
#[derive(Debug, Clone, Copy)]
pub struct Took {
    /// From its start to its end.
    pub time: Duration,
    /// Processor time.
    pub cpu: Duration,
}

/// Fills a store with the counts of all days that are kept: how many rows that are.
///
/// # Errors
/// The store can't be written.
pub async fn fill(path: &Path) -> io::Result<u64> {
    let store = open(path).await?;
    let last = now() / 3600;
    let first = last - (KEEP_DAYS - 1) * 24;
    let mut rows = 0;
    for hour in first..=last {
        let mut counts = Vec::new();
        for kind in KINDS {
            counts
                .extend((0..MAX_PER_HOUR - 3).map(|number| count(kind, hour * 1_000_000 + number)));
        }
        rows += counts.len() as u64;
        store.count_attack(hour, counts);
        if hour % HOURS_AT_ONCE == 0 {
            written(&*store).await?;
        }
    }
    written(&*store).await?;
    store.close().await;
    Ok(rows)
}

fn count(kind: AttackKind, number: u64) -> AttackCount {
    let [a, b, c, d, e, ..] = *super::hash(0, number).as_bytes();
    let text = match kind {
        AttackKind::Network => format!("{a}.{b}.{c}.0/24"),
        AttackKind::Recipient => format!("user{}@example.org", u32::from_be_bytes([0, a, b, c])),
        _ => format!("{a}.{b}.{c}.{d}"),
    };
    AttackCount {
        kind,
        domain: "example.org".to_owned(),
        fate: if e < 200 {
            Fate::Refused
        } else {
            Fate::RefusedByMta
        },
        text,
    }
}

/// Runs `backstop report` of all days.
///
/// # Errors
/// It fails.
pub fn report(program: &Path, config: &Path) -> io::Result<Took> {
    let cpu = || -> io::Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let time = [usage.user_time(), usage.system_time()].map(|time| {
            let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
            Duration::from_micros(u64::try_from(micros).unwrap_or_default())
        });
        Ok(time.into_iter().sum())
    };
    let (begun, before) = (Instant::now(), cpu()?);
    let mut report = Command::new(program);
    report
        .arg("--config")
        .arg(config)
        .args(["report", "--days", &KEEP_DAYS.to_string(), "--json"]);
    lab::process::run(&mut report)?;
    Ok(Took {
        time: begun.elapsed(),
        cpu: cpu()?.saturating_sub(before),
    })
}
