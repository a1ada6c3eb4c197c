//! Which floods were announced: once each, by one host of those that share a store, however often they restart.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::Flood;
use crate::core::{attack::HOUR, moment::rfc3339, stored};

/// The name of the record in the store; no domain is called that, so no siege has it.
pub const RECORD: &str = "accounts*";
/// The first octet of the record.
const VERSION: u8 = 1;
/// The maximum number of accounts that are announced at a time: their record fits into the store.
const MAX_ANNOUNCED: usize = 60;

/// The accounts that are suspected, as it was announced: each with its domain, and with the first hour of its flood.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    #[serde(deserialize_with = "stored::at_most::<MAX_ANNOUNCED, _, _>")]
    accounts: Vec<(String, String, u64)>,
}

/// What is to be announced.
#[derive(Clone, Debug, PartialEq)]
pub enum AccountChange {
    /// An account is suspected.
    Begun(Flood),
    /// It no longer is.
    Over {
        /// The account.
        account: String,
        /// Its domain.
        domain: String,
        /// The first hour of the flood, since 1970.
        first: u64,
    },
}

impl Announced {
    /// The floods that go on in this hour.
    pub fn of(floods: &[Flood], hour: u64) -> Self {
        let on = floods.iter().filter(|flood| flood.is_on(hour));
        let accounts = on.map(|flood| (flood.account.clone(), flood.domain.clone(), flood.first));
        Self {
            accounts: accounts.take(MAX_ANNOUNCED).collect(),
        }
    }

    /// What the store has; nothing where that is not ours.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let content = match bytes.split_first() {
            Some((&VERSION, content)) => stored::from_bytes(content),
            _ => None,
        };
        content.unwrap_or_default()
    }

    /// As it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend(stored::to_bytes(self));
        bytes
    }

    /// What is new of these floods, where this was announced before. One whose first hours are no longer kept is the same.
    pub fn changes(&self, before: &Self, floods: &[Flood]) -> Vec<AccountChange> {
        let is_in = |all: &Self, account: &str| all.accounts.iter().any(|(one, ..)| one == account);
        let begun = floods
            .iter()
            .filter(|flood| is_in(self, &flood.account) && !is_in(before, &flood.account));
        // Of one account there may be an earlier flood, too.
        let mut latest: BTreeMap<&str, &Flood> = BTreeMap::new();
        for flood in begun {
            latest.entry(&flood.account).or_insert(flood);
        }
        let over = before
            .accounts
            .iter()
            .filter(|(account, ..)| !is_in(self, account));
        let over = over.map(|(account, domain, first)| AccountChange::Over {
            account: account.clone(),
            domain: domain.clone(),
            first: *first,
        });
        let begun = latest.into_values().cloned().map(AccountChange::Begun);
        begun.chain(over).collect()
    }
}

impl AccountChange {
    /// The account, and its domain.
    pub fn account(&self) -> (&str, &str) {
        match self {
            Self::Begun(Flood {
                account, domain, ..
            })
            | Self::Over {
                account, domain, ..
            } => (account, domain),
        }
    }
}

impl fmt::Display for AccountChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begun(flood) => write!(
                f,
                "account_suspected {flood}; somebody may send with its password or through a script; nothing is refused"
            ),
            Self::Over { account, first, .. } => write!(
                f,
                "account_suspected {account} is over: a day without so many bounces; it began at {}",
                rfc3339(first.saturating_mul(HOUR))
            ),
        }
    }
}

impl fmt::Display for Flood {
    /// `joe@example.org: 312 proven bounces from 41 networks since 2026-11-28T13:00:00Z (usual 0 an hour, flood from 30)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} proven bounces from {} networks since {} (usual {:.0} an hour, flood from {:.0})",
            self.account,
            self.bounces,
            self.networks,
            rfc3339(self.first.saturating_mul(HOUR)),
            self.usual,
            self.limit,
        )
    }
}
