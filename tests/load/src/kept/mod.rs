//! What the store costs when it is large: the ledger with millions of rows, the report of ninety days, and the sieges of
//! fifty thousand domains.

pub mod ledger;
pub mod report;
pub mod rounds;
mod wait;

use std::{
    fs, io,
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use backstop::{
    core::proof::ledger::Hash,
    store::{self, Retention, Store, StoreUrl},
};

pub use self::wait::waits;

/// As long as a site keeps it.
const KEEP: Retention = Retention {
    ledger_days: 30,
    learned_days: 30,
    max_learned: 100_000,
};

/// Opens the store in this file.
async fn open(path: &Path) -> io::Result<Arc<dyn Store>> {
    let url = format!("sqlite:{}", path.display());
    let parsed = url.parse::<StoreUrl>();
    let parsed = parsed.map_err(|error| io::Error::other(format!("{url}: {error}")))?;
    let store = store::open(&parsed, KEEP);
    store.sent(Vec::new()).await.map_err(io::Error::other)?;
    Ok(store)
}

/// Waits until all is written that was queued, and none of it is lost.
async fn written(store: &dyn Store) -> io::Result<()> {
    store.flush().await;
    let health = store.health();
    if health.waiting > 0 || health.lost.messages + health.lost.counts > 0 {
        return Err(io::Error::other(format!(
            "the store does not keep up: {health:?}"
        )));
    }
    Ok(())
}

/// Seconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

/// A hash of its own for each number; as those that keys make, they are spread over all that there are.
fn hash(kind: u8, number: u64) -> Hash {
    let mut bytes = [kind; 16];
    let spread = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    if let Some(first) = bytes.first_chunk_mut() {
        *first = (spread ^ (spread >> 31)).to_be_bytes();
    }
    Hash::from_bytes(bytes)
}

/// What this process has had written to disks so far, in octets.
fn octets_written() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/io")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    line.and_then(|octets| octets.parse().ok())
        .ok_or_else(|| io::Error::other("/proc/self/io has no write_bytes"))
}
