//! What became of the messages of one fault.

use std::fmt;

use serde::Serialize;

/// What became of the messages that were under way during one fault.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// What went wrong.
    pub fault: &'static str,
    /// Messages sent.
    pub sent: usize,
    /// Messages that arrived once.
    pub once: usize,
    /// Messages that arrived more often.
    pub doubled: usize,
    /// Messages that did not arrive.
    pub missing: usize,
    /// Attempts that ended with a temporary refusal.
    pub deferred: usize,
    /// Messages that were refused for good.
    pub refused: usize,
    /// Outgoing messages that arrived and are not in the ledger.
    pub unremembered: usize,
    /// How many of them the daemon says that it lost.
    pub told: u64,
    /// Log lines that the daemon says it lost.
    pub lines_lost: u64,
    /// Seconds from the end of the fault to the last message.
    pub settled: u64,
}

impl Outcome {
    /// The head of the table.
    pub const HEAD: &str = "\
| fault | sent | arrived once | twice | missing | deferred attempts | refused for good | ledger rows lost | told | log lines lost | s to settle |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";

    /// Whether nothing was lost but what was told.
    pub fn is_well(&self) -> bool {
        self.once == self.sent && self.refused == 0 && self.is_told()
    }

    /// Whether every row that the ledger lost is counted.
    pub(super) fn is_told(&self) -> bool {
        u64::try_from(self.unremembered).is_ok_and(|lost| lost <= self.told)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.fault,
            self.sent,
            self.once,
            self.doubled,
            self.missing,
            self.deferred,
            self.refused,
            self.unremembered,
            self.told,
            self.lines_lost,
            self.settled
        )
    }
}
