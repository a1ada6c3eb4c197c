//! Who brought a Message-ID first. What comes again from a host of ours, without a word of where it was before, shows itself
//! so: a filter that answers without a queue id, a mailing list, a forward.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use super::message::{Named, Number};

/// How many Message-IDs are remembered: those of some days, unless millions come in a week.
const MAX_NAMES: usize = 1 << 18;

/// The Message-IDs that came lately, as hashes.
#[derive(Debug, Default)]
pub(super) struct Names {
    first: HashMap<u64, First>,
    order: VecDeque<u64>,
}

#[derive(Clone, Copy, Debug)]
struct First {
    number: Number,
    /// Whether that was outgoing; false until it is over.
    is_ours: bool,
    /// Whether its sender is one of ours, so that it is remembered; false until it is over.
    is_told: bool,
}

impl Names {
    /// A message has this Message-ID.
    pub fn comes(&mut self, name: u64, number: Number) -> Named {
        match self.first.entry(name) {
            Entry::Occupied(first) if first.get().number != number => {
                Named::After(first.get().number)
            }
            Entry::Occupied(_) => Named::First,
            Entry::Vacant(new) => {
                new.insert(First {
                    number,
                    is_ours: false,
                    is_told: false,
                });
                self.order.push_back(name);
                if self.order.len() > MAX_NAMES
                    && let Some(oldest) = self.order.pop_front()
                {
                    self.first.remove(&oldest);
                }
                Named::First
            }
        }
    }

    /// The message that brought it first is over.
    pub fn ends(&mut self, name: u64, number: Number, is_ours: bool, is_told: bool) {
        if let Some(first) = self.first.get_mut(&name)
            && first.number == number
        {
            first.is_ours = is_ours;
            first.is_told = is_ours && is_told;
        }
    }

    /// Whether the message that brought it first was outgoing, where that is over.
    pub fn is_ours(&self, name: u64) -> bool {
        self.first.get(&name).is_some_and(|first| first.is_ours)
    }

    /// Whether the message that brought it first is remembered, where that is over.
    pub fn is_told(&self, name: u64) -> bool {
        self.first.get(&name).is_some_and(|first| first.is_told)
    }
}
