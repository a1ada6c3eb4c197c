//! What is reported about a siege: its changes, and its status.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::{machine::State, record::time};
use crate::core::{address::Domain, moment};

/// The maximum duration of a state set by hand, in seconds: 30 days, before it is forgotten.
pub const LONGEST_BY_HAND: u64 = 30 * 86_400;

/// What an administrator set by hand, in place of the rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Forced {
    /// There is a siege.
    On,
    /// There is none.
    Off,
}

/// What an administrator set by hand, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// What was set.
    pub forced: Forced,
    /// Until when, in seconds since 1970.
    #[serde(deserialize_with = "time")]
    pub until: u64,
}

/// Why a state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The rate, or that it was quiet long enough.
    Rate,
    /// It had lasted as long as `siege.max_duration` lets it.
    Longest,
    /// An administrator set it by hand, or the time of that is over.
    ByHand,
    /// Another host saw it, or this one did before it was restarted.
    Elsewhere,
}

/// A change of state, with what speaks for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// The domain; `None` for all together.
    pub domain: Option<Domain>,
    /// What it was.
    pub from: State,
    /// What it is now.
    pub to: State,
    /// Why.
    pub cause: Cause,
    /// When, in seconds since 1970.
    #[serde(serialize_with = "moment::serialize")]
    pub at: u64,
    /// How it stands.
    pub status: Status,
}

/// How a siege stands. Rates are in hits a minute, times in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The state that holds: the administrator's word is in it.
    pub state: State,
    /// Since when that is the state; 0 for always.
    #[serde(serialize_with = "moment::serialize_unless_zero")]
    pub since: u64,
    /// The rate of the last minute.
    pub rate: f64,
    /// The rate of the last ten minutes.
    pub long_rate: f64,
    /// The rate that is usual now.
    pub baseline: f64,
    /// The rate that is a flood.
    pub limit: f64,
    /// Unproven bounces of the last ten minutes.
    pub unproven: u32,
    /// Forged ones.
    pub forged: u32,
    /// Refused recipients of the null sender.
    pub refused: u32,
    /// How many different recipients were hit in the last ten minutes, about.
    pub recipients: u32,
    /// From how many networks they came, about: /24 of IPv4, /48 of IPv6. One alone is an alert at most.
    pub networks: u32,
    /// An administrator's word that holds.
    #[serde(serialize_with = "until_when")]
    pub by_hand: Option<ByHand>,
    /// When a siege can end if it is quiet from now on.
    #[serde(serialize_with = "moment::serialize_some")]
    pub earliest_end: Option<u64>,
    /// When it ends although it is not.
    #[serde(serialize_with = "moment::serialize_some")]
    pub latest_end: Option<u64>,
}

/// As people read it; the record of a siege has seconds.
fn until_when<S: Serializer>(by_hand: &Option<ByHand>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Shown {
        forced: Forced,
        #[serde(serialize_with = "moment::serialize")]
        until: u64,
    }
    let shown = by_hand.map(|ByHand { forced, until }| Shown { forced, until });
    shown.serialize(serializer)
}

impl Change {
    /// The same, of this domain.
    pub fn of(self, domain: Option<Domain>) -> Self {
        Self { domain, ..self }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.domain {
            Some(domain) => write!(f, "{domain}: ")?,
            None => f.write_str("all domains: ")?,
        }
        write!(f, "{} -> {}", self.from, self.to)?;
        match (self.cause, self.status.by_hand) {
            (Cause::Rate, _) => {}
            (Cause::Longest, _) => f.write_str(", because it lasted for siege.max_duration")?,
            (Cause::ByHand, Some(_)) => f.write_str(", by hand")?,
            (Cause::ByHand, None) => f.write_str(", because the time set by hand is over")?,
            (Cause::Elsewhere, _) => f.write_str(", as another host has set it")?,
        }
        write!(f, "; {}", self.status)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.0} per minute (baseline {:.1}, flood from {:.0}); last ten minutes: {} unproven, {} forged, {} refused, to \
             about {} recipients, from about {} networks",
            self.rate,
            self.baseline,
            self.limit,
            self.unproven,
            self.forged,
            self.refused,
            self.recipients,
            self.networks
        )
    }
}
