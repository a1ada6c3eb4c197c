//! What was read in slices that took turns, and the ratios that are made of it.

use serde::Serialize;

use crate::spread::Spread;

/// One slice: one filter under one load, in one round.
#[derive(Debug, Clone, Serialize)]
pub struct Reading {
    /// What was measured, such as `warm unix 20x1`.
    pub cell: String,
    /// The filter.
    pub filter: String,
    /// The round, from 0.
    pub round: usize,
    /// Messages for each second.
    pub rate: f64,
    /// Processor time of the filter for each message, in milliseconds.
    pub cpu: f64,
    /// The median time of a message, in microseconds.
    pub p50: f64,
    /// The 99th percentile of the time of a message, in microseconds.
    pub p99: f64,
    /// The part of one core that the load generator needed.
    pub generator: f64,
    /// Messages that were accepted, refused with 5xx, refused with 4xx.
    pub verdicts: [u64; 3],
    /// Changes for each message.
    pub changes: f64,
}

/// What of a reading is compared.
pub type Of = fn(&Reading) -> f64;

/// All slices of a run.
#[derive(Debug, Default, Serialize)]
pub struct Readings {
    readings: Vec<Reading>,
}

impl Readings {
    /// Adds a slice.
    pub fn add(&mut self, reading: Reading) {
        self.readings.push(reading);
    }

    /// The cells, each once, in their order.
    #[must_use]
    pub fn cells(&self) -> Vec<&str> {
        let mut cells: Vec<&str> = Vec::new();
        for reading in &self.readings {
            if !cells.contains(&&*reading.cell) {
                cells.push(&reading.cell);
            }
        }
        cells
    }

    /// The slices of one filter in one cell, by round.
    pub fn of<'a>(&'a self, cell: &'a str, filter: &'a str) -> impl Iterator<Item = &'a Reading> {
        self.readings
            .iter()
            .filter(move |reading| reading.cell == cell && reading.filter == filter)
    }

    /// A figure of one filter over all rounds.
    #[must_use]
    pub fn spread(&self, cell: &str, filter: &str, of: Of) -> Option<Spread> {
        let figures: Vec<f64> = self.of(cell, filter).map(of).collect();
        Spread::of(&figures)
    }

    /// How a figure of one filter relates to that of another: a ratio for each round in which both were measured, so that
    /// what slows the machine slows both.
    #[must_use]
    pub fn ratio(&self, cell: &str, filter: &str, to: &str, of: Of) -> Option<Spread> {
        let pairs = self.of(cell, filter).filter_map(|reading| {
            let other = self
                .of(cell, to)
                .find(|other| other.round == reading.round)?;
            Some((of(reading), of(other)))
        });
        let ratios: Vec<f64> = pairs
            .filter(|(_, other)| *other > 0.0)
            .map(|(one, other)| one / other)
            .collect();
        Spread::of(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(cell: &str, filter: &str, round: usize, rate: f64) -> Reading {
        Reading {
            cell: cell.to_owned(),
            filter: filter.to_owned(),
            round,
            rate,
            cpu: 0.1,
            p50: 1.0,
            p99: 2.0,
            generator: 0.2,
            verdicts: [1, 0, 0],
            changes: 0.0,
        }
    }

    #[test]
    fn ratios_are_those_of_the_same_round() {
        let mut readings = Readings::default();
        for (filter, round, rate) in [
            ("a", 0, 100.0),
            ("b", 0, 200.0),
            ("a", 1, 10.0),
            ("b", 1, 40.0),
            ("a", 2, 300.0),
            ("b", 2, 400.0),
            ("a", 3, 1.0),
            ("c", 0, 0.0),
        ] {
            readings.add(reading("warm", filter, round, rate));
        }
        readings.add(reading("cold", "a", 0, 5.0));
        let ratio = readings
            .ratio("warm", "a", "b", |reading| reading.rate)
            .unwrap();
        assert_eq!((ratio.median, ratio.min, ratio.max), (0.5, 0.25, 0.75));
        assert_eq!(
            readings.ratio("warm", "a", "c", |reading| reading.rate),
            None
        );
        assert_eq!(
            readings.ratio("cold", "a", "b", |reading| reading.rate),
            None
        );
        let rates = readings
            .spread("warm", "b", |reading| reading.rate)
            .unwrap();
        assert_eq!((rates.median, rates.min, rates.max), (200.0, 40.0, 400.0));
        assert_eq!(readings.cells(), ["warm", "cold"]);
    }
}
