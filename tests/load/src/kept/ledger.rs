//! The ledger: what a message costs to write and to find, in a small file and in a large one.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use backstop::core::proof::ledger::Sent;
use tokio::task::JoinSet;

use super::{hash, now, octets_written, open, written};
use crate::mta::count;

/// How many addresses send.
const SENDERS: u64 = 10_000;
/// How many rows are queued before they are waited for.
const AT_ONCE: u64 = 8_000;
/// How many messages are written in a measurement.
pub const WRITES: u64 = 20_000;
/// How many lookups are made.
const LOOKUPS: u64 = 20_000;

/// What it costs at one size, with so many messages at a time.
#[derive(Debug, Clone, Copy)]
pub struct Writes {
    /// How many messages wait at a time.
    pub connections: usize,
    /// Messages a second.
    pub rate: f64,
    /// Octets written for each message, with all that is put from the WAL into the file.
    pub octets: f64,
}

/// The time of a lookup, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Lookups {
    /// Of what is there.
    pub hit: f64,
    /// Of what is not.
    pub miss: f64,
}

fn message(number: u64) -> Sent {
    Sent {
        message: Some(hash(1, number)),
        sender: Some(hash(2, number % SENDERS)),
        recipients: vec![hash(3, number), hash(3, number + 1)],
        hosts: vec![hash(4, number), hash(4, number + 1)],
        recipient_count: 2,
        at: now(),
        domain: None,
    }
}

/// Adds rows until there are so many, numbered from `first`.
///
/// # Errors
/// The store can't be written.
pub async fn fill(path: &Path, first: u64, rows: u64) -> io::Result<()> {
    let store = open(path).await?;
    let mut number = first;
    while number < rows {
        let next = rows.min(number + AT_ONCE);
        for number in number..next {
            drop(store.remember(message(number)));
        }
        written(&*store).await?;
        number = next;
    }
    store.close().await;
    Ok(())
}

/// Writes messages to a ledger that has `rows`, so many at a time, each of which waits until its row is on disk.
///
/// # Errors
/// The store can't be written.
pub async fn write(path: &Path, rows: u64, connections: usize) -> io::Result<Writes> {
    let octets = octets_written()?;
    let store = open(path).await?;
    let begun = Instant::now();
    let next = Arc::new(AtomicU64::new(rows));
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (store, next) = (Arc::clone(&store), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= rows + WRITES {
                    return true;
                }
                if !store.remember(message(number)).is_kept().await {
                    return false;
                }
            }
        });
    }
    if !tasks.join_all().await.into_iter().all(|is_kept| is_kept) {
        return Err(io::Error::other("a row was not written within a second"));
    }
    let seconds = begun.elapsed().as_secs_f64();
    store.close().await;
    let octets = octets_written()?.saturating_sub(octets);
    Ok(Writes {
        connections,
        rate: count(WRITES) / seconds,
        octets: count(octets) / count(WRITES),
    })
}

/// Looks for messages of a ledger that has `rows`, one after the other.
///
/// # Errors
/// The store does not answer, or lacks one.
pub async fn search(path: &Path, rows: u64) -> io::Result<Lookups> {
    let store = open(path).await?;
    let mut times = [0.0; 2];
    for (kind, time) in [1, 9].into_iter().zip(&mut times) {
        // Once to have it in memory, as the file of a busy site is.
        for _ in 0..2 {
            let begun = Instant::now();
            for lookup in 0..LOOKUPS {
                let number = lookup.wrapping_mul(0x9e37_79b9) % rows;
                let found = store.sent(vec![hash(kind, number)]).await;
                let found = found.map_err(io::Error::other)?.is_some();
                if found != (kind == 1) {
                    return Err(io::Error::other(format!("row {number}: {found}")));
                }
            }
            *time = begun.elapsed().as_secs_f64() * 1e6 / count(LOOKUPS);
        }
    }
    store.close().await;
    let [hit, miss] = times;
    Ok(Lookups { hit, miss })
}

/// The size of the file, in MiB.
///
/// # Errors
/// There is none.
pub fn mib(path: &Path) -> io::Result<f64> {
    Ok(count(fs::metadata(path)?.len()) / f64::from(1 << 20))
}
