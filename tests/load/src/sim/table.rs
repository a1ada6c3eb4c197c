//! The results as text.

use std::fmt::{self, Display, Formatter};

use super::{
    flood::NETWORKS,
    results::{Result, Results},
    site::{DAY, MINUTE},
};

/// The median and the largest of some numbers.
#[must_use]
pub fn spread(mut numbers: Vec<u64>) -> Option<(u64, u64)> {
    numbers.sort_unstable();
    let median = *numbers.get(numbers.len().checked_sub(1)? / 2)?;
    Some((median, *numbers.last()?))
}

/// One cell: how many of the floods of this fold and so many networks began a siege, and how fast.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// How many came.
    pub floods: usize,
    /// How many began a siege.
    pub sieges: usize,
    /// Seconds to its begin: median and most.
    pub entry: Option<(u64, u64)>,
    /// Minutes from the flood's end to the siege's: median and most.
    pub exit: Option<(u64, u64)>,
}

impl Results {
    /// The cell of a fold and a number of networks.
    #[must_use]
    pub fn cell(&self, fold: f64, networks: u64) -> Cell {
        let these = self
            .floods()
            .filter(|(flood, _)| flood.fold == fold && flood.networks == networks);
        let outcomes: Vec<_> = these.map(|(_, outcome)| outcome).collect();
        let entries: Vec<u64> = outcomes
            .iter()
            .filter_map(|outcome| outcome.entry)
            .collect();
        Cell {
            floods: outcomes.len(),
            sieges: entries.len(),
            entry: spread(entries),
            exit: spread(outcomes.iter().filter_map(|outcome| outcome.exit).collect()),
        }
    }

    /// The folds that came, weakest first.
    #[must_use]
    pub fn folds(&self) -> Vec<f64> {
        let mut folds: Vec<f64> = self.floods().map(|(flood, _)| flood.fold).collect();
        folds.sort_by(f64::total_cmp);
        folds.dedup();
        folds
    }

    /// By size: messages a day, sites, false sieges, alerts, and the loudest minute as a part of the limit.
    #[must_use]
    pub fn sizes(&self) -> Vec<(f64, usize, u64, u64, f64)> {
        self.sites
            .chunk_by(|one, other| one.messages == other.messages)
            .map(|sites| {
                let sum = |count: fn(&Result) -> u64| sites.iter().map(count).sum();
                let loudest = sites.iter().map(|site| site.year.loudest);
                (
                    sites.first().map_or(0.0, |site| site.messages),
                    sites.len(),
                    sum(|site| site.year.sieges),
                    sum(|site| site.year.alerts),
                    loudest.fold(0.0, f64::max),
                )
            })
            .collect()
    }
}

impl Display for Results {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "A year without a flood")?;
        writeln!(
            f,
            "{:>12} {:>6} {:>13} {:>8} {:>16}",
            "messages/day", "sites", "false sieges", "alerts", "loudest minute"
        )?;
        for (messages, sites, sieges, alerts, loudest) in self.sizes() {
            writeln!(
                f,
                "{messages:>12} {sites:>6} {sieges:>13} {alerts:>8} {loudest:>8.1} x limit"
            )?;
        }
        writeln!(
            f,
            "\nFloods: seconds to the siege (median, most), minutes from their end to its end (median, most)"
        )?;
        writeln!(
            f,
            "The fold is that of the usual, where it makes the limit; else of 2.5 a minute, which would."
        )?;
        write!(f, "{:>6}", "fold")?;
        for networks in NETWORKS {
            write!(f, " {:>26}", format!("{networks} networks"))?;
        }
        writeln!(f)?;
        for fold in self.folds() {
            write!(f, "{fold:>6}")?;
            for networks in NETWORKS {
                write!(f, " {:>26}", self.cell(fold, networks).to_string())?;
            }
            writeln!(f)?;
        }
        writeln!(
            f,
            "\nThe same over 500 domains: seconds until all are besieged, and how many are by themselves"
        )?;
        for (flood, entry, alone) in &self.domains {
            let entry = entry.map_or("none".to_owned(), |entry| format!("{entry} s"));
            writeln!(
                f,
                "{:>6} from {:>5} networks: {entry}, {alone}",
                flood.fold, flood.networks
            )?;
        }
        for site in self.sites.iter().filter(|site| !site.holds.is_empty()) {
            site.patient(f)?;
        }
        Ok(())
    }
}

impl Result {
    fn patient(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{} messages a day: who is patient", self.messages)?;
        for (networks, held) in &self.holds {
            match held {
                Some((rate, part)) => writeln!(
                    f,
                    "  {networks} networks hold a siege with {rate:.1} a minute, {part:.2} of the limit"
                )?,
                None => writeln!(f, "  {networks} networks hold none")?,
            }
        }
        for (attacker, came) in &self.rhythms {
            writeln!(
                f,
                "  {} networks, {} min on, {} off: besieged {:.0} % of the time, {:.1} changes a day",
                attacker.networks,
                attacker.on,
                attacker.off,
                100.0 * came.besieged,
                came.changes
            )?;
        }
        for (networks, times, every, came) in &self.ramps {
            let every = every * MINUTE;
            let noticed = came.noticed.map_or("not noticed".to_owned(), |fold| {
                format!("noticed at {fold:.1} x")
            });
            let every = if every < DAY {
                format!("{} min", every / MINUTE)
            } else {
                format!("{} d", every / DAY)
            };
            writeln!(
                f,
                "  {networks} networks, {times} x as much each {every}: {noticed}; limit {:.1} x",
                came.taught
            )?;
        }
        Ok(())
    }
}

impl Display for Cell {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.entry, self.exit) {
            (Some((entry, most)), exit) => {
                let (exit, longest) = exit.unwrap_or_default();
                write!(f, "{entry} {most} s, {exit} {longest} min")?;
                if self.sieges < self.floods {
                    write!(f, " ({} %)", 100 * self.sieges / self.floods)?;
                }
                Ok(())
            }
            (None, _) => f.write_str("none"),
        }
    }
}
