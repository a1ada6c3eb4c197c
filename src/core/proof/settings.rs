//! `proof:` of `milter.yaml`.

use std::{path::PathBuf, time};

use serde::{Deserialize, Deserializer};

use super::{
    DAY, ImportedKey, Keys, ProofKind,
    batv::{Layout, Unsigned},
    dkim,
};
use crate::core::{
    address::Mailbox,
    duration::Duration,
    pattern::{AddressList, DomainPattern},
    size::Size,
    verdict::{Action, Rule},
};

/// The minimum of bounces that a message can prove where `replay_limit` is 0: lists and forwarders make more copies of one
/// message than its sender knew.
pub const MIN_REPLAYS: u32 = 5;

/// The maximum of bounces to recipients that the signed headers of a message do not name.
const MAX_UNLISTED: u32 = 5;

/// `proof:` of `milter.yaml`, and the keys it names.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProofSettings {
    /// The key file. With one, the tags of bounces are verified.
    #[serde(deserialize_with = "none_if_empty")]
    pub key_file: Option<PathBuf>,
    /// How long after it was sent a message can bounce: 1 to 99 days.
    pub lifetime: Duration,
    /// Tags in the sender's address.
    pub batv: Batv,
    /// A header of our own in outgoing mail.
    pub watermark: Watermark,
    /// What is remembered of outgoing mail.
    pub ledger: Ledger,
    /// How many bounces one message of ours can prove; 0: as many as it had recipients, but at least
    /// [`MIN_REPLAYS`].
    pub replay_limit: u32,
    /// DKIM signatures in returned messages.
    pub dkim: dkim::DkimSettings,
    /// How much of a notification's content is read for proofs: 4 KiB to 1 MiB.
    pub body_limit: Size,
    /// What weak evidence is worth.
    pub weak_evidence: Weak,
    /// What a bounce gets that proves nothing.
    pub unproven: Rule,
    /// What another automatic answer (receipt, out of office) gets that proves nothing.
    pub unproven_replies: Rule,
    /// What one gets that has a sender, and answers a message that the ledger would know.
    pub unproven_replies_with_sender: Rule,
    /// What mail gets whose proof is wrong or too old.
    pub forged: Rule,
    /// What stands in the key file; empty where none is named.
    #[serde(skip)]
    pub keys: Keys,
}

impl Default for ProofSettings {
    fn default() -> Self {
        Self {
            key_file: None,
            lifetime: Duration::from_secs(7 * DAY),
            batv: Batv::default(),
            watermark: Watermark::default(),
            ledger: Ledger::default(),
            replay_limit: 0,
            dkim: dkim::DkimSettings::default(),
            body_limit: Size::kib(64),
            weak_evidence: Weak::default(),
            unproven: Rule::new(Action::Tag),
            unproven_replies: Rule::new(Action::Tag),
            unproven_replies_with_sender: Rule::new(Action::Tag),
            forged: Rule::new(Action::Reject),
            keys: Keys::default(),
        }
    }
}

impl ProofSettings {
    /// The lifetime in days.
    pub fn lifetime_days(&self) -> u64 {
        days(self.lifetime)
    }

    /// How many bounces our signature alone can prove of a message whose To: and Cc: name other recipients: anybody with a
    /// copy could send it to anybody.
    pub fn unlisted_limit(&self) -> u32 {
        match self.replay_limit {
            0 => MAX_UNLISTED,
            limit => limit.min(MAX_UNLISTED),
        }
    }

    /// How long the uses of a message's proofs are remembered after the last one, in seconds: as long as any proof of
    /// it can count. Those of our marks end with a day, and the clock of the host that made them can be ahead by one.
    pub fn uses_kept(&self) -> u64 {
        let ledger = match self.ledger.remember {
            true => self.ledger.keep_days(),
            false => 0,
        };
        let imported = self.keys.imported().map(ImportedKey::days).max();
        let longest = self.lifetime_days().max(ledger);
        (longest.max(imported.unwrap_or_default()) + 2) * DAY
    }

    /// The proofs that outgoing mail leaves with.
    pub fn made(&self) -> Vec<ProofKind> {
        let makes = |kind: &ProofKind| match kind {
            ProofKind::Batv => self.batv.sign || self.requires_tag(),
            ProofKind::Watermark => self.watermark.sign,
            ProofKind::Ledger => self.ledger.remember,
            ProofKind::Dkim => self.dkim.verify,
            // What signs for the draft stands behind us, and can't be seen.
            ProofKind::Dkim2 => false,
        };
        ProofKind::ALL.into_iter().filter(makes).collect()
    }

    /// Whether a proof may stand in what a bounce returns.
    pub fn looks_in_content(&self) -> bool {
        !self.keys.is_empty() || self.ledger.remember || self.dkim.verify
    }

    /// The same, where that does not depend on what others have signed.
    pub fn marks_content(&self) -> bool {
        self.ledger.remember || self.watermark.sign || self.dkim.dkim2
    }

    /// Whether every bounce must have a tag.
    pub fn requires_tag(&self) -> bool {
        self.batv.required && !self.keys.is_empty()
    }

    /// Whether anything needs a key that signs.
    pub fn signs(&self) -> bool {
        self.batv.sign || self.watermark.sign || self.ledger.remember
    }

    /// How many bounces a message with this many recipients can prove.
    pub fn replay_limit(&self, recipients: u32) -> u32 {
        match self.replay_limit {
            0 => recipients.max(MIN_REPLAYS),
            limit => limit,
        }
    }
}

/// `proof.watermark` of `milter.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watermark {
    /// Whether outgoing mail gets one.
    pub sign: bool,
}

/// `proof.ledger` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ledger {
    /// Whether outgoing mail is remembered in the store.
    pub remember: bool,
    /// For how many days: 1 to 400, and not fewer than `proof.lifetime`.
    pub keep: Duration,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            remember: false,
            keep: Duration::from_secs(30 * DAY),
        }
    }
}

impl Ledger {
    /// How many days an entry is kept.
    pub fn keep_days(&self) -> u64 {
        days(self.keep)
    }
}

/// `proof.weak_evidence` of `milter.yaml`: evidence that a stranger could make up with some luck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weak {
    /// It is logged, and decides nothing.
    #[default]
    Ignore,
    /// A bounce that has some is taken for genuine.
    Accept,
}

impl Weak {
    /// The word in `milter.yaml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Accept => "accept",
        }
    }
}

/// `proof.batv` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Batv {
    /// Whether outgoing mail is signed.
    pub sign: bool,
    /// Where the tag stands.
    pub layout: Layout,
    /// Whether every bounce must have one: what comes without is `unproven` before its content is seen.
    pub required: bool,
    /// What is not signed.
    pub except: Except,
    /// How many wrong tags a client can send in an hour before its bounces are refused unread; 0: any number.
    pub guess_limit: u32,
}

impl Default for Batv {
    fn default() -> Self {
        Self {
            sign: false,
            layout: Layout::Prvs,
            required: false,
            except: Except::default(),
            guess_limit: 10,
        }
    }
}

impl Batv {
    /// Why a message is not to be signed although it could be. It has one sender for all its recipients, so one of them
    /// is enough.
    pub fn exception<'a>(
        &self,
        sender: &Mailbox,
        recipients: impl IntoIterator<Item = &'a Mailbox>,
        delimiters: &str,
    ) -> Option<Unsigned> {
        let Except {
            recipients: domains,
            senders,
        } = &self.except;
        if senders.find(sender, delimiters).is_some() {
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
    pub senders: AddressList,
}

fn days(duration: Duration) -> u64 {
    time::Duration::from(duration).as_secs() / DAY
}

fn none_if_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(deserializer)?;
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_remembered_as_long_as_a_proof_can_count() {
        for (lifetime, remember, keep, days) in [
            (7, true, 30, 32),
            (7, true, 7, 9),
            (7, false, 30, 9),
            (99, true, 400, 402),
        ] {
            let settings = ProofSettings {
                lifetime: Duration::from_secs(lifetime * DAY),
                ledger: Ledger {
                    remember,
                    keep: Duration::from_secs(keep * DAY),
                },
                ..ProofSettings::default()
            };
            assert_eq!(
                settings.uses_kept(),
                days * DAY,
                "{lifetime} {remember} {keep}"
            );
        }
    }

    /// What must have a tag has one, whoever signs it.
    #[test]
    fn a_proof_is_made_where_it_is_asked_for() {
        use ProofKind::Dkim;
        const BATV: ProofKind = ProofKind::Batv;
        let key = "0 2024-01-01 MDEyMzQ1Njc4OWFiY2RlZg\n";
        let keys = Keys::parse(key).unwrap();
        for (sign, required, keys, made) in [
            (false, false, &keys, &[Dkim][..]),
            (true, false, &keys, &[BATV, Dkim]),
            (false, true, &keys, &[BATV, Dkim]),
            (false, true, &Keys::default(), &[Dkim]),
        ] {
            let settings = ProofSettings {
                batv: Batv {
                    sign,
                    required,
                    ..Batv::default()
                },
                keys: keys.clone(),
                ..ProofSettings::default()
            };
            assert_eq!(settings.made(), made, "{sign} {required}");
        }
    }

    #[test]
    fn a_mark_needs_a_key_and_a_proof_is_looked_for() {
        let none = ProofSettings {
            batv: Batv {
                sign: false,
                ..Batv::default()
            },
            watermark: Watermark { sign: false },
            ledger: Ledger {
                remember: false,
                ..Ledger::default()
            },
            dkim: dkim::DkimSettings {
                verify: false,
                ..dkim::DkimSettings::default()
            },
            ..ProofSettings::default()
        };
        for (change, signs, looks) in [
            ((|_| {}) as fn(&mut ProofSettings), false, false),
            (|settings| settings.batv.sign = true, true, false),
            (|settings| settings.watermark.sign = true, true, false),
            (|settings| settings.ledger.remember = true, true, true),
            (|settings| settings.dkim.verify = true, false, true),
        ] {
            let mut settings = none.clone();
            change(&mut settings);
            assert_eq!(
                (settings.signs(), settings.looks_in_content()),
                (signs, looks),
                "{settings:?}"
            );
        }
    }
}
