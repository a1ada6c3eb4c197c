//! The tables, as Markdown: the terminal and packaging/doc/speed.md get the same.

use std::fmt::Write;

use load::readings::{Of, Readings};

use super::{
    bench::OTHER_ROUNDS,
    cells::{ACCEPT_ALL, BASELINE, HEADERS, NR, OURS},
    held::{Held, Others, number, text},
    peers::PEERS,
};

/// What was measured, where and how.
pub struct Page<'a> {
    pub readings: &'a Readings,
    pub held: &'a [Held],
    pub others: &'a Others,
    /// Those that ran.
    pub peers: &'a [&'a str],
    /// Why the others did not.
    pub missing: &'a [String],
    pub failures: &'a [String],
    pub machine: &'a str,
    pub date: &'a str,
    pub version: &'a str,
    pub rounds: usize,
    pub minutes: u64,
}

/// How the line of README.md begins that gets a sentence of this page.
const SPF: &str = "SPF is our own code";
/// What a profile and the large stores showed. That is started by hand, so it names its commit.
const BY_HAND: &str = include_str!("by_hand.md");
const RATE: Of = |reading| reading.rate;
const CPU: Of = |reading| reading.cpu;
const P99: Of = |reading| reading.p99;
const GENERATOR: Of = |reading| reading.generator;

impl Page<'_> {
    /// All of it.
    pub fn text(&self) -> String {
        let sections = [
            self.head(),
            self.held_to(),
            self.floors(),
            self.peers(),
            self.memory(),
            BY_HAND.to_owned(),
            self.notes(),
        ];
        sections.join("\n")
    }

    /// One line of it, for README.md.
    pub fn sentence(&self) -> Option<String> {
        let cell = "warm unix 100x1";
        let floor = self.readings.ratio(cell, OURS, NR, RATE)?;
        let peers = self.peers.iter().filter_map(|peer| {
            let rate = self.readings.ratio(cell, peer, OURS, RATE)?;
            Some(format!("{peer} {}", number(rate.median)))
        });
        let peers: Vec<_> = peers.collect();
        Some(format!(
            "[Speed](packaging/doc/speed.md): {} of the rate of a filter that does nothing, on the same library; of Backstop's rate, \
             others reach: {}.",
            number(floor.median),
            peers.join(", ")
        ))
    }

    fn head(&self) -> String {
        format!(
            "# Speed\n\n\
             Measured by `tests/bench` on {}: {}. Backstop {}, {} rounds in {} minutes; {OTHER_ROUNDS} rounds of shapes of which\n\
             nothing is wanted.\n\n\
             All figures are ratios: filters on the same machine took turns in slices of 0.4 s, and a ratio is that of the slices\n\
             of one round. Shown is the median of all rounds, with the smallest and the largest in parentheses. A cell such as\n\
             20x1 has 20 connections with one message each; a message has 10 headers and 2 KB. The configuration is that of a site\n\
             in production (`tests/load/fixtures/milter.yaml`): mode `enforce`, SPF, forgery, all proofs, the ledger in SQLite.\n",
            self.date, self.machine, self.version, self.rounds, self.minutes
        )
    }

    fn held_to(&self) -> String {
        let mut text = "## Held to\n\n| | wanted | seen | met |\n|---|---|---|---|\n".to_owned();
        for Held {
            what,
            wanted,
            seen,
            met,
        } in self.held
        {
            let met = match met {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "not measured",
            };
            let _ = writeln!(text, "| {what} | {wanted} | {seen} | {met} |");
        }
        text
    }

    /// Backstop beside the floors, in all cells that have them.
    fn floors(&self) -> String {
        let mut text = format!(
            "## Beside floors\n\n\
             A floor is a filter on the same library, with the same runtime and flags, that accepts everything. The `{ACCEPT_ALL}`\n\
             one negotiates nothing; the `{NR}` negotiates what Backstop does, so that the MTA sends and awaits as little as\n\
             with Backstop; `{HEADERS}` also adds the headers that Backstop adds.\n\n\
             | | rate, of {NR} | of {HEADERS} | of {ACCEPT_ALL} | CPU, of {NR} | of {HEADERS} | p99, of {NR} | generator, of a core |\n\
             |---|---|---|---|---|---|---|---|\n"
        );
        for cell in self.readings.cells() {
            if self.readings.of(cell, NR).next().is_none() {
                continue;
            }
            let _ = writeln!(
                text,
                "| {cell} | {} | {} | {} | {} | {} | {} | {} |",
                self.ratio(cell, NR, RATE),
                self.ratio(cell, HEADERS, RATE),
                self.ratio(cell, ACCEPT_ALL, RATE),
                self.ratio(cell, NR, CPU),
                self.ratio(cell, HEADERS, CPU),
                self.ratio(cell, NR, P99),
                self.readings
                    .spread(cell, OURS, GENERATOR)
                    .map_or_else(|| "-".to_owned(), |spread| number(spread.median)),
            );
        }
        text
    }

    fn ratio(&self, cell: &str, to: &str, of: Of) -> String {
        text(self.readings.ratio(cell, OURS, to, of))
    }

    /// The rates of the peers, of ours.
    fn peers(&self) -> String {
        let mut peers: Vec<&str> = self.peers.to_vec();
        if self
            .readings
            .cells()
            .iter()
            .any(|cell| self.readings.of(cell, BASELINE).next().is_some())
        {
            peers.push(BASELINE);
        }
        let mut text = "## Beside peers\n\nTheir rate, of Backstop's; in parentheses their CPU for each message, of Backstop's.\n\n".to_owned();
        let _ = writeln!(
            text,
            "| | {} |\n|---{}|",
            peers.join(" | "),
            "|---".repeat(peers.len())
        );
        for cell in self.readings.cells() {
            let of = |peer: &&str, of| self.readings.ratio(cell, peer, OURS, of);
            if !peers.iter().any(|peer| of(peer, RATE).is_some()) {
                continue;
            }
            let figures = peers
                .iter()
                .map(|peer| match (of(peer, RATE), of(peer, CPU)) {
                    (Some(rate), Some(cpu)) => {
                        format!("{} ({})", number(rate.median), number(cpu.median))
                    }
                    _ => "-".to_owned(),
                });
            let _ = writeln!(
                text,
                "| {cell} | {} |",
                figures.collect::<Vec<_>>().join(" | ")
            );
        }
        text.push('\n');
        for (name, what) in PEERS {
            if self.peers.contains(&name) {
                let _ = writeln!(text, "- {what}.");
            }
        }
        for missing in self.missing {
            let _ = writeln!(text, "- Missing: {missing}.");
        }
        text
    }

    fn memory(&self) -> String {
        let mut text = "## Memory, in MiB\n\n| | after load | 1,000 idle connections | 5,000 idle | all gone |\n|---|---|---|---|---|\n".to_owned();
        for (name, memory) in [(OURS, self.others.ours), (NR, self.others.floor)] {
            if let Some(memory) = memory {
                let figures = [memory.before, memory.idle, memory.peak, memory.after].map(number);
                let _ = writeln!(text, "| {name} | {} |", figures.join(" | "));
            }
        }
        text
    }

    fn notes(&self) -> String {
        let mut text = String::new();
        if !self.failures.is_empty() {
            text.push_str("## What failed\n\n");
            for failure in self.failures {
                let _ = writeln!(text, "- {failure}");
            }
        }
        text
    }
}

/// README.md with this sentence in the line about SPF, in place of an older one.
pub fn with_sentence(readme: &str, sentence: &str) -> String {
    let lines = readme.lines().map(|line| {
        if !line.starts_with(SPF) {
            return format!("{line}\n");
        }
        let kept = line.split(" [Speed]").next().unwrap_or(line);
        format!("{kept} {sentence}\n")
    });
    lines.collect()
}
