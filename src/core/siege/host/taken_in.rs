//! What the store has: what was written since it was last asked, and at the beginning all of it, piece by piece.

use super::{
    super::{
        Damaged, Record, Settings,
        bytes::Packed,
        watched::{WATCHED, Watched},
    },
    FEW, Host, Resting, domain_of, record_name,
};
use crate::core::{address::Domain, local::Domains};

/// How many records are asked for by name at once.
const MAX_NAMES: usize = 1_000;
/// How many records that the store lost it gets again in one round.
const RESTORED_AT_ONCE: usize = 500;

/// How far the store was read: the record that was written last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Its version; 0 if nothing was read.
    pub version: u64,
    /// Its name.
    pub name: String,
}

/// What to ask the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Records that were written after this.
    pub after: Cursor,
    /// And these, by name.
    pub names: Vec<String>,
}

/// A record as the store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Another one whenever it is written, and never 0. What was written later has a greater one.
    pub version: u64,
    /// What [`Record::to_bytes`] gave.
    pub bytes: Vec<u8>,
}

/// What the store answers to a [`Question`].
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Its time, in seconds since 1970.
    pub now: u64,
    /// Whether it does not have what was read of it last: it was lost, or an old copy took its place. Nothing else is said
    /// then.
    pub is_behind: bool,
    /// What was written since, by names, in the order in which it was written.
    pub changes: Vec<(String, Stored)>,
    /// Whether there is more.
    pub has_more: bool,
    /// What was asked for by name, and exists.
    pub named: Vec<(String, Stored)>,
}

impl Host {
    /// What to ask the store next.
    pub fn question(&self) -> Question {
        Question {
            after: self.cursor.clone(),
            names: self.doubted.iter().take(MAX_NAMES).cloned().collect(),
        }
    }

    /// Takes in what the store answered to the last question. Gives the names of what a newer Backstop wrote.
    pub fn take_in(
        &mut self,
        answer: Answer,
        local_domains: &Domains,
        settings: &Settings,
    ) -> Vec<(String, Damaged)> {
        let Answer {
            now,
            is_behind,
            changes,
            has_more,
            named,
        } = answer;
        let mut unreadable = Vec::new();
        if is_behind {
            self.cursor = Cursor::default();
            self.watched_there = None;
            let resting = self.resting.keys().cloned().map(Some);
            self.missing = self.awake.keys().cloned().chain(resting).collect();
            return unreadable;
        }
        let asked = self.question().names;
        for name in asked {
            self.doubted.remove(&name);
            let exists = named
                .iter()
                .chain(&changes)
                .any(|(found, _)| *found == name);
            if !exists {
                self.is_gone(&name);
            }
        }
        if let Some((name, stored)) = changes.last() {
            self.cursor = Cursor {
                version: stored.version,
                name: name.clone(),
            };
        }
        for (name, stored) in changes.into_iter().chain(named) {
            if let Some(version) = self.take_in_one(&name, stored, local_domains, settings, now) {
                unreadable.push((name, version));
            }
        }
        if !has_more {
            self.doubt();
            self.restore(now);
        }
        unreadable
    }

    fn take_in_one(
        &mut self,
        name: &str,
        stored: Stored,
        local_domains: &Domains,
        settings: &Settings,
        now: u64,
    ) -> Option<Damaged> {
        self.doubted.remove(name);
        if name == WATCHED {
            let there = Watched::from_bytes(&stored.bytes);
            self.watched.merge(&there);
            self.watched_there = Some((there, stored.version));
            return None;
        }
        let name = domain_of(name)?;
        let is_ours = |domain: &Domain| local_domains.entry(domain).is_some();
        if !name.as_ref().is_none_or(is_ours) {
            return None;
        }
        self.missing.remove(&name);
        if let Some(known) = self.awake.get_mut(&name) {
            if known.seen != stored.version || known.stored_at.is_none() {
                known.found = Some(stored);
            }
            return None;
        }
        let rested = name.as_ref().and_then(|domain| self.resting.get(domain));
        if rested.is_some_and(|rested| rested.seen == stored.version)
            || !self.has_room(&name, local_domains)
        {
            return None;
        }
        let read = Record::from_bytes(&stored.bytes);
        match (name, read) {
            (_, Err(version @ Damaged::Version(_))) => return Some(version),
            (Some(domain), Ok(record)) if self.awake.len() > FEW && record.may_rest(settings) => {
                self.let_rest(domain, &record, stored, settings, now);
            }
            (name, _) => self.wake(name, now).found = Some(stored),
        }
        None
    }

    /// A record of the store, of a domain that nothing happens to here.
    fn let_rest(
        &mut self,
        domain: Domain,
        record: &Record,
        stored: Stored,
        settings: &Settings,
        now: u64,
    ) {
        if let Some(rested) = self.resting.get_mut(&domain) {
            let sequence = rested.packed.sequence();
            if sequence.is_some_and(|own| own > record.sequence) {
                // What the store has is older than what is known here, or began anew when it had lost that.
                rested.seen = stored.version;
                rested.stored_at = None;
                self.missing.insert(Some(domain));
                return;
            }
        }
        match record.above_until(settings) {
            Some(until) if until > now => {
                self.above.insert(domain.clone(), until);
            }
            _ => {
                self.above.remove(&domain);
            }
        }
        if record.is_idle(now) {
            self.resting.remove(&domain);
            self.invented.remove(&domain);
            self.idle.push(domain);
            return;
        }
        let rested = Resting {
            packed: Packed::of_bytes(&stored.bytes),
            seen: stored.version,
            stored_at: Some(record.at),
        };
        self.resting.insert(domain, rested);
    }

    /// Has what a write found to be another be asked for by name, unless it came with what was written since.
    fn doubt(&mut self) {
        for name in std::mem::take(&mut self.raced) {
            let known = domain_of(&name).and_then(|name| self.awake.get(&name));
            if known.is_none_or(|known| known.found.is_none()) {
                self.doubted.insert(name);
            }
        }
    }

    /// The store has no record of this name, though it was said to.
    fn is_gone(&mut self, name: &str) {
        if name == WATCHED {
            self.watched_there = None;
        }
        let known = domain_of(name).and_then(|name| self.awake.get_mut(&name));
        if let Some(known) = known {
            known.seen = 0;
            known.stored_at = None;
        }
    }

    /// Wakes some of what the store lost, so that it is written again.
    fn restore(&mut self, now: u64) {
        let some: Vec<_> = self
            .missing
            .iter()
            .take(RESTORED_AT_ONCE)
            .cloned()
            .collect();
        for name in some {
            self.missing.remove(&name);
            if self.wake(name.clone(), now).stored_at.is_some() {
                self.is_gone(record_name(name.as_ref()));
            }
        }
    }
}
