//! What the store has lost, in messages and in counts.
//!
//! An outgoing message is *late* if it was answered before its entry was written. When the entry is written after all, it
//! is late no longer; when the entry is given up, the message is *lost*. An entry that finds no room is lost at once.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::core::{
    address::Domain,
    proof::{coverage::CoverageCount, ledger::Sent, today},
};

/// The maximum number of days and domains whose losses wait to be counted in the store. Further ones count for
/// [`CoverageCount::NOT_OURS`].
const MAX_UNCOUNTED: usize = 1_000;

/// What was lost since the start, through all reloads.
#[derive(Debug, Default)]
pub struct Losses(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    messages: u64,
    /// Below 0 for a moment, if the entry is written before its message is answered.
    late: i64,
    counts: u64,
    uncounted: BTreeMap<(u64, String), u64>,
}

/// How much was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Outgoing messages that have no entry in the ledger, and will never have one: they were answered without, or the file
    /// is gone in which it was.
    pub messages: u64,
    /// Outgoing messages that were answered without an entry, which still waits to be written.
    pub late: u64,
    /// Counts for reports, and learned addresses.
    pub counts: u64,
}

/// Whose loss it is.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    day: u64,
    domain: Option<Domain>,
}

impl Owner {
    pub fn of(sent: &Sent) -> Self {
        Self {
            day: today(sent.at),
            domain: sent.domain.clone(),
        }
    }
}

impl Losses {
    pub(super) fn late(&self) {
        self.lock().late += 1;
    }

    /// The entry of a late message is written, or given up.
    pub(super) fn late_no_longer(&self) {
        self.lock().late -= 1;
    }

    /// A message has no entry, and will have none.
    pub(super) fn message(&self, owner: &Owner) {
        self.messages(owner, 1);
    }

    /// Entries of messages that are not known one by one are gone, with the file that they were in.
    pub(super) fn entries(&self, gone: u64, day: u64) {
        if gone > 0 {
            self.messages(&Owner { day, domain: None }, gone);
        }
    }

    fn messages(&self, owner: &Owner, lost: u64) {
        let mut state = self.lock();
        state.messages = state.messages.saturating_add(lost);
        let domain = owner
            .domain
            .as_ref()
            .map_or(CoverageCount::NOT_OURS, Domain::as_str);
        let mut key = (owner.day, domain.to_owned());
        if state.uncounted.len() >= MAX_UNCOUNTED && !state.uncounted.contains_key(&key) {
            CoverageCount::NOT_OURS.clone_into(&mut key.1);
        }
        let times = state.uncounted.entry(key).or_default();
        *times = times.saturating_add(lost);
    }

    /// So many counts or learned addresses are lost.
    pub(super) fn counts(&self, lost: u64) {
        let mut state = self.lock();
        state.counts = state.counts.saturating_add(lost);
    }

    /// How much that is.
    pub fn lost(&self) -> Lost {
        let state = self.lock();
        Lost {
            messages: state.messages,
            late: u64::try_from(state.late).unwrap_or_default(),
            counts: state.counts,
        }
    }

    /// The messages that were lost since the last call, by day, as the store counts them.
    pub(super) fn uncounted(&self) -> impl Iterator<Item = ((u64, CoverageCount), u64)> + use<> {
        let uncounted = std::mem::take(&mut self.lock().uncounted);
        uncounted
            .into_iter()
            .map(|((day, domain), times)| ((day, CoverageCount::lost_by_ledger(&domain)), times))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            messages,
            late,
            counts,
        } = self;
        write!(
            f,
            "lost since the start: {messages} outgoing messages, {counts} counts"
        )?;
        match late {
            0 => Ok(()),
            late => write!(
                f,
                "; {late} more messages left before their entries were written"
            ),
        }
    }
}
