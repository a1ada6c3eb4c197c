//! `proof:` of `milter.yaml`.

use std::{path::PathBuf, time};

use serde::{Deserialize, Deserializer};

use super::{
    DAY, Keys,
    batv::{Layout, Unsigned},
};
use crate::core::{
    address::Mailbox,
    duration::Duration,
    pattern::{AddressPattern, DomainPattern},
    verdict::{Action, Rule},
};

/// `proof:` of `milter.yaml`, and the keys it names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Tags in the sender's address.
    pub batv: Batv,
    /// What mail gets whose proof is wrong or too old.
    pub forged: Rule,
    /// What stands in the file `batv.keys`; empty where none is named.
    #[serde(skip)]
    pub keys: Keys,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batv: Batv::default(),
            forged: Rule::new(Action::Reject),
            keys: Keys::default(),
        }
    }
}

/// `proof.batv` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batv {
    /// Whether outgoing mail is signed.
    pub sign: bool,
    /// The key file. With one, the tags of bounces are verified.
    #[serde(deserialize_with = "none_if_empty")]
    pub keys: Option<PathBuf>,
    /// Where the tag stands.
    pub layout: Layout,
    /// How long after it was signed a message may bounce: 1 to 99 days.
    pub lifetime: Duration,
    /// What is not signed.
    pub except: Except,
    /// How many wrong tags a client may send in an hour before its bounces are refused unread; 0: any number.
    pub guesses: u32,
}

impl Default for Batv {
    fn default() -> Self {
        Self {
            sign: false,
            keys: None,
            layout: Layout::Prvs,
            lifetime: Duration::from_secs(7 * DAY),
            except: Except::default(),
            guesses: 10,
        }
    }
}

impl Batv {
    /// The lifetime in days.
    pub fn lifetime_days(&self) -> u64 {
        time::Duration::from(self.lifetime).as_secs() / DAY
    }

    /// Why a message is not to be signed although it could be. It has one sender for all its recipients, so one of them
    /// is enough.
    pub fn exception<'a>(
        &self,
        sender: &Mailbox,
        recipients: impl IntoIterator<Item = &'a Mailbox>,
    ) -> Option<Unsigned> {
        let Except {
            recipients: domains,
            senders,
        } = &self.except;
        if senders.iter().any(|pattern| pattern.matches(sender)) {
            return Some(Unsigned::ExceptSender);
        }
        let excepted = |recipient: &Mailbox| {
            recipient
                .domain()
                .is_some_and(|domain| domains.iter().any(|pattern| pattern.matches(domain)))
        };
        recipients
            .into_iter()
            .any(excepted)
            .then_some(Unsigned::ExceptRecipient)
    }
}

/// `proof.batv.except` of `milter.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Except {
    /// Domains of recipients that can't stand a tag: mailing lists that compare senders, say.
    pub recipients: Vec<DomainPattern>,
    /// Senders whose address is to stay as it is.
    pub senders: Vec<AddressPattern>,
}

fn none_if_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    Ok((!path.as_os_str().is_empty()).then_some(path))
}
