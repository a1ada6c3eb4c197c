//! `siege:` of `milter.yaml`.

use std::time;

use serde::{Deserialize, Deserializer};

use crate::core::{
    account::AccountSettings,
    duration::Duration,
    proof::DAY,
    recipients::ClassAnswer,
    verdict::{Action, Rule},
};

/// `siege:` of `milter.yaml`: what counts as a flood, how long a siege lasts, and what it answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether floods are watched for. Only `local.domains` are.
    pub watch: bool,
    /// How many times its usual rate a domain's must be to be a flood: 2 to 100.
    pub factor: u32,
    /// The rate, in bounces a minute, below which nothing is a flood: 1 to 100000.
    pub floor: u32,
    /// How long a siege lasts at least: 1 minute to 1 day.
    pub min_duration: Duration,
    /// How long it must be quiet before a siege ends: 10 minutes to 1 day. The first half of it is siege still, the
    /// second easing.
    pub quiet: Duration,
    /// How long a siege lasts at most, easing included: 1 hour to 30 days, and longer than the two above.
    pub max_duration: Duration,
    /// What a notification gets that proves nothing.
    pub unproven: Rule,
    /// What recipients get that only the catch-all takes.
    #[serde(deserialize_with = "Settings::deserialize_catch_all")]
    pub catch_all: ClassAnswer,
    /// What null senders get from hosts that a DNS list has.
    pub listed: Rule,
    /// What the second recipient of a null sender and later ones get.
    pub extra_recipients: Rule,
    /// Which recipients of a catch-all domain are learned, and so keep their mail.
    pub learn: Learn,
    /// What makes an account of ours suspected.
    pub accounts: AccountSettings,
    /// The command that is run on each change, and its arguments; empty for none.
    pub notify: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            watch: true,
            factor: 8,
            floor: 20,
            min_duration: Duration::from_secs(30 * 60),
            quiet: Duration::from_secs(60 * 60),
            max_duration: Duration::from_secs(3 * DAY),
            unproven: Rule::new(Action::Reject),
            catch_all: CatchAll::default().into(),
            listed: Rule::new(Action::Reject),
            extra_recipients: Rule::new(Action::Reject),
            learn: Learn::default(),
            accounts: AccountSettings::default(),
            notify: Vec::new(),
        }
    }
}

impl Settings {
    /// `siege.catch_all`, whose defaults are others than those of `recipients`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn deserialize_catch_all<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ClassAnswer, D::Error> {
        CatchAll::deserialize(deserializer).map(ClassAnswer::from)
    }

    /// Whether it is learned which addresses are in use.
    pub fn learns(&self) -> bool {
        self.watch && self.learn.max_addresses > 0
    }

    /// How many proven bounces of one sender within an hour are a flood, where so many are usual.
    pub(in crate::core) fn account_limit(&self, usual: f64) -> f64 {
        f64::from(self.accounts.floor).max(f64::from(self.factor) * usual)
    }

    /// [`Self::min_duration`] in seconds.
    pub fn min_seconds(&self) -> u64 {
        seconds(self.min_duration)
    }

    /// [`Self::quiet`] in seconds.
    pub fn quiet_seconds(&self) -> u64 {
        seconds(self.quiet)
    }

    /// [`Self::max_duration`] in seconds.
    pub fn max_seconds(&self) -> u64 {
        seconds(self.max_duration)
    }
}

/// `siege.learn` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Learn {
    /// On how many days a recipient must have got mail that was let in, from strangers whose SPF passed: 1 to 30.
    pub days: u32,
    /// For how many days it is remembered after that: 1 to 400.
    pub keep: Duration,
    /// How many are remembered: at most 10 million; 0 for none.
    pub max_addresses: u64,
}

impl Default for Learn {
    fn default() -> Self {
        Self {
            days: 2,
            keep: Duration::from_secs(180 * DAY),
            max_addresses: 1_000_000,
        }
    }
}

impl Learn {
    /// [`Self::keep`] in days.
    pub fn keep_days(&self) -> u64 {
        seconds(self.keep) / DAY
    }
}

/// `siege.catch_all` as it is written: what is left out has other defaults than in `recipients`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CatchAll {
    mail: Rule,
    bounces: Rule,
}

impl Default for CatchAll {
    fn default() -> Self {
        Self {
            // It may be a first mail to an address that nobody has learned: it comes again when the siege is over.
            mail: Rule::new(Action::Tempfail),
            bounces: Rule::new(Action::Reject),
        }
    }
}

impl From<CatchAll> for ClassAnswer {
    fn from(CatchAll { mail, bounces }: CatchAll) -> Self {
        Self { mail, bounces }
    }
}

fn seconds(span: Duration) -> u64 {
    time::Duration::from(span).as_secs()
}
