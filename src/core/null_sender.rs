//! What `null_sender:` of `milter.yaml` says about mail with the null sender.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        self, MapAccess, SeqAccess,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::{
    address::Mailbox,
    exempt::Exemptions,
    pattern::{AddressList, AddressPattern, DomainPattern},
    srs,
    verdict::{Action, Rule},
};

/// `null_sender:` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NullSender {
    /// The second recipient and later ones. RFC 5321 section 4.5.5 has one notification go to one address.
    pub extra_recipients: Rule,
    /// Addresses that never send, so that nothing can bounce to them.
    pub never_send: NeverSend,
    /// Mail that the headers don't show to be a notification.
    pub not_a_notification: Rule,
    /// Reports of other mail systems and mail of Exchange's distribution groups, for which neither a DKIM signature nor
    /// SPF of HELO vouches.
    pub unauthenticated_reports: Rule,
    /// The clients and recipients that are exempt from these rules, and from the answers of recipient classes to bounces.
    pub exempt: Exemptions,
    /// Domains whose SRS addresses an SRS daemon makes, and knows again.
    pub srs: Vec<DomainPattern>,
}

impl Default for NullSender {
    fn default() -> Self {
        Self {
            extra_recipients: Rule::new(Action::Tempfail),
            never_send: NeverSend::default(),
            not_a_notification: Rule::new(Action::Tag),
            unauthenticated_reports: Rule::new(Action::Tag),
            exempt: Exemptions::default(),
            srs: Vec::new(),
        }
    }
}

impl NullSender {
    /// The entry of `srs` by which this address is the SRS daemon's: one that is not well-formed, and any where no daemon
    /// runs, is an ordinary address, because a stranger can make one up.
    pub fn srs_entry(&self, mailbox: &Mailbox) -> Option<&DomainPattern> {
        let domain = mailbox.domain()?;
        let entry = self.srs.iter().find(|pattern| pattern.matches(domain));
        entry.filter(|_| srs::is_well_formed(mailbox))
    }
}

/// Addresses that never send, and what a bounce to them gets: `[noreply@example.org]`, or
/// `{addresses: [...], action: ..., monitor: ...}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeverSend {
    /// The addresses.
    pub addresses: AddressList,
    /// What a bounce to them gets.
    pub rule: Rule,
}

impl Default for NeverSend {
    fn default() -> Self {
        Self {
            addresses: AddressList::default(),
            rule: Rule::new(Action::Reject),
        }
    }
}

impl NeverSend {
    /// The entry that the address is listed by, with an extension or without: `delimiters` divide the two.
    pub fn entry(&self, mailbox: &Mailbox, delimiters: &str) -> Option<&AddressPattern> {
        self.addresses.find(mailbox, delimiters)
    }
}

impl<'de> Deserialize<'de> for NeverSend {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Long {
            addresses: AddressList,
            action: Option<Action>,
            #[serde(default)]
            monitor: bool,
        }

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = NeverSend;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of addresses or {addresses: [...], action: ...}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<NeverSend, A::Error> {
                let addresses = AddressList::deserialize(SeqAccessDeserializer::new(seq))?;
                Ok(NeverSend {
                    addresses,
                    ..NeverSend::default()
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NeverSend, A::Error> {
                let Long {
                    addresses,
                    action,
                    monitor,
                } = Long::deserialize(MapAccessDeserializer::new(map))?;
                let action = action.unwrap_or(NeverSend::default().rule.action);
                Ok(NeverSend {
                    addresses,
                    rule: Rule { action, monitor },
                })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
