//! How often a message of ours has come back, and whether it counts once more: a copy of one message must not become a
//! licence to flood, and none of its bounces must be lost because another was counted twice.
//!
//! An MTA does not report what it makes of our answer at the end of a message: because of a later milter or a full disk it
//! can ask its client to come again. So the same notification can come again, too.

use serde::{Deserialize, Serialize};

use super::{evidence::ProofResult, ledger::Hash};
use crate::core::stored::{self, at_most};

/// How soon after it was accepted the same notification is one too many, in seconds. A client that was asked to come again
/// waits as long: Postfix 300 s (`minimal_backoff_time`), others longer.
const TOO_SOON: u64 = 5 * 60;
/// How often the same notification can come again without being counted: MTAs try for days, more and more rarely.
const FREE_REPEATS: u8 = 20;
/// How many notifications of a message are known again, the last ones.
const MAX_SEEN: usize = 200;
/// How many people's automatic replies one message can prove.
const MAX_REPLIERS: usize = 50;

/// What is counted, each apart: a delay must not take the place of the failure that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counter {
    /// It could not be delivered.
    Failure,
    /// It is late.
    Delay,
    /// It was delivered, relayed or expanded (RFC 3464 section 2.3.3).
    Success,
    /// Nothing but our signature proves it, and To: and Cc: name another recipient.
    Unlisted,
    /// A copy of a post of ours that a mailing list brings to one recipient. A client that tries again sends the same copy,
    /// which is no sign of a flood, however soon.
    Copy,
    /// An automatic reply or a receipt of this replier, of whom one counts.
    Reply(Hash),
}

/// A notification that would use a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// What it counts as.
    pub counter: Counter,
    /// How many of its kind count. Of replies there is a limit of their own.
    pub limit: u32,
    /// What it is known again by: its Message-ID and whom it is about. Without a Message-ID it always is a new one.
    pub notification: Option<Hash>,
    /// In seconds since 1970.
    pub now: u64,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It counts, as one more.
    Counted {
        /// How many there are now, this one included.
        times: u32,
        /// The limit.
        limit: u32,
    },
    /// It was here before, and counts again without being counted.
    Again {
        /// For how many times.
        times: u8,
    },
    /// It was accepted minutes ago.
    TooSoon,
    /// The limit is reached.
    TooOften {
        /// How many.
        limit: u32,
    },
}

impl Use {
    /// Whether it counts, and so changes what is known of the message.
    pub fn counts(self) -> bool {
        matches!(self, Self::Counted { .. } | Self::Again { .. })
    }

    /// The result for the proof, and the same for people.
    pub fn result(self) -> (ProofResult, String) {
        match self {
            Self::Counted { times, limit } => (
                ProofResult::Counts,
                format!("counted, {times} of {limit} times"),
            ),
            Self::Again { times } => (
                ProofResult::Counts,
                format!("here before, and not counted: {times} of {FREE_REPEATS} repeats"),
            ),
            Self::TooSoon => (
                ProofResult::Repeated,
                format!("but it was here less than {} minutes ago", TOO_SOON / 60),
            ),
            Self::TooOften { limit } => (
                ProofResult::Replayed,
                format!("but has been used {limit} times, which is the limit"),
            ),
        }
    }
}

/// How often one message has come back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uses {
    failures: u32,
    delays: u32,
    successes: u32,
    unlisted: u32,
    copies: u32,
    /// The oldest first.
    #[serde(deserialize_with = "at_most::<MAX_REPLIERS, _, _>")]
    repliers: Vec<Hash>,
    #[serde(deserialize_with = "at_most::<MAX_SEEN, _, _>")]
    seen: Vec<Seen>,
}

/// A notification that was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    notification: Hash,
    /// The last time, in seconds since 1970.
    at: u64,
    /// How often it came again.
    repeats: u8,
}

impl Uses {
    /// Decides, and counts.
    pub fn take(&mut self, attempt: &Attempt) -> Use {
        let Attempt { now, .. } = *attempt;
        let before = self.seen_before(attempt);
        if let Some(seen) = before {
            // The clock of the host that accepted it can be ahead.
            if seen.at.abs_diff(now) < TOO_SOON && attempt.counter != Counter::Copy {
                return Use::TooSoon;
            }
            if seen.repeats < FREE_REPEATS {
                seen.at = now;
                seen.repeats += 1;
                let times = seen.repeats;
                return Use::Again { times };
            }
        }
        let used = self.count(attempt);
        if let (Use::Counted { .. }, Some(notification)) = (used, attempt.notification) {
            match self.seen_before(attempt) {
                Some(seen) => seen.at = now,
                None => self.see(notification, now),
            }
        }
        used
    }

    fn seen_before(&mut self, attempt: &Attempt) -> Option<&mut Seen> {
        let notification = attempt.notification?;
        let mut seen = self.seen.iter_mut();
        seen.find(|seen| seen.notification == notification)
    }

    fn count(&mut self, attempt: &Attempt) -> Use {
        let limit = attempt.limit;
        let count = match attempt.counter {
            Counter::Failure => &mut self.failures,
            Counter::Delay => &mut self.delays,
            Counter::Success => &mut self.successes,
            Counter::Unlisted => &mut self.unlisted,
            Counter::Copy => &mut self.copies,
            Counter::Reply(replier) => return self.reply(replier),
        };
        if *count >= limit {
            return Use::TooOften { limit };
        }
        *count += 1;
        let times = *count;
        Use::Counted { times, limit }
    }

    fn reply(&mut self, replier: Hash) -> Use {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        if self.repliers.contains(&replier) {
            return Use::TooOften { limit: 1 };
        }
        let limit = number(MAX_REPLIERS);
        if self.repliers.len() >= MAX_REPLIERS {
            return Use::TooOften { limit };
        }
        self.repliers.push(replier);
        let times = number(self.repliers.len());
        Use::Counted { times, limit }
    }

    fn see(&mut self, notification: Hash, at: u64) {
        if self.seen.len() >= MAX_SEEN {
            let oldest = self.seen.iter().enumerate().min_by_key(|(_, seen)| seen.at);
            if let Some((oldest, _)) = oldest {
                self.seen.remove(oldest);
            }
        }
        self.seen.push(Seen {
            notification,
            at,
            repeats: 0,
        });
    }

    /// As it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        stored::to_bytes(self)
    }

    /// What was stored; `None` for what can't be.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let uses: Self = stored::from_bytes(bytes)?;
        // postcard also reads longer forms of a number, which it never writes.
        (uses.to_bytes() == bytes).then_some(uses)
    }
}

/// How often one message has come back, and until when that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeptUses {
    /// How often.
    pub uses: Uses,
    /// In seconds since 1970.
    pub until: u64,
}

impl KeptUses {
    /// Decides, counts, and keeps it until then at least. What is over begins anew.
    pub fn take(&mut self, attempt: &Attempt, until: u64) -> Use {
        if self.until <= attempt.now {
            *self = Self::default();
        }
        let used = self.uses.take(attempt);
        if used.counts() {
            self.until = self.until.max(until);
        }
        used
    }
}

#[cfg(test)]
mod tests;
