//! The questions to a store, by what it keeps. Each backend answers in its own way, through [`Handle::ask`].
//!
//! [`Handle::ask`]: super::handle::Handle::ask

use std::{collections::HashMap, ops::RangeInclusive};

use futures_util::future::BoxFuture;

use super::{SiegeWrite, Unavailable};
use crate::core::{
    aggregate::{AggregateReport, Kept},
    attack::{AttackKind, AttackRow, AttackTally, Sample},
    learned::Learned,
    proof::{
        coverage::CoverageRow,
        ledger::{Hash, Remembered, Sent},
        uses::{Attempt, Use},
    },
    siege::{Answer, Question, SiegeEvent, Written},
    would::WouldRow,
};

/// An answer of the store, which may be late or missing.
pub type StoreAnswer<'a, T> = BoxFuture<'a, Result<T, Unavailable>>;

/// The ledger of outgoing mail.
pub trait LedgerStore {
    /// The newest entry of any of these Message-IDs.
    fn sent(&self, messages: Vec<Hash>) -> StoreAnswer<'_, Option<Remembered>>;

    /// When any of these senders last sent, in seconds since 1970.
    fn last_sent(&self, senders: Vec<Hash>) -> StoreAnswer<'_, Option<u64>>;

    /// Adds messages that were sent some time ago, and waits until they are there for good. What the ledger has already, of the
    /// same time or later, stays as it is; what it would not keep any more is left out. Gives how many Message-IDs are new.
    /// After an error some of them may be there: it can be done again.
    fn import(&self, sent: Vec<Sent>) -> StoreAnswer<'_, u64>;
}

/// How often each proof was used.
pub trait ProofUseStore {
    /// Counts that a notification uses a proof of this message, and gives the result ([`Uses::take`]). No two callers see the
    /// same uses: on Redis on any hosts, with a file in this process. They are kept until the latest `until`, in seconds
    /// since 1970.
    ///
    /// [`Uses::take`]: crate::core::proof::uses::Uses::take
    fn use_proof(&self, message: Hash, attempt: Attempt, until: u64) -> StoreAnswer<'_, Use>;
}

/// The counts of the coverage report.
pub trait CoverageStore {
    /// The counts of these days, which are days since 1970-01-01, in order of day and what was counted.
    fn coverage(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>>;
}

/// The learned addresses.
pub trait LearnedStore {
    /// What was learned about an address. It is given by its hashes, one for each key that may have written it.
    fn learned(&self, addresses: Vec<Hash>) -> StoreAnswer<'_, Option<Learned>>;
}

/// The siege of each domain.
pub trait SiegeStore: Sync {
    /// The records that were written after the last one that is known, in the order in which they were written, at most so
    /// many; those that are asked for by name; and the time by the store's clock: on Redis that of the server, on which all
    /// hosts agree. No record is missed, whichever process writes when.
    fn siege_changes(&self, question: Question, most: usize) -> StoreAnswer<'_, Answer>;

    /// Writes records of sieges, each if the store still has the version `seen` of it, or none if `seen` is 0. Gives what
    /// became of each, in their order: [`Written::Raced`] if another host wrote it meanwhile, and that record stays. After
    /// an error each may have been written or not: read it again. Records are kept for 100 days. Of those that strangers may
    /// have invented there are [`MAX_INVENTED`]: a new one takes the place of the one that was written longest ago. The others
    /// keep their place; when there are [`MAX_RECORDS`], a new one finds it [`Full`](Written::Full).
    ///
    /// # Errors
    ///
    /// [`Reason::Other`] also where a name is empty or longer than [`LONGEST_NAME`], or a record longer than
    /// [`LONGEST_RECORD`].
    ///
    /// [`LONGEST_NAME`]: super::LONGEST_NAME
    /// [`LONGEST_RECORD`]: super::LONGEST_RECORD
    /// [`MAX_INVENTED`]: super::MAX_INVENTED
    /// [`MAX_RECORDS`]: super::MAX_RECORDS
    /// [`Reason::Other`]: super::Reason::Other
    fn write_siege_records(&self, writes: Vec<SiegeWrite>) -> StoreAnswer<'_, Vec<Written>>;
}

/// The counts of the attack report, and samples of refused bounces.
pub trait AttackStore {
    /// The counts of these hours, which are hours since 1970, in order of hour and what was counted.
    fn attack(&self, hours: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>>;

    /// The counts of one kind in these hours, in the same order.
    fn attack_of(
        &self,
        kind: AttackKind,
        hours: RangeInclusive<u64>,
    ) -> StoreAnswer<'_, Vec<AttackRow>>;

    /// The samples of this time, which is in seconds since 1970, the oldest first.
    fn samples(&self, time: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<Sample>>;
}

/// What is kept by domain of ours, in sums: with thousands of domains, no report reads a row for each hour.
pub trait DomainStore {
    /// What became of bounces, and why, on these days, which are days since 1970-01-01: rows of [`AttackKind::Reason`], each
    /// with the first hour of its day, in order.
    fn attack_days(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AttackRow>>;

    /// What became of bounces on all these days together, by domain, in order.
    fn attack_sums(&self, days: RangeInclusive<u64>)
    -> StoreAnswer<'_, Vec<(String, AttackTally)>>;

    /// The counts of the coverage report of all these days together, each with the first day that has it, in order.
    fn coverage_sums(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>>;

    /// Of the same, only how much mail each domain sent, and how much of that can prove its bounces: a third of it, or less.
    fn provable_sums(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<CoverageRow>>;

    /// The beginnings and ends of sieges from this time on, which is in seconds since 1970, in order. Those of 90 days are
    /// kept, 100,000 at most.
    fn siege_events(&self, since: u64) -> StoreAnswer<'_, Vec<SiegeEvent>>;
}

/// Message-IDs of mail that somebody sent in our name.
pub trait ForgedStore {
    /// Those that came from this time on, in seconds since 1970, hashed, each with the latest time.
    fn forged_since(&self, since: u64) -> StoreAnswer<'_, Vec<(Hash, u64)>>;
}

/// What was accepted only because of monitoring.
pub trait WouldStore {
    /// The counts of these days, which are days since 1970-01-01, in order of day and group.
    fn would(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<WouldRow>>;

    /// How many messages of each of these senders were accepted otherwise; senders of none are left out.
    fn accepted_of(
        &self,
        days: RangeInclusive<u64>,
        senders: Vec<String>,
    ) -> StoreAnswer<'_, HashMap<String, u64>>;
}

/// DMARC aggregate reports: who sends with our domains in From:, as strangers report it.
///
/// What `backstop report senders` and other readers need of them: ask day by day, for a day can have 16 MiB of them, and add each
/// day to a `core::aggregate::Senders`. That sums up, by domain of ours and source address, the messages by what SPF and DKIM
/// said, with the domains that passed, the reporters and the days.
pub trait ReportStore {
    /// Adds reports, and waits until they are there for good. Gives what became of each, in their order. Each counts once, by
    /// its [`ReportKey`]. After an error some of them may be there: it can be done again.
    ///
    /// [`ReportKey`]: crate::core::aggregate::ReportKey
    fn import_reports(&self, reports: Vec<AggregateReport>) -> StoreAnswer<'_, Vec<Kept>>;

    /// The reports of these days, which are days since 1970-01-01, in order of day, reporter and domain.
    fn reports(&self, days: RangeInclusive<u64>) -> StoreAnswer<'_, Vec<AggregateReport>>;
}

/// All questions.
pub trait Questions:
    LedgerStore
    + ProofUseStore
    + CoverageStore
    + LearnedStore
    + SiegeStore
    + AttackStore
    + WouldStore
    + ReportStore
    + ForgedStore
    + DomainStore
{
}

impl<T> Questions for T where
    T: LedgerStore
        + ProofUseStore
        + CoverageStore
        + LearnedStore
        + SiegeStore
        + AttackStore
        + WouldStore
        + ReportStore
        + ForgedStore
        + DomainStore
{
}
