//! Mail for all domains beside the same file with one, with warm caches; and cold look-ups.

use std::{io, time::Duration};

use load::{
    mta::{Load, Mail, Outcome},
    process::usage,
    spread::Spread,
};

use super::{
    Options,
    databases::{Database, WARM},
    site::{Host, mails},
};

/// How many can be asked about for the first time: more than are, in that time.
const COLD: usize = 60_000;
const CONNECTIONS: usize = 100;
const SLICE: Duration = Duration::from_millis(1_500);

pub fn measure(options: &Options, database: &Database) -> io::Result<()> {
    let many = Host::of_all(options, database)?;
    let one = Host::of_one(options, database)?;
    // As many different recipients: of as many domains, or of one.
    let spread_out = mails((0..WARM).map(|number| database.mailbox(number)));
    let here = mails((0..WARM).map(Database::of_the_first));
    // Each is asked about once before anything is counted.
    run(&many, &spread_out, SLICE)?;
    run(&one, &here, SLICE)?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        let slices = [(&many, &spread_out), (&one, &here)];
        let mut read = [(0.0, 0.0); 2];
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let (Some((host, mail)), Some(slot)) = (slices.get(which), read.get_mut(which)) else {
                continue;
            };
            let before = usage(host.daemon.id())?.cpu;
            let outcome = run(host, mail, SLICE)?;
            let cpu = usage(host.daemon.id())?.cpu.saturating_sub(before);
            accepted(&outcome)?;
            *slot = (outcome.rate(), cpu.as_secs_f64() / outcome.messages());
        }
        let [(rate, cost), (rate_of_one, cost_of_one)] = read;
        rates.push(rate / rate_of_one);
        costs.push(cost / cost_of_one);
    }
    show(
        database,
        "warm, of one domain: rate (at least 0.95)",
        &rates,
    );
    show(database, "warm, of one domain: CPU of a message", &costs);
    let cold = mails((WARM..WARM + COLD).map(|number| database.mailbox(number)));
    let outcome = run(&many, &cold, Duration::from_secs(3))?;
    accepted(&outcome)?;
    let connections = database.server.as_ref().map(|server| server.connections());
    println!(
        "{}: cold look-ups: {:.0} messages a second, p99 {:.1} ms; connections to the server so far: {connections:?}",
        database.name,
        outcome.rate(),
        outcome.latency(0.99) / 1000.0
    );
    Ok(())
}

pub fn run(host: &Host, mails: &[Mail], time: Duration) -> io::Result<Outcome> {
    let load = Load {
        target: &host.target,
        mails,
        connections: CONNECTIONS,
        messages: 1,
        rate: None,
    };
    load.run(time)
}

/// What is measured is mail that is accepted.
pub fn accepted(outcome: &Outcome) -> io::Result<()> {
    if outcome.refused + outcome.deferred == 0 && outcome.accepted > 0 {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "{} accepted, {} refused, {} deferred",
        outcome.accepted, outcome.refused, outcome.deferred
    )))
}

pub fn show(database: &Database, what: &str, ratios: &[f64]) {
    if let Some(Spread { median, min, max }) = Spread::of(ratios) {
        println!("{}: {what}: {median:.2} ({min:.2}–{max:.2})", database.name);
    }
}
