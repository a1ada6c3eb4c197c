//! The room for what is counted and learned.

use std::collections::btree_map::Entry;

/// The maximum number of different things that wait to be counted or learned.
pub const COUNTS: usize = 10_000;
/// The maximum number of them that strangers cause: the other half is for our own mail, however many bounces they send.
pub const STRANGERS: usize = COUNTS / 2;

/// How much of the room for counts is taken.
pub struct Room {
    pub taken: usize,
}

impl Room {
    /// Whether there is room for something new.
    pub fn is_for(&self, ours: bool) -> bool {
        self.taken < if ours { COUNTS } else { STRANGERS }
    }
}

/// Counts; what is new needs room.
pub fn more<K: Ord>(entry: Entry<'_, K, u64>, times: u64, has_room: bool) -> bool {
    match entry {
        Entry::Vacant(_) if !has_room => return false,
        Entry::Vacant(new) => {
            new.insert(times);
        }
        Entry::Occupied(mut sum) => *sum.get_mut() = sum.get().saturating_add(times),
    }
    true
}
