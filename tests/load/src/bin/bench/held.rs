//! What is wanted, what was seen, and whether the one meets the other.

use load::{
    readings::{Of, Readings},
    spread::Spread,
};
use serde::Serialize;

use super::{
    cells::{BESIEGED, DISTURBED, HEADERS, LIST, NR, OURS, RULES},
    memory::Memory,
};

/// One line of what Backstop is held to.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    pub what: String,
    pub wanted: String,
    pub seen: String,
    /// `None`: not measured.
    pub met: Option<bool>,
}

const RATE: Of = |reading| reading.rate;
const CPU: Of = |reading| reading.cpu;
const P50: Of = |reading| reading.p50;
const P99: Of = |reading| reading.p99;

/// What else was measured, each where it was.
#[derive(Debug, Default, Serialize)]
pub struct Others {
    pub ours: Option<Memory>,
    pub floor: Option<Memory>,
    /// In milliseconds.
    pub start: Option<Spread>,
}

/// All lines, in the order of the issue they come from.
pub fn held(readings: &Readings, peers: &[&str], others: &Others) -> Vec<Held> {
    let mut held = Vec::new();
    for (shape, rate, cpu) in [
        ("20x1", 0.9, 1.2),
        ("100x1", 0.9, 1.2),
        ("500x1", 0.9, 1.2),
        ("50x20", 0.65, 1.6),
    ] {
        let cell = format!("warm unix {shape}");
        let ratio = |of, to| readings.ratio(&cell, OURS, to, of);
        let beside = |of| text(ratio(of, HEADERS));
        held.push(
            at_least(
                &format!("{cell}: rate, of the NR floor's"),
                ratio(RATE, NR),
                rate,
            )
            .beside(&beside(RATE), HEADERS),
        );
        held.push(
            at_most(
                &format!("{cell}: CPU, of the NR floor's"),
                ratio(CPU, NR),
                cpu,
            )
            .beside(&beside(CPU), HEADERS),
        );
    }
    held.push(ahead(readings, peers));
    held.push(round_trips(readings));
    for (mix, rate) in [
        ("mix: bounces of 4 KB", 0.6),
        ("mix: bounces of 60 KB", 0.5),
        ("mix: strangers", 0.85),
        ("mix: outgoing", 0.85),
    ] {
        let seen = readings.ratio(mix, OURS, NR, RATE);
        held.push(at_least(
            &format!("{mix}: rate, of the NR floor's"),
            seen,
            rate,
        ));
    }
    let flood = "mix: a flood refused at RCPT";
    held.push(at_most(
        &format!("{flood}: CPU under siege, of that without"),
        readings.ratio(flood, BESIEGED, OURS, CPU),
        1.0,
    ));
    let more = |cell: &str, filter: &str| {
        let with = readings.spread(cell, filter, CPU)?;
        let without = readings.spread(cell, OURS, CPU)?;
        let micros = (with.median - without.median) * 1000.0;
        Spread::of(&[micros])
    };
    held.push(at_most(
        "1,000 regex rules: CPU of a message, µs more",
        more("mix: 1,000 rules", RULES),
        20.0,
    ));
    // Nothing is what can't be told from the noise of two medians.
    held.push(at_most(
        "a list of 100,000: CPU of a message, µs more",
        more("mix: a list of 100,000", LIST),
        2.0,
    ));
    held.push(at_most("start with both, ms", others.start, 120.0));
    let idle = |memory: Option<Memory>| memory.map(|memory| memory.idle - memory.before);
    let one = |figure: Option<f64>| figure.and_then(|figure| Spread::of(&[figure]));
    let above = idle(others.ours)
        .zip(idle(others.floor))
        .map(|(ours, floor)| ours - floor);
    held.push(at_most(
        "1,000 idle connections: MB more than the library alone",
        one(above),
        1.0,
    ));
    let left = others.ours.map(|memory| memory.after - memory.before);
    held.push(at_most(
        "5,000 connections gone: MB more than before",
        one(left),
        20.0,
    ));
    let silent = "silent DNS: 300 a second beside 200 silent sessions";
    held.push(at_most(
        &format!("{silent}: p99, of the undisturbed one"),
        readings.ratio(silent, DISTURBED, OURS, P99),
        1.2,
    ));
    held
}

impl Held {
    /// The same ratio to another floor.
    fn beside(mut self, seen: &str, floor: &str) -> Self {
        if self.met.is_some() {
            self.seen = format!("{}; {seen} of the {floor}", self.seen);
        }
        self
    }
}

fn at_least(what: &str, seen: Option<Spread>, limit: f64) -> Held {
    line(what, format!("at least {limit}"), seen, |seen| {
        seen >= limit
    })
}

fn at_most(what: &str, seen: Option<Spread>, limit: f64) -> Held {
    line(what, format!("at most {limit}"), seen, |seen| seen <= limit)
}

/// Two places behind the point are looked at, as many as are shown.
fn line(what: &str, wanted: String, seen: Option<Spread>, meets: impl Fn(f64) -> bool) -> Held {
    Held {
        what: what.to_owned(),
        wanted,
        seen: text(seen),
        met: seen.map(|seen| meets((seen.median * 100.0).round() / 100.0)),
    }
}

/// The lowest of our rates, of that of any peer in the same cell.
fn ahead(readings: &Readings, peers: &[&str]) -> Held {
    let mut ratios: Vec<(Spread, String)> = Vec::new();
    for cell in readings.cells() {
        for peer in peers {
            if let Some(ratio) = readings.ratio(cell, OURS, peer, RATE) {
                ratios.push((ratio, format!("{peer} in {cell}")));
            }
        }
    }
    let count = ratios.len();
    let closest = ratios
        .into_iter()
        .min_by(|(one, _), (other, _)| one.median.total_cmp(&other.median));
    let mut held = line(
        "rate, of that of each peer in each cell",
        "above 1".to_owned(),
        closest.as_ref().map(|(ratio, _)| *ratio),
        |seen| seen > 1.0,
    );
    if let Some((_, peer)) = closest {
        held.seen = format!(
            "{} or more in {count} comparisons; closest: {peer}",
            held.seen
        );
    }
    held
}

/// How many delays of DNS a message of a cold sender takes, over one connection: its record leads to names, and those to
/// addresses, so that its tree is three deep.
fn round_trips(readings: &Readings) -> Held {
    const DELAY: f64 = 20_000.0;
    let quick = readings.spread("cold deep 0 ms 1x1", OURS, P50);
    let slow = readings.spread("cold deep 20 ms 1x1", OURS, P50);
    let seen = quick.zip(slow).map(|(quick, slow)| {
        let trips = |micros: f64| (micros - quick.median) / DELAY;
        Spread {
            median: trips(slow.median),
            min: trips(slow.min),
            max: trips(slow.max),
        }
    });
    at_most("cold, three includes, a and mx: round trips", seen, 3.2)
}

/// A figure with its extremes.
pub fn text(spread: Option<Spread>) -> String {
    match spread {
        None => "-".to_owned(),
        Some(Spread { median, min, max }) if (max - min).abs() < f64::EPSILON => number(median),
        Some(Spread { median, min, max }) => {
            format!("{} ({}–{})", number(median), number(min), number(max))
        }
    }
}

/// Two places behind the point for small figures, fewer for larger ones.
pub fn number(figure: f64) -> String {
    match figure.abs() {
        0.0..10.0 => format!("{figure:.2}"),
        10.0..100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}
