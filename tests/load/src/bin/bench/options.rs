//! What the command line says.

use std::path::PathBuf;

use clap::Parser;

/// Measures Backstop beside floors on its library and beside its peers, in slices that take turns.
#[derive(Debug, Parser)]
#[command(name = "tests/bench", max_term_width = 100)]
pub struct Options {
    /// How often each cell is measured that something is wanted of [default: 11]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Measure only cells whose name has this text, such as `warm unix` or `mix`
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// A few minutes: 3 rounds, and only the cells that something is wanted of
    #[arg(long)]
    pub quick: bool,
    /// Leave the peers out
    #[arg(long)]
    pub no_peers: bool,
    /// Another build of backstop, measured in the same rounds
    #[arg(long, value_name = "PROGRAM")]
    pub baseline: Option<PathBuf>,
    /// Where the figures are written as JSON
    #[arg(long, value_name = "PATH", default_value = "target/bench/speed.json")]
    pub json: PathBuf,
    /// Write packaging/doc/speed.md
    #[arg(long)]
    pub doc: bool,
    /// The program that is measured
    #[arg(
        long,
        value_name = "PROGRAM",
        default_value = "target/release/backstop",
        hide = true
    )]
    pub backstop: PathBuf,
    /// The floor
    #[arg(
        long,
        value_name = "PROGRAM",
        default_value = "target/release/floor",
        hide = true
    )]
    pub floor: PathBuf,
    /// The folder of the peers, one for each
    #[arg(
        long,
        value_name = "FOLDER",
        default_value = "target/bench/peers",
        hide = true
    )]
    pub peers: PathBuf,
}

impl Options {
    /// How many rounds there are.
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(if self.quick { 3 } else { 11 })
    }

    /// Whether a cell of this name is measured.
    pub fn wants(&self, cell: &str) -> bool {
        self.only
            .as_ref()
            .is_none_or(|text| cell.contains(text.as_str()))
    }
}
