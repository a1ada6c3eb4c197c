//! Accounts that somebody may abuse, as `status` and `report` show them.

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::{
    config::Config,
    core::{
        account::Flood,
        attack::HOUR,
        moment::{self, rfc3339},
    },
    engine::account_floods,
    store::{Store, Unavailable},
};

/// A sender of ours of whose mail a flood of proven bounces came.
#[derive(Serialize)]
pub(super) struct SuspectedAccount {
    pub account: String,
    pub domain: String,
    /// The beginning of the flood.
    #[serde(serialize_with = "moment::serialize")]
    pub since: u64,
    /// The end of its last hour that reached the limit.
    #[serde(serialize_with = "moment::serialize")]
    pub until: u64,
    pub bounces: u64,
    pub reporting_networks: usize,
    /// How many bounces are usual in an hour in which some come.
    pub usual: f64,
    /// How many in an hour are a flood.
    pub limit: f64,
    /// Whether no day has gone by without so many.
    pub suspected: bool,
}

impl SuspectedAccount {
    /// Those of this flood, which went on in some of these hours, at `now`, in hours since 1970.
    fn of(flood: Flood, now: u64) -> Self {
        Self {
            since: flood.first.saturating_mul(HOUR),
            until: flood.last.saturating_add(1).saturating_mul(HOUR),
            suspected: flood.is_on(now),
            account: flood.account,
            domain: flood.domain,
            bounces: flood.bounces,
            reporting_networks: flood.networks,
            usual: flood.usual,
            limit: flood.limit,
        }
    }

    /// One line: the account, the numbers, and when.
    pub fn line(&self) -> String {
        format!("{}: {}", self.account, self.words())
    }

    /// The same without the account.
    pub fn words(&self) -> String {
        let Self {
            bounces,
            reporting_networks,
            since,
            until,
            usual,
            limit,
            ..
        } = self;
        let over = match self.suspected {
            true => "",
            false => "; over",
        };
        format!(
            "{bounces} proven bounces from {reporting_networks} networks, from {} to {} (usual {usual:.0} an hour, flood from \
             {limit:.0}){over}",
            rfc3339(*since),
            rfc3339(*until),
        )
    }
}

/// The accounts with floods in these hours, the latest first; `now` is in hours since 1970.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn suspected(
    config: &Config,
    store: &dyn Store,
    hours: RangeInclusive<u64>,
    now: u64,
) -> Result<Vec<SuspectedAccount>, Unavailable> {
    let floods = account_floods(&config.policy, store, hours).await?;
    let accounts = floods.into_iter();
    Ok(accounts
        .map(|flood| SuspectedAccount::of(flood, now))
        .collect())
}

/// Those that are suspected now.
///
/// # Errors
/// A store that does not answer.
pub(super) async fn suspected_now(
    config: &Config,
    store: &dyn Store,
    now: u64,
) -> Result<Vec<SuspectedAccount>, Unavailable> {
    // A flood that goes on has had its last loud hour within a day.
    let mut accounts = suspected(config, store, now.saturating_sub(24)..=now, now).await?;
    accounts.retain(|account| account.suspected);
    Ok(accounts)
}
