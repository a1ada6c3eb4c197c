//! Which records that the store does not have may be written to it in one round.

use super::MAX_DOMAINS;

/// How many domains that the file names, and how many others, get a record in a full store in one round; the rest are this
/// host's alone until then. The store has to look through all it has for each.
pub(super) const MAX_NEW: usize = 20;

/// The places that are left in one round.
#[derive(Debug)]
pub(super) struct Places {
    free: usize,
    /// In place of others' records.
    named: usize,
    invented: usize,
}

impl Places {
    /// The places in a store that has `records`, and room for `capacity`, if the file names `named` domains.
    ///
    /// Of more named domains than there are places, those that came first stay: else they would push each other out without
    /// end.
    pub(super) fn new(capacity: usize, records: usize, named: usize) -> Self {
        let new = if named > MAX_DOMAINS { 0 } else { MAX_NEW };
        Self {
            free: capacity.saturating_sub(records),
            named: new,
            invented: new,
        }
    }

    /// Takes a place, if there is one, for a domain that the file names or that a stranger may have invented.
    pub(super) fn take(&mut self, is_named: bool) -> bool {
        let of = match (self.free, is_named) {
            (1.., _) => &mut self.free,
            (0, true) => &mut self.named,
            (0, false) => &mut self.invented,
        };
        let left = of.checked_sub(1);
        *of = left.unwrap_or_default();
        left.is_some()
    }
}
