//! Entries of the ledger that are not written yet. They prove bounces already: the bounce of a message that just left may
//! come sooner than the write, and the store may be down. And uses of proofs, which count before they are written: a bounce
//! does not wait for the disk.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::core::proof::{
    ledger::{Hash, Remembered, Sent},
    uses::KeptUses,
};

/// How often uses were written so far. What was read of them in one version is not what is there in the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Version(u64);

/// The entries in the queue, and those of the batch that is being written.
#[derive(Debug, Default)]
pub struct Unwritten(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    messages: HashMap<Hash, Waiting<Remembered>>,
    senders: HashMap<Hash, Waiting<u64>>,
    uses: HashMap<Hash, Waiting<KeptUses>>,
    version: Version,
}

/// The newest of the entries that wait under the same hash.
#[derive(Debug)]
struct Waiting<T> {
    newest: T,
    entries: usize,
}

impl Unwritten {
    pub fn add(&self, sent: &Sent) {
        let mut entries = self.lock();
        if let Some(message) = sent.message {
            add(&mut entries.messages, message, Remembered::from(sent));
        }
        if let Some(sender) = sent.sender {
            add(&mut entries.senders, sender, sent.at);
        }
    }

    /// The entry is written, or lost.
    pub fn remove(&self, message: Option<Hash>, sender: Option<Hash>) {
        let mut entries = self.lock();
        if let Some(message) = message {
            remove(&mut entries.messages, message);
        }
        if let Some(sender) = sender {
            remove(&mut entries.senders, sender);
        }
    }

    /// The newest entry of any of these Message-IDs.
    pub fn sent(&self, messages: &[Hash]) -> Option<Remembered> {
        let entries = self.lock();
        let found = messages
            .iter()
            .filter_map(|hash| entries.messages.get(hash));
        let newest = found.max_by_key(|waiting| waiting.newest.at);
        newest.map(|waiting| waiting.newest.clone())
    }

    /// When any of these senders last sent.
    pub fn last_sent(&self, senders: &[Hash]) -> Option<u64> {
        let entries = self.lock();
        let found = senders.iter().filter_map(|hash| entries.senders.get(hash));
        found.map(|waiting| waiting.newest).max()
    }

    /// The uses of a message, those included that are written already; if any of them waits.
    pub fn uses(&self, message: Hash) -> Option<KeptUses> {
        let entries = self.lock();
        let waiting = entries.uses.get(&message)?;
        Some(waiting.newest.clone())
    }

    /// One more use of this message waits: these are all of them.
    pub fn add_use(&self, message: Hash, all: KeptUses) {
        add(&mut self.lock().uses, message, all);
    }

    /// One use of each of these messages is written.
    pub fn remove_uses(&self, messages: &[Hash]) {
        if messages.is_empty() {
            return;
        }
        let mut entries = self.lock();
        let Version(version) = &mut entries.version;
        *version = version.wrapping_add(1);
        for message in messages {
            remove(&mut entries.uses, *message);
        }
    }

    /// To be asked before uses are read, and again after that.
    pub fn version(&self) -> Version {
        self.lock().version
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add<T: Clone>(waiting: &mut HashMap<Hash, Waiting<T>>, hash: Hash, newest: T) {
    let entry = waiting.entry(hash).or_insert(Waiting {
        newest: newest.clone(),
        entries: 0,
    });
    entry.newest = newest;
    entry.entries += 1;
}

fn remove<T>(waiting: &mut HashMap<Hash, Waiting<T>>, hash: Hash) {
    if let Some(entry) = waiting.get_mut(&hash) {
        entry.entries -= 1;
        if entry.entries == 0 {
            waiting.remove(&hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_known_until_all_of_it_is_written() {
        let hash = |byte| Hash::from_bytes([byte; 16]);
        let sent = |at| Sent {
            message: Some(hash(1)),
            sender: Some(hash(2)),
            recipients: vec![hash(3)],
            hosts: Vec::new(),
            recipient_count: 1,
            at,
            domain: None,
        };
        let unwritten = Unwritten::default();
        let at = || unwritten.sent(&[hash(9), hash(1)]).map(|found| found.at);
        let last = || unwritten.last_sent(&[hash(2), hash(9)]);
        assert_eq!((at(), last()), (None, None));
        unwritten.add(&sent(10));
        unwritten.add(&sent(20));
        assert_eq!((at(), last()), (Some(20), Some(20)));
        // A hash of another kind finds nothing.
        assert_eq!(unwritten.last_sent(&[hash(1), hash(3)]), None);
        unwritten.remove(Some(hash(1)), Some(hash(2)));
        assert_eq!((at(), last()), (Some(20), Some(20)));
        unwritten.remove(Some(hash(1)), Some(hash(2)));
        unwritten.remove(Some(hash(1)), None);
        assert_eq!((at(), last()), (None, None));
        assert!(unwritten.lock().messages.is_empty() && unwritten.lock().senders.is_empty());
    }
}
