//! Which addresses were in use before a siege: each is told to the store once a day, not with every message.

use std::fmt;

use moka::sync::Cache;

use crate::{
    core::{
        address::Mailbox,
        learned::Learn,
        proof::{
            Keys,
            ledger::{Hashed, address, hash},
        },
        recipients::lookup_keys,
    },
    store::Store,
};

/// How many of today's are remembered, so as not to be told again: some megabytes.
const MOST_TOLD: u64 = 50_000;

/// What was told to the store lately.
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
    /// Tells that the mailbox was in use on `day`, in days since 1970-01-01: it `sent` mail, or got some. Without a key
    /// nothing is learned.
    pub(in crate::engine) fn learn(
        &self,
        store: &dyn Store,
        keys: &Keys,
        mailbox: &[u8],
        day: u64,
        sent: bool,
    ) {
        let Some(address) = hash(keys, Hashed::Learned, mailbox) else {
            return;
        };
        let learn = Learn { address, day, sent };
        if self.0.get(&learn).is_none() && store.learn(learn) {
            self.0.insert(learn, ());
        }
    }
}

/// The address in the form that is learned: without its extension, for whoever uses one uses all.
pub(in crate::engine) fn learned_form(mailbox: &Mailbox, delimiters: &str) -> Vec<u8> {
    let local = mailbox.local_key();
    let base = lookup_keys(&local, delimiters).last().unwrap_or(&local);
    address(&mailbox.with_local(base))
}
