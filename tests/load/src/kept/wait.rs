//! What outgoing mail pays for its row in the ledger: the daemon without a ledger, with one in memory, and with one on disk.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lab::{backstop::Backstop, mta};
use tempfile::TempDir;

use crate::{
    mta::{Load, Mail, SERIAL, Target},
    spread::Spread,
};

/// Messages of a session.
const MESSAGES: usize = 20;
/// Our own host.
const US: &str = "127.0.0.1";

/// What a daemon did with so many sessions at a time.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// Where its ledger is.
    pub ledger: &'static str,
    /// How many sessions there were at a time.
    pub connections: usize,
    /// Messages a second.
    pub rate: Spread,
    /// The time that half of the messages, and 99 of 100, did not exceed, in milliseconds; the medians of the rounds.
    pub p50: f64,
    /// The same.
    pub p99: f64,
}

/// Measures each in turn, `rounds` times, for this time.
///
/// # Errors
/// A daemon does not start or answer.
pub fn waits(program: &Path, rounds: usize, time: Duration) -> io::Result<Vec<Wait>> {
    let program = program.canonicalize()?;
    let daemons = [
        ("none", mta::folder()?, None),
        ("in memory", mta::folder()?, Some(mta::folder_in_memory()?)),
        ("on disk", mta::folder()?, Some(mta::folder()?)),
    ];
    let mut running = Vec::new();
    for (ledger, folder, state) in daemons {
        let file = state.as_ref().map(|state| state.path().join("state.db"));
        running.push((ledger, start(&program, folder, file)?, state));
    }
    let mail = Mail::ordinary(
        US,
        "pc.example.org",
        "joe@example.org",
        &format!("{SERIAL}@example.com"),
    );
    let mut waits = Vec::new();
    for connections in [1, 20, 100] {
        let mut readings = vec![[const { Vec::new() }; 3]; running.len()];
        for _ in 0..rounds {
            for ((_, daemon, _), readings) in running.iter().zip(&mut readings) {
                let load = Load {
                    target: &Target::Tcp(daemon.addr()),
                    mails: std::slice::from_ref(&mail),
                    connections,
                    messages: MESSAGES,
                    rate: None,
                };
                let outcome = load.run(time)?;
                let [rate, p50, p99] = readings;
                rate.push(outcome.rate());
                p50.push(outcome.latency(0.5) / 1000.0);
                p99.push(outcome.latency(0.99) / 1000.0);
            }
        }
        for ((ledger, ..), [rate, p50, p99]) in running.iter().zip(&readings) {
            let median =
                |readings: &[f64]| Spread::of(readings).map_or(0.0, |spread| spread.median);
            waits.extend(Spread::of(rate).map(|rate| Wait {
                ledger,
                connections,
                rate,
                p50: median(p50),
                p99: median(p99),
            }));
        }
    }
    Ok(waits)
}

fn start(program: &Path, folder: TempDir, state: Option<PathBuf>) -> io::Result<Backstop> {
    let keys = folder.path().join("keys");
    lab::process::run(Command::new(program).args(["keygen", "--file"]).arg(&keys))?;
    let (remember, store) = match state {
        None => (false, String::new()),
        Some(state) => (true, format!("store: sqlite:{}\n", state.display())),
    };
    let yaml = format!(
        "listen: inet:0@127.0.0.1\nlocal: {{domains: [example.org], networks: [{US}]}}\nsiege: {{watch: false}}\n\
         proof: {{key_file: {}, watermark: {{sign: true}}, ledger: {{remember: {remember}}}}}\n{store}",
        keys.display()
    );
    Backstop::start_in(program, &yaml, folder)
}
