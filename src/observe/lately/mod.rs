//! What happened in the last hour, for the status page: counts by minute, and the last decisions. It is in memory alone, and
//! only while somebody can see it.

mod answered;
mod masked;

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

pub use answered::{Answered, Tally};
use masked::{address, masked};

use super::Decision;
use crate::core::{proof::coverage::word, verdict::Action};

/// How many minutes are kept, this one included.
const MINUTES: u64 = 60;
/// How many of the last decisions are kept.
const LATEST: usize = 20;
/// For how long one decision stands for others like it, in seconds: a flood is one row, and does not hide the rest.
const ALIKE: u64 = 60;

/// What is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kept {
    /// Nothing: nobody can see it.
    #[default]
    Nothing,
    /// Everything, but only the first character of each local part.
    Masked,
    /// Everything.
    Addresses,
}

/// The last hour.
#[derive(Debug, Default)]
pub struct Lately {
    is_kept: AtomicBool,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    kept: Kept,
    /// The oldest first; minutes in which nothing came are left out.
    minutes: VecDeque<Minute>,
    /// The newest first.
    latest: VecDeque<Latest>,
}

/// What was counted in a minute. All keys are our own words, so there are few.
#[derive(Debug, Default)]
struct Minute {
    /// Minutes since 1970.
    minute: u64,
    answers: BTreeMap<(Answered, &'static str), u64>,
    proofs: BTreeMap<&'static str, u64>,
}

/// One of the last decisions, and how many like it there were in the minute before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// In seconds since 1970.
    pub at: u64,
    /// What was done.
    pub action: Action,
    /// What would have been done without monitoring.
    pub would: Option<Action>,
    /// How it was answered.
    pub answered: Answered,
    /// The code of the reason.
    pub reason: &'static str,
    /// The entry of the file that decided.
    pub by: Option<String>,
    /// The client.
    pub client: Option<IpAddr>,
    /// MAIL FROM; empty for the null sender. Printable ASCII, but for the dots of a mask.
    pub mail_from: String,
    /// RCPT TO, likewise.
    pub rcpt: String,
    /// How many there were, this one included.
    pub times: u64,
}

/// The last hour, as it is shown.
#[derive(Clone, Debug, Default)]
pub struct Hour {
    /// The minutes since 1970 with what came in each, the oldest first; also those in which nothing came.
    pub minutes: Vec<(u64, Tally)>,
    /// How recipients were answered, with the code of the reason, and how many; the most frequent first.
    pub reasons: Vec<(Answered, &'static str, u64)>,
    /// What bounces proved, by the word that is counted for it, and how many; the most frequent first.
    pub proofs: Vec<(&'static str, u64)>,
    /// The last decisions, the newest first.
    pub latest: Vec<Latest>,
}

impl Hour {
    /// All of it.
    pub fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for (_, tally) in &self.minutes {
            sum.join(tally);
        }
        sum
    }
}

impl Lately {
    /// Keeps this from now on; what was kept otherwise is forgotten.
    pub fn keep(&self, kept: Kept) {
        let mut memory = self.memory();
        if memory.kept != kept {
            *memory = Memory {
                kept,
                ..Memory::default()
            };
        }
        self.is_kept.store(kept != Kept::Nothing, Ordering::Relaxed);
    }

    /// Notes the answer to one recipient, when it is final; `now` is in seconds since 1970.
    pub fn decided(&self, decision: &Decision<'_>, now: u64) {
        if self.is_kept.load(Ordering::Relaxed) {
            self.memory().decided(decision, now);
        }
    }

    /// An address of ours, printable, as this may show it.
    pub fn shown(&self, address: &str) -> String {
        match self.memory().kept {
            Kept::Addresses => address.to_owned(),
            Kept::Masked | Kept::Nothing => masked(address.as_bytes()),
        }
    }

    /// The hour that ends now, in seconds since 1970.
    pub fn hour(&self, now: u64) -> Hour {
        self.memory().hour(now / 60)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn decided(&mut self, decision: &Decision<'_>, now: u64) {
        let verdict = decision.verdict;
        let (answered, reason) = (Answered::of(verdict), verdict.reason.code());
        let minute = self.minute(now / 60);
        let count = minute.answers.entry((answered, reason)).or_default();
        *count = count.saturating_add(1);
        if let Some(proof) = &verdict.proof {
            let count = minute.proofs.entry(word(proof)).or_default();
            *count = count.saturating_add(1);
        }
        // What your users send is nobody's business, and what the MTA refuses it has logged.
        if !matches!(answered, Answered::Outgoing | Answered::RefusedByMta) {
            self.keep_latest(decision, answered, now);
        }
    }

    /// The minute to count in. A clock that was set back counts in the latest there is.
    fn minute(&mut self, minute: u64) -> &mut Minute {
        let latest = self.minutes.pop_back();
        let minute = match latest {
            Some(latest) if latest.minute >= minute => latest,
            latest => {
                self.minutes.extend(latest);
                let kept = minute.saturating_sub(MINUTES - 1);
                self.minutes.retain(|one| one.minute >= kept);
                Minute {
                    minute,
                    ..Minute::default()
                }
            }
        };
        self.minutes.push_back_mut(minute)
    }

    fn keep_latest(&mut self, decision: &Decision<'_>, answered: Answered, now: u64) {
        let verdict = decision.verdict;
        let reason = verdict.reason.code();
        let is_alike = |one: &Latest| {
            (one.answered, one.action, one.would, one.reason)
                == (answered, verdict.action, verdict.would, reason)
                && now.saturating_sub(one.at) < ALIKE
        };
        let mut times = 1;
        if let Some(at) = self.latest.iter().position(is_alike)
            && let Some(mut alike) = self.latest.remove(at)
        {
            alike.times = alike.times.saturating_add(1);
            if alike.at == now {
                // Of a flood, one a second is written down.
                self.latest.push_front(alike);
                return;
            }
            times = alike.times;
        }
        let shown = |bytes: &[u8]| match self.kept {
            Kept::Addresses => address(bytes),
            Kept::Masked | Kept::Nothing => masked(bytes),
        };
        let by = verdict.decided_by().map(ToString::to_string);
        let latest = Latest {
            at: now,
            action: verdict.action,
            would: verdict.would,
            answered,
            reason,
            by: by.filter(|by| self.kept == Kept::Addresses || !by.contains('@')),
            client: decision.client,
            mail_from: shown(&decision.mail_from.to_bytes()),
            rcpt: shown(&decision.rcpt.to_bytes()),
            times,
        };
        self.latest.push_front(latest);
        self.latest.truncate(LATEST);
    }

    fn hour(&self, this_minute: u64) -> Hour {
        let first = this_minute.saturating_sub(MINUTES - 1);
        let mut reasons: BTreeMap<(Answered, &'static str), u64> = BTreeMap::new();
        let mut proofs: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut minutes: BTreeMap<u64, Tally> = (first..=this_minute)
            .map(|minute| (minute, Tally::default()))
            .collect();
        for minute in &self.minutes {
            let Some(tally) = minutes.get_mut(&minute.minute) else {
                continue;
            };
            for (key, times) in &minute.answers {
                tally.add(key.0, *times);
                let sum = reasons.entry(*key).or_default();
                *sum = sum.saturating_add(*times);
            }
            for (proof, times) in &minute.proofs {
                let sum = proofs.entry(proof).or_default();
                *sum = sum.saturating_add(*times);
            }
        }
        let mut reasons: Vec<_> = reasons
            .into_iter()
            .map(|((answered, reason), times)| (answered, reason, times))
            .collect();
        reasons.sort_by_key(|(_, _, times)| std::cmp::Reverse(*times));
        let mut proofs: Vec<_> = proofs.into_iter().collect();
        proofs.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        Hour {
            minutes: minutes.into_iter().collect(),
            reasons,
            proofs,
            latest: self.latest.iter().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests;
