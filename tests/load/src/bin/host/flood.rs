//! A flood of invented names at one domain, beside mail for the others.

use std::{io, thread, time::Duration};

use load::{
    mta::{Load, Mail, Outcome, SERIAL},
    spread::Spread,
};

use super::{
    Options,
    databases::Database,
    site::{Host, mails},
    speed::accepted,
};

/// Messages a second for the others, and of the flood.
const OTHERS: f64 = 200.0;
const FLOOD: f64 = 200.0;
const SLICE: Duration = Duration::from_secs(5);
/// The flood is there before the others' mail is measured, and ends after it.
const AROUND: Duration = Duration::from_millis(500);
/// More than are in use at a time: what a session costs that begins is no part of what is measured.
const CONNECTIONS: usize = 20;
/// Before these, other measurements made names warm.
const FIRST_COLD: usize = 100_000;

pub fn measure(options: &Options, database: &Database) -> io::Result<()> {
    let host = Host::of_all(options, database)?;
    let warm = mails((1..1_001).map(|number| database.mailbox(number)));
    load(&host, &warm, None).run(Duration::from_secs(1))?;
    let invented = mails(std::iter::once(format!("x{SERIAL}@{}", super::domain(0))));
    // Without the flood, and beside it.
    let (mut with_warm, mut with_cold) = ([const { Vec::new() }; 2], [const { Vec::new() }; 2]);
    for round in 0..options.rounds {
        for (p99, is_cold) in [(&mut with_warm, false), (&mut with_cold, true)] {
            for turn in 0..2 {
                let flooded = (round + turn) % 2;
                let first = FIRST_COLD + (2 * round + flooded) * 1_000;
                let cold = || mails((first..first + 1_000).map(|number| database.mailbox(number)));
                let others = if is_cold { cold() } else { warm.clone() };
                let outcome = match flooded {
                    0 => load(&host, &others, Some(OTHERS)).run(SLICE)?,
                    _ => beside_a_flood(&host, &others, &invented)?,
                };
                accepted(&outcome)?;
                if let Some(p99) = p99.get_mut(flooded) {
                    p99.push(outcome.latency(0.99) / 1_000.0);
                }
            }
        }
    }
    for (what, [calm, flooded]) in [("warm", with_warm), ("cold", with_cold)] {
        let (Some(calm), Some(flooded)) = (Spread::of(&calm), Spread::of(&flooded)) else {
            continue;
        };
        println!(
            "{}: p99 of {what} names: {:.1} ms ({:.1}–{:.1}), beside a flood of invented names at one domain {:.1} ms \
             ({:.1}–{:.1}): {:.2} (at most 1.2)",
            database.name,
            calm.median,
            calm.min,
            calm.max,
            flooded.median,
            flooded.min,
            flooded.max,
            flooded.median / calm.median
        );
    }
    Ok(())
}

fn beside_a_flood(host: &Host, others: &[Mail], invented: &[Mail]) -> io::Result<Outcome> {
    thread::scope(|scope| {
        let flood = scope.spawn(|| load(host, invented, Some(FLOOD)).run(SLICE + 2 * AROUND));
        thread::sleep(AROUND);
        let outcome = load(host, others, Some(OTHERS)).run(SLICE);
        let flood = flood
            .join()
            .map_err(|_| io::Error::other("the flood ended"))??;
        if flood.accepted > 0 {
            return Err(io::Error::other("an invented name was accepted"));
        }
        outcome
    })
}

fn load<'a>(host: &'a Host, mails: &'a [Mail], rate: Option<f64>) -> Load<'a> {
    Load {
        target: &host.target,
        mails,
        connections: CONNECTIONS,
        messages: 1,
        rate,
    }
}
