//! The accounts that somebody may abuse: messages say which bounces proved to be ours, a round now and then looks at what
//! all hosts have counted. What it makes of that is decided in [`core::account`](crate::core::account).

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use crate::{
    core::{
        account::{
            AccountChange, Announced, Flood, Gate, HISTORY, Passed, ProvenBounce, RECORD, floods,
        },
        address::Mailbox,
        attack::{AttackCount, AttackKind, AttackRow, hour},
        policy::Policy,
        siege::{Stored, Written},
    },
    store::{SiegeWrite, Store, Unavailable, siege_record},
};

/// What was counted since the hour began, and which accounts are suspected.
#[derive(Debug, Default)]
pub struct Accounts {
    gate: Mutex<Gate>,
    due: Notify,
    suspected: ArcSwap<Vec<Flood>>,
}

impl Accounts {
    /// Notes a bounce that came in this hour: what is to be counted in the store.
    pub(super) fn count(
        &self,
        policy: &Policy,
        hour: u64,
        bounce: ProvenBounce,
    ) -> Vec<AttackCount> {
        let floor = policy.siege.accounts.floor;
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let Passed { counts, is_due } = gate.count(hour, bounce, floor);
        drop(gate);
        if is_due {
            self.due.notify_one();
        }
        counts
    }

    /// Waits until this host has counted so many bounces of one account that it is time to look.
    pub async fn due(&self) {
        self.due.notified().await;
    }

    /// The floods that went on when it was last looked.
    pub fn suspected(&self) -> Arc<Vec<Flood>> {
        self.suspected.load_full()
    }
}

/// The floods that the store knows of in these hours, the latest first: those that went on in one of them.
///
/// # Errors
/// A store that does not answer.
pub async fn account_floods(
    policy: &Policy,
    store: &dyn Store,
    hours: RangeInclusive<u64>,
) -> Result<Vec<Flood>, Unavailable> {
    if !policy.siege.watch {
        return Ok(Vec::new());
    }
    let (first, last) = hours.into_inner();
    let read = first.saturating_sub(HISTORY)..=last;
    let rows = store.attack_of(AttackKind::Account, read).await?;
    let mut floods = floods_in(policy, rows);
    floods.retain(|flood| flood.last >= first);
    Ok(floods)
}

fn floods_in(policy: &Policy, rows: impl IntoIterator<Item = AttackRow>) -> Vec<Flood> {
    let is_excepted = |account: &str| policy.is_excepted(&Mailbox::from_bytes(account.as_bytes()));
    floods(rows, &policy.siege, is_excepted)
}

/// What a round has to announce.
#[derive(Debug)]
pub struct AccountNews {
    /// What changed.
    pub change: AccountChange,
    /// Whether another host announced it, or this one did before it was restarted.
    pub is_known: bool,
}

/// The rounds of this host.
#[derive(Debug)]
pub struct AccountRounds {
    accounts: Arc<Accounts>,
    /// What this host has announced; none before the first round.
    announced: Option<Announced>,
    /// The counts of hours that are over, and the hour in which they were read: weeks of them, which no longer change.
    past: Option<(u64, Vec<AttackRow>)>,
}

impl AccountRounds {
    /// Rounds that begin without knowing anything.
    pub fn new(accounts: Arc<Accounts>) -> Self {
        Self {
            accounts,
            announced: None,
            past: None,
        }
    }

    /// Looks at `now`, in seconds since 1970, at what was counted, and gives what is new. While the store does not answer, all
    /// stays as it was.
    pub async fn round(
        &mut self,
        policy: &Policy,
        store: Option<&dyn Store>,
        now: u64,
    ) -> Vec<AccountNews> {
        let Some(store) = store.filter(|_| policy.siege.watch) else {
            self.accounts.suspected.store(Arc::default());
            return Vec::new();
        };
        self.looked(policy, store, hour(now))
            .await
            .unwrap_or_default()
    }

    async fn looked(
        &mut self,
        policy: &Policy,
        store: &dyn Store,
        hour: u64,
    ) -> Result<Vec<AccountNews>, Unavailable> {
        // Of the hour before, another host may still write.
        let recent = hour.saturating_sub(1);
        let past = self.past(store, hour, recent).await?.iter().cloned();
        let counted = store.attack_of(AttackKind::Account, recent..=hour).await?;
        let mut floods = floods_in(policy, past.chain(counted));
        floods.retain(|flood| flood.is_on(hour));
        let current = Announced::of(&floods, hour);
        self.accounts.suspected.store(Arc::new(floods.clone()));
        let (record, _) = siege_record(store, RECORD).await?;
        let (seen, stored) = match record {
            Some(Stored { version, bytes }) => (version, Announced::from_bytes(&bytes)),
            None => (0, Announced::default()),
        };
        let is_new = current != stored;
        if is_new {
            let write = SiegeWrite {
                name: RECORD.to_owned(),
                seen,
                bytes: current.to_bytes(),
                is_invented: false,
            };
            let written = store.write_siege_records(vec![write]).await?;
            if !matches!(written[..], [Written::Version(_)]) {
                // Another host was faster: the next round sees what it wrote.
                return Ok(Vec::new());
            }
        }
        let before = self.announced.get_or_insert_with(|| stored.clone());
        let known = current.changes(before, &floods).into_iter();
        let fresh = current.changes(&stored, &floods);
        let news = known.map(|change| AccountNews {
            is_known: !fresh.contains(&change),
            change,
        });
        let news = news.collect();
        *before = current;
        Ok(news)
    }

    /// The counts of the hours before `end` that are looked back at, for what is usual in a flood that goes on. Read once in
    /// each hour.
    async fn past(
        &mut self,
        store: &dyn Store,
        hour: u64,
        end: u64,
    ) -> Result<&[AttackRow], Unavailable> {
        if self.past.as_ref().is_none_or(|(read, _)| *read != hour) {
            let hours = hour.saturating_sub(2 * HISTORY)..=end.saturating_sub(1);
            let rows = store.attack_of(AttackKind::Account, hours).await?;
            self.past = Some((hour, rows));
        }
        Ok(self.past.as_ref().map_or(&[], |(_, rows)| rows))
    }
}

#[cfg(test)]
mod tests;
