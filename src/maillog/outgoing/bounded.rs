//! A table of the newest entries.

use std::collections::{HashMap, VecDeque};

/// A table that forgets the oldest where there are too many.
#[derive(Debug)]
pub(super) struct Bounded<T> {
    most: usize,
    entries: HashMap<u64, (u64, T)>,
    order: VecDeque<(u64, u64)>,
    next: u64,
}

impl<T> Bounded<T> {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            entries: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
        }
    }

    /// Puts it in the place of what was there.
    pub fn put(&mut self, key: u64, value: T) {
        self.next += 1;
        self.entries.insert(key, (self.next, value));
        self.order.push_back((key, self.next));
        while self.order.len() > self.most {
            let Some((oldest, number)) = self.order.pop_front() else {
                return;
            };
            // It may have been put again since.
            if self
                .entries
                .get(&oldest)
                .is_some_and(|(of, _)| *of == number)
            {
                self.entries.remove(&oldest);
            }
        }
    }

    pub fn get(&self, key: &u64) -> Option<&T> {
        self.entries.get(key).map(|(_, value)| value)
    }

    pub fn take(&mut self, key: &u64) -> Option<T> {
        self.entries.remove(key).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_there() {
        let mut table = Bounded::new(3);
        for key in [1, 2, 1, 3] {
            table.put(key, key * 10);
        }
        assert_eq!(
            [1, 2, 3].map(|key| table.get(&key).copied()),
            [Some(10), Some(20), Some(30)]
        );
        table.put(4, 40);
        assert_eq!(
            [1, 2, 3, 4].map(|key| table.get(&key).is_some()),
            [true, false, true, true]
        );
        assert_eq!((table.take(&3), table.take(&3)), (Some(30), None));
    }
}
