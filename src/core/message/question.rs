//! What has to be looked up outside of a message to judge it, and what was found.

use std::{net::IpAddr, sync::Arc};

use crate::core::{
    address::{Domain, Mailbox},
    dmarc::Published,
    dnsbl::Listing,
    learned::Learned,
    outside::Outside,
    proof::{
        dkim::{Chain, SignatureResult, Signed},
        guesses::Guesser,
        ledger::{Hash, Remembered},
        uses::{Attempt, Use},
    },
    recipients::Known,
    siege::State,
    spf::{Identity, SpfCheck, SpfResult},
    tenant::TenantAnswers,
};

/// A whole look-up; how it is made, its adapter knows. What it says of "the client" and "the message" is the message's
/// that asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// SPF of the client for this identity.
    Spf(Identity),
    /// Whether the client may send for this domain of `spf.trusted_forwarders`, by SPF.
    Forwarder(Domain),
    /// What each list in `dnsbl` says of the client, in their order.
    Listings,
    /// Whether the lists of an entry of `recipients` know this mailbox.
    Known {
        /// The entry's place, from 0.
        entry: usize,
        /// The recipient, without a tag of ours.
        mailbox: Mailbox,
    },
    /// The row of this domain in `tenants`.
    Tenant(Domain),
    /// How far the siege of this domain is.
    Siege(Domain),
    /// How many wrong tags this client, or its network, has sent within the hour.
    WrongTags(IpAddr),
    /// Has one more wrong tag counted. It is asked once.
    WrongTag(Guesser),
    /// What was learned of an address: its hashes, one for each key that may have made it.
    Learned(Vec<Hash>),
    /// When any of these senders last sent: hashes of one address.
    LastSent(Vec<Hash>),
    /// Whether DKIM signatures of ours were seen on outgoing mail of the last days.
    SignaturesLeft {
        /// How many days.
        days: u64,
    },
    /// Whether one of these is the Message-ID of a message that somebody forged: hashes of some.
    Forged(Vec<Hash>),
    /// What the ledger has of a message: hashes of its Message-ID.
    Sent(Vec<Hash>),
    /// What the DKIM signatures of a part of the message prove.
    Signatures(Part),
    /// What this domain of an author publishes for DMARC.
    Dmarc(Domain),
    /// What the DKIM2 chain of the message proves.
    Chain,
    /// Whether a client that a returned message came through may send for this address of ours, by SPF.
    SpfOfReturned {
        /// The client.
        client: IpAddr,
        /// The address.
        sender: Mailbox,
    },
    /// Has the message use the proof of a message of ours, which is counted. It is asked once.
    Use {
        /// The message of ours.
        message: Hash,
        /// What uses it.
        attempt: Attempt,
        /// How long uses are kept, in seconds since 1970.
        until: u64,
    },
    /// Whether the ledger has all mail that this domain sent in the last days.
    RemembersAll {
        /// The domain.
        domain: Domain,
        /// How many days.
        days: u64,
    },
}

/// Whose DKIM signatures are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Those of the message itself that are in line with From:.
    Itself,
    /// Those of the message itself that are in line with From:, or at or below this domain, as far as its headers go.
    Author(Domain),
    /// Those of the message itself by these domains, which speak for an author of ours, over all of it.
    Own(Vec<Domain>),
    /// Those of ours on the message that it returns, by its place, from 0.
    Returned(usize),
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To [`Question::Spf`].
    Spf(Arc<SpfCheck>),
    /// To [`Question::Forwarder`] and [`Question::SpfOfReturned`].
    SpfResult(SpfResult),
    /// To [`Question::Listings`].
    Listings(Vec<Listing>),
    /// To [`Question::Known`].
    Known(Known),
    /// To [`Question::Tenant`].
    Tenant(Arc<TenantAnswers>),
    /// To [`Question::Siege`].
    Siege(State),
    /// To [`Question::WrongTags`] and [`Question::WrongTag`].
    WrongTags(u32),
    /// To [`Question::Learned`].
    Learned(Option<Learned>),
    /// To [`Question::LastSent`]: in seconds since 1970.
    LastSent(Option<u64>),
    /// To [`Question::SignaturesLeft`], [`Question::RemembersAll`] and [`Question::Forged`].
    Holds(bool),
    /// To [`Question::Sent`].
    Sent(Option<Remembered>),
    /// To [`Question::Signatures`].
    Signatures(Vec<Signed>),
    /// To [`Question::Dmarc`]; none where nothing is published.
    Dmarc(Option<Published>),
    /// To [`Question::Chain`].
    Chain(Chain),
    /// To [`Question::Use`].
    Use(Use),
    /// It is not asked of this message: of a stored one, say, whose client is not known.
    NotAsked,
    /// There is none: this did not answer, or not in time.
    Unanswered(Outside),
}

impl Question {
    /// Which outside part knows; none where it is this host's own memory.
    pub fn outside(&self) -> Option<Outside> {
        match self {
            Self::Spf(_)
            | Self::Forwarder(_)
            | Self::Listings
            | Self::Signatures(_)
            | Self::Dmarc(_)
            | Self::Chain
            | Self::SpfOfReturned { .. } => Some(Outside::Dns),
            Self::Known { .. } | Self::Tenant(_) => Some(Outside::Directory),
            Self::Learned(_)
            | Self::LastSent(_)
            | Self::SignaturesLeft { .. }
            | Self::Sent(_)
            | Self::Use { .. }
            | Self::RemembersAll { .. } => Some(Outside::Store),
            Self::Siege(_) | Self::WrongTags(_) | Self::WrongTag(_) | Self::Forged(_) => None,
        }
    }

    /// Whether the answer holds for all recipients and stages of the message.
    pub(super) fn is_of_message(&self) -> bool {
        matches!(self, Self::Spf(_) | Self::Forwarder(_) | Self::Listings)
    }
}

impl Answer {
    /// Whether somebody outside did not answer, wholly or in part.
    pub fn is_unanswered(&self) -> bool {
        match self {
            Self::Unanswered(_) | Self::Known(Known::Unanswered(_)) => true,
            Self::Spf(check) => check.result == SpfResult::Temperror,
            Self::SpfResult(result) => *result == SpfResult::Temperror,
            Self::Listings(listings) => {
                let is_unanswered = |one: &Listing| matches!(one, Listing::Unanswered(_));
                listings.iter().any(is_unanswered)
            }
            Self::Signatures(signed) => {
                let is_unanswered =
                    |one: &Signed| matches!(one.outcome, SignatureResult::Unanswered(_));
                signed.iter().any(is_unanswered)
            }
            Self::Chain(chain) => matches!(chain, Chain::Unanswered(_)),
            Self::Known(_)
            | Self::Tenant(_)
            | Self::Siege(_)
            | Self::WrongTags(_)
            | Self::Learned(_)
            | Self::LastSent(_)
            | Self::Holds(_)
            | Self::Sent(_)
            | Self::Use(_)
            | Self::Dmarc(_)
            | Self::NotAsked => false,
        }
    }
}
