//! The slices: every filter under every load, in turn, round after round.

use std::{io, time::Duration};

use load::{
    dns::Dns,
    mta::{Load, Mail},
    process::usage,
    readings::{Reading, Readings},
};

use super::{
    filters::{Filter, Socket},
    options::Options,
};

/// A load, the name of which ends in connections x messages of each.
pub struct Cell {
    pub name: String,
    /// Whether something is wanted of it; else a few rounds are enough.
    pub is_wanted: bool,
    pub mails: Vec<Mail>,
    pub connections: usize,
    pub messages: usize,
    pub tcp: bool,
    /// How long each answer of DNS takes.
    pub delay: Duration,
    /// The filters, by their names.
    pub filters: Vec<String>,
    pub rate: Option<f64>,
    pub time: Duration,
}

/// How many rounds there are of a cell that nothing is wanted of.
pub const OTHER_ROUNDS: usize = 3;

/// All that is measured in slices.
pub struct Bench<'a> {
    pub options: &'a Options,
    pub dns: &'a Dns,
    pub filters: Vec<Filter>,
    pub cells: Vec<Cell>,
    pub readings: Readings,
    /// What failed, in words; each once.
    pub failures: Vec<String>,
}

impl Bench<'_> {
    /// Runs all rounds. What fails is noted, and the rest goes on.
    pub fn run(&mut self) {
        let rounds = self.options.rounds();
        let cells = std::mem::take(&mut self.cells);
        for cell in &cells {
            self.warm_up(cell);
        }
        for round in 0..rounds {
            eprintln!("-- round {} of {rounds}", round + 1);
            let cells = cells
                .iter()
                .filter(|cell| cell.is_wanted || round < OTHER_ROUNDS);
            for cell in cells {
                // Each round begins with another filter: what comes first is not always the same.
                let shift = round % cell.filters.len().max(1);
                let (late, early) = cell.filters.split_at(shift);
                for name in early.iter().chain(late) {
                    self.slice(cell, name, round);
                }
            }
        }
        self.cells = cells;
        self.dns.set_delay(Duration::ZERO);
    }

    /// A short load that is not counted: caches fill, threads start.
    fn warm_up(&mut self, cell: &Cell) {
        for name in &cell.filters {
            let Some(socket) = self.socket(name, cell) else {
                continue;
            };
            let load = load(&socket, cell);
            if let Err(error) = load.run(Duration::from_millis(50)) {
                self.fail(cell, name, &error);
            }
        }
    }

    fn socket(&self, name: &str, cell: &Cell) -> Option<Socket> {
        let filter = self.filters.iter().find(|filter| filter.name == *name)?;
        Some(filter.socket(cell.tcp).clone())
    }

    fn slice(&mut self, cell: &Cell, name: &str, round: usize) {
        let Some(socket) = self.socket(name, cell) else {
            return;
        };
        self.dns.set_delay(cell.delay);
        match read(&socket, cell) {
            Ok(reading) => self.readings.add(Reading {
                filter: name.to_owned(),
                round,
                ..reading
            }),
            Err(error) => self.fail(cell, name, &error),
        }
    }

    fn fail(&mut self, cell: &Cell, name: &str, error: &io::Error) {
        let failure = format!("{name} in {}: {error}", cell.name);
        if !self.failures.contains(&failure) {
            eprintln!("-- {failure}");
            self.failures.push(failure);
        }
    }
}

fn load<'a>(socket: &'a Socket, cell: &'a Cell) -> Load<'a> {
    Load {
        target: &socket.target,
        mails: &cell.mails,
        connections: cell.connections,
        messages: cell.messages,
        rate: cell.rate,
    }
}

fn read(socket: &Socket, cell: &Cell) -> io::Result<Reading> {
    let before = usage(socket.process)?;
    let outcome = load(socket, cell).run(cell.time)?;
    let after = usage(socket.process)?;
    let messages = outcome.messages().max(1.0);
    let cpu = after.cpu.saturating_sub(before.cpu);
    Ok(Reading {
        cell: cell.name.clone(),
        filter: String::new(),
        round: 0,
        rate: outcome.rate(),
        cpu: cpu.as_secs_f64() * 1000.0 / messages,
        p50: outcome.latency(0.5),
        p99: outcome.latency(0.99),
        generator: outcome.cpu.as_secs_f64() / outcome.time.as_secs_f64(),
        verdicts: [outcome.accepted, outcome.refused, outcome.deferred],
        changes: outcome.changes_each(),
    })
}
