//! Which addresses were in use before a siege: the store gets each once a day, not with every message.

use std::fmt;

use moka::sync::Cache;

use crate::{core::learned::Learn, store::Store};

/// How many of today's are remembered, so that the store does not get them again: some megabytes.
const MOST_TOLD: u64 = 50_000;

/// What the store got lately.
pub struct Learning(Cache<Learn, ()>);

impl Default for Learning {
    fn default() -> Self {
        Self(Cache::new(MOST_TOLD))
    }
}

impl fmt::Debug for Learning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Learning({})", self.0.entry_count())
    }
}

impl Learning {
    /// Has the store learn it, unless it did so today.
    pub(in crate::engine) fn learn(&self, store: &dyn Store, learn: Learn) {
        if self.0.get(&learn).is_none() && store.learn(learn) {
            self.0.insert(learn, ());
        }
    }
}
