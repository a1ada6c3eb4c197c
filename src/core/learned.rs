//! Addresses that are known to be somebody's, though no list has them: mail came for them, or from them.

use super::proof::ledger;

/// What happened to an address on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Learn {
    /// Of the address, as [`Hashed::Learned`](super::proof::ledger::Hashed::Learned).
    pub address: ledger::Hash,
    /// In days since 1970-01-01.
    pub day: u64,
    /// Whether it sent mail through us; else mail for it was accepted, from a stranger whose SPF passed.
    pub sent: bool,
}

/// What was learned of an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// On how many days mail for it was accepted.
    pub days: u32,
    /// The last of them, in days since 1970-01-01.
    pub last_accepted: Option<u64>,
    /// The last day on which it sent mail.
    pub last_sent: Option<u64>,
}

impl Learned {
    /// The last day of which something is known.
    pub fn last_day(&self) -> Option<u64> {
        self.last_accepted.max(self.last_sent)
    }

    /// What is known of the same address by the hash of another key. The day on which the keys changed can count twice.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            days: self.days.saturating_add(other.days),
            last_accepted: self.last_accepted.max(other.last_accepted),
            last_sent: self.last_sent.max(other.last_sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_keys_wrote_is_of_one_address() {
        let learned = |days, last_accepted, last_sent| Learned {
            days,
            last_accepted,
            last_sent,
        };
        let (older, newer) = (learned(3, Some(10), Some(20)), learned(2, Some(30), None));
        assert_eq!(older.and(newer), learned(5, Some(30), Some(20)));
        assert_eq!(newer.and(older), older.and(newer));
        assert_eq!(older.and(Learned::default()), older);
        assert_eq!(learned(u32::MAX, None, None).and(newer).days, u32::MAX);
        assert_eq!(older.last_day(), Some(20));
        assert_eq!(Learned::default().last_day(), None);
    }
}
