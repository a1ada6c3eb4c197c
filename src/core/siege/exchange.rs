//! How hosts share one record: each reads it, steps it with what it counted, and writes it back if no other host did
//! meanwhile.

use std::cmp::Ordering;

use super::{
    Settings,
    change::{Cause, Change},
    deltas::Deltas,
    record::Record,
    watched::Watched,
};

/// So often a record is written of a domain that is not calm, though nothing happened to it, in seconds: else the time seems
/// unobserved.
pub(super) const REFRESH: u64 = 600;

/// What the store has.
#[derive(Clone, Copy, Debug)]
pub struct Shared<'a> {
    /// As [`Record::to_bytes`] made it.
    pub bytes: &'a [u8],
    /// When it was written, beside what this host last saw there or wrote itself: that is equal, what another wrote since
    /// is greater, and a copy of how it was before is less.
    pub written: Ordering,
}

/// What came of one round.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchanged {
    /// What is to be written, and to be kept as this host's own once it is.
    pub record: Record,
    /// A change to report: of the state that this host knew, by this round or by another host's. Only one
    /// host has it with a cause other than [`Cause::Elsewhere`].
    pub change: Option<Change>,
    /// Whether anything is worth writing. If not, the record is kept, and nothing needs to be written.
    pub must_write: bool,
    /// What was in the store can't be read, so that this host's own goes on.
    pub damaged: bool,
}

impl Record {
    /// One round with what the store has, what this host knows, and what it counted since its last round that was written.
    /// `now` is the time of the store's clock, in seconds since 1970, and `watched` when hosts watched. Where
    /// the write fails because another host was faster, the round is made again with what that one wrote; where the
    /// store is gone, [`Self::step_alone`] takes its place.
    pub fn exchange(
        shared: Option<Shared<'_>>,
        local: &Self,
        pending: &Deltas,
        watched: &Watched,
        now: u64,
        settings: &Settings,
    ) -> Exchanged {
        let stored = shared.map(|shared| Self::from_bytes(shared.bytes));
        let written = shared.map_or(Ordering::Less, |shared| shared.written);
        let damaged = matches!(stored, Some(Err(_)));
        let mut own = local.clone();
        own.settle(now);
        let was_alone = own.alone.is_some();
        let (mut record, written_at) = match stored {
            // Nobody wrote while this host was alone: what it knows is what came after.
            Some(Ok(_)) if was_alone && written.is_eq() => (own.clone(), None),
            // The store has an old copy; an administrator may have spoken since.
            Some(Ok(older)) if written.is_lt() && older.sequence < own.sequence => {
                own.heed(&older);
                (own.clone(), None)
            }
            Some(Ok(mut stored)) => {
                let lost = stored.sequence < own.sequence;
                let written_at = stored.at;
                stored.settle(now);
                // The others may have written there what they knew, too, after it had lost all.
                if was_alone || lost {
                    stored.merge(&own);
                }
                (stored, (!lost).then_some(written_at))
            }
            _ => (own.clone(), None),
        };
        record.sequence = record.sequence.max(own.sequence);
        let is_due = was_alone || damaged;
        Exchanged {
            damaged,
            ..record.stepped(local, (written_at, is_due), pending, watched, now, settings)
        }
    }

    /// The same where the store still has what this host last saw there or wrote itself, `written_at` that time.
    pub(super) fn go_on(
        &self,
        written_at: u64,
        pending: &Deltas,
        watched: &Watched,
        now: u64,
        settings: &Settings,
    ) -> Exchanged {
        let mut record = self.clone();
        record.settle(now);
        let stored = (Some(written_at), self.alone.is_some());
        record.stepped(self, stored, pending, watched, now, settings)
    }

    /// The next step of what `local` and the store have in common. Of the store it is known when its record was written,
    /// where it has it, and whether another must be in any case.
    fn stepped(
        mut self,
        local: &Self,
        (written_at, is_due): (Option<u64>, bool),
        pending: &Deltas,
        watched: &Watched,
        now: u64,
        settings: &Settings,
    ) -> Exchanged {
        self.alone = None;
        let hour_over = self.baseline.is_over(now);
        let reported = self.reported;
        self.catch_up(watched, settings, now);
        let change = self.step(settings, pending, now);
        let is_old = written_at.is_some_and(|at| hour_over || now.abs_diff(at) >= REFRESH);
        let must_write = change.is_some()
            || !pending.is_empty()
            || is_due
            || (is_old && !self.may_rest(settings))
            || (written_at.is_none() && !self.is_idle(now));
        if must_write {
            self.sequence = self.sequence.saturating_add(1);
        }
        let change = change.or_else(|| {
            (reported != local.reported)
                .then(|| self.change(settings, local.reported, Cause::Elsewhere))
                .flatten()
        });
        Exchanged {
            record: self,
            change,
            must_write,
            damaged: false,
        }
    }
}
