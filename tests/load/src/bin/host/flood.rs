//! A flood of invented names at one domain, beside mail for the others.

use std::{io, thread, time::Duration};

use load::{
    mta::{Load, Mail, Outcome, SERIAL},
    spread::Spread,
};

use super::{
    Options,
    databases::{Database, WARM},
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

/// What comes to one domain meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// As much mail as the flood has, but to addresses that exist: what so much mail costs, whatever it is.
    Mail,
    Flood,
}

const ALL: [Beside; 3] = [Beside::Nothing, Beside::Mail, Beside::Flood];

pub fn measure(options: &Options, database: &Database) -> io::Result<()> {
    let host = Host::of_all(options, database)?;
    let warm = mails((1..1_001).map(|number| database.mailbox(number)));
    load(&host, &warm, None).run(Duration::from_secs(1))?;
    let known = mails((0..WARM).map(Database::of_the_first));
    let invented = mails(std::iter::once(format!("x{SERIAL}@{}", super::domain(0))));
    let (mut with_warm, mut with_cold) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    let mut first = FIRST_COLD;
    for round in 0..options.rounds {
        for (p99, is_cold) in [(&mut with_warm, false), (&mut with_cold, true)] {
            for turn in 0..ALL.len() {
                let which = (round + turn) % ALL.len();
                let (Some(beside), Some(p99)) = (ALL.get(which), p99.get_mut(which)) else {
                    continue;
                };
                let others = if is_cold {
                    first += 2_000;
                    mails((first..first + 2_000).map(|number| database.mailbox(number)))
                } else {
                    warm.clone()
                };
                let outcome = match beside {
                    Beside::Nothing => load(&host, &others, Some(OTHERS)).run(SLICE)?,
                    Beside::Mail => beside_more(&host, &others, &known, true)?,
                    Beside::Flood => beside_more(&host, &others, &invented, false)?,
                };
                accepted(&outcome)?;
                p99.push(outcome.latency(0.99) / 1_000.0);
            }
        }
    }
    for (what, p99) in [("warm", with_warm), ("cold", with_cold)] {
        let [Some(calm), Some(mail), Some(flood)] = p99.each_ref().map(|p99| Spread::of(p99))
        else {
            continue;
        };
        let shown = |of: Spread| format!("{:.1} ms ({:.1}–{:.1})", of.median, of.min, of.max);
        println!(
            "{}: p99 of {what} names: {}; beside as much mail to one domain: {}; beside a flood of invented names there: {}, \
             {:.2} of that without (at most 1.2), {:.2} of that beside mail",
            database.name,
            shown(calm),
            shown(mail),
            shown(flood),
            flood.median / calm.median,
            flood.median / mail.median
        );
    }
    Ok(())
}

fn beside_more(host: &Host, others: &[Mail], more: &[Mail], is_known: bool) -> io::Result<Outcome> {
    thread::scope(|scope| {
        let more = scope.spawn(|| load(host, more, Some(FLOOD)).run(SLICE + 2 * AROUND));
        thread::sleep(AROUND);
        let outcome = load(host, others, Some(OTHERS)).run(SLICE);
        let more = more
            .join()
            .map_err(|_| io::Error::other("the flood ended"))??;
        if (more.accepted > 0) != is_known {
            return Err(io::Error::other("an address was taken for another"));
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
